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


SMALLEST = 2.3e-308
"""Above the least float64 that has all its digits."""

COLUMNS, ROWS = 64, 64
BLOCK = ROWS * COLUMNS
"""A line is cut into blocks that are read as matrices. Any order of a line serves for the product of all other numbers, as long
as floats hold all products on the way; so each column is gone down, and all columns of a block side by side."""


@inner(exact=True)
def others_in_line(x: Array, y: Array, before: float, after: float) -> None:
    """For each number of a line the product of those before it, beginning with a number, times that of those behind it."""
    count = x.size
    ahead, behind = np.empty(count, np.float64), np.empty(count, np.float64)
    for i in range(count):  # two chains of products at once
        ahead[i], behind[count - 1 - i] = before, after
        before *= x[i]
        after *= x[count - 1 - i]
    for i in range(count):
        y[i] = ahead[i] * behind[i]


@inner(exact=True)
def others_in_block(x: Array, y: Array, before: Array, after: Array, ahead: Array) -> None:
    """The same of each column of a matrix; all but x is overwritten."""
    for i in range(ROWS):
        for r in range(COLUMNS):
            ahead[i, r] = before[r]
            before[r] *= x[i, r]
    for i in range(ROWS - 1, -1, -1):
        for r in range(COLUMNS):
            y[i, r] = ahead[i, r] * after[r]
            after[r] *= x[i, r]


@inner(exact=True)
def products_of_block(x: Array, products: Array) -> None:
    """The product of each column of a matrix."""
    products[:] = 1.0
    for i in range(ROWS):
        for r in range(COLUMNS):
            products[r] *= x[i, r]


@jit()
def _others(x: Array, y: Array, threads: int) -> None:
    lines, _ = x.shape
    for t in prange(threads):
        for n in range(t * lines // threads, (t + 1) * lines // threads):
            others_in_line(x[n], y[n], 1.0, 1.0)


@jit()
def _products(x: Array, products: Array, threads: int) -> None:
    lines, blocks, _ = products.shape
    for t in prange(threads):
        for unit in range(t * lines * blocks // threads, (t + 1) * lines * blocks // threads):
            n, k = unit // blocks, unit % blocks
            products_of_block(x[n][k * BLOCK : k * BLOCK + BLOCK].reshape(ROWS, COLUMNS), products[n, k])


@jit()
def _around(x: Array, before: Array, after: Array, ends: Array, threads: int) -> None:
    """From the products of columns, which `before` holds, to those before and behind each, block by block; ends: to that of all
    columns, NaN if any of these lost digits, for it is infinite or close to 0."""
    lines, blocks, _ = before.shape
    for t in prange(threads):
        for n in range(t * lines // threads, (t + 1) * lines // threads):
            first, last = 1.0, 1.0
            for v in x[n][blocks * BLOCK :]:
                last *= v
            usual = SMALLEST < abs(last) < np.inf
            ahead, behind = before[n].reshape(blocks * COLUMNS), after[n].reshape(blocks * COLUMNS)
            for i in range(ahead.size - 1, -1, -1):
                behind[i] = last
                usual &= SMALLEST < abs(ahead[i]) < np.inf
                last *= ahead[i]
                usual &= SMALLEST < abs(last) < np.inf
            for i in range(ahead.size):
                product = ahead[i]
                ahead[i] = first
                first *= product
                usual &= SMALLEST < abs(first) < np.inf
            ends[n] = first if usual else np.nan


@jit()
def _others_of_blocks(x: Array, y: Array, before: Array, after: Array, ends: Array, threads: int) -> None:
    lines, blocks, _ = before.shape
    units = lines * (blocks + 1)  # the last one of a line is what makes no whole block
    for t in prange(threads):
        ahead = np.empty((ROWS, COLUMNS), np.float64)
        for unit in range(t * units // threads, (t + 1) * units // threads):
            n, k = unit // (blocks + 1), unit % (blocks + 1)
            line, found = x[n], y[n]
            if np.isnan(ends[n]):  # from the first number to the last
                if k == 0:
                    others_in_line(line, found, 1.0, 1.0)
            elif k < blocks:
                block, filled = line[k * BLOCK : k * BLOCK + BLOCK], found[k * BLOCK : k * BLOCK + BLOCK]
                matrices = block.reshape(ROWS, COLUMNS), filled.reshape(ROWS, COLUMNS)
                others_in_block(matrices[0], matrices[1], before[n, k], after[n, k], ahead)
            else:
                others_in_line(line[k * BLOCK :], found[k * BLOCK :], ends[n], 1.0)


def others(x: Array) -> Array:
    """For each element the product of all others in its row. x: (L, N)."""
    (lines, count), y = x.shape, np.empty(x.shape, x.dtype)
    x, blocks = dense(x), count // BLOCK
    if y.size and not blocks:
        _others(x, y, threads_for(lines, STEP * x.size))
    elif y.size:
        (before, after), ends = np.empty((2, lines, blocks, COLUMNS), np.float64), np.empty(lines, np.float64)
        _products(x, before, threads_for(lines * blocks, 0.1 * STEP * x.size))
        _around(x, before, after, ends, threads_for(lines, 2 * STEP * before.size))
        _others_of_blocks(x, y, before, after, ends, threads_for(lines * (blocks + 1), 0.5 * STEP * x.size))
    return y
