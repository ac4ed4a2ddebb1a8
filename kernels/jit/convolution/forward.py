"""The forward convolution as indirect tile products over packed strips (no im2col)."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import prange

from ...geometry import ConvGeometry
from ...types import Array
from ..machine.compile import inner, jit, threads_for
from ..machine.kept import KEPT
from ..machine.tile import rows_for, tiles
from ..machine.vector import as_row, copy_rows_plus, lanes_of
from ..machine.views import Panel, Rows, Tail
from .pack import pack_image
from .plan import forward_plan, packing_in, reading_in, sizes_in


def direct(x: Array, w: Array, g: ConvGeometry, bias: Array) -> Array:
    """y = x * w + bias for any geometry; all dense, bias (K or more,), no size zero."""
    return _run(x, w, g, bias, False)


def mirrored(gy: Array, w: Array, g: ConvGeometry) -> Array:
    """The input gradient of a geometry that has_mirror: again a convolution, of gy with the filters turned around."""
    return _run(gy, w, mirror(g), np.zeros(g.C, gy.dtype), True)


def has_mirror(g: ConvGeometry) -> bool:
    """Stride 1, and no more padding than the filter reaches."""
    reach = [d * (k - 1) for d, k in zip(g.dilation, g.kernel, strict=True)]
    return g.stride == (1, 1) and all(max(p) <= r for p, r in zip(zip(g.pad_lo, g.pad_hi, strict=True), reach, strict=True))


def _run(x: Array, w: Array, g: ConvGeometry, bias: Array, turned: bool) -> Array:
    cost = g.macs / SPEED
    sharing = threads_for(1 << 30, cost)
    plan = forward_plan(g, x.itemsize, sharing if cost > SHORT else sharing // 2)  # a strip for each thread, not two
    y = np.empty(g.y_shape, x.dtype)

    def packed() -> Array:
        filters = Filters(as_row(w), *weight_places(g, turned))
        outputs = g.K // g.groups
        rows = rows_for(outputs)
        blocks = -(-outputs // rows)
        panels = np.zeros(g.groups * blocks * filters.places.size * rows, w.dtype)
        _packed(filters, panels, g.groups, outputs, threads_for(g.groups * blocks, 2.0 * w.size))
        return panels

    panels = KEPT.get(w, ("direct", g.groups, turned), packed) if g.N <= FEW_IMAGES else packed()
    _forward(as_row(x), panels, bias, as_row(y), plan.table, threads_for(g.N * plan.reading.strips, cost))
    return y


SPEED = 40.0
"""Multiply-adds of float32 in a nanosecond of one thread."""

SHORT = 200_000
"""Nanoseconds of a convolution of which the borders between strips would be a large part."""

FEW_IMAGES = 8
"""Up to which the weights are kept in the order of the tiles."""


@lru_cache(maxsize=512)
def mirror(g: ConvGeometry) -> ConvGeometry:
    """The convolution that is the input gradient of g: from y's shape to x's."""
    low, high = (
        tuple(d * (k - 1) - p for d, k, p in zip(g.dilation, g.kernel, pads, strict=True)) for pads in (g.pad_lo, g.pad_hi)
    )
    return ConvGeometry(g.N, g.K, g.C, g.groups, g.out_shape, g.kernel, g.stride, g.dilation, low, high, g.in_shape)


@lru_cache(maxsize=512)
def weight_places(g: ConvGeometry, turned: bool) -> tuple[int, Array]:
    """Where w holds the weights of one group: the step from one output channel of g to the next, and each tap's offset.

    turned: w belongs to the convolution whose mirror g is; its channels swap roles and its taps run backwards.
    """
    taps, inputs = g.kernel[0] * g.kernel[1], g.C // g.groups
    if not turned:
        return inputs * taps, np.arange(inputs * taps)
    outputs = g.K // g.groups
    return taps, np.array([c * outputs * taps + taps - 1 - t for c in range(inputs) for t in range(taps)])


class Filters(NamedTuple):
    """Weights, and where those of one group lie: the step from one output channel to the next, and each tap's offset."""

    data: Array
    step: int
    places: Array


@inner()
def pack_weights(packed: Array, filters: Filters, g: int, block: int, rows: int, blocks: int, Kg: int) -> None:
    """One block (depth, rows) of the weights of group g. Rows past the last channel stay zero."""
    w, step, places = filters
    depth = places.size
    at, group = (g * blocks + block) * depth * rows, g * Kg * depth
    for m in range(min(rows, Kg - block * rows)):
        first = group + (block * rows + m) * step
        for k in range(depth):
            packed[at + k * rows + m] = w[first + places[k]]


@jit()
def _packed(filters: Filters, panels: Array, groups: int, outputs: int, threads: int) -> None:
    rows = rows_for(outputs)
    blocks = (outputs + rows - 1) // rows
    units = groups * blocks
    for t in prange(threads):
        for u in range(t * units // threads, (t + 1) * units // threads):
            pack_weights(panels, filters, u // blocks, u % blocks, rows, blocks, outputs)


@jit()
def _forward(x: Array, packed: Array, bias: Array, y: Array, table: Array, threads: int) -> None:
    for t in prange(threads):
        s, packing, p = sizes_in(table), packing_in(table), reading_in(table)
        width = packing.width
        Kg, Cg, depth, lanes = s.K // s.G, s.C // s.G, p.offsets.size, lanes_of(x)
        rows = rows_for(Kg)
        blocks = (Kg + rows - 1) // rows
        units, image_size = s.N * p.strips, s.C * s.H * s.W
        pitch = (p.strip * width + lanes - 1) // lanes * lanes
        buffer = np.zeros(s.C * p.plane + packing.width + lanes, x.dtype)  # the last tap's last vector runs over
        out = np.empty(blocks * rows * pitch, x.dtype)
        for u in range(t * units // threads, (t + 1) * units // threads):
            n, first = u // p.strips, u % p.strips * p.strip
            count = min(p.strip, s.OH - first)
            vectors = (count * width + lanes - 1) // lanes
            start = n * image_size + first * s.W
            in_place = p.unpadded and start + p.reach + vectors * lanes <= x.size  # no load may leave x
            if not in_place:
                pack_image(buffer, 0, x, n * image_size, first, packing)
            # one call for both cases: every further one is compiled at length
            pixels, offsets = (x, p.direct_offsets) if in_place else (buffer, p.offsets)
            channel = s.H * s.W if in_place else p.plane
            for g in range(s.G):
                image = Tail(pixels, g * Cg * channel + (start if in_place else 0))
                weights = Panel(packed, g * blocks * depth * rows, depth)
                tiles(rows, weights, blocks, Tail(offsets, 0), image, vectors, Rows(out, 0, pitch))
                for k in range(Kg):  # drop the junk columns
                    target = Rows(y, ((n * s.K + g * Kg + k) * s.OH + first) * s.OW, s.OW)
                    copy_rows_plus(target, Rows(out, k * pitch, width), s.OW, count, Tail(bias, g * Kg + k))
