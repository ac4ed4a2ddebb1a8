"""Pooling in one, two and three dimensions, planes shared out to threads. Loops over windows are in machine/pool_windows.py."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple, NoReturn

import numpy as np
from numba import prange

from ..geometry import PlaneGeometry, PoolGeometry, Windows
from ..types import Array
from .machine.compile import dense, inner, jit, threads_for
from .machine.norm_rows import sum_by_runs
from .machine.pool_pairs import largest_of_four
from .machine.pool_places import in_window, strays
from .machine.pool_volume import count, scatter_volumes
from .machine.pool_windows import largest_values, maxima, means, spread_means
from .machine.vector import as_row, clear
from .machine.views import Rows, Tail

NARROW, WIDE = np.empty(0, np.int32), np.empty(0, np.int64)
"""Dtypes of the places in a plane while its windows are searched."""


ROW_PACE = 0.1
"""Nanoseconds that a number takes which is summed or written in a row."""

NEAR = 4096
"""Numbers of planes that are cleared at a time, and still lie in the nearest cache when others are added to them."""


class Sizes(NamedTuple):
    """The integers of a two-dimensional pooling, as compiled code takes them."""

    planes: int
    H: int
    W: int
    OH: int
    OW: int
    KH: int
    KW: int
    SH: int
    SW: int
    DH: int
    DW: int
    top: int
    left: int


@lru_cache(maxsize=512)
def sizes_of(g: PoolGeometry) -> Sizes:
    """Of planes; one axis is two, of which the first has size 1."""
    if len(g.kernel) == 1:
        sizes = (g.in_shape, g.out_shape, g.kernel, g.stride, g.dilation)
        return Sizes._make([g.N * g.C, *[n for size in sizes for n in (1, *size)], 0, *g.pad_lo])
    return Sizes(g.N * g.C, *g.in_shape, *g.out_shape, *g.kernel, *g.stride, *g.dilation, *g.pad_lo)


def max_pool2d(x: Array, g: Windows) -> tuple[Array, Array]:
    """The largest value of each window and its flat index in the plane; of equals the first; NaN before all."""
    y, index = np.empty(g.y_shape, x.dtype), np.empty(g.y_shape, np.int64)
    if y.size:
        threads = _threads(g, y.size)
        if type(g) is PoolGeometry and g.pairs:
            _max_pool_pairs(dense(x), y, index, g.table, threads)
        else:
            like = NARROW if g.places < 1 << 31 else WIDE
            maxima(dense(x), y, index, g.table, like, threads)
    return y, index


max_pool3d = adaptive_max_pool = max_pool2d


def max_pool_values(x: Array, g: PoolGeometry) -> Array:
    """The largest value of each window; NaN if there is one."""
    if g.pairs:
        return max_pool2d(x, g)[0]
    y = np.empty(g.y_shape, x.dtype)
    if y.size:
        largest_values(dense(x), y, g.table, _threads(g, y.size))
    return y


def avg_pool2d(x: Array, g: Windows) -> Array:
    """The mean of each window, over as many positions as g.counts says."""
    y = np.empty(g.y_shape, x.dtype)
    if g.whole and x.size:
        _plane_means(as_row(dense(x)), as_row(y), threads_for(y.size, ROW_PACE * x.size))
    elif y.size:
        means(dense(x), y, g.table, _threads(g, y.size))
    return y


def avg_pool2d_input_grad(gy: Array, g: Windows) -> Array:
    """gx: the adjoint of avg_pool2d."""
    gx = np.empty(g.x_shape, gy.dtype)
    if g.whole and gx.size:
        _fill_planes(as_row(dense(gy)), as_row(gx), threads_for(gy.size, ROW_PACE * gx.size))
    elif gx.size:
        spread_means(dense(gy), gx, g.table, _threads(g, gy.size))
    return gx


@jit()
def _plane_means(x: Array, y: Array, threads: int) -> None:
    n = x.size // y.size
    for t in prange(threads):
        for plane in range(t * y.size // threads, (t + 1) * y.size // threads):
            y[plane] = sum_by_runs(x[plane * n : (plane + 1) * n]) / n


@jit()
def _fill_planes(gy: Array, gx: Array, threads: int) -> None:
    n = gx.size // gy.size
    for t in prange(threads):
        for plane in range(t * gy.size // threads, (t + 1) * gy.size // threads):
            gx[plane * n : (plane + 1) * n] = gy[plane] / n


avg_pool3d = adaptive_avg_pool = avg_pool2d
avg_pool3d_input_grad = adaptive_avg_pool_input_grad = avg_pool2d_input_grad


def _threads(g: Windows, outputs: int) -> int:
    """How many threads share planes: most of a window's positions are met in vectors."""
    return threads_for(g.N * g.C, outputs * (0.2 * g.taps + 0.5))


