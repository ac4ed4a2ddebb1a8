"""Attention on the GPU, block by block, forward and backward: no matrix of all queries and keys ever exists."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..types import Array
from . import FLOATS
from .machine.launch import Kernel, blocks_for, contiguous, empty, library_of
from .machine.span import is_plain, span_of

ROWS, WIDTH = 64, 64
"""Queries of a block, and numbers of a vector that it sums up, as in attention.cu."""

_TILE = {"TILE": {"float32": 64, "float64": 32, "float16": 64, "bfloat16": 64}}

_look = Kernel("attention.cu", "attention_look", FLOATS, constants=_TILE)
_attention = Kernel("attention.cu", "attention", FLOATS, constants=_TILE)
_dots = Kernel("attention.cu", "attention_dots", FLOATS, constants=_TILE)
_grad_queries = Kernel("attention.cu", "attention_grad_queries", FLOATS, constants=_TILE)
_grad_keys = Kernel("attention.cu", "attention_grad_keys", FLOATS, constants=_TILE)

_SHAPE = np.dtype(
    [("q", "i8", (3,)), ("k", "i8", (3,)), ("v", "i8", (3,)), ("mask", "i8", (4,))]
    + [(name, "i4") for name in ("heads", "queries", "keys", "depth", "width", "causal", "hides", "masked")]
)


def attention(
    q: Array, k: Array, v: Array, mask: Array | None, scale: float, causal: bool, hides: bool
) -> tuple[Array, Array, Array]:
    """See the reference. q: (N, H, T, D). k: (N, H, K, D). v: (N, H, K, P). Returns y (N, H, T, P) and two of (N, H, T).

    The sum of each query is relative to the largest score as it is returned, rounded.
    """
    library, (n, heads, queries, _), width = library_of(q), q.shape, v.shape[3]
    y = empty(library, (n, heads, queries, width), q.dtype)
    top, total = (empty(library, (n, heads, queries), q.dtype) for _ in range(2))
    q, k, v = (_rows_apart(a) for a in (q, k, v))
    shape, spans = _shape(q, k, v, mask, causal, hides)
    strange = _strange(q, [k, v]) if causal else None
    units = n * heads * -(-queries // ROWS) * max(1, -(-width // WIDTH))
    _attention[units](*spans, strange, y, top, total, scale, units, shape)
    return y, top, total


def attention_grad(
    gy: Array, q: Array, k: Array, v: Array, mask: Array | None, y: Array, top: Array, total: Array, scale: float, causal: bool,
    hides: bool,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """See the reference. Shapes as above; returns the gradients of q, k and v."""
    library, (n, heads, queries, depth), (keys, width) = library_of(q), q.shape, v.shape[2:]
    gq, gk, gv = (empty(library, a.shape, q.dtype) for a in (q, k, v))
    dots = empty(library, top.shape, np.float64 if q.dtype == np.float64 else np.float32)
    gy, y, top, total = (contiguous(a) for a in (gy, y, top, total))
    q, k, v = (_rows_apart(a) for a in (q, k, v))
    shape, spans = _shape(q, k, v, mask, causal, hides)
    strange = _strange(q, [q, k, v, gy]) if causal else None
    _dots[blocks_for(dots.size, _dots.threads // 32)](gy, y, dots, dots.size, width)
    for_queries = n * heads * -(-queries // ROWS) * -(-depth // WIDTH)
    _grad_queries[for_queries](gy, *spans, strange, top, total, dots, gq, scale, for_queries, shape)
    for_keys = n * heads * -(-keys // ROWS) * (-(-depth // WIDTH) + -(-width // WIDTH))
    _grad_keys[for_keys](gy, *spans, strange, top, total, dots, gk, gv, scale, for_keys, shape)
    return gq, gk, gv


def _rows_apart(x: Array) -> Array:
    """x as it is if it can be read so: vectors that lie dense, any number of elements apart, none backwards."""
    size = x.dtype.itemsize
    dense = x.shape[3] <= 1 or x.strides[3] == size
    return x if dense and is_plain(x) and min(x.strides) >= 0 else contiguous(x)


def _steps(x: Array) -> list[int]:
    """Steps in elements along all axes; 0 where there is one element, which is broadcast."""
    return [0 if n == 1 else step // x.dtype.itemsize for n, step in zip(x.shape, x.strides, strict=True)]


def _shape(q: Array, k: Array, v: Array, mask: Array | None, causal: bool, hides: bool) -> tuple[Any, list[Any]]:
    """The struct of attention.cu, and what is passed for q, k, v and the mask."""
    arrays = [q, k, v]
    steps = [0] * 4
    if mask is not None:
        whole = (*q.shape[:3], k.shape[2])
        if mask.ndim > 4 or any(n not in (1, m) for n, m in zip(mask.shape[::-1], whole[::-1], strict=False)):
            raise ValueError(f"attention: mask must broadcast to {whole}, got shape {mask.shape}")
        wide: Any = mask.reshape((1,) * (4 - mask.ndim) + mask.shape)
        wide = wide if is_plain(wide) and min(wide.strides) >= 0 else contiguous(wide)
        arrays, steps = [*arrays, wide], _steps(wide)
    sizes = (q.shape[1], q.shape[2], k.shape[2], q.shape[3], v.shape[3], int(causal), int(hides), int(mask is not None))
    values = (*[_steps(a)[:3] for a in (q, k, v)], steps, *sizes)
    spans = [span_of(a)[0] if a.size else None for a in arrays]
    return np.array(values, _SHAPE), [*spans, *([] if mask is not None else [None])]


def _strange(x: Array, arrays: list[Array]) -> Array | None:
    """Where the kernels read whether some number is NaN or infinite; None where they would leave nothing out."""
    if x.shape[2] <= ROWS:
        return None
    found = library_of(x).zeros(1, np.int32)
    for a in arrays:
        span, _ = span_of(a)
        _look[min(1024, blocks_for(span.size, 8 * _look.threads))](span, span.size, found)
    return found
