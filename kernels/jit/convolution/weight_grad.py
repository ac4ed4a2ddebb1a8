"""The weight gradient: dot products over pixels of gy with the input shifted by every tap.

gy is copied to the input's row pitch with zeros in the junk columns, so that the sums can run over whole vectors. Every
thread adds up its own share; the shares are added in fixed order at the end, so results do not depend on timing.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numba import prange

from ...geometry import ConvGeometry
from ...types import Array
from ..machine.compile import jit, threads_for
from ..machine.tile import DOT_ROWS, DOT_TAPS, DOT_TAPS_ALONE, dot_size, dots
from ..machine.vector import as_row, clear, copy_rows, lanes_of
from ..machine.views import Pieces, Rows, Tail
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
    at_once, threads = _units_at_once(plan, x.itemsize), threads_for(g.N * plan.reading.strips, cost)
    _weight_grad(as_row(x), as_row(gy), as_row(gw), plan.table, at_once, threads)
    return gw


SPEED = 10.0
"""Multiply-adds of float32 in a nanosecond of one thread."""


@lru_cache(maxsize=512)
def _plan(g: ConvGeometry, item_bytes: int, threads: int) -> Plan:
    """The plan of the forward pass with whole blocks of taps: the last block repeats the last tap."""
    sizes, packing, reading, _ = forward_plan(g, item_bytes, threads, weight_grad=True)
    spare = -reading.offsets.size % (DOT_TAPS_ALONE if g.K == g.groups else DOT_TAPS)
    return Plan.of(sizes, packing, reading._replace(offsets=np.pad(reading.offsets, (0, spare), mode="edge")))


def _units_at_once(plan: Plan, item_bytes: int) -> int:
    """Two units of work per pass, if both fit the cache, halve the additions of finished sums to memory."""
    s = plan.sizes
    unit = item_bytes * plan.reading.strip * plan.packing.width * (s.C * s.SH + s.K // s.SH)
    return max(1, min(2, STRIP_BYTES * 5 // 3 // unit))


@jit()
def _weight_grad(x: Array, gy: Array, gw: Array, table: Array, at_once: int, threads: int) -> None:
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
        x_ahead, g_ahead = s.C * p.plane + width + lanes, s.G * high * rows * pitch
        images, grads = np.zeros(x_ahead * at_once, x.dtype), np.zeros(g_ahead * at_once, x.dtype)
        u, end = t * units // threads, (t + 1) * units // threads
        while u < end:
            segments = min(at_once, end - u)
            # in place the last vectors may read on into the next image, but not out of x
            in_place = p.unpadded and p.strips == 1 and (u + segments - 1) * image + p.reach + pitch <= x.size
            for q in range(segments):
                n, first = (u + q) // p.strips, (u + q) % p.strips * p.strip
                count = min(p.strip, s.OH - first)
                if not in_place:
                    pack_image(images, q * x_ahead, x, n * image, first, packing)
                for k in range(s.K):
                    d = q * g_ahead + (k // Kg * high * rows + k % Kg) * pitch
                    source = Rows(gy, (n * s.K + k) * area + first * s.OW, s.OW)
                    copy_rows(Rows(grads, d, width), source, s.OW, count)
                    clear(grads[d + count * width : d + pitch])
            pixels = x if in_place else images
            for g in range(s.G):
                channels = Pieces(grads, g * high * rows * pitch, pitch, g_ahead, segments)
                first = g * Cg * p.plane + (u * image if in_place else 0)
                shifted = Rows(pixels, first, image if in_place else x_ahead)
                dots(alone, channels, shifted, offsets, blocks, pitch // lanes, Tail(sums, t * share + g * group))
            u += segments
    for part in prange(threads):
        for k in range(part * K // threads, (part + 1) * K // threads):
            block, m = k % Kg // rows, k % Kg % rows
            for r in range(depth):
                at = k // Kg * group + (block * deep + r // taps) * size + m * taps + r % taps
                total = sums[at]
                for other in range(1, threads):
                    total += sums[other * share + at]
                gw[k * depth + r] = total
