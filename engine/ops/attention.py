"""Attention: values weighted by how well their keys answer a query."""

from __future__ import annotations

from math import sqrt
from typing import Any

from ..errors import ConfigError, ShapeError
from .creation import arange
from .elementwise import tanh, where
from .linalg import matmul
from .random import dropout
from .shape import matrix_transpose
from .softmax import masked_softmax, softmax

__all__ = ["additive_attention", "attention_weights", "scaled_dot_product_attention"]


def attention_weights(
    query: Any, key: Any, attn_mask: Any = None, is_causal: bool = False, scale: float | None = None
) -> Any:
    """softmax(q k^T scale + mask) over the keys.

    query: (..., L, E). key: (..., S, E). attn_mask: broadcasts to (..., L, S); floating ones are added, of boolean ones
    True takes part. is_causal: query i sees keys 0 ... i. scale: 1 / sqrt(E) if None. Returns (..., L, S); a query that may
    see no key gets weights 0, and no gradient.
    """
    name = "scaled_dot_product_attention"
    if query.shape[-1] != key.shape[-1]:
        raise ShapeError(f"{name}: query (..., L, E)={query.shape} and key (..., S, E)={key.shape} differ in E")
    if is_causal and attn_mask is not None:
        raise ConfigError(f"{name}: give attn_mask or is_causal, not both")
    scores = matmul(query * (1 / sqrt(query.shape[-1]) if scale is None else scale), matrix_transpose(key))
    if is_causal:
        steps = arange(query.shape[-2], device=query.device)[:, None]
        attn_mask = arange(key.shape[-2], device=query.device)[None, :] <= steps
    if attn_mask is not None:
        scores = where(attn_mask, scores, float("-inf")) if attn_mask.dtype == "bool" else scores + attn_mask
        return masked_softmax(scores)
    return softmax(scores, axis=-1)


def scaled_dot_product_attention(
    query: Any, key: Any, value: Any, attn_mask: Any = None, dropout_p: float = 0.0, is_causal: bool = False,
    scale: float | None = None,
) -> Any:  # fmt: skip
    """softmax(q k^T scale + mask) v.

    query: (..., L, E). key: (..., S, E). value: (..., S, F). attn_mask, is_causal, scale: see attention_weights. dropout_p:
    probability with which a weight is dropped. Returns (..., L, F). Raises ShapeError, ConfigError.
    Source: Vaswani et al. 2017, arXiv:1706.03762.
    """
    weights = attention_weights(query, key, attn_mask, is_causal, scale)
    if key.shape[-2] != value.shape[-2]:
        raise ShapeError(
            f"scaled_dot_product_attention: key (..., S, E)={key.shape} and value (..., S, F)={value.shape} differ in S"
        )
    return matmul(dropout(weights, dropout_p), value)


def additive_attention(query: Any, key: Any, value: Any, v: Any, mask: Any = None) -> tuple[Any, Any]:
    """Weights softmax(v . tanh(query + key)) over T keys, and the values summed with them.

    query: (N,H) and key: (N,T,H), both projected already. value: (N,T,D). v: (H,). mask: (N,T) booleans, True takes part;
    where none does, the weights and the sum are 0.
    Returns (N,D) and the weights (N,T). Raises ShapeError. Source: Bahdanau et al. 2015, arXiv:1409.0473.
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
