"""The weight gradient: dot products over pixels of gy with the input shifted by every tap.

Rows of gy that are whole vectors are read where they lie. Others are copied to the input's row pitch with zeros in the junk
columns, so that the sums can run over whole vectors across the ends of rows. Every thread adds up its own share; the shares are
added in fixed order at the end, so results do not depend on timing.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numba import prange

from ...geometry import ConvGeometry
from ...types import Array
from ..machine.compile import jit, threads_for
from ..machine.tile import DOT_ROWS, DOT_TAPS, DOT_TAPS_ALONE, dot_size, dots
from ..machine.vector import VECTOR_BYTES, as_row, clear, copy_rows, lanes_of
from ..machine.views import Rows, Segments, Tail
from .pack import pack_image
from .plan import STRIP_BYTES, TAPS_AT, Plan, forward_plan, packing_in, reading_in, sizes_in


def weight_grad(x: Array, gy: Array, g: ConvGeometry) -> Array:
    """gw for any geometry; x and gy dense, no size zero.

    Junk columns meet pixels with zeros: where x is not finite, some entries of gw can be NaN that should not be. The
    caller checks for that.
    """
    cost = g.macs / SPEED
    plan = _plan(g, x.itemsize, threads_for(1 << 30, cost))
    gw = np.empty(g.w_shape, x.dtype)
    in_rows = reads_rows(g, x.itemsize)
    at_once, threads = _units_at_once(plan, x.itemsize, in_rows), threads_for(g.N * plan.reading.strips, cost)
    _weight_grad(as_row(x), as_row(gy), as_row(gw), plan.table, at_once, in_rows, threads)
    return gw


def reads_rows(g: ConvGeometry, item_bytes: int) -> bool:
    """Whether gy is read row by row where it lies. With strides copies were faster."""
    whole = g.K == g.groups or not g.K // g.groups % DOT_ROWS
    return whole and g.stride == (1, 1) and not g.out_shape[1] % (VECTOR_BYTES // item_bytes)


SPEED = 10.0
"""Multiply-adds of float32 in a nanosecond of one thread."""

MOST_AT_ONCE = 8
"""Units of work in one pass where nothing of gy is copied for them."""


@lru_cache(maxsize=512)
def _plan(g: ConvGeometry, item_bytes: int, threads: int) -> Plan:
    """The plan of the forward pass with whole blocks of taps: the last block repeats the last tap."""
    sizes, packing, reading, _ = forward_plan(g, item_bytes, threads, weight_grad=True)
    spare = -reading.offsets.size % (DOT_TAPS_ALONE if g.K == g.groups else DOT_TAPS)
    return Plan.of(sizes, packing, reading._replace(offsets=np.pad(reading.offsets, (0, spare), mode="edge")))


def _units_at_once(plan: Plan, item_bytes: int, in_rows: bool) -> int:
    """Units of work in one pass, as the cache allows: the more, the fewer additions of finished sums to memory."""
    s = plan.sizes
    unit = item_bytes * plan.reading.strip * plan.packing.width * (s.C * s.SH + s.K // s.SH)
    return max(1, min(MOST_AT_ONCE if in_rows else 2, STRIP_BYTES * 5 // 3 // unit))


@jit()
def _weight_grad(x: Array, gy: Array, gw: Array, table: Array, at_once: int, in_rows: bool, threads: int) -> None:
    outer = sizes_in(table)
    K, Kg, alone, lanes = outer.K, outer.K // outer.G, outer.K == outer.G, lanes_of(x)
    depth = outer.C // outer.G * outer.KH * outer.KW
    rows, taps = (1, DOT_TAPS_ALONE) if alone else (DOT_ROWS, DOT_TAPS)
    size = dot_size(rows * taps, lanes)
    high, deep = (Kg + rows - 1) // rows, table[TAPS_AT] // taps
    group = high * deep * size
    share = (outer.G * group + 127) // lanes * lanes  # apart by a cache line or more: threads share none
    sums = np.zeros(threads * share, x.dtype)
    for t in prange(threads):
        s, packing, p = sizes_in(table), packing_in(table), reading_in(table)
        width, offsets, blocks = packing.width, p.offsets, (high, deep)
        Cg, units, image, area = s.C // s.G, s.N * p.strips, s.C * s.H * s.W, s.OH * s.OW
        pitch = (p.strip * width + lanes - 1) // lanes * lanes
        x_ahead, g_ahead = s.C * p.plane + width + lanes, 0 if in_rows else s.G * high * rows * pitch
        images, grads = np.zeros(x_ahead * at_once, x.dtype), np.zeros(g_ahead * at_once, x.dtype)
        starts = np.empty(2 * at_once * (p.strip if in_rows else 1), np.int64)
        u, end = t * units // threads, (t + 1) * units // threads
        while u < end:
            taken, segments = min(at_once, end - u), 0
            # in place the last vectors may read on into the next image, but not out of x
            in_place = p.unpadded and p.strips == 1 and (u + taken - 1) * image + p.reach + pitch <= x.size
            for q in range(taken):
                n, first = (u + q) // p.strips, (u + q) % p.strips * p.strip
                count, begin = min(p.strip, s.OH - first), (u + q) * image if in_place else q * x_ahead
                if not in_place:
                    pack_image(images, begin, x, n * image, first, packing)
                if in_rows:
                    for r in range(count):
                        starts[2 * segments], starts[2 * segments + 1] = n * s.K * area + (first + r) * s.OW, begin + r * width
                        segments += 1
                    continue
                starts[2 * segments], starts[2 * segments + 1] = q * g_ahead, begin
                segments += 1
                for k in range(s.K):
                    d = q * g_ahead + (k // Kg * high * rows + k % Kg) * pitch
                    source = Rows(gy, (n * s.K + k) * area + first * s.OW, s.OW)
                    copy_rows(Rows(grads, d, width), source, s.OW, count)
                    clear(grads[d + count * width : d + pitch])
            pixels, outputs, step = x if in_place else images, gy if in_rows else grads, area if in_rows else pitch
            whole = Segments(starts, segments, (s.OW if in_rows else pitch) // lanes)
            for g in range(s.G):
                channels, shifted = Rows(outputs, g * high * rows * step, step), Tail(pixels, g * Cg * p.plane)
                dots(alone, channels, shifted, offsets, blocks, whole, Tail(sums, t * share + g * group))
            u += taken
    for part in prange(threads):
        for k in range(part * K // threads, (part + 1) * K // threads):
            block, m = k % Kg // rows, k % Kg % rows
            for r in range(depth):
                at = k // Kg * group + (block * deep + r // taps) * size + m * taps + r % taps
                total = sums[at]
                for other in range(1, threads):
                    total += sums[other * share + at]
                gw[k * depth + r] = total
