"""Attention with its masks and caches, linear attention, rotary positions, and gated units."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ....errors import OnnxError
from .. import namespace as dl
from ..table import operator
from ..values import dtype_of, host


def split_heads(x, heads):
    """(N, L, heads * E) as (N, heads, L, E)."""
    return dl.permute_dims(dl.reshape(x, (*x.shape[:2], heads, x.shape[2] // heads)), (0, 2, 1, 3))


def merged_heads(x):
    y = dl.permute_dims(x, (0, 2, 1, 3))
    return dl.reshape(y, (*y.shape[:2], y.shape[2] * y.shape[3]))


class AttentionOptions(NamedTuple):
    """The attributes of Attention."""

    is_causal: int = 0
    kv_num_heads: Any = None
    q_num_heads: Any = None
    qk_matmul_output_mode: int = 0
    scale: Any = None
    softcap: float = 0.0
    softmax_precision: Any = None
    left_window_size: int = -1
    right_window_size: int = -1


class LinearOptions(NamedTuple):
    """The attributes of LinearAttention."""

    q_num_heads: int
    kv_num_heads: int
    chunk_size: int = 64
    scale: float = 0.0
    update_rule: str = "gated_delta"


@operator("Attention", options=AttentionOptions)
def attention(query, key, value, mask=None, *rest, options, outputs):
    """Softmax of scaled products over the keys; a query that may attend to no key gives zeros.

    The rest are the keys and values from before, and how many keys of each batch entry count.
    """
    past_key, past_value, lengths = (*rest, None, None, None)[:3]
    lengths = host(lengths)
    is_causal, kv_num_heads, q_num_heads, mode, scale, softcap, softmax_precision, left_window_size, right_window_size = options
    packed = query.ndim == 3
    if packed:
        query, key, value = split_heads(query, q_num_heads), split_heads(key, kv_num_heads), split_heads(value, kv_num_heads)
    past = 0 if past_key is None else past_key.shape[2]
    key = key if past_key is None else dl.concat([past_key, key], axis=2)
    value = value if past_value is None else dl.concat([past_value, value], axis=2)
    caches = (key, value)
    allowed = np.ones((1, 1, query.shape[2], key.shape[2]), bool)
    offset = np.asarray(past).reshape(1, 1, 1, 1)
    if lengths is not None:
        counts = lengths.reshape(-1, 1, 1, 1)
        allowed = allowed & (np.arange(key.shape[2]) < counts)
        offset = counts - query.shape[2] if past_key is None else offset
    distance = np.arange(query.shape[2])[:, None] + offset - np.arange(key.shape[2])
    if is_causal:
        allowed = allowed & (distance >= 0)
    if left_window_size >= 0:
        allowed = allowed & (distance <= left_window_size)
    if right_window_size >= 0:
        allowed = allowed & (-distance <= right_window_size)
    scale = 1 / math.sqrt(query.shape[3]) if scale is None else scale
    repeats = query.shape[1] // key.shape[1]
    if repeats > 1:
        key, value = (dl.repeat(v, repeats, axis=1) for v in (key, value))
    plain = outputs == 1 and mask is None and allowed.all() and not softcap and softmax_precision is None and past_key is None
    if plain and query.dtype.kind == "f":
        y = dl.scaled_dot_product_attention(query, key, value, scale=scale)
        return merged_heads(y) if packed else y
    settings = (scale, softcap, softmax_precision)
    y, shown = weighted(query, key, value, masks(query, key, mask, allowed), settings, mode)
    return ((merged_heads(y) if packed else y), *caches, shown)[:outputs]


def masks(query, key, mask, allowed):
    """What is added to the scores, and where a query may attend to nothing."""
    bias = dl.asarray(np.where(allowed, 0.0, -math.inf).astype(np.float32), device=query.device)
    bias = dl.astype(bias, query.dtype)
    if mask is None:
        return bias
    missing = key.shape[2] - mask.shape[-1]
    if mask.dtype == bool:
        mask = dl.astype(dl.where(mask, 0.0, dl.full((), -math.inf, dtype="float32", device=query.device)), query.dtype)
    if missing > 0:
        hidden = dl.full((*mask.shape[:-1], missing), -math.inf, dtype=query.dtype, device=query.device)
        mask = dl.concat([mask, hidden], axis=-1)
    return bias + mask


def weighted(query, key, value, bias, settings, mode):
    """The sums of values, and the scores at the stage that mode asks for."""
    scale, softcap, precision = settings
    root = math.sqrt(scale)
    scores = dl.matmul(query * root, dl.matrix_transpose(key * root))
    shown = [scores]
    if softcap:
        scores = dl.tanh(scores / softcap) * softcap
    shown.append(scores)
    scores = scores + bias
    shown.append(scores)
    wide = scores if precision is None else dl.astype(scores, dtype_of(precision))
    top = dl.max(bias, axis=-1, keepdims=True)
    hidden = dl.logical_and(dl.isinf(top), dl.less(top, 0))
    weights = dl.softmax(dl.where(hidden, dl.zeros_like(wide), wide), axis=-1)
    weights = dl.astype(dl.where(hidden, dl.zeros_like(weights), weights), query.dtype)
    shown.append(weights)
    return dl.matmul(weights, value), shown[mode]


@operator("RotaryEmbedding")
def rotary(x, cosines, sines, positions=None, *, interleaved=0, num_heads=0, rotary_embedding_dim=0):
    """Pairs of features turned by an angle that grows with the position."""
    parts = dl.permute_dims(x, (0, 2, 1, 3)) if x.ndim == 4 else dl.reshape(x, (*x.shape[:2], num_heads, x.shape[2] // num_heads))
    size = rotary_embedding_dim or parts.shape[3]
    turned, rest = parts[..., :size], parts[..., size:]
    c, s = ((v if positions is None else dl.take(v, positions, axis=0)) for v in (cosines, sines))
    c, s = dl.expand_dims(c, axis=2), dl.expand_dims(s, axis=2)
    a, b = (turned[..., 0::2], turned[..., 1::2]) if interleaved else (turned[..., : size // 2], turned[..., size // 2 :])
    real, imaginary = c * a - s * b, s * a + c * b
    if interleaved:
        turned = dl.reshape(dl.stack([real, imaginary], axis=-1), turned.shape)
    else:
        turned = dl.concat([real, imaginary], axis=-1)
    y = dl.concat([turned, rest], axis=-1) if rest.shape[3] else turned
    return dl.permute_dims(y, (0, 2, 1, 3)) if x.ndim == 4 else dl.reshape(y, x.shape)


@operator("LinearAttention", options=LinearOptions)
def linear_attention(query, key, value, past_state=None, decay=None, beta=None, *, options):
    """A state of sums of key times value, decayed and corrected at each step, that the queries read."""
    q_num_heads, kv_num_heads, _, scale, update_rule = options
    if update_rule not in ("linear", "gated", "delta", "gated_delta"):
        raise OnnxError(f"LinearAttention: the rule {update_rule!r} is not known")
    dtype, times = query.dtype, query.shape[1]
    heads = ((query, q_num_heads), (key, kv_num_heads), (value, kv_num_heads))
    q, k, v = (dl.astype(split_heads(x, n), "float32") for x, n in heads)
    shape = (q.shape[0], kv_num_heads, k.shape[3], v.shape[3])
    state = dl.zeros(shape, device=q.device) if past_state is None else dl.astype(past_state, "float32")
    factors = None if decay is None else dl.expand_dims(dl.exp(dl.astype(split_heads(decay, kv_num_heads), "float32")), axis=-1)
    rates = None if beta is None else dl.astype(split_heads(beta, beta.shape[2]), "float32")
    found = []
    for t in range(times):
        if factors is not None:
            state = state * factors[:, :, t]
        row = dl.expand_dims(v[:, :, t], axis=2)
        column = dl.expand_dims(k[:, :, t], axis=3)
        if rates is not None:
            row = dl.expand_dims(rates[:, :, t], axis=2) * (row - dl.matmul(dl.matrix_transpose(column), state))
        state = state + column * row
        read = dl.repeat(state, q_num_heads // kv_num_heads, axis=1)
        found.append(dl.squeeze(dl.matmul(dl.expand_dims(q[:, :, t], axis=2), read), axis=2))
    y = dl.stack(found, axis=2) * (scale or 1 / math.sqrt(q.shape[3]))
    return dl.astype(merged_heads(y), dtype), dl.astype(state, dtype if past_state is None else past_state.dtype)


@operator("CausalConvWithState")
def causal_conv(x, weight, bias=None, past_state=None, *, activation="none"):
    """A convolution of each channel over the present and the past; the state is the end of its input."""
    width = weight.shape[2] - 1
    head = dl.zeros((*x.shape[:2], width), dtype=x.dtype, device=x.device) if past_state is None else past_state
    padded = dl.concat([head, x], axis=2)
    y = dl.conv1d(padded, weight, bias, groups=x.shape[1])
    return (dl.silu(y) if activation in ("silu", "swish") else y), padded[:, :, padded.shape[2] - width :]


@operator("SwiGLU")
def swiglu(a, b, *, alpha=1.0):
    return a * dl.sigmoid(alpha * a) * b
