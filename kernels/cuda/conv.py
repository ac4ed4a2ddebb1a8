"""Convolution on the GPU: one thread an output, or an implicit matrix product in tiles."""

from __future__ import annotations

from math import prod

from ..geometry import ConvGeometry
from ..types import Array
from .launch import Kernel, blocks_for, contiguous, empty, library_of

FLOATS = ("float32", "float64", "float16")
ROWS, COLUMNS, DEPTH, PER_THREAD = 64, 64, 16, 4
TILE = {
    "ROWS": ROWS,
    "COLUMNS": COLUMNS,
    "DEPTH": DEPTH,
    "PER_THREAD": PER_THREAD,
    "THREADS": (ROWS // PER_THREAD) * (COLUMNS // PER_THREAD),
}
FEW_FILTERS = 8
"""Below this many filters in a group a tile would be mostly empty, and the direct kernel does less work."""

_direct = Kernel("conv.cu", "conv2d_direct", FLOATS, structs={ConvGeometry: 2}, constants=TILE)
_gemm = Kernel("conv.cu", "conv2d_gemm", FLOATS, structs={ConvGeometry: 2}, constants=TILE)


def conv2d(x: Array, w: Array, g: ConvGeometry) -> Array:
    """Cross-correlate images with filters. x: (N, C, H, W). w: (K, C/groups, kh, kw). Returns (N, K, OH, OW)."""
    y = empty(library_of(x), g.y_shape, x.dtype)
    if y.size == 0:
        return y
    x, w = contiguous(x), contiguous(w)
    if g.K_per_group < FEW_FILTERS:
        _direct[blocks_for(y.size, _direct.threads)](x, w, y, g)
    else:
        pixels = g.N * prod(g.out_shape)
        _gemm[g.groups * blocks_for(g.K_per_group, ROWS) * blocks_for(pixels, COLUMNS)](x, w, y, g)
    return y
