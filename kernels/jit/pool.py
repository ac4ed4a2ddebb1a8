"""Two-dimensional pooling, one plane of one image after another, planes shared out to threads."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numba import prange

from ..geometry import PoolGeometry
from ..types import Array
from .machine.compile import dense, inner, jit, threads_for
from .machine.pool_pairs import largest_of_four
from .machine.pool_places import in_window, strays
from .machine.pool_volume import Axis, scatter_volumes
from .machine.vecmath import maximum
from .machine.vector import as_row, clear
from .machine.views import Rows, Tail

SMALL = 16
"""Positions of a window up to which it is searched by itself where windows lie two or more apart."""

FEW = 8
"""A window more than so many times as wide as there are outputs in a row is searched along itself, not across the outputs."""


class Sizes(NamedTuple):
    """The integers of a pooling, as compiled code takes them."""

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


def sizes_of(g: PoolGeometry) -> Sizes:
    return Sizes(g.N * g.C, *g.in_shape, *g.out_shape, *g.kernel, *g.stride, *g.dilation, *g.pad_lo)


def max_pool2d(x: Array, g: PoolGeometry) -> tuple[Array, Array]:
    """The largest value of each window and its flat index in the plane; of equals the first; NaN before all."""
    y, index = np.empty(g.y_shape, x.dtype), np.empty(g.y_shape, np.int64)
    if y.size:
        pairs = g.kernel == g.stride == (2, 2) and g.dilation == (1, 1) and not any(g.pad_lo + g.pad_hi)
        kernel = _max_pool_pairs if pairs else _max_pool
        cost = y.size * (0.5 if pairs else 0.5 * prod(g.kernel) + 1)
        kernel(as_row(dense(x)), as_row(y), as_row(index), sizes_of(g), threads_for(g.N * g.C, cost))
    return y, index


def max_pool2d_scatter(gy: Array, index: Array, g: PoolGeometry) -> Array:
    """gx, zero but for each gy added at the place its output was taken from."""
    gx = np.empty(g.x_shape, gy.dtype)
    threads = threads_for(g.N * g.C, 0.1 * gx.size + 2 * gy.size)
    if gx.size:
        wrong = np.zeros(threads, np.int64)
        _scatter(as_row(dense(gy)), as_row(dense(index)), as_row(gx), wrong, sizes_of(g), threads)
        _refuse("max_pool2d_scatter", wrong, index, g)
    return gx


def max_pool2d_gather(x: Array, index: Array, g: PoolGeometry) -> Array:
    """x at index: the adjoint of max_pool2d_scatter."""
    y = np.empty(g.y_shape, x.dtype)
    threads = threads_for(g.N * g.C, y.size)
    if y.size:
        wrong = np.zeros(threads, np.int64)
        _gather(as_row(dense(x)), as_row(dense(index)), as_row(y), wrong, sizes_of(g), threads)
        _refuse("max_pool2d_gather", wrong, index, g)
    return y


def max_pool3d(x: Array, g: PoolGeometry) -> tuple[Array, Array]:
    """max_pool2d for volumes: the largest of each plane's windows first, then the largest of those along the depth."""
    planes, depth = _in_turn(g)
    y, index = max_pool2d(x.reshape(planes.x_shape), planes)
    y, chosen = max_pool2d(y.reshape(depth.x_shape), depth)
    chosen = chosen.reshape(g.N, g.C, prod(g.out_shape))
    lines = prod(g.out_shape[1:])
    if chosen.size:
        places = np.take_along_axis(index.reshape(g.N, g.C, g.in_shape[0] * lines), chosen, 2)
        chosen = chosen // lines * prod(g.in_shape[1:]) + places
    return y.reshape(g.y_shape), chosen.reshape(g.y_shape)


@lru_cache(maxsize=512)
def _in_turn(g: PoolGeometry) -> tuple[PoolGeometry, PoolGeometry]:
    """Pooling of volumes as pooling of their planes and then of columns of what is left of each plane."""
    lines = prod(g.out_shape[1:])
    planes = PoolGeometry(
        g.N, g.C * g.in_shape[0], g.in_shape[1:], g.kernel[1:], g.stride[1:], g.dilation[1:], g.pad_lo[1:], g.pad_hi[1:],
        g.padding[1:], g.out_shape[1:], g.count_include_pad,
    )  # fmt: skip
    depth = PoolGeometry(
        g.N, g.C, (g.in_shape[0], lines), (g.kernel[0], 1), (g.stride[0], 1), (g.dilation[0], 1), (g.pad_lo[0], 0),
        (g.pad_hi[0], 0), (g.padding[0], 0), (g.out_shape[0], lines), g.count_include_pad,
    )  # fmt: skip
    return planes, depth


