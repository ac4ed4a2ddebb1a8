"""Attention layers: multi-head attention, and the additive attention of sequence-to-sequence models."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import ConfigError, ShapeError
from ..ops import attention as ops
from ..ops.creation import arange, zeros
from ..ops.dropout import dropout
from ..ops.elementwise import where
from ..ops.joining import split
from ..ops.linalg import linear, matmul
from ..ops.reduce import mean
from ..ops.shape import permute_dims, reshape
from . import init
from .linear import Linear, require_positive
from .module import Module, Parameter, in_dtype_of

if TYPE_CHECKING:
    from .._tensor import Tensor
    from ..typing import DTypeLike


class MultiheadAttention(Module):
    """Scaled dot-product attention in several subspaces at once, joined by a linear map.

    Shape: query (L,N,E), key (S,N,kdim) and value (S,N,vdim) -> output (L,N,E) and weights (N,L,S); with ``batch_first``
    (N,L,E) and so on, without a batch (L,E) and so on. L queries, S keys, N batch, E ``embed_dim``.

    Parameters
    ----------
    embed_dim : int
        E, the size of queries and outputs.
    num_heads : int
        The number of subspaces; it must divide E.
    dropout : float
        The probability that a weight is dropped while training.
    bias : bool
        Whether the four projections add biases.
    kdim : int or None
        The size of keys; None is E.
    vdim : int or None
        The size of values; None is E.
    batch_first : bool
        Whether N is the first axis of inputs and output, not the second.
    device : str or None
        Where the parameters live; None is the default device.
    dtype : DTypeLike or None
        A floating dtype of the parameters; None is the default dtype.

    Attributes
    ----------
    in_proj_weight : Parameter
        Shape (3 E,E), the projections of query, key and value one after another, initially Xavier uniform. If ``kdim``
        or ``vdim`` differs from E there are ``q_proj_weight`` (E,E), ``k_proj_weight`` (E,kdim) and ``v_proj_weight``
        (E,vdim) instead.
    in_proj_bias : Parameter or None
        Shape (3 E,), initially zeros.
    out_proj : Linear
        The map of the joined heads, with weight (E,E) and bias (E,); the bias is initially zeros.

    Raises
    ------
    ConfigError
        A size is below 1, or ``num_heads`` does not divide ``embed_dim``.

    References
    ----------
    Vaswani et al., "Attention is all you need", 2017, arXiv:1706.03762.

    Examples
    --------
    >>> layer = dl.nn.MultiheadAttention(8, num_heads=2, batch_first=True)
    >>> x = dl.ones((1, 3, 8))
    >>> y, weights = layer(x, x, x, is_causal=True)
    >>> y.shape, weights[0, 0].tolist()
    ((1, 3, 8), [1.0, 0.0, 0.0])
    """

    def __init__(
        self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True, *, kdim: int | None = None,
        vdim: int | None = None, batch_first: bool = False, device: str | None = None, dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        require_positive("MultiheadAttention", embed_dim=embed_dim, num_heads=num_heads)
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
        """Draw new initial values: Xavier uniform for the projections, zeros for the biases."""
        for p in self.parameters(recurse=False):
            if p.ndim == 2:
                init.xavier_uniform_(p)
            else:
                init.zeros_(p)
        if self.out_proj.bias is not None:
            init.zeros_(self.out_proj.bias)

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, key_padding_mask: Tensor | None = None, need_weights: bool = True,
        attn_mask: Tensor | None = None, average_attn_weights: bool = True, is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:  # fmt: skip
        """Attend to the keys.

        Parameters
        ----------
        query : Tensor
            Shape (L,N,E), or as the class says.
        key : Tensor
            Shape (S,N,kdim).
        value : Tensor
            Shape (S,N,vdim).
        key_padding_mask : Tensor or None
            Shape (N,S). Where a boolean mask is True, the key is hidden; a floating mask is added to the scores.
        need_weights : bool
            Whether the weights are returned.
        attn_mask : Tensor or None
            Shape (L,S) or (N heads,L,S), boolean or floating as above.
        average_attn_weights : bool
            Whether the returned weights are averaged over the heads.
        is_causal : bool
            Whether query i sees only keys 0 to i, if there is no ``attn_mask``.

        Returns
        -------
        output : Tensor
            The query's shape. A query to which all keys are hidden gets weights 0, and so the output layer's bias.
        weights : Tensor or None
            Shape (N,L,S), or (N,heads,L,S) if they are not averaged; None unless ``need_weights``.

        Raises
        ------
        ShapeError
            Inputs or masks have other shapes.
        """
        single = query.ndim == 2
        if single:
            query, key, value = _each((query, key, value), lambda t: t[:, None])
            key_padding_mask = key_padding_mask if key_padding_mask is None else key_padding_mask[None]
        elif self.batch_first:
            query, key, value = _each((query, key, value), lambda t: permute_dims(t, (1, 0, 2)))
        sizes = (self.embed_dim, self.kdim, self.vdim)
        if any(t.ndim != 3 or t.shape[2] != e for t, e in zip((query, key, value), sizes, strict=True)):
            raise ShapeError(
                f"MultiheadAttention: query (L,N,E), key (S,N,kdim) and value (S,N,vdim) must end in {sizes}, got "
                f"{query.shape}, {key.shape}, {value.shape}"
            )
        query, key, value = _each((query, key, value), lambda t: in_dtype_of(self.out_proj.weight, t))
        q, k, v = self._project(query, key, value)
        mask = self._merge_masks(q, k, key_padding_mask, attn_mask)
        is_causal = is_causal and attn_mask is None
        n, heads, steps, width = q.shape
        weights = None
        learned = mask is not None and mask.requires_grad
        if need_weights or (self.training and self.dropout) or learned or not ops.has_fused_attention(q):
            if is_causal:
                hidden = arange(k.shape[2], device=q.device)[None, :] > arange(steps, device=q.device)[:, None]
                mask = _as_added(hidden, q) if mask is None else mask + _as_added(hidden, q)
            weights = dropout(ops.attention_weights(q, k, mask), self.dropout, self.training, batch_axis=0)
            y = matmul(weights, v)
        else:
            y = ops.fused_attention(q, k, v, mask, is_causal)
        y = reshape(permute_dims(y, (2, 0, 1, 3)), (steps, n, heads * width))
        y = self.out_proj(y)
        shown = None
        if need_weights and weights is not None:
            shown = mean(weights, axis=1) if average_attn_weights else weights
        if single:
            return y[:, 0], shown if shown is None else shown[0]
        return permute_dims(y, (1, 0, 2)) if self.batch_first else y, shown

    def _project(self, query: Tensor, key: Tensor, value: Tensor) -> list[Tensor]:
        """Compute q, k and v of all heads, each of shape (N,heads,L,E/heads)."""
        e, heads = self.embed_dim, (self.num_heads, self.embed_dim // self.num_heads)
        if query is key is value and self.kdim == self.vdim == e:  # self-attention: one product for all three
            found = split(linear(query, self.in_proj_weight, self.in_proj_bias), e, axis=-1)
        else:
            if self.kdim == self.vdim == e:
                weights = split(self.in_proj_weight, e)
            else:
                weights = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
            biases = (None,) * 3 if self.in_proj_bias is None else split(self.in_proj_bias, e)
            found = tuple([linear(t, w, b) for t, w, b in zip((query, key, value), weights, biases, strict=True)])
        return [permute_dims(reshape(y, (*y.shape[:2], *heads)), (1, 2, 0, 3)) for y in found]

    def _merge_masks(self, q: Tensor, k: Tensor, padding: Tensor | None, mask: Tensor | None) -> Tensor | None:
        """Combine the given masks into one that is added to the scores (N,heads,L,S), or None without a mask."""
        n, heads, steps, keys = q.shape[0], q.shape[1], q.shape[2], k.shape[2]
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
            added = _as_added(part, q)
            total = added if total is None else total + added
        return total

    def extra_repr(self) -> str:
        return f"{self.embed_dim}, num_heads={self.num_heads}, dropout={self.dropout}, batch_first={self.batch_first}"


def _each(tensors: tuple[Tensor, ...], change: Callable[[Tensor], Tensor]) -> list[Tensor]:
    """A change of each tensor, made once of one that is given several times."""
    changed: dict[int, Tensor] = {}
    for t in tensors:
        if id(t) not in changed:
            changed[id(t)] = change(t)
    return [changed[id(t)] for t in tensors]


def _as_added(mask: Tensor, q: Tensor) -> Tensor:
    """A mask as numbers that are added to the scores: of booleans, True hides."""
    if mask.dtype == "bool":
        return where(mask, float("-inf"), zeros((), dtype=q.dtype, device=q.device))
    return in_dtype_of(q, mask)


MultiHeadAttention = MultiheadAttention
"""An alias of PyTorch's name in the usual spelling."""


