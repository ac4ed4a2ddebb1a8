"""Sums of integers and booleans over neighbouring axes, in 64 bits.

They wrap around as NumPy's, in any order, so that their result does not depend on who adds which.
"""

from __future__ import annotations

from math import prod

import numpy as np
from numba import prange

from ..types import Array
from .machine.compile import dense, inner, jit, threads_for

PACE = 0.12
"""Nanoseconds that one number takes."""


@inner(exact=True)
def _sum(x: Array) -> np.int64:
    total = np.int64(0)
    for i in range(x.size):
        total += x[i]
    return total


@inner(exact=True)
def _add(x: Array, y: Array) -> None:
    for i in range(x.size):
        y[i] += x[i]


@jit()
def _sums(x: Array, y: Array, rows: int, columns: int, threads: int) -> None:
    """The sums over the rows of each matrix, added to y. Threads share the matrices."""
    matrices = y.size // columns
    for t in prange(threads):
        for m in range(t * matrices // threads, (t + 1) * matrices // threads):
            if columns == 1:
                y[m] += _sum(x[m * rows : (m + 1) * rows])
            else:
                for r in range(m * rows, (m + 1) * rows):
                    _add(x[r * columns : (r + 1) * columns], y[m * columns : (m + 1) * columns])


def sum_of_integers(x: Array, begin: int, end: int) -> Array:
    """The sum over the axes begin ... end - 1. x: of int64 or bool, with elements."""
    ahead, behind = x.shape[:begin], x.shape[end:]
    flat = dense(x).reshape(-1)
    if x.dtype.kind == "b":
        if not ahead + behind:  # NumPy counts what is not 0 without widening it
            return np.asarray(np.count_nonzero(flat), np.int64)
        flat = flat.view(np.uint8)
    matrices, rows, columns = prod(ahead), prod(x.shape[begin:end]), prod(behind)
    y = np.zeros(matrices * columns, np.int64)
    _sums(flat, y, rows, columns, threads_for(matrices, PACE * x.size))
    return y.reshape(ahead + behind)
