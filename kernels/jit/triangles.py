"""The triangles of matrices."""

from __future__ import annotations

import numpy as np
from numba import prange

from ..types import Array
from .along import copy_row
from .machine.compile import dense, jit, threads_for


@jit(flat=True)
def _triangle(x: Array, y: Array, rows: int, columns: int, k: int, lower: bool, threads: int) -> None:
    """The triangles of matrices, whose rows lie one after the other in x and y."""
    count = x.size // columns
    for t in prange(threads):
        for u in range(t * count // threads, (t + 1) * count // threads):
            at = u * columns
            cut = at + min(max(u % rows + k + lower, 0), columns)  # the lower triangle ends here, the upper begins
            if lower:
                copy_row(x[at:cut], y[at:cut])
                y[cut : at + columns] = 0
            else:
                y[at:cut] = 0
                copy_row(x[cut : at + columns], y[cut : at + columns])


def triangle(x: Array, k: int, lower: bool) -> Array:
    """The lower triangle up to diagonal k, or the upper one from it on. x: (..., M, N)."""
    y = np.empty(x.shape, x.dtype)
    if y.size:
        rows, columns = x.shape[-2:]
        _triangle(dense(x), y, rows, columns, k, lower, threads_for(x.size // columns, 0.3 * x.size))
    return y
