"""Depthwise convolution: every channel by a filter of its own, one plane after another.

There is no sum over channels, so nothing to share between them: a plane is copied into a padded buffer, which the
first-level cache holds up to 90 x 90 pixels, and each vector of results goes straight from registers to its place. Taps
that lie below each other share what is loaded: row r + 1 under one tap is row r under the next.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from numba import prange

from ..geometry import ConvGeometry
from ..types import Array
from .compile import inner, jit, thread_count
from .conv_forward import mirror, weight_places
from .conv_pack import pack_image
from .conv_plan import ForwardPlan, Packing, Sizes, one_strip_plan
from .norm_rows import sum_run
from .vector import Emitter, Value, as_row, clear, emits, int64, lanes_of, window

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
    sizes, packing, plan = _plane(g)
    taps = plan.offsets.size
    offsets = np.concatenate([plan.offsets, np.repeat(plan.offsets[-1:], -taps % TAPS)])
    gw = np.empty(g.w_shape, x.dtype)
    _weight_grad(as_row(x), as_row(gy), as_row(gw), g.C, sizes, packing, plan, offsets, thread_count(g.C))
    return gw


def _run(x: Array, w: Array, g: ConvGeometry, bias: Array, turned: bool) -> Array:
    y = np.empty(g.y_shape, x.dtype)
    places = weight_places(g, turned)[1]
    _planes(as_row(x), as_row(w), bias, as_row(y), places, g.C, *_plane(g), thread_count(g.N * g.C))
    return y


def _plane(g: ConvGeometry) -> tuple[Sizes, Packing, ForwardPlan]:
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


def _emit_plane(
    e: Emitter, x: Value, off: Value, w: Value, tall: Value, columns: Value, width: Value, bias: Value, bo: Value,
    rows: Value, n: Value, y: Value, at: Value,
) -> None:  # fmt: skip
    b = e.b
    start = e.broadcast(e.at(bias, bo))
    vectors = b.sdiv(b.add(n, int64(e.lanes - 1)), int64(e.lanes))

    def tile(height: int, row: Value, deep: int) -> None:
        def vector(v: Value, _: list[Value]) -> list[Value]:
            column = b.mul(v, int64(e.lanes))
            seen, target = (b.add(b.mul(row, pitch), column) for pitch in (width, n))

            def taps(k: Value, sums: list[Value]) -> list[Value]:
                weights = [e.broadcast(e.at(w, b.add(k, b.mul(columns, int64(i))))) for i in range(deep)]
                pixel, new = e.at(x, b.add(seen, e.integer(off, k))), list(sums)
                for q in range(height + deep - 1):
                    value = e.load(pixel)
                    for i in range(max(0, q - height + 1), min(deep, q + 1)):
                        new[q - i] = e.fma(weights[i], value, new[q - i])
                    pixel = e.at(pixel, width)
                return new

            mask, place = e.first_lanes(b.sub(n, column)), e.at(y, b.add(at, target))
            for total in e.loop(columns, [start] * height, taps):
                e.masked_store(total, place, mask)
                place = e.at(place, n)
            return []

        e.loop(vectors, [], vector)

    for deep in TALL:
        with b.if_then(b.icmp_signed("==", tall, int64(deep))):
            _tiles(e, rows, HEIGHTS, partial(tile, deep=deep))


@emits(_emit_plane)
def plane(
    x: Array, off: Array, w: Array, tall: int, columns: int, width: int, bias: Array, bo: int, rows: int, n: int, y: Array,
    at: int,
) -> None:  # fmt: skip
    """y[at + r n ...][:n] = bias[bo] + sum over k of w[k] * x[off[k] + r width ...][:n] for each of `rows` rows r.

    There are tall x columns taps; those of one column lie `width` apart. Loads run past n to whole vectors.
    """
    lanes = lanes_of(x)
    for r in range(rows):
        target = window(y, at + r * n, n)
        target[:] = window(bias, bo, 1)
        for k in range(tall * columns):
            start = int(off[k % columns]) + k // columns * width
            target += w[k] * window(x, start + r * width, -(-n // lanes) * lanes)[:n]


@inner()
def tall_of(s: Sizes) -> int:
    """How many taps of a column a tile takes at once."""
    return 3 if s.KH == 3 and s.SH == 1 and s.DH == 1 else 1


@jit()
def _planes(
    x: Array, w: Array, bias: Array, y: Array, places: Array, channels: int, s: Sizes, packing: Packing, p: ForwardPlan,
    threads: int,
) -> None:  # fmt: skip
    taps, lanes, tall = places.size, lanes_of(x), tall_of(s)
    for t in prange(threads):
        buffer, weights = np.zeros(p.plane + lanes, x.dtype), np.empty(taps, x.dtype)
        for u in range(t * s.N // threads, (t + 1) * s.N // threads):
            channel, at = u % channels, u * s.OH * s.OW
            pack_image(buffer, 0, x, u * s.H * s.W, 0, packing)
            for k in range(taps):
                weights[k] = w[channel * taps + places[k]]
            plane(buffer, p.offsets, weights, tall, taps // tall, packing.width, bias, channel, s.OH, s.OW, y, at)


def _emit_dots(
    e: Emitter, g: Value, go: Value, x: Value, off: Value, oo: Value, tall: Value, width: Value, rows: Value, n: Value,
    sums: Value,
) -> None:  # fmt: skip
    b = e.b
    table = b.add(off, b.shl(oo, int64(3)))
    places = [e.at(e.at(sums, b.mul(oo, int64(e.lanes))), e.lanes * k) for k in range(TAPS)]
    vectors = b.sdiv(b.add(n, int64(e.lanes - 1)), int64(e.lanes))

    def tile(height: int, row: Value, deep: int) -> None:
        columns = TAPS // deep
        images = [e.at(x, b.add(e.integer(table, k), b.mul(row, width))) for k in range(columns)]
        grads = e.at(e.at(g, go), b.mul(row, n))

        def vector(v: Value, totals: list[Value]) -> list[Value]:
            column = b.mul(v, int64(e.lanes))
            mask, at = e.first_lanes(b.sub(n, column)), e.at(grads, column)
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
def dots(g: Array, go: int, x: Array, off: Array, oo: int, tall: int, width: int, rows: int, n: int, sums: Array) -> None:
    """sums[(oo + k) lanes ...], added up over lanes, += sum of g[go + r n ...][:n] * x[off[oo + k] + r width ...][:n]
    over rows r, for k < TAPS. If tall > 1, there are no more taps than these, and those of a column lie `width` apart.
    Loads of x run past n to whole vectors.
    """
    lanes, columns = lanes_of(x), TAPS // tall
    for k in range(TAPS):
        target = window(sums, (oo + k) * lanes, lanes)
        start = int(off[oo + k % columns]) + k // columns * width
        for r in range(rows):
            image = window(x, start + r * width, -(-n // lanes) * lanes)[:n]
            target[0] += np.sum(window(g, go + r * n, n) * image)


@jit()
def _weight_grad(
    x: Array, gy: Array, gw: Array, channels: int, s: Sizes, packing: Packing, p: ForwardPlan, offsets: Array, threads: int
) -> None:
    """A channel belongs to one thread, and its images are added up in order: the same bits for any number of threads."""
    taps, lanes = p.offsets.size, lanes_of(x)
    tall = tall_of(s) if taps == TAPS else 1
    for t in prange(threads):
        buffer, sums = np.zeros(p.plane + lanes, x.dtype), np.empty(offsets.size * lanes, x.dtype)
        for c in range(t * channels // threads, (t + 1) * channels // threads):
            clear(sums)
            for u in range(c, s.N, channels):
                pack_image(buffer, 0, x, u * s.H * s.W, 0, packing)
                for k in range(0, offsets.size, TAPS):
                    dots(gy, u * s.OH * s.OW, buffer, offsets, k, tall, packing.width, s.OH, s.OW, sums)
            for k in range(taps):
                gw[c * taps + k] = sum_run(sums[k * lanes : (k + 1) * lanes])
