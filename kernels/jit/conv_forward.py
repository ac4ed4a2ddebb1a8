"""The forward convolution as indirect tile products over packed strips (no im2col)."""

from __future__ import annotations

import numpy as np
from numba import prange

from ..geometry import ConvGeometry
from ..types import Array
from .compile import inner, jit, thread_count
from .conv_pack import pack_image, put
from .conv_plan import ForwardPlan, Packing, Sizes, forward_plan
from .tile import rows_for, tiles
from .vector import as_row, copy_rows, lanes_of


def direct(x: Array, w: Array, g: ConvGeometry) -> Array:
    """y = x * w for any geometry; x and w dense, no size zero."""
    plan = forward_plan(g, x.itemsize, thread_count(1 << 30))
    y = np.empty(g.y_shape, x.dtype)
    _forward(as_row(x), as_row(w), as_row(y), *plan, thread_count(g.N * plan[-1].strips))
    return y


@inner()
def pack_weights(packed: Array, w: Array, g: int, block: int, rows: int, blocks: int, depth: int, Kg: int) -> None:
    """One block (depth, rows) of the weights of group g. Rows past the last channel stay zero."""
    at = (g * blocks + block) * depth * rows
    for m in range(min(rows, Kg - block * rows)):
        first = (g * Kg + block * rows + m) * depth
        put(packed[at + m : at + depth * rows], w[first : first + depth], rows)


@jit()
def _forward(x: Array, w: Array, y: Array, s: Sizes, packing: Packing, p: ForwardPlan, threads: int) -> None:
    width = packing.width
    Kg, Cg, depth, lanes = s.K // s.G, s.C // s.G, p.offsets.size, lanes_of(x)
    rows = rows_for(Kg)
    blocks = (Kg + rows - 1) // rows
    packed = np.zeros(s.G * blocks * depth * rows, x.dtype)
    for u in prange(s.G * blocks):
        pack_weights(packed, w, u // blocks, u % blocks, rows, blocks, depth, Kg)
    units, image = s.N * p.strips, s.C * s.H * s.W
    pitch = (p.strip * width + lanes - 1) // lanes * lanes
    for t in prange(threads):
        buffer = np.zeros(s.C * p.plane + 4 * lanes, x.dtype)
        out = np.empty(blocks * rows * pitch, x.dtype)
        for u in range(t * units // threads, (t + 1) * units // threads):
            n, first = u // p.strips, u % p.strips * p.strip
            count = min(p.strip, s.OH - first)
            vectors = (count * width + lanes - 1) // lanes
            start = n * image + first * s.W
            in_place = p.unpadded and start + p.reach + vectors * lanes <= x.size  # no load may leave x
            if not in_place:
                pack_image(buffer, 0, x, n * image, first, packing)
            for g in range(s.G):
                at, spot = g * blocks * depth * rows, start + g * Cg * s.H * s.W
                if in_place:
                    tiles(rows, packed, at, blocks, depth, p.direct_offsets, 0, x, spot, vectors, out, 0, pitch)
                else:
                    spot = g * Cg * p.plane
                    tiles(rows, packed, at, blocks, depth, p.offsets, 0, buffer, spot, vectors, out, 0, pitch)
                for k in range(Kg):  # drop the junk columns
                    target = ((n * s.K + g * Kg + k) * s.OH + first) * s.OW
                    copy_rows(y, target, s.OW, out, k * pitch, width, s.OW, count)
