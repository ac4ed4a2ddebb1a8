"""Sums over axes that are not the last: what the gradients of biases and of all that was broadcast over rows are.

NumPy adds one row after the other to the result. Here GROUP rows at a time are added to a run of BLOCK rows, which stays in the
nearest cache, and runs are added in float64; in sums of float64 what rounding takes from these is kept (Knuth's two-sum). So the
error is that of a run for any number of rows. Threads share columns, so their number changes no bit.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numba import prange

from ..types import Array
from .machine.compile import dense, inner, jit, threads_for
from .machine.vector import add_to

GROUP, BLOCK = 8, 64

LANES = 1024
"""Numbers in a row that narrow rows are put together to."""

_WIDE = np.dtype(np.float64)

PACE = 0.06
"""Nanoseconds that one number takes."""


@inner(exact=True)
def _add_eight(run: Array, rows: Array, columns: int) -> None:
    """The sum of so many rows, each as long as the run, that begin so many columns one behind the other."""
    n = run.size
    a, b, c, d = rows[:n], rows[columns : columns + n], rows[2 * columns : 2 * columns + n], rows[3 * columns : 3 * columns + n]
    rows = rows[4 * columns :]
    e, f, g, h = rows[:n], rows[columns : columns + n], rows[2 * columns : 2 * columns + n], rows[3 * columns : 3 * columns + n]
    for i in range(n):
        run[i] += ((a[i] + b[i]) + (c[i] + d[i])) + ((e[i] + f[i]) + (g[i] + h[i]))


@inner(exact=True)
def _add_run(run: Array, total: Array, lost: Array) -> None:
    for i in range(run.size):
        s = total[i] + run[i]
        part = s - total[i]
        lost[i] += (total[i] - (s - part)) + (run[i] - part)
        total[i] = s


@inner(exact=True)
def _give(total: Array, lost: Array, count: float, y: Array) -> None:
    for i in range(y.size):
        whole = total[i] + lost[i]
        y[i] = (whole if total[i] - total[i] == 0 else total[i]) / count  # of what is infinite nothing is lost


@jit()
def _sums(x: Array, y: Array, rows: int, columns: int, count: float, threads: int) -> None:
    """The sums over the rows of each matrix. Threads share the columns of one matrix, or many matrices."""
    matrices = x.size // (rows * columns)
    for t in prange(threads):
        first, end, least, most = 0, columns, t * matrices // threads, (t + 1) * matrices // threads
        if matrices == 1:
            first, end, least, most = t * columns // threads, (t + 1) * columns // threads, 0, 1
        run, total, lost = np.empty(end - first, x.dtype), np.empty(end - first, np.float64), np.empty(end - first, np.float64)
        for m in range(least, most):
            total[:] = 0
            lost[:] = 0
            for begin in range(m * rows, (m + 1) * rows, BLOCK):
                stop = min(begin + BLOCK, (m + 1) * rows)
                run[:] = 0
                whole = begin + (stop - begin) // GROUP * GROUP
                for r in range(begin, whole, GROUP):
                    _add_eight(run, x[r * columns + first :], columns)
                for r in range(whole, stop):
                    add_to(run, x[r * columns + first : r * columns + end])
                _add_run(run, total, lost)
            _give(total, lost, count, y[m * columns + first : m * columns + end])


def sum_of_rows(x: Array, begin: int, end: int, count: float = 1.0) -> Array:
    """The sum over the axes begin ... end - 1, divided by a number.

    Parameters
    ----------
    x : ndarray
        Of float32 or float64, with elements.
    begin, end : int
        Which axes, the last one not among them.
    count : float
        What the sum is divided by.
    """
    ahead, shape = x.shape[:begin], x.shape[end:]
    row, columns = dense(x).reshape(-1), prod(shape)
    if prod(ahead) == 1:
        y: Array = _sum(row, columns, count, x.dtype)
    else:
        y = np.empty(prod(ahead) * columns, x.dtype)
        _sums(row, y, prod(x.shape[begin:end]), columns, count, threads_for(prod(ahead), PACE * x.size))
    return y.reshape(ahead + shape)


def _sum(x: Array, columns: int, count: float, dtype: Any) -> Array:
    rows = x.size // columns
    if 2 * columns <= LANES and rows > 2 * BLOCK:  # narrow rows: several of them are one
        several = min(LANES // columns, rows // 2)
        whole = rows // several * several * columns
        left = _sum(x[:whole], several * columns, 1.0, _WIDE)
        return _sum(np.concatenate([left, x[whole:]]) if whole < x.size else left, columns, count, dtype)
    y = np.empty(columns, dtype)
    _sums(x, y, rows, columns, count, threads_for(columns, PACE * x.size))
    return y