def max_pool3d_scatter(gy: Array, index: Array, g: PoolGeometry) -> Array:
    """gx, zero but for each gy added at the place its output was taken from."""
    gx = np.empty(g.x_shape, gy.dtype)
    threads = threads_for(g.N * g.C, 0.1 * gx.size + 10 * gy.size)
    if gx.size:
        wrong = np.zeros(threads, np.int64)
        axes = [Axis(*each) for each in zip(g.in_shape, g.out_shape, g.kernel, g.stride, g.dilation, g.pad_lo, strict=True)]
        scatter_volumes(as_row(dense(gy)), as_row(dense(index)), as_row(gx), wrong, *axes, threads)
        _refuse("max_pool3d_scatter", wrong, index, g)
    return gx


def max_pool3d_gather(x: Array, index: Array, g: PoolGeometry) -> Array:
    """x at index: the adjoint of max_pool3d_scatter."""
    (d, h, w), (od, oh, ow) = g.in_shape, g.out_shape
    flat = PoolGeometry(g.N, g.C, (d, h * w), (1, 1), (1, 1), (1, 1), (0, 0), (0, 0), (0, 0), (od, oh * ow))
    return max_pool2d_gather(x, index, flat).reshape(g.y_shape)


def avg_pool3d(x: Array, g: PoolGeometry) -> Array:
    """The mean of each window: along the planes, then along the depth."""
    planes, depth = _in_turn(g)
    return avg_pool2d(avg_pool2d(x.reshape(planes.x_shape), planes).reshape(depth.x_shape), depth).reshape(g.y_shape)


def avg_pool3d_input_grad(gy: Array, g: PoolGeometry) -> Array:
    """gx: the adjoint of avg_pool3d."""
    planes, depth = _in_turn(g)
    spread = avg_pool2d_input_grad(gy.reshape(depth.y_shape), depth)
    return avg_pool2d_input_grad(spread.reshape(planes.y_shape), planes).reshape(g.x_shape)


def _refuse(name: str, wrong: Array, index: Array, g: PoolGeometry) -> None:
    """Raise IndexError if some thread met places outside the plane, which it left out."""
    if wrong.any():
        raise IndexError(f"{name}: index runs from {index.min()} to {index.max()}, expected 0 ... {g.places - 1}")


def avg_pool2d(x: Array, g: PoolGeometry) -> Array:
    """The mean of each window, over as many positions as g.counts says."""
    y = np.empty(g.y_shape, x.dtype)
    if y.size:
        _avg_pool(dense(x), y, *_shares(g, x), sizes_of(g), threads_for(g.N * g.C, _average_cost(g)))
    return y


def avg_pool2d_input_grad(gy: Array, g: PoolGeometry) -> Array:
    """gx: the adjoint of avg_pool2d."""
    gx = np.empty(g.x_shape, gy.dtype)
    if gx.size:
        _avg_pool_input_grad(dense(gy), gx, *_shares(g, gy), sizes_of(g), threads_for(g.N * g.C, _average_cost(g)))
    return gx


def _average_cost(g: PoolGeometry) -> float:
    """Nanoseconds of one thread: rows are added in vectors, and the sums of windows one by one."""
    rows, columns = g.kernel
    return g.N * g.C * g.out_shape[0] * (0.1 * rows * g.in_shape[1] + (0.5 * columns + 1) * g.out_shape[1])


def _shares(g: PoolGeometry, like: Array) -> tuple[Array, Array]:
    """What the windows of each output row and of each output column divide by."""
    return np.array(g.counts(0), like.dtype), np.array(g.counts(1), like.dtype)


@inner()
def ceil_div(a: int, b: int) -> int:
    return (a + b - 1) // b


@inner()
def outputs_of(tap: int, stride: int, size: int, outputs: int) -> tuple[int, int]:
    """The outputs o for which position o stride + tap lies within 0 ... size - 1, as a range."""
    low = max(0, ceil_div(-tap, stride))
    return low, max(low, min(outputs, ceil_div(size - tap, stride)))


