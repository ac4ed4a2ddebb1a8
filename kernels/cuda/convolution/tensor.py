"""Convolution on tensor cores: images and filters are stored anew as words of what they are multiplied as, then multiplied."""

from __future__ import annotations

from functools import cache
from math import prod
from typing import Any

from ... import kept, precision
from ...geometry import ConvGeometry
from ...types import Array
from ..machine.gemm import TENSOR_CARDS
from ..machine.launch import ARCHITECTURES, Kernel, blocks_for, empty, library_of, supports
from .simt import split

NUMBERS = {"TF32": 0, "HALF": 1, "BFLOAT": 2}
OWN = {"float32": "TF32", "float16": "HALF", "bfloat16": "BFLOAT"}
"""What numbers of a dtype are multiplied as."""
ROUNDED = {"float32": "BFLOAT"}
"""The same for float32 where precision allows more."""
STAGES = 3
"""Steps of a product that are in shared memory or on their way: what fits 48 KB with the largest tile."""


def _kernel(file: str, name: str, numbers: dict[str, str] | str, **constants: Any) -> Kernel:
    """numbers: what T is multiplied as, or for a kernel that sees words alone, what those are."""
    cards = TENSOR_CARDS if constants else ARCHITECTURES
    constants |= NUMBERS | {"NUMBERS": numbers}
    dtypes = ("",) if isinstance(numbers, str) else tuple(numbers)
    return Kernel(file, name, dtypes, structs={ConvGeometry: 2}, constants=constants, architectures=cards)


@cache
def _weight_grad(word: str, tile: tuple[tuple[str, int], ...]) -> Kernel:
    """One for all dtypes that are multiplied as these words."""
    return _kernel("conv_tensor_weight_grad.cu", "conv2d_tensor_weight_grad", word, **dict(tile))


