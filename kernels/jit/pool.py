"""Two-dimensional pooling, one plane of one image after another, planes shared out to threads."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import prange

from ..geometry import PoolGeometry
from ..types import Array
from .compile import dense, inner, jit, thread_count
from .pool_pairs import largest_of_four
from .vector import as_row, clear


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
        kernel(as_row(dense(x)), as_row(y), as_row(index), sizes_of(g), thread_count(g.N * g.C))
    return y, index


def max_pool2d_scatter(gy: Array, index: Array, g: PoolGeometry) -> Array:
    """gx, zero but for each gy added at the place its output was taken from."""
    gx = np.empty(g.x_shape, gy.dtype)
    if gx.size:
        _scatter(dense(gy), dense(index), gx, sizes_of(g), thread_count(g.N * g.C))
    return gx


def max_pool2d_gather(x: Array, index: Array, g: PoolGeometry) -> Array:
    """x at index: the adjoint of max_pool2d_scatter."""
    y = np.empty(g.y_shape, x.dtype)
    if y.size:
        _gather(dense(x), dense(index), y, sizes_of(g), thread_count(g.N * g.C))
    return y


def avg_pool2d(x: Array, g: PoolGeometry) -> Array:
    """The mean of each window, over as many positions as g.counts says."""
    y = np.empty(g.y_shape, x.dtype)
    if y.size:
        _avg_pool(dense(x), y, *_shares(g, x), sizes_of(g), thread_count(g.N * g.C))
    return y


def avg_pool2d_input_grad(gy: Array, g: PoolGeometry) -> Array:
    """gx: the adjoint of avg_pool2d."""
    gx = np.empty(g.x_shape, gy.dtype)
    if gx.size:
        _avg_pool_input_grad(dense(gy), gx, *_shares(g, gy), sizes_of(g), thread_count(g.N * g.C))
    return gx


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


@jit()
def _max_pool_pairs(x: Array, y: Array, index: Array, s: Sizes, threads: int) -> None:
    for t in prange(threads):
        for plane in range(t * s.planes // threads, (t + 1) * s.planes // threads):
            largest_of_four(x, plane * s.H * s.W, s.W, s.OH, s.OW, y, index, plane * s.OH * s.OW)


@jit()
def _max_pool(x: Array, y: Array, places: Array, s: Sizes, threads: int) -> None:
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
                for i in range(s.KH):
                    row = top + i * s.DH
                    if row < 0 or row >= s.H:
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
def _scatter(gy: Array, index: Array, gx: Array, s: Sizes, threads: int) -> None:
    gf, places, out, area = gy.reshape(-1), index.reshape(-1), gx.reshape(-1), s.OH * s.OW
    for t in prange(threads):
        for plane in range(t * s.planes // threads, (t + 1) * s.planes // threads):
            target = out[plane * s.H * s.W : (plane + 1) * s.H * s.W]
            clear(target)
            for o in range(plane * area, (plane + 1) * area):
                target[places[o]] += gf[o]


@jit()
def _gather(x: Array, index: Array, y: Array, s: Sizes, threads: int) -> None:
    xf, places, out, area = x.reshape(-1), index.reshape(-1), y.reshape(-1), s.OH * s.OW
    for t in prange(threads):
        for plane in range(t * s.planes // threads, (t + 1) * s.planes // threads):
            source = xf[plane * s.H * s.W : (plane + 1) * s.H * s.W]
            for o in range(plane * area, (plane + 1) * area):
                out[o] = source[places[o]]


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
