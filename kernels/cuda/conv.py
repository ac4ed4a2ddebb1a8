"""Convolution and its two gradients on the GPU: one thread (or block) a result, or an implicit matrix product in tiles."""

from __future__ import annotations

from math import prod

from ..geometry import ConvGeometry
from ..types import Array
from . import FLOATS
from .launch import Kernel, blocks_for, contiguous, empty, library_of
from .source import accumulator

ROWS, COLUMNS, DEPTH, PER_THREAD = 64, 64, 16, 4
TILE = {
    "ROWS": ROWS,
    "COLUMNS": COLUMNS,
    "DEPTH": DEPTH,
    "PER_THREAD": PER_THREAD,
    "THREADS": (ROWS // PER_THREAD) * (COLUMNS // PER_THREAD),
}
FEW_FILTERS = 8
"""Below this many rows a tile would be mostly empty, and the direct kernel does less work."""
FULL_GRID = 512
"""Blocks that keep every card busy. Not asked of the card: the split of a sum, and so its rounding, must not depend on it."""
SPLIT_SIZE = 1024
"""Pixels that a part of a split sum has at least: fewer would not pay for adding up the parts."""


def _declare(file: str, name: str) -> Kernel:
    return Kernel(file, name, FLOATS, structs={ConvGeometry: 2}, constants=TILE)


_direct = _declare("conv.cu", "conv2d_direct")
_gemm = _declare("conv.cu", "conv2d_gemm")
_input_direct = _declare("conv_input_grad.cu", "conv2d_input_grad_direct")
_input_gemm = _declare("conv_input_grad.cu", "conv2d_input_grad_gemm")
_weight_direct = _declare("conv_weight_grad.cu", "conv2d_weight_grad_direct")
_weight_gemm = _declare("conv_weight_grad.cu", "conv2d_weight_grad_gemm")
_weight_add = _declare("conv_weight_grad.cu", "conv2d_weight_grad_add")


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


def conv2d_input_grad(gy: Array, w: Array, g: ConvGeometry) -> Array:
    """The adjoint of conv2d in x. gy: (N, K, OH, OW). w: (K, C/groups, kh, kw). Returns (N, C, H, W)."""
    gx = empty(library_of(gy), g.x_shape, gy.dtype)
    if gx.size == 0:
        return gx
    gy, w = contiguous(gy), contiguous(w)
    if g.C_per_group < FEW_FILTERS:
        _input_direct[blocks_for(gx.size, _input_direct.threads)](gy, w, gx, g)
    else:
        # Pixels are counted per pair of remainders by the strides.
        pixels = g.N * prod(blocks_for(size, stride) for size, stride in zip(g.in_shape, g.stride, strict=True))
        tiles = blocks_for(g.C_per_group, ROWS) * blocks_for(pixels, COLUMNS)
        _input_gemm[g.groups * prod(g.stride) * tiles](gy, w, gx, g)
    return gx


def conv2d_weight_grad(x: Array, gy: Array, g: ConvGeometry) -> Array:
    """The adjoint of conv2d in w. x: (N, C, H, W). gy: (N, K, OH, OW). Returns (K, C/groups, kh, kw)."""
    library = library_of(x)
    gw = empty(library, g.w_shape, x.dtype)
    if gw.size == 0:
        return gw
    x, gy = contiguous(x), contiguous(gy)
    columns = g.C_per_group * prod(g.kernel)
    if g.K_per_group < FEW_FILTERS:
        kernel, tiles = _weight_direct, gw.size
    else:
        kernel, tiles = _weight_gemm, g.groups * blocks_for(g.K_per_group, ROWS) * blocks_for(columns, COLUMNS)
    splits, split_size = _split(g.N * prod(g.out_shape), tiles)
    wide = accumulator(str(x.dtype))
    if splits == 1 and wide == str(x.dtype):
        kernel[tiles](x, gy, gw, g, 1, split_size)
        return gw
    sums = empty(library, (splits, *g.w_shape), wide)
    kernel[tiles * splits](x, gy, sums, g, splits, split_size)
    _weight_add[blocks_for(gw.size, _weight_add.threads)](sums, gw, gw.size, splits)
    return gw


def _split(pixels: int, tiles: int) -> tuple[int, int]:
    """In how many parts a sum over pixels is made, and how many pixels each has."""
    wanted = max(1, min(blocks_for(FULL_GRID, tiles), blocks_for(pixels, SPLIT_SIZE)))
    size = blocks_for(blocks_for(pixels, wanted), DEPTH) * DEPTH
    return max(1, blocks_for(pixels, size)) if size else 1, size