def max_pool2d_scatter(gy: Array, index: Array, g: PoolGeometry) -> Array:
    """gx, zero but for each gy added at the place its output was taken from."""
    gx = np.empty(g.x_shape, gy.dtype)
    if gx.size:
        s, threads = sizes_of(g), threads_for(g.N * g.C, 0.1 * gx.size + 2 * gy.size)
        given = as_row(dense(gy)), as_row(dense(index)), as_row(gx), s, threads
        if (not _near(s) or _scatter_near(*given)) and _scatter(*given):
            _refuse("max_pool2d_scatter", index, g)
    return gx


@lru_cache(maxsize=512)
def _near(s: Sizes) -> bool:
    """Whether windows are dense, of up to three rows, and all inside the plane."""
    inside = (s.OH - 1) * s.SH + s.KH <= s.H and (s.OW - 1) * s.SW + s.KW <= s.W
    return inside and s.top == s.left == 0 and s.DH == s.DW == 1 and s.KH <= 3


def max_pool3d_scatter(gy: Array, index: Array, g: PoolGeometry) -> Array:
    """gx, zero but for each gy added at the place its output was taken from."""
    gx = np.empty(g.x_shape, gy.dtype)
    if gx.size:
        threads = threads_for(g.N * g.C, 0.1 * gx.size + 5 * gy.size)
        if scatter_volumes(as_row(dense(gy)), as_row(dense(index)), as_row(gx), g.table, threads):
            _refuse("max_pool3d_scatter", index, g)
    return gx


def plane_scatter(gy: Array, index: Array, g: PlaneGeometry) -> Array:
    """gx, zero but for each gy added at its place in the plane."""
    gx = np.empty(g.x_shape, gy.dtype)
    if gx.size:
        threads = threads_for(g.N * g.C, 0.1 * gx.size + 0.5 * gy.size)
        if _put(dense(gy), dense(index), gx, g.table, threads):
            _refuse("plane_scatter", index, g)
    return gx


def max_pool2d_gather(x: Array, index: Array, g: Windows) -> Array:
    """x at index: the adjoint of max_pool2d_scatter."""
    y = np.empty(g.y_shape, x.dtype)
    if y.size:
        threads = threads_for(g.N * g.C, 0.5 * y.size)
        if _gather(dense(x), dense(index), y, g.table, threads):
            _refuse("max_pool2d_gather", index, g)
    return y


max_pool3d_gather = plane_gather = max_pool2d_gather


def _refuse(name: str, index: Array, g: Windows) -> NoReturn:
    """Raise IndexError for places outside the plane, which were left out."""
    raise IndexError(f"{name}: index runs from {index.min()} to {index.max()}, expected 0 ... {g.places - 1}")


