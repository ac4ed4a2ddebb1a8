"""Running sums and products, a recurrence of first order, and the product of all others: one step after the other, in float64."""

from __future__ import annotations

from math import prod

import numpy as np
from numba import prange

from ..types import Array
from .machine.compile import dense, inner, jit, threads_for

STEP = 1.0
"""Nanoseconds that one step takes: that of an addition whose argument is the last one's result."""


@inner()
def run_line(x: Array, y: Array, product: bool) -> None:
    """The running sum or product of a vector; y may begin with the number before the first."""
    total, first = 1.0 if product else 0.0, y.size - x.size
    if first:
        y[0] = total
    if product:
        for i in range(x.size):
            total *= x[i]
            y[first + i] = total
    else:
        for i in range(x.size):
            total += x[i]
            y[first + i] = total


@inner(exact=True)
def run_rows(x: Array, y: Array, total: Array, product: bool) -> None:
    """The same of many vectors side by side."""
    total[:] = 1.0 if product else 0.0
    first = y.shape[0] - x.shape[0]
    if first:
        y[0, :] = total[0]
    for i in range(x.shape[0]):
        if product:
            for r in range(total.size):
                total[r] *= x[i, r]
                y[first + i, r] = total[r]
        else:
            for r in range(total.size):
                total[r] += x[i, r]
                y[first + i, r] = total[r]


@jit()
def _running(x: Array, y: Array, product: bool, threads: int) -> None:
    lines, _, side = x.shape
    for t in prange(threads):
        total = np.empty(side, np.float64)
        for n in range(t * lines // threads, (t + 1) * lines // threads):
            if side == 1:
                run_line(x[n, :, 0], y[n, :, 0], product)
            else:
                run_rows(x[n], y[n], total, product)


def running(x: Array, axis: int, initial: bool, product: bool) -> Array:
    """The running sum or product of float32 or float64 along an axis, counted from the front."""
    shape = x.shape
    lines, count, side = prod(shape[:axis]), shape[axis], prod(shape[axis + 1 :])
    y = np.empty((lines, count + initial, side), x.dtype)
    if y.size:
        _running(dense(x).reshape(lines, count, side), y, product, threads_for(lines, STEP * x.size))
    return y.reshape(*shape[:axis], count + initial, *shape[axis + 1 :])


@jit()
def _recurrence(a: Array, b: Array, h: Array, threads: int) -> None:
    lines, count, side = a.shape
    for t in prange(threads):
        for n in range(t * lines // threads, (t + 1) * lines // threads):
            for r in range(side):
                last = np.float64(0.0)
                for i in range(count - 1, -1, -1):
                    last = a[n, i, r] + b[n, i, r] * last
                    h[n, i, r] = last


def recurrence(a: Array, b: Array) -> Array:
    """h[:, i] = a[:, i] + b[:, i] h[:, i + 1], from the last to the first, whose h[:, i + 1] is 0. a, b: (L, N, R)."""
    h = np.empty(a.shape, a.dtype)
    if h.size:
        _recurrence(dense(a), dense(b), h, threads_for(a.shape[0], 3 * STEP * a.size))
    return h


@jit()
def _others(x: Array, y: Array, threads: int) -> None:
    lines, count = x.shape
    for t in prange(threads):
        ahead, behind = np.empty(count, np.float64), np.empty(count, np.float64)
        for n in range(t * lines // threads, (t + 1) * lines // threads):
            before, after = 1.0, 1.0
            for i in range(count):  # two chains of products at once
                ahead[i], behind[count - 1 - i] = before, after
                before *= x[n, i]
                after *= x[n, count - 1 - i]
            for i in range(count):
                y[n, i] = ahead[i] * behind[i]


def others(x: Array) -> Array:
    """For each element the product of all others in its row. x: (L, N)."""
    y = np.empty(x.shape, x.dtype)
    if y.size:
        _others(dense(x), y, threads_for(x.shape[0], STEP * x.size))
    return y
