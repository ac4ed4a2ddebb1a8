"""The triangles of matrices."""

from __future__ import annotations

from math import prod

import numpy as np
from numba import prange

from ..types import Array
from .gather import copy_row
from .machine.compile import dense, jit, threads_for


@jit()
def _triangle(x: Array, y: Array, k: int, lower: bool, threads: int) -> None:
    lead, rows, columns = x.shape
    count = lead * rows
    for t in prange(threads):
        for u in range(t * count // threads, (t + 1) * count // threads):
            n, i = u // rows, u % rows
            cut = min(max(i + k + lower, 0), columns)  # the lower triangle ends here, the upper begins
            if lower:
                copy_row(x[n, i, :cut], y[n, i, :cut])
                y[n, i, cut:] = 0
            else:
                y[n, i, :cut] = 0
                copy_row(x[n, i, cut:], y[n, i, cut:])


def triangle(x: Array, k: int, lower: bool) -> Array:
    """The lower triangle up to diagonal k, or the upper one from it on. x: (..., M, N)."""
    shape = x.shape
    stack = (1, *shape) if len(shape) == 2 else (prod(shape[:-2]), *shape[-2:])
    y = np.empty(stack, x.dtype)
    if y.size:
        _triangle(dense(x).reshape(stack), y, k, lower, threads_for(stack[0] * stack[1], 0.3 * x.size))
    return y.reshape(shape)
