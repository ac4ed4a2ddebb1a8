"""Attention: values weighted by how well their keys answer a query."""

from __future__ import annotations

from functools import cache
from math import prod, sqrt
from typing import TYPE_CHECKING

from ..backend import space_of
from ..errors import ConfigError, ShapeError
from .creation import arange, zeros
from .dropout import dropout
from .elementwise import tanh, where
from .fused import arguments, kernel_op
from .linalg import matmul
from .shape import matrix_transpose, reshape
from .softmax import masked_softmax, softmax

if TYPE_CHECKING:
    from ..typing import Tensor

__all__ = ["additive_attention", "attention_weights", "scaled_dot_product_attention"]


def attention_weights(
    query: Tensor, key: Tensor, attn_mask: Tensor | None = None, is_causal: bool = False, scale: float | None = None
) -> Tensor:
    """Attention weights: ``softmax(query @ key.T * scale + mask)`` over the keys.

    Parameters
    ----------
    query : Tensor
        (..., L, E).
    key : Tensor
        (..., S, E).
    attn_mask : Tensor, optional
        Broadcasts to (..., L, S). Floating values are added to the scores; of booleans, True takes part.
    is_causal : bool
        Whether query i sees the keys 0 to i alone.
    scale : float, optional
        ``1 / sqrt(E)`` by default.

    Returns
    -------
    Tensor
        (..., L, S). A query that may see no key has the weights 0, and no gradient.

    Raises
    ------
    ShapeError
        If the shapes do not fit.

    Examples
    --------
    >>> dl.nn.functional.attention_weights(dl.zeros((2, 4)), dl.zeros((2, 4)), is_causal=True)
    tensor([[1. , 0. ],
            [0.5, 0.5]])
    """
    _check(query, key, attn_mask, is_causal)
    scores = matmul(query * (1 / sqrt(query.shape[-1]) if scale is None else scale), matrix_transpose(key))
    if is_causal:
        steps = arange(query.shape[-2], device=query.device)[:, None]
        attn_mask = arange(key.shape[-2], device=query.device)[None, :] <= steps
    if attn_mask is not None:
        scores = where(attn_mask, scores, float("-inf")) if attn_mask.dtype == "bool" else scores + attn_mask
        return masked_softmax(scores)
    return softmax(scores, axis=-1)


def _check(query: Tensor, key: Tensor, attn_mask: Tensor | None, is_causal: bool) -> None:
    name = "scaled_dot_product_attention"
    if query.shape[-1] != key.shape[-1]:
        raise ShapeError(f"{name}: query (..., L, E)={query.shape} and key (..., S, E)={key.shape} differ in E")
    if is_causal and attn_mask is not None:
        raise ConfigError(f"{name}: give attn_mask or is_causal, not both")


def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, dropout_p: float = 0.0, is_causal: bool = False,
    scale: float | None = None
) -> Tensor:  # fmt: skip
    """Scaled dot-product attention: the values summed with `attention_weights`.

    Parameters
    ----------
    query : Tensor
        (..., L, E).
    key : Tensor
        (..., S, E).
    value : Tensor
        (..., S, F).
    attn_mask : Tensor, optional
        Broadcasts to (..., L, S). Floating values are added to the scores; of booleans, True takes part.
    dropout_p : float
        The probability with which a weight is dropped.
    is_causal : bool
        Whether query i sees the keys 0 to i alone.
    scale : float, optional
        ``1 / sqrt(E)`` by default.

    Returns
    -------
    Tensor
        (..., L, F).

    Raises
    ------
    ShapeError
        If the shapes do not fit.
    ConfigError
        If a setting is out of range.

    References
    ----------
    Vaswani et al., 2017, arXiv:1706.03762.

    Examples
    --------
    >>> value = dl.asarray([[2.0], [4.0]])
    >>> dl.nn.functional.scaled_dot_product_attention(dl.zeros((1, 4)), dl.zeros((2, 4)), value)
    tensor([[3.]])
    """
    _check(query, key, attn_mask, is_causal)
    if key.shape[-2] != value.shape[-2]:
        raise ShapeError(
            f"scaled_dot_product_attention: key (..., S, E)={key.shape} and value (..., S, F)={value.shape} differ in S"
        )
    if dropout_p or not _is_fusible(query, key, value, attn_mask):
        return matmul(dropout(attention_weights(query, key, attn_mask, is_causal, scale), dropout_p), value)
    hides = attn_mask is not None and attn_mask.dtype == "bool"
    if attn_mask is not None and hides:
        attn_mask = where(attn_mask, zeros((), dtype=query.dtype, device=query.device), float("-inf"))
    if query.ndim == 4:
        return fused_attention(query, key, value, attn_mask, is_causal, hides, scale)
    lead = query.shape[:-2]
    query4, key4, value4 = (reshape(t, (1, prod(lead), *t.shape[-2:])) for t in (query, key, value))
    y = fused_attention(query4, key4, value4, attn_mask, is_causal, hides, scale)
    return reshape(y, (*lead, *y.shape[-2:]))


