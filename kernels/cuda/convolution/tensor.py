"""Convolution on tensor cores: images and filters are stored anew as words of what they are multiplied as, then multiplied."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from math import prod

from ... import precision
from ...geometry import ConvGeometry
from ...types import Array
from ..machine.gemm import TENSOR_CARDS
from ..machine.launch import Kernel, blocks_for, empty, library_of, supports
from .filters import prepared
from .simt import split, windows

NUMBERS = {"TF32": 0, "HALF": 1, "BFLOAT": 2}
OWN = {"float32": "TF32", "float16": "HALF", "bfloat16": "BFLOAT"}
"""What numbers of a dtype are multiplied as."""
ROUNDED = {"float32": "BFLOAT"}
"""The same for float32 where precision allows more."""
STAGES = 3
"""Steps of a product that are in shared memory or on their way: what fits 48 KB with the largest tile."""


def _words(name: str, numbers: dict[str, str]) -> Kernel:
    """Into or out of the order of words; numbers: what T is multiplied as."""
    return Kernel("conv_words.cu", name, tuple(numbers), constants=NUMBERS | {"NUMBERS": numbers})


def _product(file: str, name: str, numbers: dict[str, str] | str, tile: Mapping[str, int], dims: int) -> Kernel:
    """numbers: what T is multiplied as, or for a kernel that sees words alone, what those are."""
    dtypes = ("",) if isinstance(numbers, str) else tuple(numbers)
    return windows(file, name, dtypes, {**tile, **NUMBERS, "NUMBERS": numbers}, dims, architectures=TENSOR_CARDS)


@cache
def _weight_grad(word: str, tile: tuple[tuple[str, int], ...], dims: int) -> Kernel:
    """One for all dtypes that are multiplied as these words."""
    return _product("conv_tensor_weight_grad.cu", "conv_tensor_weight_grad", word, dict(tile), dims)


class Words:
    """Into the order of words and back."""

    def __init__(self, numbers: dict[str, str]) -> None:
        self._numbers = numbers
        self._images = _words("conv2d_images_to_words", numbers)
        self._filters = _words("conv2d_filters_to_words", numbers)
        self._add = _words("conv2d_tensor_weight_grad_add", numbers)

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
        """(K, C/groups, *kernel) as (groups, rows, taps, words)."""
        taps, planes = prod(g.kernel), (g.K_per_group, g.C_per_group)

        def fill(forward: Array | None, backward: Array | None) -> None:
            chunks = max(words.size for words in (forward, backward) if words is not None) // 4
            self._filters[blocks_for(chunks, self._filters.threads)](w, forward, backward, g.groups, *planes, taps)

        return prepared(
            w, ("exchanged words", g.groups, self._numbers[str(w.dtype)]), exchanged,
            lambda turned: empty(
                library_of(w), (g.groups, planes[turned], taps, self._chunks(planes[1 - turned], w) * 4), "uint32"
            ),
            fill,
        )  # fmt: skip

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
    """Implicit matrix products of rows x columns a block, and rows x columns / warps a warp.

    speed: beside the largest tile. dims: of the images.
    """

    def __init__(self, size: int, warp: tuple[int, int], speed: float, numbers: dict[str, str], words: Words, dims: int) -> None:
        self.rows = self.columns = size
        self.speed, self.numbers, self._words = speed, numbers, words
        tile = {"ROWS": size, "COLUMNS": size, "WARP_ROWS": warp[0], "WARP_COLUMNS": warp[1], "STAGES": STAGES}
        tile["THREADS"] = 32 * size**2 // prod(warp)
        self.kernels = {
            "forward": _product("conv_tensor.cu", "conv_tensor", numbers, tile, dims),
            "input": _product("conv_tensor.cu", "conv_tensor_input_grad", numbers, tile, dims),
        }
        self._weight_grad = {word: _weight_grad(word, tuple(tile.items()), dims) for word in numbers.values()}

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


_WORDS = {"": Words(OWN), "rounded ": Words(ROUNDED)}


def _tiles(dims: int) -> dict[str, Tiles]:
    return {
        f"{rounded}tensor {size}": Tiles(size, warp, speed, numbers, _WORDS[rounded], dims)
        for rounded, numbers in (("", OWN), ("rounded ", ROUNDED))
        for size, warp, speed in ((128, (64, 32), 1.0), (64, (32, 32), 0.5))
    }


VARIANTS = {dims: _tiles(dims) for dims in (2, 3)}
"""By the dimensions of the images, then by name."""


def answers(x: Array, dims: int = 2) -> dict[str, Tiles]:
    """Those for images of so many dimensions that multiply the numbers of x as the precision in force says.

    There are none where the device of x has no tensor cores.
    """
    dtype = str(x.dtype)
    word = {"tf32": "TF32", "float16": "HALF", "bfloat16": "BFLOAT"}.get(precision.multiply_dtype(dtype))
    return {
        name: tiles
        for name, tiles in VARIANTS[dims].items()
        if word and tiles.numbers.get(dtype) == word and supports(tiles.kernels["forward"], x)
    }
