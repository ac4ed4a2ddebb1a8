"""Sums at places along an axis, the places of the largest elements, and what a namespace has for NumPy's indexing.

Places count from the end where they are negative, as indices do. The loops look at each one before they use it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from ..types import Array
from .machine.compile import dense, flat, inner, jit, threads_for

BLOCK = 32
"""Floats that are added one after the other in their own precision; more are added in float64."""


@inner()
def placed(place: int, size: int) -> int:
    """A place counted from the front; -1 for one that does not exist."""
    if place < 0:
        place += size
    return place if 0 <= place < size else -1


@inner(exact=True)
def add_row(source: Array, total: Array) -> None:
    for i in range(source.size):
        total[i] += source[i]


@inner(exact=True)
def copy_row(source: Array, target: Array) -> None:
    for i in range(source.size):
        target[i] = source[i]


@jit()
def _add_along(gy: Array, places: Array, out: Array, side: int, wrong: Array, threads: int) -> None:
    """gy, places: (L, K side). out: (L, N side), zeros."""
    lines, count = gy.shape
    size = out.shape[1] // side
    wide = count > BLOCK * side and gy.itemsize < 8
    for t in prange(threads):
        total = np.zeros(out.shape[1] if wide else 0, np.float64)
        for n in range(t * lines // threads, (t + 1) * lines // threads):
            r = 0
            for i in range(count):
                p = placed(places[n, i], size)
                if p < 0:
                    wrong[t] = 1
                elif wide:
                    total[p * side + r] += gy[n, i]
                else:
                    out[n, p * side + r] += gy[n, i]
                r = r + 1 if r + 1 < side else 0
            if wide:
                copy_row(total, out[n])
                total[:] = 0


def add_along(gy: Array, places: Array, size: int) -> Array:
    """Zeros (L, size, R) to whose element (l, places[l, k, r], r) gy[l, k, r] is added. gy, places: (L, K, R)."""
    out = np.zeros((gy.shape[0], size, gy.shape[2]), gy.dtype)
    if gy.size:
        lines, _, side = gy.shape
        threads = threads_for(lines, 2.0 * gy.size)
        wrong = np.zeros(threads, np.int8)
        _add_along(dense(gy).reshape(lines, -1), dense(places).reshape(lines, -1), out.reshape(lines, -1), side, wrong, threads)
        if wrong.any():
            raise IndexError(f"add_along: places run from {places.min()} to {places.max()}, the axis has size {size}")
    return out


@jit()
def _take_along(x: Array, places: Array, out: Array, side: int, wrong: Array, threads: int) -> None:
    """x: (L, N side). places, out: (L, K side)."""
    lines, count = out.shape
    size = x.shape[1] // side
    for t in prange(threads):
        for n in range(t * lines // threads, (t + 1) * lines // threads):
            r = 0
            for i in range(count):
                p = placed(places[n, i], size)
                if p < 0:
                    wrong[t] = 1
                else:
                    out[n, i] = x[n, p * side + r]
                r = r + 1 if r + 1 < side else 0


def take_along(x: Array, places: Array) -> Array:
    """x[l, places[l, k, r], r]. x: (L, N, R). places: (L, K, R)."""
    out = np.empty(places.shape, x.dtype)
    if out.size:
        lines, size, side = x.shape
        threads = threads_for(lines, 1.0 * out.size)
        wrong = np.zeros(threads, np.int8)
        _take_along(dense(x).reshape(lines, -1), dense(places).reshape(lines, -1), out.reshape(lines, -1), side, wrong, threads)
        if wrong.any():
            raise IndexError(f"take_along_axis: indices run from {places.min()} to {places.max()}, the axis has size {size}")
    return out


@jit(parallel=False)
def _add_rows(out: Array, ids: Array, updates: Array) -> Any:
    """updates[a, i] added to out[a, ids[i]], in order; whether a row does not exist, and then nothing is added."""
    parts, rows, width = out.shape
    if width == 1 and out.itemsize < 8 and ids.size > BLOCK:
        for a in range(parts):
            sums = np.zeros(rows, np.float64)
            for i in range(ids.size):
                p = placed(ids[i], rows)
                if p < 0:
                    return True
                sums[p] += updates[a, i, 0]
            for p in range(rows):
                out[a, p, 0] += sums[p]
        return False
    begins = np.zeros(rows + 1, np.int64)
    most = 0
    for i in range(ids.size):
        p = placed(ids[i], rows)
        if p < 0:
            return True
        begins[p + 1] += 1
        most = max(most, begins[p + 1])
    if most <= BLOCK or out.itemsize == 8:
        for a in range(parts):
            if width == 1:
                for i in range(ids.size):
                    out[a, placed(ids[i], rows), 0] += updates[a, i, 0]
            else:
                for i in range(ids.size):
                    add_row(updates[a, i], out[a, placed(ids[i], rows)])
        return False
    for p in range(rows):
        begins[p + 1] += begins[p]
    free, order = begins[:rows].copy(), np.empty(ids.size, np.int64)
    for i in range(ids.size):
        p = placed(ids[i], rows)
        order[free[p]] = i
        free[p] += 1
    total = np.empty(width, np.float64)
    for a in range(parts):
        for p in range(rows):
            if begins[p + 1] > begins[p]:
                copy_row(out[a, p], total)
                for i in range(begins[p], begins[p + 1]):
                    add_row(updates[a, order[i]], total)
                copy_row(total, out[a, p])
    return False


def add_rows(name: str, out: Array, ids: Array, updates: Array) -> Array:
    """out with updates[a, i] added to out[a, ids[i]]. out: (A, R, W), written. ids: (K,). updates: (A, K, W)."""
    if updates.size and _add_rows(out, flat(ids), dense(updates)):
        raise IndexError(f"{name}: indices must be in 0 ... {out.shape[1] - 1}, got {ids.min()} ... {ids.max()}")
    return out


@inner()
def comes_first(value: Any, other: Any, largest: bool) -> bool:
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
def _top_places(x: Array, out: Array, largest: bool, threads: int) -> None:
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
                out[n, i, r] = where[i]


FEW = 128
"""More elements than this are found by sorting all."""


def top_places(x: Array, k: int, largest: bool) -> Array:
    """Where the k largest (or smallest) of x are along its second axis, in order; of equal ones the first. x: (L, N, R)."""
    out = np.empty((x.shape[0], k, x.shape[2]), np.int64)
    if not out.size:
        return out
    if k > FEW:
        order = np.argsort(x, axis=1, kind="stable")
        if largest:
            order = np.flip(x.shape[1] - 1 - np.argsort(np.flip(x, axis=1), axis=1, kind="stable"), axis=1)
        out[...] = order[:, :k]
        return out
    _top_places(dense(x), out, largest, threads_for(x.shape[0] * x.shape[2], 2.0 * x.size))
    return out
