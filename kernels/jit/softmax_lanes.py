"""Softmax and its relatives along another axis than the last: of the columns of matrices, of which an array holds many.

A strip of columns, of all rows, is done at once and stays in the cache. Nothing is turned round: neighbours in memory are the
lanes of vectors. Sums are carried in float64.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numba import prange

from ..types import Array
from .along import add_row
from .machine.compile import dense, inner, jit, threads_for
from .machine.vecmath import exp_all, log_all, maximum
from .machine.vector import as_row

STRIP = 8192
"""Numbers of a strip, about."""

LEAST = 16
"""Columns that a strip has, where there are as many."""

PACE = 1.2
"""Nanoseconds of one thread for a number."""


@inner(exact=True)
def _raise_to(top: Array, x: Array) -> None:
    for i in range(top.size):
        top[i] = maximum(top[i], x[i])


@inner(exact=True)
def _subtract(x: Array, top: Array, y: Array) -> None:
    for i in range(y.size):
        y[i] = x[i] - top[i]


@inner(exact=True)
def _add_products(total: Array, a: Array, b: Array) -> None:
    for i in range(total.size):
        total[i] += np.float64(a[i]) * b[i]


@inner(exact=True)
def _scale(x: Array, factor: Array, y: Array) -> None:
    for i in range(y.size):
        y[i] = x[i] * factor[i]


@inner(exact=True)
def _shift(x: Array, top: Array, log_sum: Array, y: Array) -> None:
    """In this order and in float64: next to a large number the logarithm would lose digits."""
    for i in range(y.size):
        y[i] = (np.float64(x[i]) - top[i]) - log_sum[i]


@inner(exact=True)
def _softmax_grad_row(gy: Array, y: Array, dot: Array, gx: Array) -> None:
    for i in range(gx.size):
        gx[i] = y[i] * (gy[i] - dot[i])


@inner(exact=True)
def _log_softmax_grad_row(gy: Array, p: Array, total: Array, gx: Array) -> None:
    for i in range(gx.size):
        gx[i] = gy[i] - p[i] * total[i]


@inner()
def _exp_sums(x: Array, space: int, top: Array, total: Array, block: Array) -> None:
    """block = exp(x - top), row by row; top: the largest of each column, total: the sum of what is in the block.

    x: from the first number of a strip on, whose rows are so far apart. block: (rows, columns), as one row.
    """
    n = top.size
    rows = block.size // n
    top[:] = x[:n]
    for c in range(1, rows):
        _raise_to(top, x[c * space : c * space + n])
    for c in range(rows):
        _subtract(x[c * space : c * space + n], top, block[c * n : (c + 1) * n])
    exp_all(block, block.size)
    total[:] = 0
    for c in range(rows):
        add_row(block[c * n : (c + 1) * n], total)


@jit()
def softmax_lanes(x: Array, y: Array, rows: int, space: int, width: int, threads: int) -> None:
    """Softmax of the columns of matrices (rows, space), of which x holds many; width: of a strip."""
    strips = (space + width - 1) // width
    units = x.size // (rows * space) * strips
    for t in prange(threads):
        block, room, total = np.empty(rows * width, x.dtype), np.empty(width, x.dtype), np.empty(width, np.float64)
        for u in range(t * units // threads, (t + 1) * units // threads):
            first = u % strips * width
            n, at = min(width, space - first), u // strips * rows * space + first
            top, whole = room[:n], total[:n]
            _exp_sums(x[at:], space, top, whole, block[: rows * n])
            for i in range(n):
                top[i] = 1.0 / whole[i]
            for c in range(rows):
                _scale(block[c * n : (c + 1) * n], top, y[at + c * space : at + c * space + n])


@jit()
def log_softmax_lanes(x: Array, y: Array, rows: int, space: int, width: int, threads: int) -> None:
    """Its logarithms."""
    strips = (space + width - 1) // width
    units = x.size // (rows * space) * strips
    for t in prange(threads):
        block, room, total = np.empty(rows * width, x.dtype), np.empty(width, x.dtype), np.empty(width, np.float64)
        sums, logs = np.empty(width, x.dtype), np.empty(width, x.dtype)
        for u in range(t * units // threads, (t + 1) * units // threads):
            first = u % strips * width
            n, at = min(width, space - first), u // strips * rows * space + first
            _exp_sums(x[at:], space, room[:n], total[:n], block[: rows * n])
            sums[:n] = total[:n]
            log_all(sums[:n], logs[:n])
            for c in range(rows):
                here = at + c * space
                _shift(x[here : here + n], room[:n], logs[:n], y[here : here + n])


@jit()
def softmax_grad_lanes(gy: Array, y: Array, gx: Array, rows: int, space: int, width: int, threads: int) -> None:
    """gx = y (gy - sum gy y)."""
    strips = (space + width - 1) // width
    units = y.size // (rows * space) * strips
    for t in prange(threads):
        total, dots = np.empty(width, np.float64), np.empty(width, y.dtype)
        for u in range(t * units // threads, (t + 1) * units // threads):
            first = u % strips * width
            n, at = min(width, space - first), u // strips * rows * space + first
            total[:] = 0
            for c in range(rows):
                here = at + c * space
                _add_products(total[:n], gy[here : here + n], y[here : here + n])
            dots[:] = total
            for c in range(rows):
                here = at + c * space
                _softmax_grad_row(gy[here : here + n], y[here : here + n], dots[:n], gx[here : here + n])


@jit()
def log_softmax_grad_lanes(gy: Array, y: Array, gx: Array, rows: int, space: int, width: int, threads: int) -> None:
    """gx = gy - exp(y) sum gy."""
    strips = (space + width - 1) // width
    units = y.size // (rows * space) * strips
    for t in prange(threads):
        block, total, sums = np.empty(rows * width, y.dtype), np.empty(width, np.float64), np.empty(width, y.dtype)
        for u in range(t * units // threads, (t + 1) * units // threads):
            first = u % strips * width
            n, at = min(width, space - first), u // strips * rows * space + first
            total[:] = 0
            for c in range(rows):
                here = at + c * space
                add_row(gy[here : here + n], total[:n])
                block[c * n : (c + 1) * n] = y[here : here + n]
            exp_all(block, rows * n)
            sums[:] = total
            for c in range(rows):
                here = at + c * space
                _log_softmax_grad_row(gy[here : here + n], block[c * n : (c + 1) * n], sums[:n], gx[here : here + n])


def by_lanes(kernel: Any, inputs: tuple[Array, ...], axis: int) -> Array:
    """Run kernel(*inputs, the result, rows, columns, width of a strip, threads) along an axis."""
    like = inputs[-1]
    out = np.empty(like.shape, like.dtype)
    if out.size:
        axis %= like.ndim
        rows, space = like.shape[axis], prod(like.shape[axis + 1 :])
        width = min(space, max(LEAST, STRIP // rows))
        units = out.size // (rows * space) * -(-space // width)
        kernel(*[as_row(dense(x)) for x in inputs], as_row(out), rows, space, width, threads_for(units, PACE * out.size))
    return out
