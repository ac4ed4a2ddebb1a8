"""The weight gradient of a 3 x 3 convolution of stride 1 by the adjoint of Winograd's F(4 x 4, 3 x 3).

    gw = G^T [ sum over patches of (A gy A^T) * (B^T d B) ] G

for the patches d of the input and the 4 x 4 outputs gy that each of them feeds: 36 products in place of 144, as in the
forward direction (see winograd.py), whose transform of the input this shares.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numba import prange

from ...geometry import ConvGeometry
from ...types import Array
from ..machine.compile import inner, jit, threads_for
from ..machine.vector import VECTOR_BYTES, add_to, as_row, lanes_of
from ..machine.views import Matrix, Panel, Rows, Tail
from .panel_plan import panel_vectors
from .winograd import (
    APART,
    FAR,
    POINTS,
    RUN,
    SPEED,
    TOGETHER,
    gains,
    is_large,
    most_together,
    place_of,
    read_patches,
    runs_of,
    units_of,
)
from .winograd_lanes import from_lanes, strip_to_lanes
from .winograd_products import ROWS_OVER, product
from .winograd_transform import OUT, SIDE, TAPS, filter_grads, grads

FILTERS = 8
"""Input channels whose filters are written together."""

DIRECT = 1.25
"""How long one multiply-add of vectors takes in the other kernels: more than forward, where they add up lanes or pack images."""


@lru_cache(maxsize=512)
def pays(g: ConvGeometry, item_bytes: int) -> bool:
    """Whether the saved products outweigh the transforms."""
    size = POINTS * g.C * g.K * item_bytes
    sums = (FAR_SUMS if size > FAR else SUMS) * size // VECTOR_BYTES
    return is_large(g) and gains(g.N, g.C, g.K, g.out_shape, item_bytes, DIRECT, sums)


SUMS, FAR_SUMS = 4, 34
"""How long it takes to begin with a vector of zeros, and to read it at the end, near or far, in multiply-adds of vectors."""


def weight_grad(x: Array, gy: Array, g: ConvGeometry) -> Array:
    """gw; x and gy dense. Where they are not all finite, more of gw may be NaN than should: the caller checks."""
    vectors = panel_vectors(g.K, x.itemsize)
    (rows, columns), (top, left) = g.out_shape, g.pad_lo
    gw = np.empty(g.w_shape, x.dtype)
    patches = g.N * -(-rows // OUT) * -(-columns // OUT)  # each thread has sums of its own, which take a time of their own
    most = min(g.N * -(-rows // OUT) * -(-columns // (OUT * RUN)), max(1, patches // TOGETHER))
    threads = threads_for(most, g.macs / SPEED)
    _weight_grad(x, gy, as_row(gw), top, left, vectors, threads)
    return gw


@inner()
def read_grads(
    gy: Tail, channels: int, shape: tuple[int, int], run: tuple[int, int, int], m: Matrix, ahead: int, strip: Array, spare: Array
) -> None:
    """Row p of m at each point = (A gy A^T)[point] of patch p, in panels as wide as m.row_step and `ahead` elements apart."""
    lanes, area, width, (top, left, count) = lanes_of(strip), shape[0] * shape[1], m.row_step, run
    for k in range(0, channels, lanes):
        planes = Rows(gy.data, gy.at + k * area, area)
        strip_to_lanes(strip, planes, min(lanes, channels - k), shape, (top, left), (OUT, OUT * count), spare)
        lines, point = Rows(strip, 0, OUT * count * lanes), m.column_step
        grads(lines, lines, OUT * count, lanes, lanes)
        for i in range(SIDE):
            target = Rows(m.data, m.at + k // width * ahead + k % width + i * SIDE * point, point)
            grads(Rows(strip, i * OUT * count * lanes, lanes), target, count, OUT * lanes, width)


@jit()
def _weight_grad(x: Array, gy: Array, gw: Array, top: int, left: int, vectors: int, threads: int) -> None:
    """Every thread adds up its own share; the shares are added in fixed order: results depend on their number, not on timing."""
    N, C, H, W = x.shape
    K, OH, OW = gy.shape[1], gy.shape[2], gy.shape[3]
    lanes, pixels, outputs, area = lanes_of(x), as_row(x), as_row(gy), TAPS * TAPS
    width = vectors * lanes
    blocks, pitch = (K + width - 1) // width, (C + lanes - 1) // lanes * lanes
    down = (OH + OUT - 1) // OUT
    across, runs = runs_of(OW)
    longest, total = (across + runs - 1) // runs, N * down * runs
    most, channels = most_together(total, longest), C + ROWS_OVER
    v_step, m_step, u_step = most * pitch + APART, blocks * most * width + APART, blocks * channels * width + APART
    size = POINTS * u_step
    sums = np.zeros(threads * size, x.dtype)
    for t in prange(threads):
        v, m = np.empty(POINTS * v_step, x.dtype), np.empty(POINTS * m_step, x.dtype)
        strip, spare = np.zeros((SIDE * (OUT * RUN + TAPS - 1) + lanes) * lanes, x.dtype), np.zeros(lanes * lanes, x.dtype)
        begin, end = t * total // threads, (t + 1) * total // threads
        units = units_of(end - begin, longest)
        for unit in range(units):
            first, last = begin + unit * (end - begin) // units, begin + (unit + 1) * (end - begin) // units
            done = 0
            for run in range(first, last):
                n, row, column, count = place_of(run, across, runs, down)
                here, place = (OUT * row - top, OUT * column - left, count), Matrix(v, done * pitch, pitch, v_step)
                read_patches(Tail(pixels, n * C * H * W), C, (H, W), here, place, strip, spare)
                here, place = (OUT * row, OUT * column, count), Matrix(m, done * width, width, m_step)
                read_grads(Tail(outputs, n * K * OH * OW), K, (OH, OW), here, place, most * width, strip, spare)
                done += count
            for i in range(POINTS):
                for block in range(blocks):
                    panel, at = Panel(m, i * m_step + block * most * width, done), i * u_step + block * channels * width
                    product(vectors, C, Matrix(v, i * v_step, 1, pitch), panel, Rows(sums, t * size + at, width), True)
    groups, parts = (C + FILTERS - 1) // FILTERS, (K + lanes - 1) // lanes
    for t in prange(threads):
        strip, spare = np.zeros((TAPS * SIDE * FILTERS + lanes) * lanes, x.dtype), np.zeros(lanes * lanes, x.dtype)
        zero = np.zeros(lanes, x.dtype)
        for u in range(t * groups * parts // threads, (t + 1) * groups * parts // threads):
            k, c = u // groups * lanes, u % groups * FILTERS
            count, at = min(FILTERS, C - c), (k // width * channels + c) * width + k % width
            for q in range(1, threads):
                for i in range(POINTS):
                    for f in range(count):
                        to = at + i * u_step + f * width
                        add_to(sums[to : to + lanes], sums[q * size + to : q * size + to + lanes])
            for j in range(SIDE):
                source, target = Rows(sums, at + j * u_step, SIDE * u_step), Rows(strip, j * lanes, SIDE * lanes)
                filter_grads(source, target, count, width, TAPS * SIDE * lanes)
            line = Rows(strip, 0, lanes)  # results lie before what they are made of
            filter_grads(line, line, TAPS * count, SIDE * lanes, TAPS * lanes)
            target = Rows(gw, (k * C + c) * area, C * area)
            from_lanes(target, Tail(strip, 0), Tail(zero, 0), min(lanes, K - k), count * area, spare)