def _is_fusible(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> bool:
    """Whether the fused op does what is asked: equal leading axes, a mask that needs no gradient and fits to four axes."""
    lead = query.shape[:-2]
    if not has_fused_attention(query) or not (lead == key.shape[:-2] == value.shape[:-2]):
        return False
    if mask is None:
        return True
    if mask.requires_grad or mask.ndim > query.ndim or (query.ndim > 4 and mask.ndim > 2):
        return False
    whole = (*lead, query.shape[-2], key.shape[-2])
    return all(n in (1, m) for n, m in zip(mask.shape[::-1], whole[::-1], strict=False))


def has_fused_attention(query: Tensor) -> bool:
    """Whether there is a kernel for it, or no kernels at all. A set without it has one of softmax: the composition is faster."""
    kernels = space_of(query.array).kernels
    return kernels is None or kernels.has("attention", _name(query.dtype))


_name = cache(str)
"""The name of a dtype, which NumPy makes anew each time."""


@kernel_op("attention", needs="q k v mask y")
def fused_attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, is_causal: bool, hides: bool = False,
    scale: float | None = None,
) -> Tensor:  # fmt: skip
    """Attention of (B,H,L,E), (B,H,S,E) and (B,H,S,F) in one pass; backward, the weights are computed again, not kept.

    The mask broadcasts to (B,H,L,S), is added to the scores and has no gradient. With `hides` it holds 0 and -Inf, and -Inf
    hides a key whatever its score.
    """
    return arguments(query, key, value, mask, 1 / sqrt(query.shape[-1]) if scale is None else scale, is_causal, hides)


def additive_attention(query: Tensor, key: Tensor, value: Tensor, v: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Additive attention: weights ``softmax(v^T tanh(query + key))`` over T keys, and the values summed with them.

    Parameters
    ----------
    query : Tensor
        (N,H), projected already.
    key : Tensor
        (N,T,H), projected already.
    value : Tensor
        (N,T,D).
    v : Tensor
        (H,).
    mask : Tensor, optional
        (N,T) booleans: True takes part. Where none does, weights and sum are 0.

    Returns
    -------
    summed : Tensor
        (N,D).
    weights : Tensor
        (N,T).

    Raises
    ------
    ShapeError
        If the shapes do not fit.

    References
    ----------
    Bahdanau et al., 2015, arXiv:1409.0473.

    Examples
    --------
    >>> value = dl.asarray([[[2.0], [4.0]]])
    >>> summed, weights = dl.nn.functional.additive_attention(dl.zeros((1, 3)), dl.zeros((1, 2, 3)), value, dl.ones(3))
    >>> summed
    tensor([[3.]])
    """
    if query.ndim != 2 or key.ndim != 3 or key.shape[::2] != query.shape or value.shape[:2] != key.shape[:2]:
        raise ShapeError(
            f"additive_attention: query must be (N,H), key (N,T,H), value (N,T,D), got {query.shape}, {key.shape}, {value.shape}"
        )
    scores = matmul(tanh(query[:, None, :] + key), v)
    if mask is not None:
        scores = where(mask, scores, float("-inf"))
    weights = softmax(scores, axis=-1) if mask is None else masked_softmax(scores)
    return matmul(weights[:, None, :], value)[:, 0, :], weights
