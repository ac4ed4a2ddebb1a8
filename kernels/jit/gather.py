"""Rows at places, sums of them, the largest elements, and what a namespace has for NumPy's indexing.

Places count from the end where they are negative, as indices do. The loops look at each one before they use it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from ..types import Array
from .along import BLOCK, add_row, add_to_row, copy_row, found_along, placed, take_row
from .along import add_along as add_along
from .along import put_along as put_along
from .along import put_along_grad as put_along_grad
from .machine.compile import dense, flat, inner, jit, threads_for
from .weighted import weighted_places as weighted_places
from .weighted import weighted_places_grad as weighted_places_grad


@jit()
def _take_numbers(x: Array, ids: Array, y: Array, size: int, threads: int) -> bool:
    """x: rows of that size, y: rows of as many numbers as there are ids."""
    count = ids.size
    places = np.empty(count, np.uint64)
    if not found_along(ids, size, 1, 0, -size, places):
        return False
    rows = x.size // size
    for t in prange(threads):
        for n in range(t * rows // threads, (t + 1) * rows // threads):
            take_row(x[n * size : (n + 1) * size], places, y[n * count : (n + 1) * count])
    return True


def take_numbers(x: Array, ids: Array) -> Array | None:
    """x[..., ids]; None where a place does not exist. x: (..., N), of elements. ids: (K,)."""
    y = np.empty((*x.shape[:-1], ids.size), x.dtype)
    rows = x.size // x.shape[-1]
    if not _take_numbers(flat(dense(x)), flat(ids), flat(y), x.shape[-1], threads_for(rows, 0.4 * y.size)):
        return None
    return y


@inner()
def add_numbers(out: Array, ids: Array, updates: Array) -> bool:
    """updates[a, i] added to out[a, ids[i]] by way of sums in float64; whether all places exist."""
    for a in range(len(out)):
        sums = np.zeros(out.shape[1], np.float64)
        for i in range(ids.size):
            p = placed(ids[i], sums.size)
            if p < 0:
                return False
            sums[p] += updates[a, i, 0]
        for p in range(sums.size):
            out[a, p, 0] += sums[p]
    return True


@inner()
def add_in_order(out: Array, ids: Array, updates: Array, lo: int, hi: int) -> None:
    """To columns lo ... hi of the rows."""
    if out.shape[2] == 1:
        places = np.empty(ids.size, np.uint64)
        found_along(ids, out.shape[1], 1, 0, -out.shape[1], places)
        for a in range(len(out)):
            add_to_row(updates[a, :, 0], places, out[a, :, 0])
    else:
        for a in range(len(out)):
            for i in range(ids.size):
                add_row(updates[a, i, lo:hi], out[a, placed(ids[i], out.shape[1]), lo:hi])


@inner()
def in_groups(ids: Array, begins: Array, order: Array) -> None:
    """order: the numbers of the ids, those of each row together. begins: how many each row has, behind a 0; then their places."""
    rows = begins.size - 1
    for p in range(rows):
        begins[p + 1] += begins[p]
    free = begins[:rows].copy()
    for i in range(ids.size):
        p = placed(ids[i], rows)
        order[free[p]] = i
        free[p] += 1


@inner()
def add_by_row(out: Array, updates: Array, begins: Array, order: Array, lo: int, hi: int) -> None:
    """To columns lo ... hi, row by row, in float64."""
    total = np.empty(hi - lo, np.float64)
    for a in range(len(out)):
        for p in range(out.shape[1]):
            if begins[p + 1] > begins[p]:
                copy_row(out[a, p, lo:hi], total)
                for i in range(begins[p], begins[p + 1]):
                    add_row(updates[a, order[i], lo:hi], total)
                copy_row(total, out[a, p, lo:hi])


@jit()
def _add_rows(out: Array, ids: Array, updates: Array, threads: int) -> bool:
    """updates[a, i] added to out[a, ids[i]], in order; False, and nothing is added, where a row does not exist."""
    rows, width = out.shape[1:]
    if width == 1 and out.itemsize < 8 and ids.size > BLOCK:
        return add_numbers(out, ids, updates)
    begins, most = np.zeros(rows + 1, np.int64), 0
    for i in range(ids.size):
        p = placed(ids[i], rows)
        if p < 0:
            return False
        begins[p + 1] += 1
        most = max(most, begins[p + 1])
    grouped = most > BLOCK and out.itemsize < 8
    order = np.empty(ids.size if grouped else 0, np.int64)
    if grouped:
        in_groups(ids, begins, order)
    for t in prange(threads):
        lo, hi = t * width // threads, (t + 1) * width // threads
        if grouped:
            add_by_row(out, updates, begins, order, lo, hi)
        else:
            add_in_order(out, ids, updates, lo, hi)
    return True


COLUMNS = 32
"""Columns that a thread has at least: all threads go through all rows."""


def add_rows(name: str, out: Array, ids: Array, updates: Array) -> Array:
    """out with updates[a, i] added to out[a, ids[i]]. out: (A, R, W), written. ids: (K,). updates: (A, K, W)."""
    threads = threads_for(out.shape[2] // COLUMNS, 0.15 * updates.size)
    if updates.size and not _add_rows(out, flat(ids), dense(updates), threads):
        raise IndexError(f"{name}: indices must be in 0 ... {out.shape[1] - 1}, got {ids.min()} ... {ids.max()}")
    return out


@inner()
def comes_first(value: Any, other: Any, largest: bool) -> Any:
    """Whether a value comes before another: NaN counts as the largest."""
    if largest:
        return value > other or (value != value and other == other)
    return value < other or (other != other and value == value)


@inner()
def none_comes_first(values: Array, other: Any, largest: bool) -> bool:
    """False where one of the values may come before the other; quickly found."""
    some = False
    if largest:
        for i in range(values.size):
            some |= not values[i] <= other
    else:
        for i in range(values.size):
            some |= not values[i] >= other
    return not some


STRETCH = 32
"""Elements that are compared with the least of those chosen in one go."""


@jit()
def _top_k(x: Array, values: Array, out: Array, largest: bool, threads: int) -> None:
    lines, size, side = x.shape
    k = out.shape[1]
    for t in prange(threads):
        best, where, line = np.empty(k, x.dtype), np.empty(k, np.int64), np.empty(size, x.dtype)
        for u in range(t * lines * side // threads, (t + 1) * lines * side // threads):
            n, r = u // side, u % side
            for i in range(size):
                line[i] = x[n, i, r]
            held, i = 0, 0
            while i < size:
                if held == k and i + STRETCH <= size and none_comes_first(line[i : i + STRETCH], best[k - 1], largest):
                    i += STRETCH
                    continue
                for e in range(i, min(size, i + STRETCH)):
                    value = line[e]
                    if held < k:
                        held += 1
                    elif not comes_first(value, best[k - 1], largest):
                        continue
                    j = held - 1
                    while j and comes_first(value, best[j - 1], largest):
                        best[j], where[j] = best[j - 1], where[j - 1]
                        j -= 1
                    best[j], where[j] = value, e
                i += STRETCH
            for i in range(k):
                values[n, i, r], out[n, i, r] = best[i], where[i]


FEW = 128
"""More elements than this are found by sorting all."""


def top_k(x: Array, k: int, largest: bool) -> tuple[Array, Array]:
    """The k largest (or smallest) along the second axis, in order, and where they are; of equal ones the first. x: (L, N, R)."""
    shape = (x.shape[0], k, x.shape[2])
    places = np.empty(shape, np.int64)
    if k > FEW:
        order = np.argsort(x, axis=1, kind="stable")
        if largest:
            order = np.flip(x.shape[1] - 1 - np.argsort(np.flip(x, axis=1), axis=1, kind="stable"), axis=1)
        places[...] = order[:, :k]
        return np.take_along_axis(x, places, axis=1), places
    values = np.empty(shape, x.dtype)
    if values.size:
        _top_k(dense(x), values, places, largest, threads_for(x.shape[0] * x.shape[2], 2.0 * x.size))
    return values, places


@jit(parallel=False)
def _some(x: Array) -> int:
    count = 0
    for i in range(x.size):
        count += x[i] != 0
    return count


@jit(parallel=False)
def _nonzero(x: Array, places: Array) -> None:
    """The rows and columns of the elements of x (M, N) that are not 0; the last entry of places is spare."""
    rows, columns = x.shape
    k = 0
    for i in range(rows):
        for j in range(columns):
            places[0, k], places[1, k] = i, j
            k += x[i, j] != 0


def nonzero(x: Array) -> tuple[Array, ...]:
    """The places of what is not 0, one vector for each axis of x, which has one or two."""
    rows = dense(x) if x.ndim == 2 else dense(x).reshape(1, -1)
    count = _some(rows.reshape(-1))
    places = np.empty((2, count + 1), np.int64)
    _nonzero(rows, places)
    return (places[1, :count],) if x.ndim == 1 else (places[0, :count], places[1, :count])
