"""3 x 3 convolutions of stride 1 by Winograd's minimal filtering F(4 x 4, 3 x 3): 36 products in place of 144.

Y = A^T [ (G w G^T) * (B^T d B) ] A  for each 6 x 6 patch d of the input, giving 4 x 4 outputs. Summed over channels, the
product in brackets is 36 independent matrix products, for which the tiles of matrix products serve. Channels lie in the lanes of
vectors: the transforms move no lanes, and only patches at the border of an image are in part for nothing.

For normal numbers in float32, the largest error is about 1e-6 of the largest result for 16 channels, 1.6e-6 for 64 and 2.7e-6 for
256, against 0.6 of that where the definition's products are summed one by one. A number that is much larger than its neighbours
reaches all outputs of its patches by rounding, those too that the definition keeps apart from it; and integers give no integers.

Source: A. Lavin, S. Gray, Fast Algorithms for Convolutional Neural Networks, CVPR 2016.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numba import prange

from ...geometry import ConvGeometry
from ...types import Array
from ..machine.compile import inner, jit, threads_for
from ..machine.kept import KEPT
from ..machine.vector import VECTOR_BYTES, as_row, lanes_of
from ..machine.views import Matrix, Panel, Rows, Tail
from .panel_plan import panel_vectors, panel_width
from .winograd_lanes import from_lanes, strip_to_lanes, to_lanes
from .winograd_products import ROWS_OVER, product
from .winograd_transform import OUT, SIDE, TAPS, filters, outputs, outputs_checked, patches

LEAST_CHANNELS, MANY_CHANNELS = 16, 32
LARGE_IMAGE = 144
"""Pixels: in a smaller image it takes many channels until compiling this saves more than it takes."""

FEW_IMAGES = 8
"""Up to which the transformed filters are kept: transforming them takes as long as an image or more."""

READ, WRITE, FILTER, FAR_FILTER, CALL, DIRECT, GAIN = 700, 500, 450, 2500, 25_000, 1.1, 0.9
"""How long it takes, in multiply-adds of vectors, to transform a patch of a vector of channels, a patch of results, and a vector
of filters, near or far; to begin; and to do one the other way. GAIN: of that way's time, the share below which this way pays.
"""

FAR = 1 << 22
"""Bytes of transformed filters from which on they do not stay in the caches."""

SPEED = 100.0
"""Products in a nanosecond of one thread, before filtering."""

RUN = 8
"""Patches of one row that are transformed together: their vectors stay in the first-level cache."""

TOGETHER = 96
"""Patches in one unit of work: for each unit the transformed filters are read once."""

POINTS = SIDE * SIDE
APART = 16
"""Elements between the values of all patches at two points: their streams must not share a set of the cache."""


def is_form(g: ConvGeometry) -> bool:
    """Whether this is the convolution that F(4 x 4, 3 x 3) computes."""
    return (g.kernel, g.stride, g.dilation, g.groups) == ((3, 3), (1, 1), (1, 1), 1)


@lru_cache(maxsize=512)
def pays(g: ConvGeometry, item_bytes: int) -> bool:
    """Whether the saved products outweigh the transforms, both ways."""
    both = (g.C, g.K, g.out_shape), (g.K, g.C, g.in_shape)
    return is_large(g) and all(gains(g.N, *sizes, item_bytes, DIRECT) for sizes in both)


def is_large(g: ConvGeometry) -> bool:
    """Whether this is the form's convolution, of enough channels and pixels that compiling saves more than it takes."""
    large = g.out_shape[0] * g.out_shape[1] >= LARGE_IMAGE or g.C * g.K > MANY_CHANNELS**2
    return is_form(g) and min(g.C, g.K) >= LEAST_CHANNELS and large


