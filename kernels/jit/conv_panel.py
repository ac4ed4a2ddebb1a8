"""Convolutions with channels in the lanes of vectors, for small images and for strides.

The tiles of conv_forward run along pixels: a row of seven leaves half of a vector to junk. Here a vector holds output
channels, so every lane counts whatever the shape of the image, and a pixel may lie anywhere:

    out[pixel, :] = sum over taps of x[spot of the pixel + offset of the tap] * w[tap, :]

One tile does all three products. Forward and input gradient: its rows are pixels and its depth runs over taps; a stride
is only a step between spots, and the phases of the input gradient are lists of pixels that share their taps. Weight
gradient: its rows are taps and its depth runs over pixels. Squares are turned in registers on the way in and out.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from ..geometry import ConvGeometry
from ..types import Array
from .compile import inner, jit, thread_count
from .conv_pack import pack_image
from .conv_panel_plan import Job, Phases, Plan, forward_plan, input_grad_plan, panel_width
from .conv_plan import Packing
from .gemm import DEPTH, PANEL, ROWS, emit_sums, pack_panel, turn, turn_sum
from .vector import Emitter, Value, add_to, as_row, clear, copy_rows, emits, int64, lanes_of, window


def _emit_tile(
    e: Emitter, rows: Value, a: Value, ao: Value, spots: Value, so: Value, off: Value, oo: Value, depth: Value, b: Value,
    bo: Value, c: Value, co: Value, places: Value, po: Value, add: Value,
) -> None:  # fmt: skip
    ir = e.b
    a, b, c = e.at(a, ao), e.at(b, bo), e.at(c, co)
    spots, places, off = (ir.add(t, ir.shl(first, int64(3))) for t, first in ((spots, so), (places, po), (off, oo)))
    for height in range(1, ROWS + 1):
        with ir.if_then(ir.icmp_signed("==", rows, int64(height))):
            starts = [e.at(a, e.integer(spots, m)) for m in range(height)]
            targets = [e.at(c, e.integer(places, m)) for m in range(height)]
            emit_sums(e, starts, lambda k: ir.mul(e.integer(off, k), int64(e.size)), b, depth, targets, add)


@emits(_emit_tile)
def tile(
    rows: int, a: Array, ao: int, spots: Array, so: int, off: Array, oo: int, depth: int, b: Array, bo: int, c: Array,
    co: int, places: Array, po: int, add: int,
) -> None:  # fmt: skip
    """c[co + places[m]] (+)= sum over k < depth of a[ao + spots[m] + off[k]] * b[k], for m < rows <= ROWS.

    b is a panel; spots, off and places are read from so, oo and po on; depth >= 1; add: whether to add to what c holds.
    """
    width = PANEL * lanes_of(b)
    columns, taps = window(b, bo, depth * width).reshape(depth, width), window(off, oo, depth)
    for spot, place in zip(window(spots, so, rows), window(places, po, rows), strict=True):
        values = np.array([window(a, ao + int(spot + tap), 1)[0] for tap in taps])
        target = window(c, co + int(place), width)
        target[:] = (target if add else 0) + values @ columns


@inner()
def tiles(
    rows: int, first: int, a: Array, ao: int, spots: Array, off: Array, lo: int, hi: int, b: Array, bo: int, c: Array,
    co: int, places: Array, add: bool,
) -> None:  # fmt: skip
    """`rows` rows of c from `first` on, of taps lo to hi, in slices of the depth whose panel stays in the cache."""
    count, width = (rows + ROWS - 1) // ROWS, PANEL * lanes_of(b)
    for k in range(lo, hi, DEPTH):
        depth, panel, adding = min(DEPTH, hi - k), bo + (k - lo) * width, 1 if add or k > lo else 0
        for i in range(count):  # rows in equal parts: five take as long as six
            row, end = first + i * rows // count, first + (i + 1) * rows // count
            tile(end - row, a, ao, spots, row, off, k, depth, b, panel, c, co, places, row, adding)


def forward(x: Array, w: Array, g: ConvGeometry, bias: Array) -> Array:
    """y; all arrays dense, bias filled up to whole panels, no size zero, groups == 1."""
    return _run(x, w, bias, g.y_shape, forward_plan(g, x.itemsize))


def input_grad(gy: Array, w: Array, g: ConvGeometry) -> Array:
    """gx; gy and w dense, w finite, no size zero, groups == 1."""
    width = panel_width(gy.itemsize)
    return _run(gy, w, np.zeros(-(-g.C // width) * width, gy.dtype), g.x_shape, input_grad_plan(g, gy.itemsize))


def _run(x: Array, w: Array, bias: Array, shape: tuple[int, ...], plan: Plan) -> Array:
    y = np.empty(shape, x.dtype)
    _convolve(as_row(x), as_row(w), bias, as_row(y), *plan, thread_count(plan[0].N))
    return y


@inner()
def pack_weights(packed: Array, at: int, w: Array, channel: int, columns: int, s: Job, taps: Array, lo: int, hi: int) -> None:
    """Rows lo to hi of a panel of weights (taps, channels). Missing channels are zero."""
    width = PANEL * lanes_of(packed)
    if s.straight:
        pack_panel(packed, at + lo * width, w, channel * s.step + lo, 1, s.step, hi - lo, columns)
        return
    for r in range(lo, hi):
        start = channel * s.step + taps[r]
        row = packed[at + r * width : at + (r + 1) * width]
        for m in range(columns):
            row[m] = w[start + m * s.step]
        clear(row[columns:])


@jit()
def _convolve(x: Array, w: Array, bias: Array, y: Array, s: Job, packing: Packing, p: Phases, threads: int) -> None:
    lanes = lanes_of(x)
    width = PANEL * lanes
    blocks, depth = (s.K + width - 1) // width, p.offsets.size
    packed = np.empty(blocks * depth * width, x.dtype)
    for t in prange(threads):
        for block in range(blocks):
            at, columns = block * depth * width, min(width, s.K - block * width)
            pack_weights(packed, at, w, block * width, columns, s, p.taps, t * depth // threads, (t + 1) * depth // threads)
    pitch = (s.area + lanes - 1) // lanes * lanes
    for t in prange(threads):
        buffer = np.zeros(0 if s.in_place else packing.channels * s.plane, x.dtype)
        out, turned = np.zeros(pitch * width, x.dtype), np.empty(lanes * pitch, x.dtype)
        for n in range(t * s.N // threads, (t + 1) * s.N // threads):
            if not s.in_place:
                pack_image(buffer, 0, x, n * s.image, 0, packing)
            # one call for both cases: every further one is compiled at length
            source, start = (x, n * s.image) if s.in_place else (buffer, 0)
            for block in range(blocks):
                pixel, tap = 0, 0
                for f in range(p.tap_ends.size):
                    count, end, at = p.pixel_ends[f] - pixel, p.tap_ends[f], (block * depth + tap) * width
                    tiles(count, pixel, source, start, p.spots, p.offsets, tap, end, packed, at, out, 0, p.places, False)
                    pixel, tap = p.pixel_ends[f], end
                for k in range(block * width, min((block + 1) * width, s.K), lanes):
                    for q in range(0, pitch, lanes):
                        turn_sum(turned, q, pitch, out, q * width + k - block * width, width, bias, k)
                    copy_rows(y, (n * s.K + k) * s.area, s.area, turned, 0, pitch, s.area, min(lanes, s.K - k))


def weight_grad(x: Array, gy: Array, g: ConvGeometry) -> Array:
    """gw; x and gy dense, no size zero, groups == 1."""
    job, packing, phases = forward_plan(g, x.itemsize)
    gw = np.empty(g.w_shape, x.dtype)
    places = np.arange(phases.offsets.size) * panel_width(x.itemsize)
    _weight_grad(as_row(x), as_row(gy), as_row(gw), job, packing, phases, places, thread_count(g.N))
    return gw


@jit()
def _weight_grad(x: Array, gy: Array, gw: Array, s: Job, packing: Packing, p: Phases, places: Array, threads: int) -> None:
    """Every thread adds up its own images; the shares are added in fixed order, so results do not depend on timing."""
    lanes = lanes_of(x)
    width = PANEL * lanes
    blocks, depth, area = (s.K + width - 1) // width, p.offsets.size, s.area
    squares = (depth + lanes - 1) // lanes
    size = squares * lanes * width
    sums = np.zeros(threads * blocks * size, x.dtype)
    for t in prange(threads):
        buffer, grads = np.zeros(0 if s.in_place else packing.channels * s.plane, x.dtype), np.empty(area * width, x.dtype)
        for n in range(t * s.N // threads, (t + 1) * s.N // threads):
            if not s.in_place:
                pack_image(buffer, 0, x, n * s.image, 0, packing)
            source, start = (x, n * s.image) if s.in_place else (buffer, 0)
            for block in range(blocks):
                first, at = block * width, (t * blocks + block) * size
                pack_panel(grads, 0, gy, (n * s.K + first) * area, 1, area, area, min(width, s.K - first))
                tiles(depth, 0, source, start, p.offsets, p.spots, 0, area, grads, 0, sums, at, places, True)
    units = blocks * squares
    for t in prange(threads):
        turned = np.empty(lanes * lanes, x.dtype)
        for u in range(t * units // threads, (t + 1) * units // threads):
            at, block, r = u * lanes * width, u // squares, u % squares * lanes
            for q in range(1, threads):
                other = q * blocks * size + at
                add_to(sums[at : at + lanes * width], sums[other : other + lanes * width])
            for k in range(block * width, min((block + 1) * width, s.K), lanes):
                turn(turned, 0, lanes, sums, at + k - block * width, width)
                copy_rows(gw, k * depth + r, depth, turned, 0, lanes, min(lanes, depth - r), min(lanes, s.K - k))
