"""Convolutions with channels in the lanes of vectors, for small images and for strides.

The tiles of conv_forward run along pixels: a row of seven leaves half of a vector to junk. Here a vector holds output
channels, so every lane counts whatever the shape of the image, and a pixel may lie anywhere:

    out[pixel, :] = sum over taps of x[spot of the pixel + offset of the tap] * w[tap, :]

One tile does all three products. Forward and input gradient: its rows are pixels and its depth runs over taps; a stride
is only a step between spots, and the phases of the input gradient are lists of pixels that share their taps. Weight
gradient: its rows are taps and its depth runs over pixels. Squares are turned in registers on the way in and out.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

import numpy as np
from numba import prange

from ...geometry import ConvGeometry
from ...types import Array
from ..machine.compile import inner, jit, thread_count, threads_for
from ..machine.gemm import DEPTH, emit_product
from ..machine.kept import KEPT
from ..machine.panels import PANEL, ROWS, pack_panel, turn, turn_sum
from ..machine.vector import Emitter, Value, add_to, as_row, clear, copy_rows, emits, int64, lanes_of
from ..machine.views import Matrix, Panel, Rows, Scattered, Tail, head, window
from .pack import pack_image
from .panel_plan import Job, Phases, Plan, by_rows, forward_plan, input_grad_plan, panel_width
from .plan import Packing


def make_tile(vectors: int, most: int) -> Callable[..., None]:
    """The tile of up to `most` rows over a panel of so many vectors."""

    def emit(e: Emitter, rows: Value, pixels: Scattered, taps: Tail, b: Panel, out: Scattered, add: Value) -> None:
        ir = e.b
        image, target = e.start(pixels), e.start(out)
        tables = (pixels.places, pixels.first), (out.places, out.first), taps
        spots, places, off = (ir.add(table, ir.shl(first, int64(3))) for table, first in tables)
        for height in range(1, most + 1):
            with ir.if_then(ir.icmp_signed("==", rows, int64(height))):
                starts = [e.at(image, e.integer(spots, m)) for m in range(height)]
                targets = [e.at(target, e.integer(places, m)) for m in range(height)]
                emit_product(e, starts, lambda k: ir.mul(e.integer(off, k), int64(e.size)), b, targets, add, vectors)

    @emits(emit)
    def tile(rows: int, pixels: Scattered, taps: Tail, b: Panel, out: Scattered, add: int) -> None:
        """Vector m of out (+)= sum over k < b.depth of (the element of pixels at place m, taps[k] further) * b[k], for m < rows.

        The depth is at least 1; add: whether to add to what out holds.
        """
        width = vectors * lanes_of(b.data)
        columns, offsets = head(b, b.depth * width).reshape(b.depth, width), head(taps, b.depth)
        spots, places = window(pixels.places, pixels.first, rows), window(out.places, out.first, rows)
        for spot, place in zip(spots, places, strict=True):
            values = np.array([window(pixels.data, pixels.at + int(spot + tap), 1)[0] for tap in offsets])
            target = window(out.data, out.at + int(place), width)
            target[:] = (target if add else 0) + values @ columns

    return tile


def make_tiles(vectors: int) -> Callable[..., None]:
    """`tile` for any number of rows over panels of so many vectors."""
    most = ROWS if vectors == PANEL else NARROW_ROWS
    tile = make_tile(vectors, most)

    @inner()
    def tiles(rows: int, pixels: Scattered, taps: Tail, b: Panel, out: Scattered, add: bool) -> None:
        """In slices of the depth whose panel stays in the cache."""
        count, width = (rows + most - 1) // most, vectors * lanes_of(b.data)
        for k in range(0, b.depth, DEPTH):
            some, panel = Tail(taps.data, taps.at + k), Panel(b.data, b.at + k * width, min(DEPTH, b.depth - k))
            adding = 1 if add or k > 0 else 0
            for i in range(count):  # rows in equal parts: five take as long as six
                row, end = i * rows // count, (i + 1) * rows // count
                source = Scattered(pixels.data, pixels.at, pixels.places, pixels.first + row)
                target = Scattered(out.data, out.at, out.places, out.first + row)
                tile(end - row, source, some, panel, target, adding)

    return tiles


NARROW_ROWS = 8
"""Rows of the tiles over one or two vectors: twelve would need more addresses than there are registers."""

single, double, full = make_tiles(1), make_tiles(2), make_tiles(PANEL)


@inner()
def tiles(vectors: int, rows: int, pixels: Scattered, taps: Tail, b: Panel, out: Scattered, add: bool) -> None:
    """The product over a panel of 1, 2 or PANEL vectors."""
    if vectors == 1:
        single(rows, pixels, taps, b, out, add)
    elif vectors == 2:
        double(rows, pixels, taps, b, out, add)
    else:
        full(rows, pixels, taps, b, out, add)


def forward(x: Array, w: Array, g: ConvGeometry, bias: Array) -> Array:
    """y; all arrays dense, bias filled up to whole panels, no size zero, groups == 1."""
    return _run(x, w, bias, g.y_shape, forward_plan(g, x.itemsize), "panel")


def input_grad(gy: Array, w: Array, g: ConvGeometry) -> Array:
    """gx; gy and w dense, w finite, no size zero, groups == 1."""
    width = panel_width(g.C, gy.itemsize)
    bias = np.zeros(-(-g.C // width) * width, gy.dtype)
    return _run(gy, w, bias, g.x_shape, input_grad_plan(g, gy.itemsize), ("panel back", g))


def _run(x: Array, w: Array, bias: Array, shape: tuple[int, ...], plan: Plan, form: Hashable) -> Array:
    """form: what the order of the weights depends on beside them."""
    y = np.empty(shape, x.dtype)
    job, _, phases = plan
    depth = phases.offsets.size
    cost = job.N * job.area * depth * job.K / SPEED

    def packed() -> Array:
        width = panel_width(job.K, w.itemsize)
        panels = np.empty(-(-job.K // width) * depth * width, w.dtype)
        _packed(as_row(w), panels, job, phases, threads_for(depth, 2.0 * w.size))
        return panels

    panels = KEPT.get(w, form, packed) if job.N <= FEW_IMAGES else packed()
    _convolve(as_row(x), panels, bias, as_row(y), *plan, threads_for(job.N, cost))
    return y


SPEED = 30.0
"""Multiply-adds of float32 in a nanosecond of one thread."""

FEW_IMAGES = 8
"""Up to which the weights are kept in panels."""


@inner()
def pack_weights(panel: Panel, w: Array, channel: int, columns: int, s: Job, taps: Tail) -> None:
    """A panel of weights (taps, channels), or some rows of it. Missing channels are zero."""
    width = s.vectors * lanes_of(w)
    if s.straight:
        pack_panel(panel, Matrix(w, channel * s.step + taps.at, 1, s.step), columns, s.vectors)
        return
    for r in range(panel.depth):
        start, at = channel * s.step + taps.data[taps.at + r], panel.at + r * width
        row = panel.data[at : at + width]
        for m in range(columns):
            row[m] = w[start + m * s.step]
        clear(row[columns:])


@jit()
def _packed(w: Array, panels: Array, s: Job, p: Phases, threads: int) -> None:
    width, depth = s.vectors * lanes_of(w), p.offsets.size
    blocks = (s.K + width - 1) // width
    for t in prange(threads):
        lo, hi = t * depth // threads, (t + 1) * depth // threads
        for block in range(blocks):
            rows, columns = Panel(panels, (block * depth + lo) * width, hi - lo), min(width, s.K - block * width)
            pack_weights(rows, w, block * width, columns, s, Tail(p.taps, lo))


@jit()
def _convolve(x: Array, packed: Array, bias: Array, y: Array, s: Job, packing: Packing, p: Phases, threads: int) -> None:
    lanes = lanes_of(x)
    width = s.vectors * lanes
    blocks, depth = (s.K + width - 1) // width, p.offsets.size
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
                    count, panel = p.pixel_ends[f] - pixel, Panel(packed, (block * depth + tap) * width, p.tap_ends[f] - tap)
                    pixels, results = Scattered(source, start, p.spots, pixel), Scattered(out, 0, p.places, pixel)
                    tiles(s.vectors, count, pixels, Tail(p.offsets, tap), panel, results, False)
                    pixel, tap = p.pixel_ends[f], p.tap_ends[f]
                for k in range(block * width, min((block + 1) * width, s.K), lanes):
                    for q in range(0, pitch, lanes):
                        square = Rows(out, q * width + k - block * width, width)
                        turn_sum(Rows(turned, q, pitch), square, Tail(bias, k))
                    target = Rows(y, (n * s.K + k) * s.area, s.area)
                    copy_rows(target, Rows(turned, 0, pitch), s.area, min(lanes, s.K - k))


def weight_grad(x: Array, gy: Array, g: ConvGeometry) -> Array:
    """gw; x and gy dense, no size zero, groups == 1."""
    job, packing, phases = forward_plan(g, x.itemsize)
    gw = np.empty(g.w_shape, x.dtype)
    apart = by_rows(g, x.itemsize)
    threads = thread_count(phases.offsets.size // panel_width(g.K, x.itemsize) if apart else g.N)
    _weight_grad(as_row(x), as_row(gy), as_row(gw), job, packing, phases, 1 if apart else threads, threads)
    return gw


@jit()
def _weight_grad(x: Array, gy: Array, gw: Array, s: Job, packing: Packing, p: Phases, shares: int, threads: int) -> None:
    """Of `shares` parts of the images each has sums of its own, added in fixed order, so results do not depend on timing; or all
    images have one, of which each thread has some rows.
    """
    lanes = lanes_of(x)
    width = s.vectors * lanes
    blocks, depth, area = (s.K + width - 1) // width, p.offsets.size, s.area
    squares = (depth + lanes - 1) // lanes
    size = squares * lanes * width
    sums, places = np.zeros(shares * blocks * size, x.dtype), np.arange(depth) * width
    rows = threads // shares
    for t in prange(threads):
        buffer, grads = np.zeros(0 if s.in_place else packing.channels * s.plane, x.dtype), np.empty(area * width, x.dtype)
        share, row = t // rows, t % rows * squares // rows * lanes
        count = min((t % rows + 1) * squares // rows * lanes, depth) - row
        for n in range(share * s.N // shares, (share + 1) * s.N // shares):
            if not s.in_place:
                pack_image(buffer, 0, x, n * s.image, 0, packing)
            source, start = (x, n * s.image) if s.in_place else (buffer, 0)
            for block in range(blocks):
                first, panel = block * width, Panel(grads, 0, area)
                pack_panel(panel, Matrix(gy, (n * s.K + first) * area, 1, area), min(width, s.K - first), s.vectors)
                results = Scattered(sums, (share * blocks + block) * size, places, row)
                tiles(s.vectors, count, Scattered(source, start, p.offsets, row), Tail(p.spots, 0), panel, results, True)
    units = blocks * squares
    for t in prange(threads):
        turned = np.empty(lanes * lanes, x.dtype)
        for u in range(t * units // threads, (t + 1) * units // threads):
            at, block, r = u * lanes * width, u // squares, u % squares * lanes
            for q in range(1, shares):
                other = q * blocks * size + at
                add_to(sums[at : at + lanes * width], sums[other : other + lanes * width])
            for k in range(block * width, min((block + 1) * width, s.K), lanes):
                square = Rows(turned, 0, lanes)
                turn(square, Rows(sums, at + k - block * width, width))
                copy_rows(Rows(gw, k * depth + r, depth), square, min(lanes, depth - r), min(lanes, s.K - k))
