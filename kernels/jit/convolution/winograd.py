"""Convolutions by Winograd's minimal filtering F(m x m, r x r): (m + r - 1)^2 products in place of (m r)^2, 36 of 144 for 3 x 3.

Y = A^T [ (G w G^T) * (B^T d B) ] A  for each patch d of the input, giving m x m outputs. Summed over channels, the product in
brackets is independent matrix products, one for each point, for which the tiles of matrix products serve. Channels lie in the
lanes of vectors: the transforms move no lanes, and only patches at the border of an image are in part for nothing.

For normal numbers in float32 and 3 x 3 filters, the largest error is about 1e-6 of the largest result for 16 channels, 1.6e-6 for
64 and 2.7e-6 for 256, against 0.6 of that where the definition's products are summed one by one; for the other filters, as large
or smaller. A number that is much larger than its neighbours reaches all outputs of its patches by rounding, those too that the
definition keeps apart from it; and integers give no integers.

Source: A. Lavin, S. Gray, Fast Algorithms for Convolutional Neural Networks, CVPR 2016.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from ...geometry import ConvGeometry
from ...types import Array
from ..machine.compile import inner, jit, threads_for
from ..machine.kept import KEPT
from ..machine.vector import VECTOR_BYTES, as_row, lanes_of
from ..machine.views import Matrix, Panel, Rows, Tail
from .panel_plan import panel_vectors
from .winograd_lanes import from_lanes, strip_to_lanes, to_lanes
from .winograd_plan import FEW_IMAGES, filters_apart, form_of, images_apart, images_together, padding_of, phases_of, strided
from .winograd_products import ROWS_OVER, product
from .winograd_transform import filters, outputs, outputs_checked, patches

SPEED = 100.0
"""Products in a nanosecond of one thread, before filtering."""

RUN = 8
"""Patches of one row that are transformed together: their vectors stay in the first-level cache."""

TOGETHER = 96
"""Patches in one unit of work: for each unit the transformed filters are read once."""

APART = 16
"""Elements between the values of all patches at two points: their streams must not share a set of the cache."""


def forward(x: Array, w: Array, g: ConvGeometry, bias: Array) -> Array | None:
    """y, or None if it is not all finite.

    The transforms mix the pixels of a patch, so one infinite pixel can spoil neighbours that the definition leaves
    alone; the caller then takes the direct kernel.
    """
    y = np.empty(g.y_shape, x.dtype)
    return _run(images_apart(x, g), w, bias, g, False, y)


def input_grad(gy: Array, w: Array, g: ConvGeometry) -> Array | None:
    """gx, or None if it is not all finite: the same convolution of gy with turned filters."""
    lanes, shape = VECTOR_BYTES // gy.itemsize, g.x_shape
    if strided(g):
        shape = (*phases_of(g).columns_shape[:2], *phases_of(g).out_shape)
    bias = np.zeros(-(-shape[1] // lanes) * lanes, gy.dtype)
    gx = _run(gy, w, bias, g, True, np.empty(shape, gy.dtype))
    return gx if gx is None else images_together(gx, g)


def _run(x: Array, w: Array, bias: Array, g: ConvGeometry, turned: bool, y: Array) -> Array | None:
    f: Any = form_of(g)
    pad = padding_of(g)
    if turned:
        pad = (f.taps - 1 - pad[0], f.taps - 1 - pad[1])
    channels, (images, outputs, rows, columns) = x.shape[1], y.shape
    vectors = panel_vectors(outputs, x.itemsize)
    runs = images * -(-rows // f.out) * -(-columns // (f.out * RUN))
    threads = threads_for(runs, g.macs / SPEED)

    def transformed() -> Array:
        width, points = vectors * VECTOR_BYTES // x.itemsize, f.side**2
        blocks = -(-outputs // width)
        u = (np.zeros if outputs % width else np.empty)(points * (blocks * channels * width + APART), x.dtype)
        apart = as_row(filters_apart(w, g, f.taps))
        _transformed(f, apart, u, turned, outputs, channels, vectors, threads_for(blocks * vectors, 5.0 * apart.size))
        return u

    kind = ("winograd", turned, f.taps, g.stride)
    u = KEPT.get(w, kind, transformed) if images <= FEW_IMAGES else transformed()
    spoilt = np.zeros((threads, 128), np.int8)
    _winograd(f, x, u, bias, y, (*pad, vectors), spoilt, threads)
    return None if spoilt.any() else y


@jit()
def _transformed(f: Any, w: Array, u: Array, turned: bool, outputs: int, channels: int, vectors: int, threads: int) -> None:
    """u[point, block, c] = (G w G^T)[point] of a panel of filters. turned: K and C swap roles, taps are rotated."""
    lanes = lanes_of(w)
    width = vectors * lanes
    blocks = (outputs + width - 1) // width
    units, step, area = (outputs + lanes - 1) // lanes, blocks * channels * width + APART, f.taps * f.taps
    for t in prange(threads):
        spare, strip = np.zeros(lanes * lanes, w.dtype), np.zeros((area + lanes) * lanes, w.dtype)
        half = np.empty(f.side * f.taps * lanes, w.dtype)
        for unit in range(t * units // threads, (t + 1) * units // threads):
            block, some = unit // vectors, min(lanes, outputs - unit * lanes)
            for c in range(channels):
                first = (c * outputs + unit * lanes) * area if turned else (unit * lanes * channels + c) * area
                to_lanes(Tail(strip, 0), Rows(w, first, area if turned else channels * area), some, area, spare)
                start, tap = ((area - 1) * lanes, -lanes) if turned else (0, lanes)
                at = (block * channels + c) * width + unit % vectors * lanes
                filters(f, Rows(strip, start, f.taps * tap), Rows(half, 0, f.taps * lanes), f.taps, tap, lanes)
                filters(f, Rows(half, 0, lanes), Rows(u, at, step), f.side, f.taps * lanes, f.side * step)


@inner()
def runs_of(f: Any, columns: int) -> tuple[int, int]:
    """The patches side by side in an image, and into how many runs they are divided."""
    across = (columns + f.out - 1) // f.out
    return across, (across + RUN - 1) // RUN


@inner()
def place_of(run: int, across: int, runs: int, down: int) -> tuple[int, int, int, int]:
    """Of a run of patches: its image, its row of patches, its first patch in that, and how many there are."""
    row, part = run // runs, run % runs
    first = part * across // runs
    return row // down, row % down, first, (part + 1) * across // runs - first


@inner()
def units_of(runs: int, longest: int) -> int:
    """In how many units of work a thread does so many runs."""
    most = TOGETHER // longest
    return (runs + most - 1) // most


@inner()
def most_together(runs: int, longest: int) -> int:
    """The most patches in a unit of work, where there are so many runs in all."""
    return min(TOGETHER, runs * longest)


@inner()
def read_patches(
    f: Any, x: Tail, channels: int, shape: tuple[int, int], run: tuple[int, int, int], v: Matrix, strip: Array, spare: Array
) -> None:
    """Row p of v at each point = (B^T d B)[point] of patch p, all channels; v: from the run's first patch on.

    run: the first pixel's row and column, and how many patches there are. v.row_step: elements from a patch to the next;
    v.column_step: from a point to the next.
    """
    lanes, area, (top, left, count) = lanes_of(strip), shape[0] * shape[1], run
    columns = f.out * count + f.taps - 1
    for c in range(0, channels, lanes):
        planes = Rows(x.data, x.at + c * area, area)
        strip_to_lanes(strip, planes, min(lanes, channels - c), shape, (top, left), (f.side, columns), spare)
        lines, point = Rows(strip, 0, columns * lanes), v.column_step
        patches(f, lines, lines, columns, lanes, lanes)
        for i in range(f.side):
            target = Rows(v.data, v.at + c + i * f.side * point, point)
            patches(f, Rows(strip, i * columns * lanes, lanes), target, count, f.out * lanes, v.row_step)


@jit()
def _winograd(
    f: Any, x: Array, u: Array, bias: Array, y: Array, panels: tuple[int, int, int], spoilt: Array, threads: int
) -> None:
    """panels: the rows and columns of padding before x, and the vectors of a panel of u."""
    N, C, H, W = x.shape
    K, OH, OW = y.shape[1], y.shape[2], y.shape[3]
    points, (top, left, vectors) = f.side * f.side, panels
    lanes, pixels, results = lanes_of(x), as_row(x), as_row(y)
    width = vectors * lanes
    blocks, pitch = (K + width - 1) // width, (C + lanes - 1) // lanes * lanes
    down = (OH + f.out - 1) // f.out
    across, runs = runs_of(f, OW)
    longest, total = (across + runs - 1) // runs, N * down * runs
    most = most_together(total, longest) + ROWS_OVER
    u_step, v_step, m_step = blocks * C * width + APART, most * pitch + APART, blocks * most * width + APART
    for t in prange(threads):
        v, m = np.empty(points * v_step, x.dtype), np.empty(points * m_step, x.dtype)
        strip, spare = np.zeros((f.side * (f.out * RUN + f.taps - 1) + lanes) * lanes, x.dtype), np.zeros(lanes * lanes, x.dtype)
        finite = np.zeros(lanes, x.dtype)
        begin, end = t * total // threads, (t + 1) * total // threads
        units = units_of(end - begin, longest)
        for unit in range(units):
            first, last = begin + unit * (end - begin) // units, begin + (unit + 1) * (end - begin) // units
            done = 0
            for run in range(first, last):
                n, row, column, count = place_of(run, across, runs, down)
                here, place = (f.out * row - top, f.out * column - left, count), Matrix(v, done * pitch, pitch, v_step)
                read_patches(f, Tail(pixels, n * C * H * W), C, (H, W), here, place, strip, spare)
                done += count
            for i in range(points):
                for block in range(blocks):
                    panel, sums = Panel(u, i * u_step + block * C * width, C), i * m_step + block * most * width
                    product(vectors, done, Matrix(v, i * v_step, pitch, 1), panel, Rows(m, sums, width), False)
            done = 0
            for run in range(first, last):
                n, row, column, count = place_of(run, across, runs, down)
                some, high = min(f.out * count, OW - f.out * column), min(f.out, OH - f.out * row)
                for k in range(0, K, lanes):
                    at = (k // width * most + done) * width + k % width
                    for j in range(f.side):
                        target = Rows(strip, j * lanes, count * f.side * lanes)
                        outputs(f, Rows(m, at + j * m_step, f.side * m_step), target, count, width, f.side * lanes)
                    line = Rows(strip, 0, lanes)  # results lie before what they are made of
                    outputs_checked(f, line, line, f.out * count, f.side * lanes, f.out * lanes, finite)
                    for r in range(high):
                        d = ((n * K + k) * OH + f.out * row + r) * OW + f.out * column
                        square = Tail(strip, r * f.out * count * lanes)
                        from_lanes(Rows(results, d, OH * OW), square, Tail(bias, k), min(lanes, K - k), some, spare)
                done += count
        for lane in range(lanes):
            if np.isnan(finite[lane]):
                spoilt[t, 0] = 1
