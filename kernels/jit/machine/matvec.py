"""A matrix times a vector: every element is read once, so nothing is arranged first, as products of matrices need it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from ...types import Array
from .compile import dense, inner, jit, thread_count
from .norm_rows import RUN

GRAIN = 1 << 16
"""Elements below which another thread does not pay."""

PIECES, COLUMNS = 64, 512
"""Sums over rows are cut into so many runs of rows at most, and so many columns: the thread count changes no bit."""


@inner()
def dot_run(x: Array, v: Array) -> Any:
    total = x.dtype.type(0)
    for i in range(x.size):
        total += x[i] * v[i]
    return total


@inner(exact=True)
def add_scaled(total: Array, x: Array, factor: float) -> None:
    for i in range(x.size):
        total[i] += np.float64(x[i]) * factor


@jit()
def _dots(m: Array, v: Array, out: Array, threads: int) -> None:
    """out = m v: a row after the other, short runs in their own dtype, what they come to in float64."""
    rows, size = m.shape
    for t in prange(threads):
        for r in range(t * rows // threads, (t + 1) * rows // threads):
            total = np.float64(0)
            for lo in range(0, size, RUN):
                hi = min(size, lo + RUN)
                total += dot_run(m[r, lo:hi], v[lo:hi])
            out[r] = total


@jit()
def _sums(m: Array, v: Array, parts: Array, threads: int) -> None:
    """parts[p] = the rows of run p times their elements of v, added up; m: (D, C), parts: (runs, C) zeros."""
    rows, columns = m.shape
    runs, blocks = len(parts), (columns + COLUMNS - 1) // COLUMNS
    units = runs * blocks
    for t in prange(threads):
        for u in range(t * units // threads, (t + 1) * units // threads):
            p, lo = u // blocks, u % blocks * COLUMNS
            hi = min(columns, lo + COLUMNS)
            for r in range(p * rows // runs, (p + 1) * rows // runs):
                add_scaled(parts[p, lo:hi], m[r, lo:hi], np.float64(v[r]))


def matvec(m: Array, v: Array) -> Array:
    """m v for a matrix (R, D) in either order of memory and a vector (D,); another layout is copied."""
    threads, v = thread_count(m.size // GRAIN), dense(v)
    if m.flags.f_contiguous and not m.flags.c_contiguous:
        turned = dense(m.T)
        depth, columns = turned.shape
        parts = np.zeros((max(1, min(PIECES, m.size // GRAIN, depth, (1 << 22) // columns)), columns))
        _sums(turned, v, parts, threads)
        return parts.sum(0).astype(m.dtype)
    out = np.empty(len(m), m.dtype)
    _dots(dense(m), v, out, threads)
    return out
