"""The order of numbers, and the different ones among integers.

NumPy sorts values many times faster than it finds their order. So what is sorted here to find an order is the values with their
places: a 64-bit number whose upper half orders as the float32 does, and whose lower half is the place. Equal values then
keep their order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from ..types import Array
from .machine.compile import dense, flat, inner, jit, threads_for

HALF = np.uint64(32)
LOW = np.uint64(0xFFFFFFFF)
SIGN = np.uint32(0x80000000)
LARGEST = np.uint32(0xFFFFFFFF)


@jit()
def _keys(x: Array, bits: Array, keys: Array, descending: bool, threads: int) -> None:
    rows, columns = x.shape
    for t in prange(threads):
        for n in range(t * rows // threads, (t + 1) * rows // threads):
            for i in range(columns):
                b = bits[n, i]
                key = ~b if b & SIGN else b | SIGN
                if x[n, i] == 0:
                    key = SIGN  # zeros of both signs are equal
                elif x[n, i] != x[n, i]:
                    key = LARGEST
                if descending:
                    key = ~key
                keys[n, i] = np.uint64(key) << HALF | np.uint64(i)


@jit()
def _places(keys: Array, order: Array, threads: int) -> None:
    for t in prange(threads):
        for i in range(t * keys.size // threads, (t + 1) * keys.size // threads):
            order[i] = np.int64(keys[i] & LOW)


def argsort(x: Array, axis: int, descending: bool) -> Array:
    """The order of float32 along an axis, counted from the front; equal ones keep theirs, and NaN is the largest."""
    moved = dense(np.moveaxis(x, axis, -1))
    rows = moved.reshape(-1, moved.shape[-1])
    keys = np.empty(rows.shape, np.uint64)
    _keys(rows, rows.view(np.uint32), keys, descending, threads_for(len(rows), 0.5 * x.size))
    keys.sort(axis=1)
    order = np.empty(moved.shape, np.int64)
    _places(keys.reshape(-1), order.reshape(-1), threads_for(x.size, 0.3 * x.size))
    return np.ascontiguousarray(np.moveaxis(order, -1, axis))


@jit(parallel=False)
def _counted(x: Array, low: int, counts: Array) -> int:
    """Count each number; how many different ones there are."""
    found = 0
    for i in range(x.size):
        place = x[i] - low
        found += counts[place] == 0
        counts[place] += 1
    return found


@jit(parallel=False)
def _listed(x: Array, low: int, counts: Array, values: Array, times: Array, inverse: Array) -> None:
    found = 0
    for place in range(counts.size):
        if counts[place]:
            values[found], times[found] = place + low, counts[place]
            counts[place] = found
            found += 1
    for i in range(inverse.size):
        inverse[i] = counts[x[i] - low]


SPREAD = 4
"""Integers are counted if they lie in a range at most so many times as long as there are of them."""


def different(x: Array, inverse: bool) -> tuple[Array, Array, Array] | None:
    """The different values of int64 in order, how often each is there, and (if asked for) which one each element is.

    None where the values lie too far apart.
    """
    row = flat(x)
    low: Any = int(row.min())
    extent = int(row.max()) - low + 1
    if extent > SPREAD * row.size + 64:
        return None
    counts = np.zeros(extent, np.int64)
    found = _counted(row, low, counts)
    values, times, which = np.empty(found, np.int64), np.empty(found, np.int64), np.empty(row.size if inverse else 0, np.int64)
    _listed(row, low, counts, values, times, which)
    return values, times, which.reshape(x.shape) if inverse else which


TOGETHER = 256
"""Numbers whose places are looked for together: they and their places stay in the first-level cache."""


@inner()
def is_before(a: Any, v: Any, right: bool) -> Any:
    """Whether v is to be inserted behind a: NaN is the largest."""
    if right:
        return a <= v or v != v
    return a < v or (v != v and a == a)


@inner()
def step_on(line: Array, x: Array, places: Array, step: int, right: bool) -> None:
    """Move each place on by `step` where the number is to be inserted behind those in between."""
    for i in range(x.size):
        places[i] += step * is_before(line[places[i] + step - 1], x[i], right)


@jit()
def _inserted(line: Array, x: Array, out: Array, right: bool, threads: int) -> None:
    for t in prange(threads):
        last = (t + 1) * x.size // threads
        for first in range(t * x.size // threads, last, TOGETHER):
            some = slice(first, min(first + TOGETHER, last))
            out[some] = 0
            count = line.size
            while count > 1:  # halves of one length for all numbers: no jump that a processor could guess wrong
                step_on(line, x[some], out[some], count >> 1, right)
                count -= count >> 1
            step_on(line, x[some], out[some], 1, right)


def searchsorted(line: Array, x: Array, right: bool) -> Array:
    """Where the numbers of x are to be inserted into a sorted line, before equal ones or (right) behind them."""
    out = np.empty(x.shape, np.int64)
    _inserted(dense(line), flat(x), out.reshape(-1), right, threads_for(x.size, 4.0 * x.size))
    return out
