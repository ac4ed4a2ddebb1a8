"""The input gradient: for each phase of the pixels modulo the stride, a convolution of gy with the taps that meet it.

gy is never spread out with zeros between its pixels, as the textbook formula for strides would have it: a 7 x 7 layer
of stride 2 is four times faster for that. Stride 1 has a shorter way: see conv_forward.mirrored.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from ...geometry import ConvGeometry
from ...types import Array
from ..machine.compile import inner, jit, threads_for
from ..machine.tile import rows_for, tiles
from ..machine.vector import as_row, clear, copy_rows, lanes_of
from ..machine.views import Panel, Rows, Tail
from .pack import interleave, pack_image, put
from .plan import InputGradPlan, Packing, Sizes, input_grad_plan


def input_grad(gy: Array, w: Array, g: ConvGeometry) -> Array:
    """gx for any geometry; gy and w dense, w finite, no size zero."""
    cost = g.macs / SPEED
    plan = input_grad_plan(g, gy.itemsize, threads_for(1 << 30, cost))
    gx = np.empty(g.x_shape, gy.dtype)
    _input_grad(as_row(gy), as_row(w), as_row(gx), *plan, threads_for(g.N * plan[-1].strips, cost))
    return gx


SPEED = 10.0
"""Multiply-adds of float32 in a nanosecond of one thread."""


@inner()
def pack_phase(packed: Tail, w: Array, g: int, block: int, rows: int, s: Sizes, taps: Array) -> None:
    """One block (Kg x taps, rows) of a phase's weights. Rows are input channels here; depth runs over (k, tap)."""
    Kg, Cg, count = s.K // s.G, s.C // s.G, taps.size
    for m in range(min(rows, Cg - block * rows)):
        for k in range(Kg):
            first = ((g * Kg + k) * Cg + block * rows + m) * s.KH * s.KW
            for t in range(count):
                packed.data[packed.at + (k * count + t) * rows + m] = w[first + taps[t]]


@inner()
def spread(gx: Tail, strip: Rows, s: Sizes, p: InputGradPlan, first: int, count: int, phase: int) -> None:
    """Write one channel's strip of a phase, `count` rows from `first` on, to its rows and columns of a plane of gx."""
    if s.SH == 1 and s.SW == 1:
        copy_rows(Rows(gx.data, gx.at + first * s.W, s.W), strip, s.W, count)
        return
    column, skip = p.first_col * s.SW + phase % s.SW - s.left, 0
    if column < 0:  # before the image: the phase begins one step later
        skip, column = 1, column + s.SW
    columns = (s.W - column + s.SW - 1) // s.SW
    if columns <= 0:
        return
    for q in range(count):
        row = (first + q + p.first_row) * s.SH + phase // s.SW - s.top
        if 0 <= row < s.H:
            source, target = strip.at + q * strip.pitch + skip, gx.at + row * s.W + column
            put(gx.data[target : gx.at + s.H * s.W], strip.data[source : source + columns], s.SW)


@inner()
def spread_pair(gx: Tail, strip: Rows, ahead: int, s: Sizes, p: InputGradPlan, first: int, count: int, a: int) -> None:
    """The same for a phase of the rows and both phases of the columns, where these are two: that of the odd columns of padded gx
    begins `ahead` elements after the other's.
    """
    even, odd = (strip.at + ahead, strip.at + 1) if s.left % 2 else (strip.at, strip.at + ahead)
    for q in range(count):
        row = (first + q + p.first_row) * s.SH + a - s.top
        if 0 <= row < s.H:
            target, here = gx.at + row * s.W, q * strip.pitch
            interleave(Tail(gx.data, target), Tail(strip.data, even + here), Tail(strip.data, odd + here), s.W // 2)
            if s.W % 2:
                gx.data[target + s.W - 1] = strip.data[even + here + s.W // 2]


@jit()
def _input_grad(gy: Array, w: Array, gx: Array, s: Sizes, packing: Packing, p: InputGradPlan, threads: int) -> None:
    width = packing.width
    Kg, Cg, lanes = s.K // s.G, s.C // s.G, lanes_of(gy)
    rows = rows_for(Cg)
    blocks = (Cg + rows - 1) // rows
    phases, most = p.offsets.shape
    weights = blocks * most * rows  # of one group and phase
    packed = np.zeros(phases * s.G * weights, gy.dtype)
    for t in prange(threads):
        for u in range(t * s.G * blocks // threads, (t + 1) * s.G * blocks // threads):
            g, block = u // blocks, u % blocks
            for f in range(phases):
                at = (f * s.G + g) * weights + block * Kg * p.counts[f] * rows
                pack_phase(Tail(packed, at), w, g, block, rows, s, p.taps[f, : p.counts[f]])
    offsets = p.offsets.reshape(-1)
    plane, image, units = packing.height * width, s.K * s.OH * s.OW, s.N * p.strips
    pitch = (p.strip * width + lanes - 1) // lanes * lanes
    for t in prange(threads):
        buffer = np.zeros(s.K * plane + width + lanes, gy.dtype)  # the last tap's last vector runs over
        ahead, together = blocks * rows * pitch, 2 if s.SW == 2 else 1  # the phases that are written at once
        out = np.empty(together * ahead, gy.dtype)
        for u in range(t * units // threads, (t + 1) * units // threads):
            n, first = u // p.strips, u % p.strips * p.strip
            count = min(p.strip, p.rows - first)
            vectors = (count * width + lanes - 1) // lanes
            pack_image(buffer, 0, gy, n * image, first, packing)
            for g in range(s.G):
                for f in range(phases):
                    panel, place = Panel(packed, (f * s.G + g) * weights, Kg * p.counts[f]), f % together * ahead
                    if panel.depth == 0:
                        clear(out[place : place + ahead])
                    else:
                        pixels, taps = Tail(buffer, g * Kg * plane), Tail(offsets, f * most)
                        tiles(rows, panel, blocks, taps, pixels, vectors, Rows(out, place, pitch))
                    if f % together < together - 1:
                        continue
                    for c in range(Cg):
                        channel, strip = Tail(gx, (n * s.C + g * Cg + c) * s.H * s.W), Rows(out, c * pitch, width)
                        if together == 2:
                            spread_pair(channel, strip, ahead, s, p, first, count, f // 2)
                        else:
                            spread(channel, strip, s, p, first, count, f)