def gains(
    images: int, channels: int, outputs: int, shape: tuple[int, ...], item_bytes: int, direct: float, sums: int = 0
) -> bool:  # fmt: skip
    """Whether this takes less time than to multiply and add as the definition says, which takes `direct` for each vector.

    sums: what else it takes, where the filters' gradients are summed; then no filters are kept. A large part of the last patches
    may lie outside a small image.
    """
    lanes, width = VECTOR_BYTES // item_bytes, panel_width(outputs, item_bytes)
    read, written, summed = -(-channels // lanes), -(-outputs // lanes), -(-outputs // width) * width // lanes
    patches = images * -(-shape[0] // OUT) * -(-shape[1] // OUT)
    cost = patches * (POINTS * channels * summed + READ * read + WRITE * written) + CALL
    far = POINTS * channels * outputs * item_bytes > FAR
    cost += (FAR_FILTER if far else FILTER) * channels * written // (2 if images <= FEW_IMAGES and not sums else 1) + sums
    return cost < GAIN * direct * images * shape[0] * shape[1] * TAPS * TAPS * channels * outputs / lanes


def forward(x: Array, w: Array, g: ConvGeometry, bias: Array) -> Array | None:
    """y, or None if it is not all finite.

    The transforms mix the pixels of a patch, so one infinite pixel can spoil neighbours that the definition leaves
    alone; the caller then takes the direct kernel.
    """
    return _run(x, w, bias, (g.pad_lo[0], g.pad_lo[1]), False, g.y_shape)


def input_grad(gy: Array, w: Array, g: ConvGeometry) -> Array | None:
    """gx, or None if it is not all finite: the same convolution of gy with turned filters."""
    lanes = VECTOR_BYTES // gy.itemsize
    bias = np.zeros(-(-g.C // lanes) * lanes, gy.dtype)
    return _run(gy, w, bias, (TAPS - 1 - g.pad_lo[0], TAPS - 1 - g.pad_lo[1]), True, g.x_shape)


def _run(
    x: Array, w: Array, bias: Array, pad: tuple[int, int], turned: bool, shape: tuple[int, ...]
) -> Array | None:
    y = np.empty(shape, x.dtype)
    channels, (images, outputs, rows, columns) = x.shape[1], shape
    vectors = panel_vectors(outputs, x.itemsize)
    runs = images * -(-rows // OUT) * -(-columns // (OUT * RUN))
    threads = threads_for(runs, images * outputs * channels * rows * columns * TAPS * TAPS / SPEED)

    def transformed() -> Array:
        width = vectors * VECTOR_BYTES // x.itemsize
        blocks = -(-outputs // width)
        u = (np.zeros if outputs % width else np.empty)(POINTS * (blocks * channels * width + APART), x.dtype)
        _transformed(as_row(w), u, turned, outputs, channels, vectors, threads_for(blocks * vectors, 5.0 * w.size))
        return u

    u = KEPT.get(w, ("winograd", turned), transformed) if images <= FEW_IMAGES else transformed()
    spoilt = np.zeros((threads, 128), np.int8)
    _winograd(x, u, bias, y, pad, vectors, spoilt, threads)
    return None if spoilt.any() else y


@jit()
def _transformed(w: Array, u: Array, turned: bool, outputs: int, channels: int, vectors: int, threads: int) -> None:
    """u[point, block, c] = (G w G^T)[point] of a panel of filters. turned: K and C swap roles, taps are rotated."""
    lanes = lanes_of(w)
    width = vectors * lanes
    blocks = (outputs + width - 1) // width
    units, step, area = (outputs + lanes - 1) // lanes, blocks * channels * width + APART, TAPS * TAPS
    for t in prange(threads):
        spare, strip = np.zeros(lanes * lanes, w.dtype), np.zeros((area + lanes) * lanes, w.dtype)
        half = np.empty(SIDE * TAPS * lanes, w.dtype)
        for unit in range(t * units // threads, (t + 1) * units // threads):
            block, some = unit // vectors, min(lanes, outputs - unit * lanes)
            for c in range(channels):
                first = (c * outputs + unit * lanes) * area if turned else (unit * lanes * channels + c) * area
                to_lanes(Tail(strip, 0), Rows(w, first, area if turned else channels * area), some, area, spare)
                start, tap = ((area - 1) * lanes, -lanes) if turned else (0, lanes)
                at = (block * channels + c) * width + unit % vectors * lanes
                filters(Rows(strip, start, TAPS * tap), Rows(half, 0, TAPS * lanes), TAPS, tap, lanes)
                filters(Rows(half, 0, lanes), Rows(u, at, step), SIDE, TAPS * lanes, SIDE * step)


@inner()
def runs_of(columns: int) -> tuple[int, int]:
    """The patches side by side in an image, and into how many runs they are divided."""
    across = (columns + OUT - 1) // OUT
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
    x: Tail, channels: int, shape: tuple[int, int], run: tuple[int, int, int], v: Matrix, strip: Array, spare: Array
) -> None:
    """Row p of v at each point = (B^T d B)[point] of patch p, all channels; v: from the run's first patch on.

    run: the first pixel's row and column, and how many patches there are. v.row_step: elements from a patch to the next;
    v.column_step: from a point to the next.
    """
    lanes, area, (top, left, count) = lanes_of(strip), shape[0] * shape[1], run
    columns = OUT * count + TAPS - 1
    for c in range(0, channels, lanes):
        planes = Rows(x.data, x.at + c * area, area)
        strip_to_lanes(strip, planes, min(lanes, channels - c), shape, (top, left), (SIDE, columns), spare)
        lines, point = Rows(strip, 0, columns * lanes), v.column_step
        patches(lines, lines, columns, lanes, lanes)
        for i in range(SIDE):
            target = Rows(v.data, v.at + c + i * SIDE * point, point)
            patches(Rows(strip, i * columns * lanes, lanes), target, count, OUT * lanes, v.row_step)


@jit()
def _winograd(
    x: Array, u: Array, bias: Array, y: Array, pad: tuple[int, int], vectors: int, spoilt: Array, threads: int
) -> None:
    N, C, H, W = x.shape
    K, OH, OW = y.shape[1], y.shape[2], y.shape[3]
    top, left = pad
    lanes, pixels, results = lanes_of(x), as_row(x), as_row(y)
    width = vectors * lanes
    blocks, pitch = (K + width - 1) // width, (C + lanes - 1) // lanes * lanes
    down = (OH + OUT - 1) // OUT
    across, runs = runs_of(OW)
    longest, total = (across + runs - 1) // runs, N * down * runs
    most = most_together(total, longest) + ROWS_OVER
    u_step, v_step, m_step = blocks * C * width + APART, most * pitch + APART, blocks * most * width + APART
    for t in prange(threads):
        v, m = np.empty(POINTS * v_step, x.dtype), np.empty(POINTS * m_step, x.dtype)
        strip, spare = np.zeros((SIDE * (OUT * RUN + TAPS - 1) + lanes) * lanes, x.dtype), np.zeros(lanes * lanes, x.dtype)
        finite = np.zeros(lanes, x.dtype)
        begin, end = t * total // threads, (t + 1) * total // threads
        units = units_of(end - begin, longest)
        for unit in range(units):
            first, last = begin + unit * (end - begin) // units, begin + (unit + 1) * (end - begin) // units
            done = 0
            for run in range(first, last):
                n, row, column, count = place_of(run, across, runs, down)
                here, place = (OUT * row - top, OUT * column - left, count), Matrix(v, done * pitch, pitch, v_step)
                read_patches(Tail(pixels, n * C * H * W), C, (H, W), here, place, strip, spare)
                done += count
            for i in range(POINTS):
                for block in range(blocks):
                    panel, sums = Panel(u, i * u_step + block * C * width, C), i * m_step + block * most * width
                    product(vectors, done, Matrix(v, i * v_step, pitch, 1), panel, Rows(m, sums, width), False)
            done = 0
            for run in range(first, last):
                n, row, column, count = place_of(run, across, runs, down)
                some, high = min(OUT * count, OW - OUT * column), min(OUT, OH - OUT * row)
                for k in range(0, K, lanes):
                    at = (k // width * most + done) * width + k % width
                    for j in range(SIDE):
                        target = Rows(strip, j * lanes, count * SIDE * lanes)
                        outputs(Rows(m, at + j * m_step, SIDE * m_step), target, count, width, SIDE * lanes)
                    line = Rows(strip, 0, lanes)  # results lie before what they are made of
                    outputs_checked(line, line, OUT * count, SIDE * lanes, OUT * lanes, finite)
                    for r in range(high):
                        d = ((n * K + k) * OH + OUT * row + r) * OW + OUT * column
                        square = Tail(strip, r * OUT * count * lanes)
                        from_lanes(Rows(results, d, OH * OW), square, Tail(bias, k), min(lanes, K - k), some, spare)
                done += count
        for lane in range(lanes):
            if np.isnan(finite[lane]):
                spoilt[t, 0] = 1