class Words:
    """Into the order of words and back."""

    def __init__(self, numbers: dict[str, str]) -> None:
        self._numbers = numbers
        self._images = _kernel("conv_words.cu", "conv2d_images_to_words", numbers)
        self._filters = _kernel("conv_words.cu", "conv2d_filters_to_words", numbers)
        self._add = _kernel("conv_words.cu", "conv2d_tensor_weight_grad_add", numbers)

    def images(self, x: Array, groups: int) -> Array:
        """(N, groups planes, H, W) as (N, H W, groups, words)."""
        (count, planes), pixels = x.shape[:2], prod(x.shape[2:])
        planes //= groups
        chunks = groups * self._chunks(planes, x)
        words = empty(library_of(x), (count, pixels, chunks * 4), "uint32")
        across = 32 // x.dtype.itemsize  # pixels and chunks of a warp
        warps = count * blocks_for(pixels, across) * blocks_for(chunks, 32 // across)
        self._images[blocks_for(warps, self._images.threads // 32)](x, words, count, groups, planes, pixels)
        return words

    def filters(self, w: Array, g: ConvGeometry, exchanged: bool) -> Array:
        """(K, C/groups, kh, kw) as (groups, rows, taps, words); the forward's launch also makes those of the input gradient."""
        name = "exchanged words", g.groups, self._numbers[str(w.dtype)]
        if exchanged and (found := kept.take(w, name)) is not None:
            return found
        forward = None if exchanged else self._empty_filters(w, g, g.K_per_group, g.C_per_group)
        backward = self._empty_filters(w, g, g.C_per_group, g.K_per_group) if exchanged or kept.wanted() else None
        both = [words for words in (forward, backward) if words is not None]
        self._filters[blocks_for(max(words.size for words in both) // 4, self._filters.threads)](w, forward, backward, g)
        if forward is not None and backward is not None:
            kept.keep(w, name, backward)
        return both[0]

    def _empty_filters(self, w: Array, g: ConvGeometry, rows: int, inner: int) -> Array:
        return empty(library_of(w), (g.groups, rows, prod(g.kernel), self._chunks(inner, w) * 4), "uint32")

    def add(self, sums: Array, gw: Array) -> None:
        """The sum over the first axis of sums, back in the order of filters."""
        splits, filters, taps, channels = sums.shape
        self._add[blocks_for(gw.size, self._add.threads)](sums, gw, filters, channels, taps, splits)

    def chunk(self, x: Array) -> int:
        """Numbers in 16 bytes: so many planes are stored together."""
        return 4 if self._numbers[str(x.dtype)] == "TF32" else 8

    def _chunks(self, planes: int, x: Array) -> int:
        return blocks_for(planes, self.chunk(x))


class Tiles:
    """Implicit matrix products of rows x columns a block, and rows x columns / warps a warp. speed: beside the largest tile."""

    def __init__(self, size: int, warp: tuple[int, int], speed: float, numbers: dict[str, str], words: Words) -> None:
        self.rows = self.columns = size
        self.speed, self.numbers, self._words = speed, numbers, words
        tile = {"ROWS": size, "COLUMNS": size, "WARP_ROWS": warp[0], "WARP_COLUMNS": warp[1], "STAGES": STAGES}
        tile["THREADS"] = 32 * size**2 // prod(warp)
        self.kernels = {
            "forward": _kernel("conv_tensor.cu", "conv2d_tensor", numbers, **tile),
            "input": _kernel("conv_tensor.cu", "conv2d_tensor_input_grad", numbers, **tile),
        }
        self._weight_grad = {word: _weight_grad(word, tuple(tile.items())) for word in numbers.values()}

    def forward(self, x: Array, w: Array, bias: Array | None, g: ConvGeometry) -> Array:
        y = empty(library_of(x), g.y_shape, x.dtype)
        tiles = g.groups * blocks_for(g.K_per_group, self.rows) * blocks_for(g.N * prod(g.out_shape), self.columns)
        source, packed = self._words.images(x, g.groups), self._words.filters(w, g, exchanged=False)
        self.kernels["forward"][tiles](source, packed, bias, y, g)
        return y

    def input_grad(self, gy: Array, w: Array, g: ConvGeometry) -> Array:
        gx = empty(library_of(gy), g.x_shape, gy.dtype)
        # Pixels are counted per pair of remainders by the strides.
        pixels = g.N * prod(blocks_for(size, stride) for size, stride in zip(g.in_shape, g.stride, strict=True))
        tiles = g.groups * prod(g.stride) * blocks_for(g.C_per_group, self.rows) * blocks_for(pixels, self.columns)
        source, packed = self._words.images(gy, g.groups), self._words.filters(w, g, exchanged=True)
        self.kernels["input"][tiles](source, packed, gy, w, gx, g)
        return gx

    def weight_grad(self, x: Array, gy: Array, g: ConvGeometry) -> Array:
        gw = empty(library_of(x), g.w_shape, x.dtype)
        inputs, outputs = self._words.images(x, g.groups), self._words.images(gy, g.groups)
        taps, chunk = prod(g.kernel), self._words.chunk(x)
        columns = taps * blocks_for(g.C_per_group, chunk) * chunk
        tiles = g.groups * blocks_for(g.K_per_group, self.rows) * blocks_for(columns, self.columns)
        splits, size = split(g.N * prod(g.out_shape), tiles, 4 * chunk)
        sums = empty(library_of(x), (splits, g.K, taps, g.C_per_group), "float32")
        self._weight_grad[self.numbers[str(x.dtype)]][tiles * splits](inputs, outputs, sums, g, splits, size)
        self._words.add(sums, gw)
        return gw


def _tiles(numbers: dict[str, str]) -> dict[str, Tiles]:
    words = Words(numbers)
    return {"tensor 128": Tiles(128, (64, 32), 1.0, numbers, words), "tensor 64": Tiles(64, (32, 32), 0.5, numbers, words)}


VARIANTS = _tiles(OWN) | {f"rounded {name}": tiles for name, tiles in _tiles(ROUNDED).items()}


def answers(x: Array) -> dict[str, Tiles]:
    """Those that multiply the numbers of x as the precision in force says, where its device has tensor cores."""
    dtype = str(x.dtype)
    word = {"tf32": "TF32", "float16": "HALF", "bfloat16": "BFLOAT"}.get(precision.multiply_dtype(dtype))
    return {
        name: tiles
        for name, tiles in VARIANTS.items()
        if word and tiles.numbers.get(dtype) == word and supports(tiles.kernels["forward"], x)
    }
