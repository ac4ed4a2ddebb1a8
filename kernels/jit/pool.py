"""Two-dimensional pooling, one plane of one image after another, planes shared out to threads."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import prange

from ..geometry import PoolGeometry
from ..types import Array
from .compile import dense, inner, jit, thread_count
from .pool_pairs import largest_of_four
from .vecmath import maximum
from .vector import as_row, clear

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
        kernel(as_row(dense(x)), as_row(y), as_row(index), sizes_of(g), thread_count(g.N * g.C))
    return y, index


def max_pool2d_scatter(gy: Array, index: Array, g: PoolGeometry) -> Array:
    """gx, zero but for each gy added at the place its output was taken from."""
    gx, threads = np.empty(g.x_shape, gy.dtype), thread_count(g.N * g.C)
    if gx.size:
        wrong = np.zeros(threads, np.int64)
        _scatter(as_row(dense(gy)), as_row(dense(index)), as_row(gx), wrong, sizes_of(g), threads)
        _refuse("max_pool2d_scatter", wrong, index, g)
    return gx


def max_pool2d_gather(x: Array, index: Array, g: PoolGeometry) -> Array:
    """x at index: the adjoint of max_pool2d_scatter."""
    y, threads = np.empty(g.y_shape, x.dtype), thread_count(g.N * g.C)
    if y.size:
        wrong = np.zeros(threads, np.int64)
        _gather(as_row(dense(x)), as_row(dense(index)), as_row(y), wrong, sizes_of(g), threads)
        _refuse("max_pool2d_gather", wrong, index, g)
    return y


def _refuse(name: str, wrong: Array, index: Array, g: PoolGeometry) -> None:
    """Raise IndexError if some thread met places outside the plane, which it left out."""
    if wrong.any():
        raise IndexError(f"{name}: index runs from {index.min()} to {index.max()}, expected 0 ... {g.places - 1}")


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


@inner()
def in_window(place: int, top: int, left: int, s: Sizes) -> bool:
    """Whether a place of the plane is one that the window which begins at (top, left) looks at."""
    row, ahead = top, place - (top * s.W + left)
    for _ in range(1, s.KH):  # to the row of the window that the place can lie in: a division would take longer
        if left + ahead < s.W:  # a window may be wider than the plane, so its own width says nothing
            break
        row, ahead = row + s.DH, ahead - s.DH * s.W
    column = left + ahead
    inside = 0 <= ahead <= (s.KW - 1) * s.DW and 0 <= row < s.H and 0 <= column < s.W
    return inside and (s.DW == 1 or ahead % s.DW == 0)


@inner()
def strays(places: Array, first: int, s: Sizes) -> int:
    """How many places of a row of dense windows of up to three rows, all inside the plane, lie outside their windows.

    A loop of comparisons alone becomes vector code, where in_window() for each place took three times as long as the sums.
    """
    count = 0
    for ow in range(places.size):
        ahead = places[ow] - (first + ow * s.SW)
        inside = (ahead >= 0) & (ahead < s.KW)
        if s.KH > 1:
            inside |= (ahead >= s.W) & (ahead < s.W + s.KW)
        if s.KH > 2:
            inside |= (ahead >= 2 * s.W) & (ahead < 2 * s.W + s.KW)
        count += 0 if inside else 1
    return count


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
