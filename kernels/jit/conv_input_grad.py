"""The input gradient: per phase of the input's pixels modulo the stride, a convolution of gy with the taps that meet it.

gy is never spread out with zeros between its pixels, as the textbook formula for strides would have it; a 7 x 7 layer of
stride 2 is four times faster for that.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from ..geometry import ConvGeometry
from ..types import Array
from .compile import inner, jit, thread_count
from .conv_pack import pack_image, put
from .conv_plan import Sizes, input_grad_plan
from .tile import rows_for, tiles
from .vector import as_row, clear, copy_rows, lanes_of


def input_grad(gy: Array, w: Array, g: ConvGeometry) -> Array:
    """gx for any geometry; gy and w dense, w finite, no size zero."""
    plan = input_grad_plan(g, gy.itemsize, thread_count(1 << 30))
    gx = np.empty(g.x_shape, gy.dtype)
    threads = thread_count(g.N * -(-plan.rows // plan.strip))
    _input_grad(as_row(gy), as_row(w), as_row(gx), plan.sizes, plan.strip, plan.height, plan.width, plan.first_row,
                plan.first_col, plan.rows, plan.lead_rows, plan.lead_cols, plan.offsets, plan.taps, plan.counts,
                plan.in_place, threads)
    return gx


@inner()
def pack_phase(packed: Array, at: int, w: Array, g: int, block: int, rows: int, Kg: int, Cg: int, area: int, taps: Array,
               count: int) -> None:
    """One block (Kg x count, rows) of the weights of a phase: rows are input channels here, depth runs over (k, tap)."""
    for m in range(min(rows, Cg - block * rows)):
        for k in range(Kg):
            first = ((g * Kg + k) * Cg + block * rows + m) * area
            for t in range(count):
                packed[at + (k * count + t) * rows + m] = w[first + taps[t]]


@inner()
def spread(gx: Array, plane: int, out: Array, at: int, s: Sizes, first: int, count: int, width: int, first_row: int,
           first_col: int, a: int, b: int) -> None:
    """Write one channel's strip of phase (a, b) to its rows and columns of gx."""
    column = first_col * s.SW + b - s.left
    skip = 0
    if column < 0:  # before the image: the phase begins one step later
        skip, column = 1, column + s.SW
    columns = (s.W - column + s.SW - 1) // s.SW
    if columns <= 0:
        return
    if s.SH == 1 and s.SW == 1:
        copy_rows(gx, plane + first * s.W, s.W, out, at, width, s.W, count)
        return
    for q in range(count):
        row = (first + q + first_row) * s.SH + a - s.top
        if 0 <= row < s.H:
            source, target = at + q * width + skip, plane + row * s.W + column
            put(gx[target : plane + s.H * s.W], out[source : source + columns], s.SW)


@jit()
def _input_grad(gy: Array, w: Array, gx: Array, s: Sizes, strip: int, height: int, width: int, first_row: int,
                first_col: int, rows_q: int, lead_rows: int, lead_cols: int, offsets: Array, taps: Array, counts: Array,
                may_read_in_place: bool, threads: int) -> None:
    Kg, Cg, lanes = s.K // s.G, s.C // s.G, lanes_of(gy)
    rows = rows_for(Cg)
    blocks = (Cg + rows - 1) // rows
    phases, most = offsets.shape
    packed = np.zeros(phases * s.G * blocks * most * rows, gy.dtype)
    for u in prange(s.G * blocks):
        g, block = u // blocks, u % blocks
        for f in range(phases):
            at = ((f * s.G + g) * blocks * most + block * Kg * counts[f]) * rows
            pack_phase(packed, at, w, g, block, rows, Kg, Cg, s.KH * s.KW, taps[f], counts[f])
    table = offsets.reshape(-1)
    plane, image = height * width, s.K * s.OH * s.OW
    strips = (rows_q + strip - 1) // strip
    units = s.N * strips
    pitch = (strip * width + lanes - 1) // lanes * lanes
    whole = np.zeros(1, np.int64)  # one phase: gy itself has no stride
    for t in prange(threads):
        buffer = np.zeros(s.K * plane + 4 * lanes, gy.dtype)
        out = np.empty(blocks * rows * pitch, gy.dtype)
        for u in range(t * units // threads, (t + 1) * units // threads):
            n, first = u // strips, u % strips * strip
            count = min(strip, rows_q - first)
            vectors = (count * width + lanes - 1) // lanes
            in_place = may_read_in_place and (n + 1) * image + lanes <= gy.size
            if not in_place:
                pack_image(buffer, 0, gy, n * image, s.K, s.OH, s.OW, 1, 1, lead_rows, lead_cols, whole, whole, first, height,
                           width)
            for g in range(s.G):
                for f in range(phases):
                    depth, at = Kg * counts[f], (f * s.G + g) * blocks * most * rows
                    if depth == 0:
                        clear(out)
                    elif in_place:
                        tiles(rows, packed, at, blocks, depth, table, f * most, gy, n * image + g * Kg * plane, vectors, out,
                              0, pitch)
                    else:
                        tiles(rows, packed, at, blocks, depth, table, f * most, buffer, g * Kg * plane, vectors, out, 0,
                              pitch)
                    for c in range(Cg):
                        spread(gx, (n * s.C + g * Cg + c) * s.H * s.W, out, c * pitch, s, first, count, width, first_row,
                               first_col, f // s.SW, f % s.SW)
