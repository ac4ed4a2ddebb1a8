"""Running sums and products, a recurrence of first order, and the product of all others: one step after the other, in float64."""

from __future__ import annotations

from math import prod
from typing import Any

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


COLUMNS, ROWS = 64, 64
BLOCK = ROWS * COLUMNS
"""A line is cut into blocks that are read as matrices, its end filled up with ones. Any order of a line serves for the product of
all other numbers; so each column is gone down, and all columns of a block side by side."""

LEAST, MOST = 2.0**-150, 2.0**150
SMALL, LARGE = 2.0**-300, 2.0**300
"""A product that is not between the first two is multiplied by one of the others, which is counted: then products of many numbers
leave float64's range neither way. Products of two such, each times two numbers of float32, are within it too."""

FAR = 6
"""So many multiplications by SMALL or LARGE leave no product in range."""

STRANGE, SCALED, IN_RANGE, VANISHING = range(4)
"""What numbers or products of a block are like: for one line only; to be counted powers of; within range; nothing."""

NARROW, WIDE = 2.0**-149, 2.0**128
"""Between these lies every number of float32 but 0 and infinity. Lines with others go from the first number to the last."""


@inner(exact=True)
def others_in_line(x: Array, y: Array) -> None:
    """For each number of a line the product of those before it times that of those behind it."""
    count, before, after = x.size, 1.0, 1.0
    ahead, behind = np.empty(count, np.float64), np.empty(count, np.float64)
    for i in range(count):  # two chains of products at once
        ahead[i], behind[count - 1 - i] = before, after
        before *= x[i]
        after *= x[count - 1 - i]
    for i in range(count):
        y[i] = ahead[i] * behind[i]


@inner(exact=True)
def rescaled(product: float) -> Any:
    """By what a product is multiplied, and what that counts."""
    size = abs(product)
    return (LARGE if size < LEAST else SMALL if size > MOST else 1.0), (-1.0 if size < LEAST else 1.0 if size > MOST else 0.0)


@inner(exact=True)
def rescale(products: Array, powers: Array) -> None:
    """Bring products near 1; those of two more numbers are in range. powers: how often each was made smaller."""
    for r in range(products.size):
        factor, power = rescaled(products[r])
        products[r] *= factor
        powers[r] += power


@inner(exact=True)
def multiply(products: Array, x: Array) -> None:
    """A row times another; one result to a loop, so that it becomes vector code."""
    for r in range(products.size):
        products[r] *= x[r]


@inner(exact=True)
def add(powers: Array, others: Array) -> None:
    for r in range(powers.size):
        powers[r] += others[r]


@inner(exact=True)
def copy_row(source: Array, target: Array) -> None:
    for r in range(source.size):
        target[r] = source[r]


@inner(exact=True)
def others_in_block(x: Array, y: Array, before: Array, after: Array, ahead: Array) -> None:
    """For each number of the columns of a matrix the product of those before and behind it, all in range. before, after: the
    products that each column begins with, both overwritten. ahead: room for those of all rows."""
    for i in range(ROWS):
        for r in range(COLUMNS):
            ahead[i, r] = before[r]
            before[r] *= x[i, r]
    for i in range(ROWS - 1, -1, -1):
        for r in range(COLUMNS):
            y[i, r] = ahead[i, r] * after[r]
            after[r] *= x[i, r]


@inner(exact=True)
def scaled_others_in_block(x: Array, y: Array, before: Any, after: Any, held: Array) -> None:
    """The same where products have powers, which stand behind them."""
    products, powers, all_held, all_over = before[0], before[1], held[0], held[1]
    for i in range(ROWS):
        copy_row(products, all_held[i])
        copy_row(powers, all_over[i])
        multiply(products, x[i])
        if i % 2:
            rescale(products, powers)
    products, powers = after[0], after[1]
    for i in range(ROWS - 1, -1, -1):
        multiply(all_held[i], products)
        add(all_over[i], powers)
        multiply(products, x[i])
        if i % 2 == 0:
            rescale(products, powers)
        in_range(all_held[i], all_over[i])
        copy_row(all_held[i], y[i])