class AdditiveAttention(Module):
    """Additive attention: weights ``softmax(v^T tanh(W query + U key))`` and the weighted sum of the values.

    Shape: query (N,Q), for instance the state of a decoder, key (N,T,K), for instance the outputs of an encoder, and
    value (N,T,D), by default the keys -> the context (N,D) and the weights (N,T). A boolean mask (N,T) is True where a key
    takes part.

    Parameters
    ----------
    query_size : int
        Q, the size of a query.
    key_size : int
        K, the size of a key.
    hidden_size : int
        H, the size of the space in which query and keys are compared.
    device : str or None
        Where the parameters live; None is the default device.
    dtype : DTypeLike or None
        A floating dtype of the parameters; None is the default dtype.

    Attributes
    ----------
    query_proj : Linear
        W, weight (H,Q) without a bias.
    key_proj : Linear
        U, weight (H,K) without a bias.
    v : Parameter
        Shape (H,), drawn from U(-1/sqrt(H), 1/sqrt(H)).

    References
    ----------
    Bahdanau, Cho and Bengio, 2015, arXiv:1409.0473.

    Examples
    --------
    >>> context, weights = dl.nn.AdditiveAttention(3, 4, 8)(dl.ones((2, 3)), dl.ones((2, 5, 4)))
    >>> context.shape, weights.shape
    ((2, 4), (2, 5))
    """

    def __init__(
        self, query_size: int, key_size: int, hidden_size: int, *, device: str | None = None, dtype: DTypeLike | None = None
    ) -> None:
        require_positive("AdditiveAttention", query_size=query_size, key_size=key_size, hidden_size=hidden_size)
        self.query_proj = Linear(query_size, hidden_size, bias=False, device=device, dtype=dtype)
        self.key_proj = Linear(key_size, hidden_size, bias=False, device=device, dtype=dtype)
        self.v = Parameter(zeros((hidden_size,), device=device, dtype=dtype))
        init.uniform_(self.v, -(hidden_size**-0.5), hidden_size**-0.5)

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        value = in_dtype_of(self.v, key if value is None else value)
        return ops.additive_attention(self.query_proj(query), self.key_proj(key), value, self.v, mask)