@inner()
def keep_larger(best: Array, place: Array, x: Array, start: int, stride: int) -> None:
    """Where x[stride o] beats best[o], put it there and its place start + stride o beside it. The first NaN stays."""
    for o in range(best.size):
        value, held = x[stride * o], best[o]
        better = (value > held) | ((value != value) & (held == held))
        best[o] = value if better else held
        place[o] = start + stride * o if better else place[o]


@inner()
def largest(x: Array) -> Any:
    """Largest element of a row, NaN if there is one."""
    m = x[0]
    for i in range(x.size):
        m = maximum(m, x[i])
    return m


@inner()
def keep_largest(best: Array, place: Array, x: Array, start: int, step: int) -> None:
    """If some x[step j] beats best[0], the first of the largest takes its place, whose number is start + step j."""
    held = top = best[0]
    if held != held:
        return
    if step == 1:  # a pass in vectors says whether there is anything to look for
        top = largest(x)
        if not top > held and top == top:
            return
    for j in range(0, x.size, step):
        value = x[j]
        if value > best[0] or value != value:
            best[0], place[0] = value, start + j
            if value != value or (step == 1 and value == top):
                return


@jit()
def _max_pool_pairs(x: Array, y: Array, index: Array, s: Sizes, threads: int) -> None:
    for t in prange(threads):
        for plane in range(t * s.planes // threads, (t + 1) * s.planes // threads):
            pixels, at = Rows(x, plane * s.H * s.W, s.W), plane * s.OH * s.OW
            largest_of_four(pixels, s.OH, s.OW, Tail(y, at), Tail(index, at))


@inner()
def choose_row(best: Array, place: Array, x: Array, top: int, s: Sizes) -> None:
    """A row of outputs whose windows are small and lie inside the plane x: one window after the other."""
    for ow in range(best.size):
        first = top * s.W + ow * s.SW
        held, spot = x[first], first
        for i in range(s.KH):
            for j in range(s.KW):
                at = first + i * s.DH * s.W + j * s.DW
                value = x[at]
                better = (value > held) | ((value != value) & (held == held))
                held, spot = value if better else held, at if better else spot
        best[ow], place[ow] = held, spot


@jit()
def _max_pool(x: Array, y: Array, places: Array, s: Sizes, threads: int) -> None:
    rows, columns = (s.OH - 1) * s.SH + (s.KH - 1) * s.DH + 1, (s.OW - 1) * s.SW + (s.KW - 1) * s.DW + 1
    plain = s.top == 0 and s.left == 0 and rows <= s.H and columns <= s.W and s.KH * s.KW <= SMALL
    for t in prange(threads):
        for plane in range(t * s.planes // threads, (t + 1) * s.planes // threads):
            image = plane * s.H * s.W
            for oh in range(s.OH):
                at = (plane * s.OH + oh) * s.OW
                top = oh * s.SH - s.top
                first_row = top + max(0, ceil_div(-top, s.DH)) * s.DH
                for ow in range(s.OW):  # begin with the first pixel of the window, whatever its value
                    left = ow * s.SW - s.left
                    place = first_row * s.W + left + max(0, ceil_div(-left, s.DW)) * s.DW
                    places[at + ow] = place
                    y[at + ow] = x[image + place]
                if plain and s.SW > 1:
                    choose_row(y[at : at + s.OW], places[at : at + s.OW], x[image : image + s.H * s.W], top, s)
                    continue
                for i in range(s.KH):
                    row = top + i * s.DH
                    if row < 0 or row >= s.H:
                        continue
                    if s.KW > FEW * s.OW:
                        for ow in range(s.OW):
                            left = ow * s.SW - s.left
                            first, last = max(0, ceil_div(-left, s.DW)), min(s.KW, ceil_div(s.W - left, s.DW))
                            if first < last:
                                begin = row * s.W + left + first * s.DW
                                part = x[image + begin : image + begin + (last - first - 1) * s.DW + 1]
                                keep_largest(y[at + ow :], places[at + ow :], part, begin, s.DW)
                        continue
                    for j in range(s.KW):
                        tap = j * s.DW - s.left
                        lo, hi = outputs_of(tap, s.SW, s.W, s.OW)
                        start = row * s.W + lo * s.SW + tap
                        best, place_row = y[at + lo : at + hi], places[at + lo : at + hi]
                        if s.SW == 1:  # constant strides vectorise
                            keep_larger(best, place_row, x[image + start :], start, 1)
                        elif s.SW == 2:
                            keep_larger(best, place_row, x[image + start :], start, 2)
                        else:
                            keep_larger(best, place_row, x[image + start :], start, s.SW)


@jit()
def _scatter(gy: Array, places: Array, gx: Array, wrong: Array, s: Sizes, threads: int) -> None:
    """wrong: for each thread, how many places lie outside the plane. One outside its window gets nothing."""
    rows, columns = (s.OH - 1) * s.SH + s.KH, (s.OW - 1) * s.SW + s.KW
    plain = s.top == 0 and s.left == 0 and s.DH == 1 and s.DW == 1 and s.KH <= 3 and rows <= s.H and columns <= s.W
    for t in prange(threads):
        beyond = 0
        for plane in range(t * s.planes // threads, (t + 1) * s.planes // threads):
            target = gx[plane * s.H * s.W : (plane + 1) * s.H * s.W]
            clear(target)
            for oh in range(s.OH):
                at = (plane * s.OH + oh) * s.OW
                if plain and strays(places[at : at + s.OW], oh * s.SH * s.W, s) == 0:
                    for o in range(at, at + s.OW):
                        target[places[o]] += gy[o]
                    continue
                for ow in range(s.OW):
                    o = at + ow
                    place = places[o]
                    if place < 0 or place >= s.H * s.W:
                        beyond += 1
                    elif in_window(place, oh * s.SH - s.top, ow * s.SW - s.left, s):
                        target[place] += gy[o]
        wrong[t] = beyond


@jit()
def _gather(x: Array, places: Array, y: Array, wrong: Array, s: Sizes, threads: int) -> None:
    area = s.OH * s.OW
    for t in prange(threads):
        beyond = 0
        for plane in range(t * s.planes // threads, (t + 1) * s.planes // threads):
            source = x[plane * s.H * s.W : (plane + 1) * s.H * s.W]
            for o in range(plane * area, (plane + 1) * area):
                place = places[o]
                if place < 0 or place >= s.H * s.W:
                    beyond += 1
                else:
                    y[o] = source[place]
        wrong[t] = beyond


@inner()
def add_row(total: Array, x: Array) -> None:
    for i in range(total.size):
        total[i] += x[i]


@jit()
def _avg_pool(x: Array, y: Array, row_shares: Array, col_shares: Array, s: Sizes, threads: int) -> None:
    """Sum the rows of a window first, which vectorises whatever the window's width, then along the row of sums."""
    xf, yf = x.reshape(-1), y.reshape(-1)
    for t in prange(threads):
        sums = np.empty(s.W, x.dtype)
        for plane in range(t * s.planes // threads, (t + 1) * s.planes // threads):
            for oh in range(s.OH):
                clear(sums)
                for i in range(s.KH):
                    row = oh * s.SH - s.top + i * s.DH
                    if 0 <= row < s.H:
                        at = (plane * s.H + row) * s.W
                        add_row(sums, xf[at : at + s.W])
                for ow in range(s.OW):
                    total = x.dtype.type(0)
                    for j in range(s.KW):
                        column = ow * s.SW - s.left + j * s.DW
                        if 0 <= column < s.W:
                            total += sums[column]
                    yf[(plane * s.OH + oh) * s.OW + ow] = total / (row_shares[oh] * col_shares[ow])


@jit()
def _avg_pool_input_grad(gy: Array, gx: Array, row_shares: Array, col_shares: Array, s: Sizes, threads: int) -> None:
    gf, out = gy.reshape(-1), gx.reshape(-1)
    for t in prange(threads):
        spread = np.empty(s.W, gy.dtype)
        for plane in range(t * s.planes // threads, (t + 1) * s.planes // threads):
            clear(out[plane * s.H * s.W : (plane + 1) * s.H * s.W])
            for oh in range(s.OH):
                clear(spread)
                for ow in range(s.OW):
                    share = gf[(plane * s.OH + oh) * s.OW + ow] / (row_shares[oh] * col_shares[ow])
                    for j in range(s.KW):
                        column = ow * s.SW - s.left + j * s.DW
                        if 0 <= column < s.W:
                            spread[column] += share
                for i in range(s.KH):
                    row = oh * s.SH - s.top + i * s.DH
                    if 0 <= row < s.H:
                        at = (plane * s.H + row) * s.W
                        add_row(out[at : at + s.W], spread)