@jit(flat=True)
def _max_pool_pairs(x: Array, y: Array, index: Array, table: Array, threads: int) -> None:
    planes, H, W, OH, OW = table[0], table[2], table[3], table[5], table[6]
    for t in prange(threads):
        for plane in range(t * planes // threads, (t + 1) * planes // threads):
            pixels, at = Rows(x, plane * H * W, W), plane * OH * OW
            largest_of_four(pixels, OH, OW, Tail(y, at), Tail(index, at))


@jit()
def _scatter_near(gy: Array, places: Array, gx: Array, s: Sizes, threads: int) -> int:
    """For dense windows of up to three rows, all inside the plane: in how many rows a place lies outside its window."""
    strange = np.zeros(threads, np.int64)
    for t in prange(threads):
        rows = 0
        for plane in range(t * s.planes // threads, (t + 1) * s.planes // threads):
            target = gx[plane * s.H * s.W : (plane + 1) * s.H * s.W]
            clear(target)
            for oh in range(s.OH):
                at = (plane * s.OH + oh) * s.OW
                if strays(places[at : at + s.OW], oh * s.SH * s.W, s) == 0:
                    for o in range(at, at + s.OW):
                        target[np.uint64(places[o])] += gy[o]
                else:
                    rows += 1
        strange[t] = rows
    return count(strange)


@jit()
def _scatter(gy: Array, places: Array, gx: Array, s: Sizes, threads: int) -> int:
    """How many places lie outside the plane. One outside its window gets nothing."""
    wrong = np.zeros(threads, np.int64)
    for t in prange(threads):
        beyond = 0
        for plane in range(t * s.planes // threads, (t + 1) * s.planes // threads):
            target = gx[plane * s.H * s.W : (plane + 1) * s.H * s.W]
            clear(target)
            for oh in range(s.OH):
                for ow in range(s.OW):
                    o = (plane * s.OH + oh) * s.OW + ow
                    place = places[o]
                    if place < 0 or place >= s.H * s.W:
                        beyond += 1
                    elif in_window(place, oh * s.SH - s.top, ow * s.SW - s.left, s):
                        target[place] += gy[o]
        wrong[t] = beyond
    return count(wrong)


@inner()
def _beyond(places: Array, size: int) -> int:
    """How many places lie outside a plane of this size."""
    found = 0
    for i in range(places.size):
        found += 1 if (places[i] < 0) | (places[i] >= size) else 0
    return found


@jit(flat=True)
def _put(gy: Array, places: Array, gx: Array, table: Array, threads: int) -> int:
    """How many places lie outside the plane; nothing is added near those. Numbers are added to planes just cleared."""
    wrong = np.zeros(threads, np.int64)
    planes, size, outputs = table[0], table[1] * table[2] * table[3], table[4] * table[5] * table[6]
    step = max(1, NEAR // size)
    for t in prange(threads):
        beyond, end = 0, (t + 1) * planes // threads
        for first in range(t * planes // threads, end, step):
            last = min(first + step, end)
            clear(gx[first * size : last * size])
            strange = _beyond(places[first * outputs : last * outputs], size)
            beyond += strange
            if strange == 0:
                for plane in range(first, last):
                    for o in range(plane * outputs, (plane + 1) * outputs):
                        gx[np.uint64(plane * size + places[np.uint64(o)])] += gy[np.uint64(o)]  # unsigned: see _gather
        wrong[t] = beyond
    return count(wrong)


@jit(flat=True)
def _gather(x: Array, places: Array, y: Array, table: Array, threads: int) -> int:
    """How many places lie outside the plane; a thread that meets such leaves its part of y as it is.

    Indices that can be negative count from the end, which is asked at each; unsigned ones cannot be, in half of the time.
    """
    wrong = np.zeros(threads, np.int64)
    planes, size, outputs = table[0], table[1] * table[2] * table[3], table[4] * table[5] * table[6]
    for t in prange(threads):
        first, last = t * planes // threads, (t + 1) * planes // threads
        wrong[t] = _beyond(places[first * outputs : last * outputs], size)
        if wrong[t] == 0:
            for plane in range(first, last):
                for o in range(plane * outputs, (plane + 1) * outputs):
                    y[np.uint64(o)] = x[np.uint64(plane * size + places[np.uint64(o)])]
    return count(wrong)