@inner(exact=True)
def kind_of_block(before: Array, after: Array, plain: bool) -> int:
    """Whether all products around a block are in range, or none of its own can come into range: all of them are 0."""
    near, none = 0, 0
    for r in range(COLUMNS):
        product, power = before[0, r] * after[0, r], before[1, r] + after[1, r]
        near += 1 if (before[1, r] == 0) & (after[1, r] == 0) else 0
        none += 1 if (power < -(FAR + ROWS)) & (abs(product) < LARGE) else 0
    return IN_RANGE if plain and near == COLUMNS else VANISHING if none == COLUMNS else SCALED


@inner(exact=True)
def in_range(products: Array, powers: Array) -> None:
    """Multiply products by the powers that they count."""
    below, beyond, zero = 0, 0, 0  # counted, since vectors have no smallest of floats that may be NaN
    for r in range(products.size):
        below += 1 if powers[r] <= -FAR else 0
        beyond += 1 if powers[r] >= FAR else 0
        zero += 1 if powers[r] == 0 else 0
    if below == products.size or beyond == products.size:  # all become 0 or infinite
        factor = SMALL**3 if below else LARGE**3
        for r in range(products.size):
            products[r] = products[r] * factor * factor
    elif zero < products.size:
        for _ in range(FAR):
            for r in range(products.size):
                products[r] *= LARGE if powers[r] > 0 else SMALL if powers[r] < 0 else 1.0
                powers[r] -= 1.0 if powers[r] > 0 else -1.0 if powers[r] < 0 else 0.0


@inner(exact=True)
def outside(numbers: Array, least: float, most: float) -> int:
    """How many numbers are not of a size between two; NaN is none of these."""
    found = 0
    for r in range(numbers.size):
        size = abs(numbers[r])
        found += 0 if (size >= least) & (size <= most) else 1
    return found


@inner(exact=True)
def strange(x: Array) -> bool:
    """Whether a row of float64 has numbers that float32 has not."""
    far = outside(x, NARROW, WIDE)
    if far:
        for v in x:
            far -= 1 if v == 0 or np.isnan(v) or np.isinf(v) else 0
    return far > 0


@inner(exact=True)
def products_of_block(x: Array, products: Array, powers: Array) -> int:
    """The product of each column of a matrix, and its power. Returns what its numbers are like."""
    products[:] = 1.0
    powers[:] = 0.0
    vague = 0
    for i in range(ROWS):
        multiply(products, x[i])
        if i % 4 == 3:  # in between, four numbers of float32 do not leave the range of float64
            vague += outside(products, SMALL, LARGE)
    if x.itemsize == 8:
        for i in range(ROWS):
            if strange(x[i]):
                return STRANGE
    if vague == 0 and outside(products, LEAST, MOST) == 0:
        return IN_RANGE
    products[:] = 1.0
    for i in range(ROWS):
        multiply(products, x[i])
        if i % 2:
            rescale(products, powers)
    return SCALED


@inner(exact=True)
def block_of(line: Array, k: int, room: Array) -> Array:
    """Block k of a line as a matrix; the last one's numbers are copied to a row."""
    rest = line[k * BLOCK : k * BLOCK + BLOCK]
    if rest.size == BLOCK:
        return rest.reshape(ROWS, COLUMNS)
    room[:] = 1
    room[: rest.size] = rest
    return room.reshape(ROWS, COLUMNS)


