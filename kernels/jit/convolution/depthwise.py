"""Depthwise convolution: every channel by a filter of its own, one plane after another.

There is no sum over channels, so nothing to share between them: a plane is copied into a padded buffer, which the
first-level cache holds up to 90 x 90 pixels, and each vector of results goes straight from registers to its place. Taps
that lie below each other share what is loaded: row r + 1 under one tap is row r under the next.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
from numba import prange

from ...geometry import ConvGeometry
from ...types import Array
from ..machine.compile import inner, jit, thread_count
from ..machine.norm_rows import sum_run
from ..machine.vector import Emitter, Value, as_row, clear, emits, int64, lanes_of
from ..machine.views import Rows, Tail, head, row_of, window
from .forward import Filters, mirror, weight_places
from .pack import pack_image
from .plan import Plan, Sizes, one_strip_plan, packing_in, reading_in, sizes_in

HEIGHTS = (8, 4, 1)  # rows of results in a tile, the tallest first
DOT_HEIGHTS = (4, 1)  # rows of gy in a tile of the weight gradient
TALL = (3, 1)  # taps below each other that a tile takes at once
TAPS = 9  # sums of the weight gradient that stay in registers


def forward(x: Array, w: Array, g: ConvGeometry, bias: Array) -> Array:
    """y = x * w + bias; g.depthwise, all dense, bias (K or more,), no size zero."""
    return _run(x, w, g, bias, False)


def mirrored(gy: Array, w: Array, g: ConvGeometry) -> Array:
    """The input gradient of a geometry that has_mirror; all dense, w finite, no size zero."""
    return _run(gy, w, mirror(g), np.zeros(g.C, gy.dtype), True)


def weight_grad(x: Array, gy: Array, g: ConvGeometry) -> Array:
    """gw. Junk columns meet pixels with zeros, as in conv_weight_grad: the caller checks for NaN."""
    plan = _plane(g)
    taps = plan.reading.offsets
    offsets = np.concatenate([taps, np.repeat(taps[-1:], -taps.size % TAPS)])
    gw = np.empty(g.w_shape, x.dtype)
    _weight_grad(as_row(x), as_row(gy), as_row(gw), plan.table, offsets, thread_count(g.C))
    return gw


def _run(x: Array, w: Array, g: ConvGeometry, bias: Array, turned: bool) -> Array:
    y = np.empty(g.y_shape, x.dtype)
    filters = Filters(as_row(w), *weight_places(g, turned))
    _planes(as_row(x), filters, bias, as_row(y), _plane(g).table, thread_count(g.N * g.C))
    return y


def _plane(g: ConvGeometry) -> Plan:
    """The plan of a geometry that has every channel as an image."""
    return one_strip_plan(replace(g, N=g.N * g.C, C=1, K=1, groups=1))


def _tiles(e: Emitter, rows: Value, heights: tuple[int, ...], tile: Callable[[int, Value], None]) -> None:
    """tile(height, first row) until all rows are done."""
    done = int64(0)
    for height in heights:
        count = e.b.sdiv(e.b.sub(rows, done), int64(height))

        def one(i: Value, _: list[Value], height: int = height, done: Value = done) -> list[Value]:
            tile(height, e.b.add(done, e.b.mul(i, int64(height))))
            return []

        with e.when_positive(count):
            e.loop(count, [], one)
        done = e.b.add(done, e.b.mul(count, int64(height)))


class Filter(NamedTuple):
    """Of one channel: the weights, and where the first tap of each column lies. There are tall x columns taps; those of one
    column lie a row of the image apart.
    """

    weights: Array
    offsets: Array
    tall: int
    columns: int


def _emit_plane(e: Emitter, image: Rows, f: Filter, bias: Tail, out: Rows, rows: Value) -> None:
    b, width, n = e.b, image.pitch, out.pitch
    x, y, start = e.start(image), e.start(out), e.broadcast(e.start(bias))
    vectors = b.sdiv(b.add(n, int64(e.lanes - 1)), int64(e.lanes))

    def tile(height: int, row: Value, deep: int) -> None:
        def vector(v: Value, _: list[Value]) -> list[Value]:
            column = b.mul(v, int64(e.lanes))
            seen, target = (b.add(b.mul(row, pitch), column) for pitch in (width, n))

            def taps(k: Value, sums: list[Value]) -> list[Value]:
                weights = [e.broadcast(e.at(f.weights, b.add(k, b.mul(f.columns, int64(i))))) for i in range(deep)]
                pixel, new = e.at(x, b.add(seen, e.integer(f.offsets, k))), list(sums)
                for q in range(height + deep - 1):
                    value = e.load(pixel)
                    for i in range(max(0, q - height + 1), min(deep, q + 1)):
                        new[q - i] = e.fma(weights[i], value, new[q - i])
                    pixel = e.at(pixel, width)
                return new

            mask, place = e.first_lanes(b.sub(n, column)), e.at(y, target)
            for total in e.loop(f.columns, [start] * height, taps):
                e.masked_store(total, place, mask)
                place = e.at(place, n)
            return []

        e.loop(vectors, [], vector)

    for deep in TALL:
        with b.if_then(b.icmp_signed("==", f.tall, int64(deep))):
            _tiles(e, rows, HEIGHTS, partial(tile, deep=deep))


@emits(_emit_plane)
def plane(image: Rows, f: Filter, bias: Tail, out: Rows, rows: int) -> None:
    """Each row of out, of out.pitch elements, = the bias + the sum over taps of weight * the image's row from the tap on.

    Loads run past the row to whole vectors.
    """
    n = out.pitch
    wide = -(-n // lanes_of(image.data)) * lanes_of(image.data)
    for r in range(rows):
        target = row_of(out, r, n)
        target[:] = head(bias, 1)
        for k in range(f.tall * f.columns):
            start = image.at + int(f.offsets[k % f.columns]) + (k // f.columns + r) * image.pitch
            target += f.weights[k] * window(image.data, start, wide)[:n]


@inner()
def tall_of(s: Sizes) -> int:
    """How many taps of a column a tile takes at once."""
    return 3 if s.KH == 3 and s.SH == 1 and s.DH == 1 else 1


@jit()
def _planes(x: Array, filters: Filters, bias: Array, y: Array, table: Array, threads: int) -> None:
    w, places = filters.data, filters.places
    taps, lanes = places.size, lanes_of(x)
    channels = w.size // taps
    for t in prange(threads):
        s, packing, p = sizes_in(table), packing_in(table), reading_in(table)
        tall = tall_of(s)
        buffer, weights = np.zeros(p.plane + lanes, x.dtype), np.empty(taps, x.dtype)
        for u in range(t * s.N // threads, (t + 1) * s.N // threads):
            channel = u % channels
            pack_image(buffer, 0, x, u * s.H * s.W, 0, packing)
            for k in range(taps):
                weights[k] = w[channel * taps + places[k]]
            image, out = Rows(buffer, 0, packing.width), Rows(y, u * s.OH * s.OW, s.OW)
            plane(image, Filter(weights, p.offsets, tall, taps // tall), Tail(bias, channel), out, s.OH)


def _emit_dots(e: Emitter, grads: Rows, image: Rows, taps: Tail, tall: Value, rows: Value, sums: Value) -> None:
    b, width, n = e.b, image.pitch, grads.pitch
    table, x = b.add(taps.data, b.shl(taps.at, int64(3))), e.start(image)
    places = [e.at(e.at(sums, b.mul(taps.at, int64(e.lanes))), e.lanes * k) for k in range(TAPS)]
    vectors = b.sdiv(b.add(n, int64(e.lanes - 1)), int64(e.lanes))

    def tile(height: int, row: Value, deep: int) -> None:
        columns = TAPS // deep
        images = [e.at(x, b.add(e.integer(table, k), b.mul(row, width))) for k in range(columns)]
        first = e.at(e.start(grads), b.mul(row, n))

        def vector(v: Value, totals: list[Value]) -> list[Value]:
            column = b.mul(v, int64(e.lanes))
            mask, at = e.first_lanes(b.sub(n, column)), e.at(first, column)
            gv = []
            for _ in range(height):
                gv.append(e.masked_load(at, mask))
                at = e.at(at, n)
            new = list(totals)
            for k, image in enumerate(images):
                pixel = e.at(image, column)
                for q in range(height + deep - 1):
                    value = e.load(pixel)
                    for i in range(max(0, q - height + 1), min(deep, q + 1)):
                        new[i * columns + k] = e.fma(gv[q - i], value, new[i * columns + k])
                    pixel = e.at(pixel, width)
            return new

        for total, place in zip(e.loop(vectors, [e.load(place) for place in places], vector), places, strict=True):
            e.store(total, place)

    for deep in TALL:
        with b.if_then(b.icmp_signed("==", tall, int64(deep))):
            _tiles(e, rows, DOT_HEIGHTS, partial(tile, deep=deep))


@emits(_emit_dots)
def dots(grads: Rows, image: Rows, taps: Tail, tall: int, rows: int, sums: Array) -> None:
    """Vector taps.at + k of sums, added up over lanes, += the sum over rows of grads (of grads.pitch elements) times the
    image's row from taps[k] on, for k < TAPS.

    If tall > 1, there are no more taps than these, and those of a column lie a row of the image apart. Loads of the image run
    past a row to whole vectors.
    """
    lanes, columns, n = lanes_of(image.data), TAPS // tall, grads.pitch
    for k in range(TAPS):
        target = window(sums, (taps.at + k) * lanes, lanes)
        start = image.at + int(taps.data[taps.at + k % columns]) + k // columns * image.pitch
        for r in range(rows):
            pixels = window(image.data, start + r * image.pitch, -(-n // lanes) * lanes)[:n]
            target[0] += np.sum(row_of(grads, r, n) * pixels)


@jit()
def _weight_grad(x: Array, gy: Array, gw: Array, table: Array, offsets: Array, threads: int) -> None:
    """A channel belongs to one thread, and its images are added up in order: the same bits for any number of threads."""
    lanes = lanes_of(x)
    for t in prange(threads):
        s, packing, p = sizes_in(table), packing_in(table), reading_in(table)
        taps = p.offsets.size
        channels = gw.size // taps
        tall = tall_of(s) if taps == TAPS else 1
        buffer, sums = np.zeros(p.plane + lanes, x.dtype), np.empty(offsets.size * lanes, x.dtype)
        for c in range(t * channels // threads, (t + 1) * channels // threads):
            clear(sums)
            for u in range(c, s.N, channels):
                pack_image(buffer, 0, x, u * s.H * s.W, 0, packing)
                grads, image = Rows(gy, u * s.OH * s.OW, s.OW), Rows(buffer, 0, packing.width)
                for k in range(0, offsets.size, TAPS):
                    dots(grads, image, Tail(offsets, k), tall, s.OH, sums)
            for k in range(taps):
                gw[c * taps + k] = sum_run(sums[k * lanes : (k + 1) * lanes])
