"""Attention layers: many heads of scaled products, and the additive kind of sequence-to-sequence models."""

from __future__ import annotations

from typing import Any

from ..errors import ConfigError, ShapeError
from ..ops import attention as ops
from ..ops.creation import arange, zeros
from ..ops.elementwise import where
from ..ops.linalg import matmul
from ..ops.random import dropout
from ..ops.reduce import mean
from ..ops.shape import permute_dims, reshape, split
from . import init
from .linear import Linear, positive
from .module import Module, Parameter, in_dtype_of


class MultiheadAttention(Module):
    """Attention in several subspaces at once, joined by a linear map.

    query: (L,N,E), key: (S,N,kdim), value: (S,N,vdim); with batch_first (N,L,E) ...; without a batch (L,E) ...
    Parameters as in PyTorch: in_proj_weight (3E,E) for q, k, v one after another (or q_proj_weight, k_proj_weight and
    v_proj_weight if kdim or vdim differ from E), in_proj_bias (3E,), out_proj. Source: Vaswani et al. 2017, arXiv:1706.03762.
    """

    def __init__(
        self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True, *, kdim: int | None = None,
        vdim: int | None = None, batch_first: bool = False, device: str | None = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        positive("MultiheadAttention", embed_dim=embed_dim, num_heads=num_heads)
        if embed_dim % num_heads:
            raise ConfigError(f"MultiheadAttention: num_heads={num_heads} must divide embed_dim={embed_dim}")
        self.embed_dim, self.num_heads, self.dropout, self.batch_first = embed_dim, num_heads, dropout, batch_first
        self.kdim, self.vdim = kdim or embed_dim, vdim or embed_dim

        def parameter(*shape: int) -> Parameter:
            return Parameter(zeros(shape, device=device, dtype=dtype))

        if self.kdim == self.vdim == embed_dim:
            self.in_proj_weight = parameter(3 * embed_dim, embed_dim)
        else:
            self.q_proj_weight = parameter(embed_dim, embed_dim)
            self.k_proj_weight = parameter(embed_dim, self.kdim)
            self.v_proj_weight = parameter(embed_dim, self.vdim)
        self.in_proj_bias = parameter(3 * embed_dim) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias, device=device, dtype=dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new initial values: Xavier's for the projections, biases 0."""
        for p in self.parameters(recurse=False):
            if p.ndim == 2:
                init.xavier_uniform_(p)
            else:
                init.zeros_(p)
        if self.out_proj.bias is not None:
            init.zeros_(self.out_proj.bias)

    def forward(
        self, query: Any, key: Any, value: Any, key_padding_mask: Any = None, need_weights: bool = True, attn_mask: Any = None,
        average_attn_weights: bool = True, is_causal: bool = False,
    ) -> tuple[Any, Any]:  # fmt: skip
        """Returns the output in the query's shape, and the weights (N,L,S), (N,heads,L,S) unless averaged, or None.

        key_padding_mask: (N,S), attn_mask: (L,S) or (N heads,L,S); of booleans True is NOT seen, floating ones are added.
        is_causal: query i sees keys 0 ... i. A query that may see no key gets weights 0, and so the output layer's bias.
        Raises ShapeError.
        """
        single = query.ndim == 2
        if single:
            query, key, value = query[:, None], key[:, None], value[:, None]
            key_padding_mask = key_padding_mask if key_padding_mask is None else key_padding_mask[None]
        elif self.batch_first:
            query, key, value = (permute_dims(t, (1, 0, 2)) for t in (query, key, value))
        sizes = (self.embed_dim, self.kdim, self.vdim)
        if any(t.ndim != 3 or t.shape[2] != e for t, e in zip((query, key, value), sizes, strict=True)):
            raise ShapeError(
                f"MultiheadAttention: query (L,N,E), key (S,N,kdim) and value (S,N,vdim) must end in {sizes}, got "
                f"{query.shape}, {key.shape}, {value.shape}"
            )
        query, key, value = (in_dtype_of(self.out_proj.weight, t) for t in (query, key, value))
        q, k, v = self._projected(query, key, value)
        mask = self._mask(q, k, key_padding_mask, attn_mask, is_causal)
        weights = dropout(ops.attention_weights(q, k, mask), self.dropout, self.training)
        n, heads, steps, width = q.shape
        y = reshape(permute_dims(matmul(weights, v), (2, 0, 1, 3)), (steps, n, heads * width))
        y = self.out_proj(y)
        shown = (mean(weights, axis=1) if average_attn_weights else weights) if need_weights else None
        if single:
            return y[:, 0], shown if shown is None else shown[0]
        return permute_dims(y, (1, 0, 2)) if self.batch_first else y, shown

    def _projected(self, query: Any, key: Any, value: Any) -> list[Any]:
        """q, k, v in heads, (N,heads,L,E/heads) each."""
        e = self.embed_dim
        if self.kdim == self.vdim == e:
            weights = split(self.in_proj_weight, e)
        else:
            weights = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
        biases = (None,) * 3 if self.in_proj_bias is None else split(self.in_proj_bias, e)
        found = []
        for t, w, b in zip((query, key, value), weights, biases, strict=True):
            y = matmul(t, w.T) if b is None else matmul(t, w.T) + b
            heads = reshape(y, (*t.shape[:2], self.num_heads, e // self.num_heads))
            found.append(permute_dims(heads, (1, 2, 0, 3)))
        return found

    def _mask(self, q: Any, k: Any, padding: Any, mask: Any, is_causal: bool) -> Any:
        """One mask that is added to the scores (N,heads,L,S), or None."""
        n, heads, steps, keys = q.shape[0], q.shape[1], q.shape[2], k.shape[2]
        if is_causal and mask is None:
            mask = arange(keys, device=q.device)[None, :] > arange(steps, device=q.device)[:, None]
        parts = []
        if mask is not None:
            if mask.shape not in ((steps, keys), (n * heads, steps, keys)):
                wanted = f"(L,S)={(steps, keys)} or (N heads,L,S)"
                raise ShapeError(f"MultiheadAttention: attn_mask must be {wanted}, got {mask.shape}")
            parts.append(mask if mask.ndim == 2 else reshape(mask, (n, heads, steps, keys)))
        if padding is not None:
            if padding.shape != (n, keys):
                raise ShapeError(f"MultiheadAttention: key_padding_mask must be (N,S)={(n, keys)}, got {padding.shape}")
            parts.append(padding[:, None, None, :])
        total = None
        for part in parts:
            hidden = part.dtype == "bool"
            added = where(part, float("-inf"), zeros((), dtype=q.dtype, device=q.device)) if hidden else in_dtype_of(q, part)
            total = added if total is None else total + added
        return total

    def extra_repr(self) -> str:
        return f"{self.embed_dim}, num_heads={self.num_heads}, dropout={self.dropout}, batch_first={self.batch_first}"


MultiHeadAttention = MultiheadAttention
"""The usual spelling of PyTorch's MultiheadAttention."""


class AdditiveAttention(Module):
    """Which of T keys answer a query: weights softmax(v . tanh(W query + U key)), and the values summed with them.

    query: (N,Q), for instance a decoder's state. key: (N,T,K), an encoder's outputs. value: (N,T,D), the keys if None.
    mask: (N,T) booleans, True takes part. Returns the context (N,D) and the weights (N,T).
    Source: Bahdanau et al. 2015, arXiv:1409.0473.
    """

    def __init__(
        self, query_size: int, key_size: int, hidden_size: int, *, device: str | None = None, dtype: Any = None
    ) -> None:
        positive("AdditiveAttention", query_size=query_size, key_size=key_size, hidden_size=hidden_size)
        self.query_proj = Linear(query_size, hidden_size, bias=False, device=device, dtype=dtype)
        self.key_proj = Linear(key_size, hidden_size, bias=False, device=device, dtype=dtype)
        self.v = Parameter(zeros((hidden_size,), device=device, dtype=dtype))
        init.uniform_(self.v, -(hidden_size**-0.5), hidden_size**-0.5)

    def forward(self, query: Any, key: Any, value: Any = None, mask: Any = None) -> tuple[Any, Any]:
        value = in_dtype_of(self.v, key if value is None else value)
        return ops.additive_attention(self.query_proj(query), self.key_proj(key), value, self.v, mask)
