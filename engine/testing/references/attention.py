"""Attention query by query."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def softmax(scores: Any, masked: bool = False) -> Any:
    """e^s over their sum, along the last axis; masked: scores of nothing but -Inf give 0."""
    out = np.zeros(scores.shape)
    for i in np.ndindex(*scores.shape[:-1]):
        s = scores[i].astype(np.longdouble)
        if s.size and not (masked and np.max(s) == -np.inf):
            e = np.exp(s - np.max(s))
            out[i] = e / np.sum(e)
    return out


def attention_weights(query: Any, key: Any, attn_mask: Any = None, is_causal: bool = False, scale: float | None = None) -> Any:
    """softmax over the keys of query . key scale + mask; a boolean mask leaves out, is_causal hides the keys after a query."""
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = np.sum((query * factor)[..., :, None, :] * key[..., None, :, :], axis=-1)
    if is_causal:
        attn_mask = np.array([[s <= t for s in range(scores.shape[-1])] for t in range(scores.shape[-2])], dtype=bool)
    if attn_mask is None:
        return softmax(scores)
    if attn_mask.dtype == bool:
        hidden = np.broadcast_to(~attn_mask, np.broadcast_shapes(scores.shape, attn_mask.shape))
        scores = np.broadcast_to(scores, hidden.shape).copy()
        scores[hidden] = -np.inf
        return softmax(scores, masked=True)
    return softmax(scores + attn_mask, masked=True)


def _weighted(weights: Any, value: Any) -> Any:
    """sum over s of weights[..., l, s] value[..., s, f]."""
    return np.sum(weights[..., :, :, None] * value[..., None, :, :], axis=-2)


def scaled_dot_product_attention(
    query: Any, key: Any, value: Any, attn_mask: Any = None, dropout_p: float = 0.0, is_causal: bool = False,
    scale: float | None = None,
) -> Any:  # fmt: skip
    """The values summed with those weights; without dropout."""
    return _weighted(attention_weights(query, key, attn_mask, is_causal, scale), value)


def additive_attention(query: Any, key: Any, value: Any, v: Any, mask: Any = None) -> Any:
    """Weights softmax(v . tanh(query + key)) of each sample, and its values summed with them."""
    scores = np.sum(np.tanh(query[:, None, :] + key) * v, axis=-1)
    if mask is not None:
        scores = np.where(mask, scores, -np.inf)
    weights = softmax(scores, masked=mask is not None)
    return _weighted(weights[:, None, :], value)[:, 0, :], weights
