"""Dropout in one pass: a slab of random words, then the values that they decide about."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from ..types import Array
from .machine.compile import dense, inner, jit
from .random import SLAB, _seed, _threads, fill, seed_of, slabs


@inner(exact=True)
def scaled(x: Array, y: Array, words: Array, bound: Any, scale: Any) -> None:
    """y = x scale where a word is below the bound, else x 0, which keeps NaN."""
    zero = x.dtype.type(0)
    for i in range(x.size):
        y[i] = x[i] * (scale if np.uint64(words[i]) < bound else zero)


@inner(exact=True)
def shared(x: Array, y: Array, factor: Any) -> None:
    for i in range(x.size):
        y[i] = x[i] * factor


@jit(exact=True)
def _dropout(x: Array, y: Array, size: int, seed: Any, bound: int, factor: float, threads: int) -> None:
    scale, zero, masks = x.dtype.type(factor), x.dtype.type(0), x.size // size
    stream, limit = seed_of(seed[0], seed[1], seed[2]), np.uint64(bound)
    for t in prange(threads):
        first, last = slabs(masks, t, threads)
        words = np.empty(SLAB, np.uint32)
        for s in range(first, last):
            lo, hi = s * SLAB, min((s + 1) * SLAB, masks)
            fill(words, stream, lo, hi - lo)
            if size == 1:
                scaled(x[lo:hi], y[lo:hi], words, limit, scale)
            else:
                for i in range(lo, hi):
                    part = slice(i * size, (i + 1) * size)
                    shared(x[part], y[part], scale if np.uint64(words[i - lo]) < limit else zero)


def dropout(x: Array, key: int, counter: int, p: float, inner: int) -> Array:
    """Each value to zero with probability p, the others divided by 1 - p; inner neighbours share their fate."""
    x = dense(x)
    y = np.empty(x.shape, x.dtype)
    seed, bound = _seed(key, counter), round((1.0 - p) * 2.0**32)
    _dropout(x.reshape(-1), y.reshape(-1), inner, seed, bound, 1.0 / (1.0 - p), _threads(x.size // inner))
    return y