@jit()
def _others(x: Array, y: Array, threads: int) -> None:
    lines, _ = x.shape
    for t in prange(threads):
        for n in range(t * lines // threads, (t + 1) * lines // threads):
            others_in_line(x[n], y[n])


@jit()
def _products(x: Array, found: Array, kinds: Array, threads: int) -> None:
    """The products of all columns and their powers, and what the numbers of each block are like."""
    lines, blocks = kinds.shape
    for t in prange(threads):
        room = np.empty(BLOCK, x.dtype)
        for unit in range(t * lines * blocks // threads, (t + 1) * lines * blocks // threads):
            n, k = unit // blocks, unit % blocks
            kinds[n, k] = products_of_block(block_of(x[n], k, room), found[0, n, k], found[1, n, k])


@inner(exact=True)
def going(product: float, power: float, own: float, its: float) -> Any:
    """The next of running products, with its power."""
    product *= own
    size = abs(product)
    if size < LEAST:
        return product * LARGE, power + its - 1.0
    if size > MOST:
        return product * SMALL, power + its + 1.0
    return product, power + its


@jit()
def _around(own: Array, before: Array, after: Array, threads: int) -> None:
    """From the products of columns to those before and behind each, block by block; with powers."""
    _, lines, blocks, _ = own.shape
    count = blocks * COLUMNS
    for t in prange(threads):
        for n in range(t * lines // threads, (t + 1) * lines // threads):
            products, powers = own[0, n].reshape(count), own[1, n].reshape(count)
            ahead, its = before[0, n].reshape(count), before[1, n].reshape(count)
            behind, over = after[0, n].reshape(count), after[1, n].reshape(count)
            first, power, last, more = 1.0, 0.0, 1.0, 0.0
            for i in range(count):  # two chains of products at once
                j = count - 1 - i
                ahead[i], its[i], behind[j], over[j] = first, power, last, more
                first, power = going(first, power, products[i], powers[i])
                last, more = going(last, more, products[j], powers[j])


@jit()
def _others_of_blocks(x: Array, y: Array, before: Array, after: Array, kinds: Array, threads: int) -> None:
    lines, blocks = kinds.shape
    for t in prange(threads):
        held = np.empty((2, ROWS, COLUMNS), np.float64)
        given, found = np.empty(BLOCK, x.dtype), np.empty(BLOCK, x.dtype)
        for unit in range(t * lines * blocks // threads, (t + 1) * lines * blocks // threads):
            n, k = unit // blocks, unit % blocks
            if (kinds[n] == STRANGE).any():
                if k == 0:
                    others_in_line(x[n], y[n])
                continue
            kind = kind_of_block(before[:, n, k], after[:, n, k], kinds[n, k] == IN_RANGE)
            if kind == VANISHING:
                y[n, k * BLOCK : k * BLOCK + BLOCK] = 0
                continue
            whole = (k + 1) * BLOCK <= x.shape[1]
            filled = y[n, k * BLOCK : k * BLOCK + BLOCK] if whole else found
            matrix, answer = block_of(x[n], k, given), filled.reshape(ROWS, COLUMNS)
            if kind == IN_RANGE:
                others_in_block(matrix, answer, before[0, n, k], after[0, n, k], held[0])
            else:
                first, last = (before[0, n, k], before[1, n, k]), (after[0, n, k], after[1, n, k])
                scaled_others_in_block(matrix, answer, first, last, held)
            if not whole:
                y[n, k * BLOCK :] = found[: x.shape[1] - k * BLOCK]


def others(x: Array) -> Array:
    """For each element the product of all others in its row. x: (L, N)."""
    (lines, count), y = x.shape, np.empty(x.shape, x.dtype)
    x, blocks = dense(x), -(-count // BLOCK)
    if y.size and count < BLOCK:
        _others(x, y, threads_for(lines, STEP * x.size))
    elif y.size:
        (own, before, after), kinds = np.empty((3, 2, lines, blocks, COLUMNS), np.float64), np.empty((lines, blocks), np.int8)
        _products(x, own, kinds, threads_for(lines * blocks, 0.15 * STEP * x.size))
        _around(own, before, after, threads_for(lines, STEP * before.size))
        _others_of_blocks(x, y, before, after, kinds, threads_for(lines * blocks, 0.3 * STEP * x.size))
    return y
