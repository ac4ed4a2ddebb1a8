"""Rows of a table by number, and the sum of gradients back into the table.

The gradient first sorts the positions by row (a counting sort keeps their order), so that each row of the table belongs
to one thread and is summed in the order of the positions, in float64: the same bits for any number of threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from ..ranges import in_range
from ..totals import fits, taken
from ..types import Array
from .along import add_row, copy_row
from .machine.compile import dense, flat, inner, jit, thread_count
from .machine.prefetch import expect

GRAIN = 16384
"""Elements below which another thread does not pay."""

AHEAD = 8
"""How many rows before it is needed the next row is fetched."""

ZERO = np.float64(0)
_INT64 = np.dtype(np.int64)

FEW = 1 << 18
"""Elements up to which NumPy's take, which copies row by row on one thread, is faster than one thread here, and than two where
rows are shorter than WIDE."""

WIDE = 32
"""Elements of a row."""

NEAR = 1 << 19
"""Bytes of a table that stays in a core's cache."""


@inner(exact=True)
def sum_rows(gy: Array, order: Array, out: Array) -> None:
    """The sum of two or three rows of gy in this order; one pass, since most rows of a table come up a few times."""
    a, b = gy[order[0]], gy[order[1]]
    if order.size == 2:
        for i in range(out.size):
            out[i] = ZERO + a[i] + b[i]
        return
    c = gy[order[2]]
    for i in range(out.size):
        out[i] = ZERO + a[i] + b[i] + c[i]


@inner(exact=True)
def add_rows(gy: Array, order: Array, total: Array) -> None:
    """total += four rows of gy in this order."""
    a, b, c, d = gy[order[0]], gy[order[1]], gy[order[2]], gy[order[3]]
    for i in range(total.size):
        total[i] = total[i] + a[i] + b[i] + c[i] + d[i]


@jit()
def _gather(weight: Array, ids: Array, out: Array, threads: int) -> Any:
    """Returns how many ids lie outside the table; their rows are left as they are."""
    count, rows, size = ids.size, weight.shape[0], weight.shape[1] * weight.itemsize
    far = rows * size > NEAR
    beyond = np.zeros(threads, np.int64)
    for t in prange(threads):
        wrong = 0
        for i in range(t * count // threads, (t + 1) * count // threads):
            if far and i + AHEAD < count:
                expect(weight, ids[i + AHEAD] * size, size)
            row = ids[i]
            if 0 <= row < rows:
                copy_row(weight[row], out[i])
            else:
                wrong += 1
        beyond[t] = wrong
    return beyond.sum()


@jit(parallel=False)
def _sort_positions(ids: Array, rows: int) -> Any:
    """Positions ordered by row, and where each row's begin."""
    begins, order = np.zeros(rows + 1, np.int64), np.empty(ids.size, np.int64)
    for i in range(ids.size):
        begins[ids[i] + 1] += 1
    for r in range(rows):
        begins[r + 1] += begins[r]
    free = begins[:rows].copy()
    for i in range(ids.size):
        order[free[ids[i]]] = i
        free[ids[i]] += 1
    return order, begins


@jit()
def _sum_segments(gy: Array, order: Array, begins: Array, cuts: Array, out: Array, threads: int) -> None:
    size = gy.shape[1] * gy.itemsize
    for t in prange(threads):
        total = np.empty(out.shape[1], np.float64)
        for r in range(cuts[t], cuts[t + 1]):
            for i in range(begins[r] + AHEAD, min(begins[r + 1] + AHEAD, order.size)):
                expect(gy, order[i] * size, size)
            if begins[r + 1] == begins[r]:
                out[r, :] = 0
            elif begins[r + 1] == begins[r] + 1:
                copy_row(gy[order[begins[r]]], out[r])
            elif begins[r + 1] <= begins[r] + 3:
                sum_rows(gy, order[begins[r] : begins[r + 1]], out[r])
            else:
                total[:] = 0
                fours = begins[r] + (begins[r + 1] - begins[r]) // 4 * 4
                for i in range(begins[r], fours, 4):
                    add_rows(gy, order[i : i + 4], total)
                for i in range(fours, begins[r + 1]):
                    add_row(gy[order[i]], total)
                copy_row(total, out[r])


@jit(parallel=False)
def _add_segments(gy: Array, order: Array, begins: Array, total: Array) -> None:
    """The sums of _sum_segments added to the rows of a table."""
    row, sums = np.empty(total.shape[1], total.dtype), np.empty(total.shape[1], np.float64)
    for r in range(total.shape[0]):
        if begins[r + 1] == begins[r] + 1:
            add_row(gy[order[begins[r]]], total[r])
        elif begins[r + 1] > begins[r]:
            sums[:] = 0
            for i in range(begins[r], begins[r + 1]):
                add_row(gy[order[i]], sums)
            copy_row(sums, row)
            add_row(row, total[r])


def _whole(ids: Array) -> Array:
    return flat(ids if ids.dtype == _INT64 else ids.astype(np.int64))


def _checked(ids: Array, rows: int) -> Array:
    """The ids as int64; one outside the table would reach foreign memory."""
    ids = _whole(ids)
    if not in_range(ids, rows):
        raise IndexError(f"embedding: ids run from {ids.min()} to {ids.max()}, the table has rows 0 ... {rows - 1}")
    return ids


def embedding(weight: Array, ids: Array) -> Array:
    """weight[ids]. weight: (V, D). ids: integers of any shape. Returns (*ids, D)."""
    weight = dense(weight)
    rows, width = weight.shape
    threads = thread_count(ids.size * width // GRAIN)
    if ids.size * width <= FEW and (threads == 1 or width < WIDE):
        flat = _checked(ids, rows)
        return weight.take(ids if ids.dtype == flat.dtype else flat.reshape(ids.shape), 0)
    flat, out = _whole(ids), np.empty((*ids.shape, width), weight.dtype)
    if not out.size or _gather(weight, flat, out.reshape(-1, width), threads):
        _checked(flat, rows)
    return out


def embedding_grad(gy: Array, ids: Array, rows: int) -> Array:
    """Row r is the sum of gy where ids == r, in the order of the ids. gy: (*ids, D). Returns (rows, D)."""
    totals = taken("embedding_grad").totals
    gy, flat = dense(gy).reshape(ids.size, gy.shape[-1]), _checked(ids, rows)
    if totals and 0 < flat.size <= rows // 2 and fits(totals[0], (rows, gy.shape[1]), gy):
        _add_segments(gy, *_sort_positions(flat, rows), totals[0])
        return totals[0]
    out = np.empty((rows, gy.shape[1]), gy.dtype)
    if not flat.size:
        out.fill(0)
    elif out.size:
        order, begins = _sort_positions(flat, rows)
        threads = thread_count((out.size + gy.size) // GRAIN)
        work = begins + np.arange(rows + 1)  # a row costs its positions and one for itself
        cuts = np.searchsorted(work, np.arange(threads + 1) * work[-1] // threads)
        _sum_segments(gy, order, begins, cuts, out, threads)
    return out
