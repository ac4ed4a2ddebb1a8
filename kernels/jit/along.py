"""Reading, writing and adding at places along an axis, number by number.

Places count from the end where they are negative, as indices do. The loops look at each one before they use it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from ..types import Array
from .machine.compile import dense, inner, jit, threads_for

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


GO = 4096
"""Places that are looked at in one go."""


@inner()
def found_along(places: Array, size: int, side: int, first: int, least: int, found: Array) -> bool:
    """Whether all places exist; found: where they are in a line (size side,), for numbers that begin as the first-th of K side.

    least: the smallest place that is allowed, 0 or -size. They are written without a sign: what they index is not asked for
    negative ones.
    """
    fine = True
    if side == 1:
        for i in range(places.size):
            p = placed(places[i], size)
            fine &= (p >= 0) & (places[i] >= least)
            found[i] = max(p, 0)
    else:
        r = first % side
        for i in range(places.size):
            p = placed(places[i], size)
            fine &= (p >= 0) & (places[i] >= least)
            found[i] = max(p, 0) * side + r
            r = r + 1 if r + 1 < side else 0
    return fine


@inner(exact=True)
def take_row(x: Array, places: Array, y: Array) -> None:
    for i in range(places.size):
        y[i] = x[places[i]]


@inner(exact=True)
def add_to_row(x: Array, places: Array, y: Array) -> None:
    for i in range(places.size):
        y[places[i]] += x[i]


@inner(exact=True)
def put_row(x: Array, places: Array, y: Array) -> None:
    for i in range(places.size):
        y[places[i]] = x[i]


@jit()
def _add_along(gy: Array, places: Array, out: Array, side: int, wrong: Array, threads: int) -> None:
    """gy, places: (L, K side). out: (L, N side), zeros."""
    lines, count = gy.shape
    size = out.shape[1] // side
    wide = count > BLOCK * side and gy.itemsize < 8
    for t in prange(threads):
        total, found = np.zeros(out.shape[1] if wide else 0, np.float64), np.empty(min(count, GO), np.uint64)
        for n in range(t * lines // threads, (t + 1) * lines // threads):
            for lo in range(0, count, GO):
                hi = min(count, lo + GO)
                if not found_along(places[n, lo:hi], size, side, lo, -size, found):
                    wrong[t] = 1
                elif wide:
                    add_to_row(gy[n, lo:hi], found[: hi - lo], total)
                else:
                    add_to_row(gy[n, lo:hi], found[: hi - lo], out[n])
            if wide:
                copy_row(total, out[n])
                total[:] = 0


def add_along(gy: Array, places: Array, size: int) -> Array:
    """Zeros (L, size, R) to whose element (l, places[l, k, r], r) gy[l, k, r] is added. gy, places: (L, K, R)."""
    out = np.zeros((gy.shape[0], size, gy.shape[2]), gy.dtype)
    if gy.size:
        _along(_add_along, "add_along", size, places, dense(gy), out)
    return out


@jit()
def _put_along(x: Array, places: Array, values: Array, out: Array, side: int, wrong: Array, threads: int) -> None:
    """x, out: (L, N side). places, values: (L, K side)."""
    lines, count = values.shape
    size = x.shape[1] // side
    for t in prange(threads):
        found = np.empty(min(count, GO), np.uint64)
        for n in range(t * lines // threads, (t + 1) * lines // threads):
            copy_row(x[n], out[n])
            for lo in range(0, count, GO):
                hi = min(count, lo + GO)
                if found_along(places[n, lo:hi], size, side, lo, 0, found):
                    put_row(values[n, lo:hi], found[: hi - lo], out[n])
                else:
                    wrong[t] = 1


@inner(exact=True)
def taken_once(x: Array, places: Array, y: Array, met: Array) -> None:
    """From the last place to the first: what x has there, 0 for a place that was met already; then x is 0 there."""
    for k in range(places.size):
        i = places.size - 1 - k
        at = places[i]
        y[i] = 0 if met[at] else x[at]
        met[at] = True
        x[at] = 0


@jit()
def _put_along_grad(gy: Array, places: Array, gx: Array, gvalues: Array, side: int, wrong: Array, threads: int) -> None:
    """gy, gx: (L, N side). places, gvalues: (L, K side)."""
    lines, count = gvalues.shape
    size = gy.shape[1] // side
    for t in prange(threads):
        met, found = np.empty(gy.shape[1], np.bool_), np.empty(count, np.uint64)
        for n in range(t * lines // threads, (t + 1) * lines // threads):
            copy_row(gy[n], gx[n])
            met[:] = False
            if found_along(places[n], size, side, 0, 0, found):
                taken_once(gx[n], found, gvalues[n], met)
            else:
                wrong[t] = 1


def _along(kernel: Any, name: str, size: int, places: Array, *arrays: Array) -> None:
    """Call a kernel with arrays (L, N, R) or (L, K, R) as rows, the places behind the first. Raises IndexError."""
    lines, _, side = places.shape
    threads = threads_for(lines, 2.0 * places.size)
    wrong = np.zeros(threads, np.int8)
    first, *others = [a.reshape(lines, -1) for a in arrays]
    kernel(first, dense(places).reshape(lines, -1), *others, side, wrong, threads)
    if any(wrong.tolist()):
        raise IndexError(f"{name}: places run from {places.min()} to {places.max()}, the axis has size {size}")


def put_along(x: Array, places: Array, values: Array) -> Array:
    """x with values[l, k, r] at (l, places[l, k, r], r); the last one of equal places counts. x: (L, N, R). values: (L, K, R).

    Raises IndexError for places that are not from 0 to N - 1.
    """
    out = np.empty(x.shape, x.dtype)
    if not values.size:
        out[...] = x
    else:
        _along(_put_along, "put_along", x.shape[1], places, dense(x), dense(values), out)
    return out


def put_along_grad(gy: Array, places: Array) -> tuple[Array, Array]:
    """Its gradients."""
    gx, gvalues = np.empty(gy.shape, gy.dtype), np.empty(places.shape, gy.dtype)
    if not places.size:
        gx[...] = gy
    else:
        _along(_put_along_grad, "put_along_grad", gy.shape[1], places, dense(gy), gx, gvalues)
    return gx, gvalues


@jit()
def _take_along(x: Array, places: Array, out: Array, side: int, wrong: Array, threads: int) -> None:
    """x: (L, N side). places, out: (L, K side)."""
    lines, count = out.shape
    size = x.shape[1] // side
    for t in prange(threads):
        found = np.empty(min(count, GO), np.uint64)
        for n in range(t * lines // threads, (t + 1) * lines // threads):
            for lo in range(0, count, GO):
                hi = min(count, lo + GO)
                if found_along(places[n, lo:hi], size, side, lo, -size, found):
                    take_row(x[n], found[: hi - lo], out[n, lo:hi])
                else:
                    wrong[t] = 1


def take_along(x: Array, places: Array) -> Array:
    """x[l, places[l, k, r], r]. x: (L, N, R). places: (L, K, R)."""
    out = np.empty(places.shape, x.dtype)
    if out.size:
        _along(_take_along, "take_along_axis", x.shape[1], places, dense(x), out)
    return out
