"""Convolution in ordinary arithmetic: implicit matrix products in tiles of several sizes, and kernels for one channel a group."""

from __future__ import annotations

from math import prod
from typing import Any

from ...geometry import ConvGeometry
from ...types import Array
from .. import FLOATS
from ..machine.launch import Kernel, blocks_for, empty, library_of
from ..machine.source import accumulator
from .filters import prepared

FULL_GRID = 528
"""Blocks that keep every card busy. Not asked of the card: the split of a sum, and so its rounding, must not depend on it."""
SPLIT_SIZE = 512
"""Pixels that a part of a split sum has at least: fewer would not pay for adding up the parts."""
TABLE = 512
"""Taps times planes that the kernels for few planes may have."""


def windows(file: str, name: str, dtypes: tuple[str, ...], constants: dict[str, Any], dims: int, **options: Any) -> Kernel:
    """A kernel that walks over windows of so many dimensions: planes and volumes have one text."""
    return Kernel(file, name, dtypes, structs={ConvGeometry: dims}, constants=constants | {"DIMS": dims}, **options)


_pack = Kernel("conv_pack.cu", "conv2d_pack", FLOATS)
_add = Kernel("conv_add.cu", "conv2d_weight_grad_add", FLOATS)


class Tiles:
    """Implicit matrix products whose blocks make rows x columns results, and whose threads make micro x micro.

    tile: rows, columns, depth of a step, and micro. dims: of the images.
    few: for few planes; taps and planes are then one dimension, gathered by a table.
    """

    def __init__(self, tile: tuple[int, int, int, int], dtypes: tuple[str, ...], few: bool = False, dims: int = 2) -> None:
        rows, columns, depth, micro = tile
        self.rows, self.columns, self.depth, self.few, self.dtypes = rows, columns, depth, few, dtypes
        sizes = {"ROWS": rows, "COLUMNS": columns, "DEPTH": depth, "MICRO": micro, "THREADS": rows * columns // micro**2}
        gathered = sizes | {"FEW": TABLE if few else 0}
        self.kernels = {
            "forward": windows("conv_gemm.cu", "conv_gemm", dtypes, gathered, dims),
            "input": windows("conv_gemm.cu", "conv_input_grad_gemm", dtypes, gathered, dims),
        }
        # The weight gradient's threads keep where each of their columns lies: more than eight would need too many registers.
        self.weight_depth = depth if columns * depth <= 8 * sizes["THREADS"] else 8
        if not few:
            sizes["DEPTH"] = self.weight_depth
            self.kernels["weight"] = windows("conv_weight_grad.cu", "conv_weight_grad_gemm", dtypes, sizes, dims)

    def forward(self, x: Array, w: Array, bias: Array | None, g: ConvGeometry) -> Array:
        y = empty(library_of(x), g.y_shape, x.dtype)
        packed, rows = _packed(w, g, exchanged=False)
        pixels = g.N * prod(g.out_shape)
        blocks = g.groups * blocks_for(g.K_per_group, self.rows) * blocks_for(pixels, self.columns)
        self.kernels["forward"][blocks](x, packed, bias, y, g, rows)
        return y

    def input_grad(self, gy: Array, w: Array, g: ConvGeometry) -> Array:
        gx = empty(library_of(gy), g.x_shape, gy.dtype)
        packed, rows = _packed(w, g, exchanged=True)
        # Pixels are counted per pair of remainders by the strides.
        pixels = g.N * prod(blocks_for(size, stride) for size, stride in zip(g.in_shape, g.stride, strict=True))
        tiles = blocks_for(g.C_per_group, self.rows) * blocks_for(pixels, self.columns)
        self.kernels["input"][g.groups * prod(g.stride) * tiles](gy, packed, w, gx, g, rows)
        return gx

    def weight_grad(self, x: Array, gy: Array, g: ConvGeometry) -> Array:
        gw = empty(library_of(x), g.w_shape, x.dtype)
        columns = g.C_per_group * prod(g.kernel)
        tiles = g.groups * blocks_for(g.K_per_group, self.rows) * blocks_for(columns, self.columns)
        splits, size = split(g.N * prod(g.out_shape), tiles, self.weight_depth)
        wide = accumulator(str(x.dtype))
        if splits == 1 and wide == str(x.dtype):
            self.kernels["weight"][tiles](x, gy, gw, g, 1, size)
            return gw
        sums = empty(library_of(x), (splits, *g.w_shape), wide)
        self.kernels["weight"][tiles * splits](x, gy, sums, g, splits, size)
        _add[blocks_for(gw.size, _add.threads)](sums, gw, gw.size, splits)
        return gw


class Depthwise:
    """One channel a group: no product to share a gathered value among, so each thread makes its results alone."""

    pixels, taps = 4, 16  # of a thread, of a block: PIXELS and TAPS in the kernels

    def __init__(self, dtypes: tuple[str, ...]) -> None:
        self.dtypes = dtypes
        self.kernels = {
            "forward": windows("conv_depthwise.cu", "conv2d_depthwise", dtypes, {}, 2),
            "input": windows("conv_depthwise.cu", "conv2d_depthwise_input_grad", dtypes, {}, 2),
            "weight": windows("conv_depthwise.cu", "conv2d_depthwise_weight_grad", dtypes, {}, 2),
        }

    def forward(self, x: Array, w: Array, bias: Array | None, g: ConvGeometry) -> Array:
        y = empty(library_of(x), g.y_shape, x.dtype)
        strips = g.N * g.K * g.out_shape[0] * blocks_for(g.out_shape[1], self.pixels)
        self.kernels["forward"][blocks_for(strips, self.kernels["forward"].threads)](x, w, bias, y, g)
        return y

    def input_grad(self, gy: Array, w: Array, g: ConvGeometry) -> Array:
        gx = empty(library_of(gy), g.x_shape, gy.dtype)
        rows, columns = (blocks_for(size, stride) for size, stride in zip(g.in_shape, g.stride, strict=True))
        strips = g.N * g.C * prod(g.stride) * rows * blocks_for(columns, self.pixels)
        self.kernels["input"][blocks_for(strips, self.kernels["input"].threads)](gy, w, gx, g)
        return gx

    def weight_grad(self, x: Array, gy: Array, g: ConvGeometry) -> Array:
        gw = empty(library_of(x), g.w_shape, x.dtype)
        jobs = g.K * blocks_for(prod(g.kernel), self.taps)
        splits, size = split(g.N * prod(g.out_shape), jobs, self.kernels["weight"].threads)
        sums = empty(library_of(x), (splits, *g.w_shape), accumulator(str(x.dtype)))
        self.kernels["weight"][jobs * splits](x, gy, sums, g, splits, size)
        _add[blocks_for(gw.size, _add.threads)](sums, gw, gw.size, splits)
        return gw


DEPTHWISE = Depthwise(FLOATS)
Variant = Tiles | Depthwise
_TILES = {
    "128x128": ((128, 128, 8, 8), ("float32",)),
    "64x128": ((64, 128, 8, 8), ("float32",)),
    "64x64": ((64, 64, 16, 4), FLOATS),
    "16x128": ((16, 128, 16, 4), FLOATS),
}
VARIANTS: dict[int, dict[str, Variant]] = {
    2: {name: Tiles(*tile) for name, tile in _TILES.items()},
    3: {name: Tiles(*tile, dims=3) for name, tile in _TILES.items() if name != "64x128"},
}
"""By the dimensions of the images, then by name."""
VARIANTS[2] |= {f"few {name}": Tiles(_TILES[name][0], ("float32",), few=True) for name in ("64x128", "16x128")}
VARIANTS[2]["depthwise"] = DEPTHWISE


def fits_table(g: ConvGeometry, planes: int) -> bool:
    """Whether the kernels for few planes can address all of them."""
    plane = max(prod(g.in_shape), prod(g.out_shape))
    return prod(g.kernel) * planes <= TABLE - 16 and planes * plane < 1 << 31


def split(pixels: int, tiles: int, depth: int) -> tuple[int, int]:
    """In how many parts a sum over pixels is made, and how many pixels each has: a multiple of depth."""
    wanted = max(1, min(blocks_for(FULL_GRID, tiles), blocks_for(pixels, SPLIT_SIZE)))
    size = blocks_for(blocks_for(pixels, wanted), depth) * depth
    return max(1, blocks_for(pixels, size)) if size else 1, size


def _packed(w: Array, g: ConvGeometry, exchanged: bool) -> tuple[Array, int]:
    """w as (groups, taps, inner planes, rows), rows padded to a multiple of four; and how many they are then."""
    taps, planes = prod(g.kernel), (g.C_per_group, g.K_per_group)
    rows = [blocks_for(planes[1 - turned], 4) * 4 for turned in (0, 1)]

    def pack(forward: Array | None, backward: Array | None) -> None:
        most = max(packed.size for packed in (forward, backward) if packed is not None)
        _pack[blocks_for(most, _pack.threads)](w, forward, backward, g.groups, g.K_per_group, g.C_per_group, taps, *rows)

    packed = prepared(
        w, ("exchanged", g.groups), exchanged,
        lambda turned: empty(library_of(w), (g.groups, taps, planes[turned], rows[turned]), w.dtype), pack,
    )  # fmt: skip
    return packed, packed.shape[-1]
