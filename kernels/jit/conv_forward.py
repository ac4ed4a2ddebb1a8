"""The forward convolution as indirect tile products over packed strips (no im2col)."""

from __future__ import annotations

import numpy as np
from numba import prange

from ..geometry import ConvGeometry
from ..types import Array
from .compile import inner, jit, thread_count
from .conv_pack import pack_image, put
from .conv_plan import Sizes, forward_plan
from .tile import rows_for, tiles
from .vector import as_row, copy_rows, lanes_of


def direct(x: Array, w: Array, g: ConvGeometry) -> Array:
    """y = x * w for any geometry; x and w dense, no size zero."""
    plan = forward_plan(g, x.itemsize, thread_count(1 << 30))
    y = np.empty(g.y_shape, x.dtype)
    threads = thread_count(g.N * plan.strips)
    _forward(as_row(x), as_row(w), as_row(y), plan.sizes, plan.strip, plan.height, plan.width, plan.plane, plan.row_phases,
             plan.col_phases, plan.offsets, plan.direct_offsets, plan.reach, plan.unpadded, threads)
    return y


@inner()
def pack_weights(packed: Array, w: Array, g: int, block: int, rows: int, blocks: int, depth: int, Kg: int) -> None:
    """One block (depth, rows) of the weights of group g. Rows past the last channel stay zero."""
    at = (g * blocks + block) * depth * rows
    for m in range(min(rows, Kg - block * rows)):
        first = (g * Kg + block * rows + m) * depth
        put(packed[at + m : at + depth * rows], w[first : first + depth], rows)


@jit()
def _forward(x: Array, w: Array, y: Array, s: Sizes, strip: int, height: int, width: int, plane: int, row_phases: Array,
             col_phases: Array, offsets: Array, direct_offsets: Array, reach: int, unpadded: bool, threads: int) -> None:
    Kg, Cg, depth, lanes = s.K // s.G, s.C // s.G, offsets.size, lanes_of(x)
    rows = rows_for(Kg)
    blocks = (Kg + rows - 1) // rows
    packed = np.zeros(s.G * blocks * depth * rows, x.dtype)
    for u in prange(s.G * blocks):
        pack_weights(packed, w, u // blocks, u % blocks, rows, blocks, depth, Kg)
    strips = (s.OH + strip - 1) // strip
    units, image = s.N * strips, s.C * s.H * s.W
    pitch = (strip * width + lanes - 1) // lanes * lanes
    for t in prange(threads):
        buffer = np.zeros(s.C * plane + 4 * lanes, x.dtype)
        out = np.empty(blocks * rows * pitch, x.dtype)
        for u in range(t * units // threads, (t + 1) * units // threads):
            n, first = u // strips, u % strips * strip
            count = min(strip, s.OH - first)
            vectors = (count * width + lanes - 1) // lanes
            start = n * image + first * s.W
            in_place = unpadded and start + reach + vectors * lanes <= x.size  # no load may leave x
            if not in_place:
                pack_image(buffer, 0, x, n * image, s.C, s.H, s.W, s.SH, s.SW, s.top, s.left, row_phases, col_phases, first,
                           height, width)
            for g in range(s.G):
                at = g * blocks * depth * rows
                if in_place:
                    tiles(rows, packed, at, blocks, depth, direct_offsets, 0, x, start + g * Cg * s.H * s.W, vectors, out, 0,
                          pitch)
                else:
                    tiles(rows, packed, at, blocks, depth, offsets, 0, buffer, g * Cg * plane, vectors, out, 0, pitch)
                for k in range(Kg):  # drop the junk columns
                    copy_rows(y, ((n * s.K + g * Kg + k) * s.OH + first) * s.OW, s.OW, out, k * pitch, width, s.OW, count)
