"""The weight gradient of a convolution by the adjoint of Winograd's F(m x m, r x r).

    gw = G^T [ sum over patches of (A gy A^T) * (B^T d B) ] G

for the patches d of the input and the m x m outputs gy that each of them feeds: as many products as in the forward direction (see
winograd.py), whose transform of the input this shares.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from ...geometry import ConvGeometry
from ...types import Array
from ..machine.compile import inner, jit, threads_for
from ..machine.vector import add_to, as_row, lanes_of
from ..machine.views import Matrix, Panel, Rows, Tail
from .panel_plan import panel_vectors
from .winograd import APART, RUN, SPEED, TOGETHER, most_together, place_of, read_patches, runs_of, units_of
from .winograd_lanes import from_lanes, strip_to_lanes
from .winograd_plan import filters_together, form_of, images_apart, padding_of
from .winograd_products import ROWS_OVER, product
from .winograd_transform import filter_grads, grads

FILTERS = 8
"""Input channels whose filters are written together."""


def weight_grad(x: Array, gy: Array, g: ConvGeometry) -> Array:
    """gw; x and gy dense. Where they are not all finite, more of gw may be NaN than should: the caller checks."""
    f: Any = form_of(g)
    vectors = panel_vectors(g.K, x.itemsize)
    rows, columns = g.out_shape
    x = images_apart(x, g)
    gw = np.empty((g.K, x.shape[1], f.taps, f.taps), x.dtype)
    patches = g.N * -(-rows // f.out) * -(-columns // f.out)  # each thread has sums of its own, which take a time of their own
    most = min(g.N * -(-rows // f.out) * -(-columns // (f.out * RUN)), max(1, patches // TOGETHER))
    threads = threads_for(most, g.macs / SPEED)
    _weight_grad(f, x, gy, as_row(gw), padding_of(g), vectors, threads)
    return filters_together(gw, g, f.taps)


@inner()
def read_grads(
    f: Any, gy: Tail, shape: tuple[int, int, int], run: tuple[int, int, int], m: Matrix, ahead: int, strip: Array, spare: Array
) -> None:
    """Row p of m at each point = (A gy A^T)[point] of patch p, in panels as wide as m.row_step and `ahead` elements apart."""
    channels, rows, columns = shape
    lanes, area, width, (top, left, count) = lanes_of(strip), rows * columns, m.row_step, run
    for k in range(0, channels, lanes):
        planes = Rows(gy.data, gy.at + k * area, area)
        strip_to_lanes(strip, planes, min(lanes, channels - k), (rows, columns), (top, left), (f.out, f.out * count), spare)
        lines, point = Rows(strip, 0, f.out * count * lanes), m.column_step
        grads(f, lines, lines, f.out * count, lanes, lanes)
        for i in range(f.side):
            target = Rows(m.data, m.at + k // width * ahead + k % width + i * f.side * point, point)
            grads(f, Rows(strip, i * f.out * count * lanes, lanes), target, count, f.out * lanes, width)


@jit()
def _weight_grad(f: Any, x: Array, gy: Array, gw: Array, pad: tuple[int, int], vectors: int, threads: int) -> None:
    """Every thread adds up its own share; the shares are added in fixed order: results depend on their number, not on timing."""
    N, C, H, W = x.shape
    K, OH, OW = gy.shape[1], gy.shape[2], gy.shape[3]
    points, (top, left) = f.side * f.side, pad
    lanes, pixels, outputs, area = lanes_of(x), as_row(x), as_row(gy), f.taps * f.taps
    width = vectors * lanes
    blocks, pitch = (K + width - 1) // width, (C + lanes - 1) // lanes * lanes
    down = (OH + f.out - 1) // f.out
    across, runs = runs_of(f, OW)
    longest, total = (across + runs - 1) // runs, N * down * runs
    most, channels = most_together(total, longest), C + ROWS_OVER
    v_step, m_step, u_step = most * pitch + APART, blocks * most * width + APART, blocks * channels * width + APART
    size = points * u_step
    sums = np.zeros(threads * size, x.dtype)
    for t in prange(threads):
        v, m = np.empty(points * v_step, x.dtype), np.empty(points * m_step, x.dtype)
        strip, spare = np.zeros((f.side * (f.out * RUN + f.taps - 1) + lanes) * lanes, x.dtype), np.zeros(lanes * lanes, x.dtype)
        begin, end = t * total // threads, (t + 1) * total // threads
        units = units_of(end - begin, longest)
        for unit in range(units):
            first, last = begin + unit * (end - begin) // units, begin + (unit + 1) * (end - begin) // units
            done = 0
            for run in range(first, last):
                n, row, column, count = place_of(run, across, runs, down)
                here, place = (f.out * row - top, f.out * column - left, count), Matrix(v, done * pitch, pitch, v_step)
                read_patches(f, Tail(pixels, n * C * H * W), C, (H, W), here, place, strip, spare)
                here, place = (f.out * row, f.out * column, count), Matrix(m, done * width, width, m_step)
                read_grads(f, Tail(outputs, n * K * OH * OW), (K, OH, OW), here, place, most * width, strip, spare)
                done += count
            for i in range(points):
                for block in range(blocks):
                    panel, at = Panel(m, i * m_step + block * most * width, done), i * u_step + block * channels * width
                    product(vectors, C, Matrix(v, i * v_step, 1, pitch), panel, Rows(sums, t * size + at, width), True)
    groups, parts = (C + FILTERS - 1) // FILTERS, (K + lanes - 1) // lanes
    for t in prange(threads):
        strip, spare = np.zeros((f.taps * f.side * FILTERS + lanes) * lanes, x.dtype), np.zeros(lanes * lanes, x.dtype)
        zero = np.zeros(lanes, x.dtype)
        for u in range(t * groups * parts // threads, (t + 1) * groups * parts // threads):
            k, c = u // groups * lanes, u % groups * FILTERS
            count, at = min(FILTERS, C - c), (k // width * channels + c) * width + k % width
            for q in range(1, threads):
                for i in range(points):
                    for one in range(count):
                        to = at + i * u_step + one * width
                        add_to(sums[to : to + lanes], sums[q * size + to : q * size + to + lanes])
            for j in range(f.side):
                source, target = Rows(sums, at + j * u_step, f.side * u_step), Rows(strip, j * lanes, f.side * lanes)
                filter_grads(f, source, target, count, width, f.taps * f.side * lanes)
            line = Rows(strip, 0, lanes)  # results lie before what they are made of
            filter_grads(f, line, line, f.taps * count, f.side * lanes, f.taps * lanes)
            target = Rows(gw, (k * C + c) * area, C * area)
            from_lanes(target, Tail(strip, 0), Tail(zero, 0), min(lanes, K - k), count * area, spare)
