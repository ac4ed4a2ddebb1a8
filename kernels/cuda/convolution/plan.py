"""Which convolution kernels may answer for a geometry, the likely fastest first.

The estimate is in multiply-adds of one multiprocessor: what the blocks of the busiest one compute, padding included, over how
well a kernel uses it, and what else takes as long. It orders; where a card is at hand choice.py measures the first few.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import prod

from ... import precision
from ...geometry import ConvGeometry
from ...types import Array
from ..machine import choice
from ..machine.launch import blocks_for
from . import product, simt, tensor, winograd

PROCESSORS = 132
"""Of the card that the estimate has in mind."""
PER_BYTE = 7.4
"""Multiply-adds in the time that memory takes for a byte: 17 bytes a cycle and 128 multiply-adds for each of 132."""
LAUNCH = 600_000
"""Multiply-adds in the time that one more launch takes, 3 us."""
SPEED = {"128x128": 1.0, "64x128": 0.9, "64x64": 0.6, "16x128": 0.4, "few 64x128": 0.8, "few 16x128": 0.35, "winograd": 0.75}
"""Of ordinary arithmetic, as a part of its peak: larger tiles read less for each product."""
TRANSFORMS = 24
"""Planes in whose time Winograd's kernel transforms its sums back and exchanges them: with few planes it does not pay."""
TENSOR_SPEED = {"tf32": 4.0, "float16": 8.0, "bfloat16": 8.0}
"""Of tensor cores with the largest tiles, in the same unit."""
FEW = 16
"""From so many planes on, taps need not be joined with planes."""
MEASURED = 3
"""How many kernels are compared on a card."""


@dataclass(frozen=True)
class Product:
    """A direction of a convolution as `count` matrix products of rows x depth by depth x columns.

    The depth is taps times planes; where a sum is split, so are blocks.
    """

    count: int
    rows: int
    columns: int
    taps: float
    planes: int


def product_of(direction: str, g: ConvGeometry) -> Product:
    """The product that a direction (forward, input, weight) is."""
    taps, pixels = prod(g.kernel), g.N * prod(g.out_shape)
    if direction == "forward":
        return Product(g.groups, g.K_per_group, pixels, taps, g.C_per_group)
    if direction == "weight":
        return Product(g.groups, g.K_per_group, g.C_per_group * taps, 1, pixels)
    phases = prod(g.stride)
    seen = g.N * prod(blocks_for(size, stride) for size, stride in zip(g.in_shape, g.stride, strict=True))
    return Product(g.groups * phases, g.C_per_group, seen, taps / phases, g.K_per_group)


def plan(direction: str, g: ConvGeometry, x: Array) -> list[str]:
    """Names of kernels for a direction, the likely fastest first: those that are compared, and the one that is asked for."""
    dtype, forced = str(x.dtype), choice.forced()
    names = _plan(direction, g, dtype, x.dtype.itemsize, precision.multiply_dtype(dtype), tuple(tensor.answers(x, len(g.kernel))))
    return [*names[:MEASURED], *(name for name in names[MEASURED:] if name == forced)]


@lru_cache(maxsize=4096)
def _plan(
    direction: str, g: ConvGeometry, dtype: str, itemsize: int, numbers: str, tensor_kernels: tuple[str, ...]
) -> tuple[str, ...]:
    """All that may answer for a dtype that is multiplied as `numbers`, these for tensor cores included, in plan's order."""
    p, dims = product_of(direction, g), len(g.kernel)
    costs: dict[str, float] = {}
    for name, kernels in simt.VARIANTS[dims].items():
        if dtype not in kernels.dtypes:
            continue
        if isinstance(kernels, simt.Depthwise):
            if g.C_per_group == 1:
                costs[name] = 6 * g.macs / PROCESSORS
        elif not kernels.few:
            depth = p.taps * blocks_for(p.planes, kernels.depth) * kernels.depth
            costs[name] = _arithmetic(p, kernels.rows, kernels.columns, depth, direction) / SPEED[name] + LAUNCH
        elif direction != "weight" and p.planes < FEW and simt.fits_table(g, p.planes):
            costs[name] = _arithmetic(p, kernels.rows, kernels.columns, p.taps * p.planes, direction) / SPEED[name] + LAUNCH
    for name in tensor_kernels:
        tile = tensor.VARIANTS[dims][name]
        speed = TENSOR_SPEED[numbers] * tile.speed
        work = _arithmetic(p, tile.rows, tile.columns, p.taps * blocks_for(p.planes, 8) * 8, direction)
        images = prod(g.x_shape) * (direction != "input") + prod(g.y_shape) * (direction != "forward")
        costs[name] = work / speed + 2 * itemsize * images * PER_BYTE / PROCESSORS + 3 * LAUNCH
    if dims == 2 and dtype in winograd.Winograd.dtypes and numbers == dtype and winograd.Winograd.applies(direction, g):
        shape = g.out_shape if direction == "forward" else g.in_shape
        patches = g.N * winograd.Winograd.patches(shape)
        blocks = g.groups * blocks_for(p.rows, winograd.ROWS) * blocks_for(patches, winograd.PATCHES)
        depth = blocks_for(p.planes, winograd.DEPTH) * winograd.DEPTH + TRANSFORMS
        work = blocks_for(blocks, PROCESSORS) * 16 * winograd.ROWS * winograd.PATCHES * depth
        costs["winograd"] = work / SPEED["winograd"] + 2 * LAUNCH
    if product.Product.applies(direction, g):
        speed = TENSOR_SPEED[numbers] if tensor_kernels else 1.0
        each = Product(g.N, p.rows, prod(g.out_shape), p.taps, p.planes)
        tiles = [(_arithmetic(each, size, size, p.planes, direction), part) for size, part in ((128, 1.0), (64, 0.5))]
        costs["product"] = min(work / part for work, part in tiles) / speed
    return tuple(sorted(costs, key=lambda name: costs[name]))


def _arithmetic(p: Product, rows: int, columns: int, depth: float, direction: str) -> float:
    """What the busiest multiprocessor computes with tiles of rows x columns."""
    tiles = p.count * blocks_for(p.rows, rows) * blocks_for(p.columns, columns)
    if direction == "weight":
        return max(tiles * depth / PROCESSORS, min(depth, simt.SPLIT_SIZE)) * rows * columns
    return blocks_for(tiles, PROCESSORS) * rows * columns * depth
