"""A matrix product of our own: tiles on ordinary or tensor cores, with a bias added on the way out.

Unlike the library's it can be captured into a CUDA graph, runs on the emulator, and leaves one pass over memory out where a layer
adds a bias.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from math import prod
from typing import Any

import numpy as np

from ... import precision
from ...types import Array
from .. import FLOATS
from .choice import autotune, bucket
from .launch import Kernel, blocks_for, contiguous, empty, library_of, limits, supports
from .source import accumulator

TENSOR_CARDS = (80, 90, 100, 120)
FULL_GRID = 256
"""Blocks that keep a card busy. Not asked of the card: the split of a sum, and so its rounding, must not depend on it."""
SPLIT_DEPTH = 256
"""Numbers that a part of a split sum adds at least: fewer would not pay for adding up the parts."""

_KINDS = {"TF32": 0, "HALF": 1, "BFLOAT": 2, "ROUNDED": 3}


@dataclass(frozen=True)
class GemmShape:
    """What the kernels are told: sizes, how the sum over k is split, and how the operands lie.

    a_stack, b_stack: how many operands there are; the products of the batch take them in turn, again and again.
    a_bytes, b_bytes: to which lines are aligned.
    """

    batch: int
    m: int
    n: int
    k: int
    splits: int
    split_depth: int
    a_stack: int
    b_stack: int
    a_bytes: int
    b_bytes: int


@dataclass(frozen=True)
class Tiles:
    """One way to cover a product with tiles: three kernels, for the three ways in which operands lie."""

    kernels: dict[str, Kernel]
    rows: int
    columns: int
    depth: int
    shared: int = 0

    def run(self, a: Array, b: Array, bias: Array | None, way: str, g: GemmShape) -> Array:
        """Launch: one kernel, or where the sum is split the partial sums and what adds them up."""
        library, kernel = library_of(a), self.kernels[way]
        c = empty(library, (g.batch, g.m, g.n), a.dtype)
        tiles = self.tiles_of(g)
        if g.splits == 1:
            kernel[tiles, self.shared](a, b, c, None, bias, g)
            return c
        sums = empty(library, (g.splits, g.batch, g.m, g.n), accumulator(str(a.dtype)))
        kernel[tiles * g.splits, self.shared](a, b, None, sums, None, g)
        _add[blocks_for(c.size, _add.threads)](sums, c, bias, g)
        return c

    def tiles_of(self, g: GemmShape) -> int:
        return g.batch * blocks_for(g.m, self.rows) * blocks_for(g.n, self.columns)


def _ordinary(rows: int, columns: int, depth: int, per_thread: int, dtypes: tuple[str, ...]) -> Tiles:
    threads = rows * columns // per_thread**2
    constants = {"ROWS": rows, "COLUMNS": columns, "DEPTH": depth, "PER_THREAD": per_thread, "THREADS": threads}
    kernels = {
        way: Kernel("gemm.cu", f"gemm_{way}", dtypes, structs={GemmShape: 0}, constants=constants) for way in ("nn", "nt", "tn")
    }
    return Tiles(kernels, rows, columns, depth)


def _tensor(tile: tuple[int, int], warp: tuple[int, int], words: int, stages: int, numbers: dict[str, str]) -> Tiles:
    """words: of 32 bits along k in shared memory. numbers: dtype -> kind of its products."""
    (rows, columns), threads = tile, 32 * prod(tile) // prod(warp)
    depth = {dtype: words if dtype == "float32" else 2 * words for dtype in numbers}
    constants: dict[str, Any] = _KINDS | {"ROWS": rows, "COLUMNS": columns, "DEPTH": depth}
    constants |= {"WARP_ROWS": warp[0], "WARP_COLUMNS": warp[1], "STAGES": stages, "THREADS": threads, "NUMBERS": numbers}
    kernels = {
        way: Kernel(
            "gemm_tensor.cu",
            f"gemm_tensor_{way}",
            tuple(numbers),
            structs={GemmShape: 0},
            constants=constants,
            architectures=TENSOR_CARDS,
        )
        for way in ("nn", "nt", "tn")
    }
    # The larger of the two layouts of an operand, in bytes, which is that along k.
    pitch = words + (8 if "ROUNDED" in numbers.values() else 4)
    strips = threads // 32 * 16 * (warp[1] + 4)
    return Tiles(kernels, rows, columns, max(depth.values()), 4 * max(stages * (rows + columns) * pitch, strips))


_OWN = {"float32": "TF32", "float16": "HALF", "bfloat16": "BFLOAT"}
LARGE = _ordinary(128, 128, 8, 8, ("float32",))
SMALL = _ordinary(64, 64, 16, 4, FLOATS)
TENSOR_LARGE = _tensor((128, 128), (64, 64), 16, 4, _OWN)
TENSOR_SMALL = _tensor((64, 64), (32, 32), 16, 4, _OWN)
ROUNDED_LARGE = _tensor((128, 128), (64, 64), 16, 3, {"float32": "ROUNDED"})
ROUNDED_SMALL = _tensor((64, 64), (32, 32), 16, 3, {"float32": "ROUNDED"})
_add = Kernel("gemm_add.cu", "gemm_add", FLOATS, structs={GemmShape: 0}, constants={"ROWS": 1, "COLUMNS": 1})


def gemm(a: Array, b: Array, bias: Array | None = None, library: Callable[[], Array] | None = None) -> Array:
    """a b + bias.

    a: (m, k) or (batch, m, k). b: (k, n) or (batch, k, n). bias: (n,) or None. Returns (m, n) or (batch, m, n).
    One of the stacks may be shorter, if its length divides the other's: it is then gone through again and again.
    float32 is multiplied as precision.multiply_dtype says. library: what else could make the result, if it may be asked.
    """
    (m, k), n = a.shape[-2:], b.shape[-1]
    lead = (max(x.shape[0] for x in (a, b) if x.ndim == 3),) if a.ndim == 3 or b.ndim == 3 else ()
    batch = prod(lead)
    if 0 in (batch, m, n):
        return empty(library_of(a), (*lead, m, n), a.dtype)
    a, across_a = _lying(a)
    b, across_b = _lying(b)
    if across_a and across_b:
        a, across_a = contiguous(a.swapaxes(-1, -2)), False
    way = f"{'t' if across_a else 'n'}{'t' if across_b else 'n'}"
    g = GemmShape(batch, m, n, k, 1, k, _count(a), _count(b), _alignment(a), _alignment(b))
    bias = None if bias is None else contiguous(bias)
    dtype = str(a.dtype)
    tensor = supports(TENSOR_LARGE.kernels[way], a)
    ways, heuristic = _plan(dtype, precision.multiply_dtype(dtype), tensor, limits(a)[0], way, g)
    candidates: dict[str, Callable[[], Array]] = {
        name: partial(tiles.run, a, b, bias, way, split) for name, (tiles, split) in ways.items()
    }
    if library is not None:
        candidates["library"] = library
    shape = (way, bucket(batch), bucket(m), bucket(n), bucket(k), g.a_bytes, g.b_bytes, bias is not None)
    c = candidates[autotune("matmul", candidates, heuristic, a, *shape)]()
    return c.reshape((*lead, m, n))


@lru_cache(maxsize=4096)
def _plan(
    dtype: str, numbers: str, tensor: bool, multiprocessors: int, way: str, g: GemmShape
) -> tuple[dict[str, tuple[Tiles, GemmShape]], str]:
    """Every way to make a product, whole and with its sum split, and the one to take where nothing is measured.

    That is large tiles where they give every multiprocessor work; else small ones, split where there are too few of them.
    """
    ways: dict[str, tuple[Tiles, GemmShape]] = {}
    chosen = ""
    for name, tiles in _variants(dtype, numbers, tensor, way).items():
        small, count = name.endswith("small"), tiles.tiles_of(g)
        splits, depth = _split(g.k, count, tiles.depth)
        ways[name] = tiles, g
        if splits > 1:
            ways[f"{name}_split"] = tiles, replace(g, splits=splits, split_depth=depth)
        enough = count >= multiprocessors and (small or min(g.m, g.n) > tiles.rows // 2)
        if not chosen and (enough or small):
            chosen = name if enough or splits == 1 else f"{name}_split"
    return ways, chosen


def _variants(dtype: str, numbers: str, tensor: bool, way: str) -> dict[str, Tiles]:
    """What multiplies arrays of a dtype as these numbers, large tiles first. tensor: whether there are tensor cores."""
    if tensor and numbers in ("tf32", "float16", "bfloat16"):
        rounded = dtype == "float32" and numbers == "bfloat16"
        large, small = (ROUNDED_LARGE, ROUNDED_SMALL) if rounded else (TENSOR_LARGE, TENSOR_SMALL)
        return {"tensor_large": large, "tensor_small": small}
    tiles = {"large": LARGE, "small": SMALL}
    return {name: one for name, one in tiles.items() if dtype in one.kernels[way].dtypes}


def _split(k: int, tiles: int, depth: int) -> tuple[int, int]:
    """In how many parts a sum over k is made, and how many numbers each has."""
    wanted = max(1, min(FULL_GRID // tiles if tiles else 1, k // SPLIT_DEPTH))
    size = blocks_for(blocks_for(k, wanted), depth) * depth
    return (blocks_for(k, size), size) if k else (1, 0)


def _count(m: Array) -> int:
    return int(m.shape[0]) if m.ndim == 3 else 1


def _lying(m: Array) -> tuple[Array, bool]:
    """A matrix, or stack of them, as it lies in memory, and whether that is its transpose. Copied if neither lies there."""
    if isinstance(m, np.ndarray) and not m.flags.aligned:
        return contiguous(m), False
    if m.flags.c_contiguous:
        return m, False
    turned = m.swapaxes(-1, -2)
    return (turned, True) if turned.flags.c_contiguous else (contiguous(m), False)


def _alignment(m: Array) -> int:
    """To how many bytes (16, 8, 4 or 2) every line of a matrix is aligned."""
    pointer = m.ctypes.data if isinstance(m, np.ndarray) else m.data.ptr
    together = pointer | m.shape[-1] * m.dtype.itemsize | 16
    return int(together & -together)
