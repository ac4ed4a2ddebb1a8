"""Data made by rule and chance: sequence tasks, point clouds, and drawings with captions.

Each is a function of a dl.Generator (by default the one that dl.manual_seed seeds) and gives the same bits on every
machine: random numbers are counted, and all else is + - * / on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..autograd.promotion import get_default_dtype
from ..errors import ConfigError, ShapeError
from ..generator import Generator, default_generator
from .corpora import StringPairs
from .dataset import ArrayDataset
from .draws import HostArray, integers, normal, permutation, uniform
from .pictures import ImageDataset
from .transforms import RandomCrop


def adding_problem(n: int, length: int, generator: Generator | None = None, *, dtype: Any = None) -> ArrayDataset:
    """Sequences of numbers, two of them marked; the target is the sum of the two.

    Inputs (n,length,2): a number in [0, 1) and a mark, 0 or 1, one mark in each half; targets (n,1). Always answering 1 has
    mean squared error 1/6. Source: Hochreiter and Schmidhuber 1997, in the form of Le, Jaitly, Hinton 2015.
    """
    _least("adding_problem", n=(n, 0), length=(length, 2))
    source, kind = generator or default_generator, np.dtype(dtype or get_default_dtype())
    numbers = uniform(source, (n, length), kind)
    half = length // 2
    marks = np.zeros((n, length), dtype=kind)
    places = np.stack([integers(source, 0, half, n), integers(source, half, length, n)], axis=1)
    np.put_along_axis(marks, places, 1, axis=1)
    sums = np.take_along_axis(numbers, places, axis=1)
    return ArrayDataset(np.stack([numbers, marks], axis=2), sums[:, :1] + sums[:, 1:])


def sequence_copy(
    n: int, length: int, delay: int, symbols: int = 8, generator: Generator | None = None
) -> ArrayDataset:
    """Remember symbols over a delay: inputs and targets (n, delay + 2 length) int64, symbols + 2 different numbers.

    Input: `length` symbols from 1 to `symbols`, then `delay` steps blank (0) but for the signal symbols + 1 in the last of
    them, then blanks. Target: blanks, and after the signal the symbols again.
    Source: Arjovsky, Shah, Bengio 2016, "Unitary evolution recurrent neural networks".
    """
    _least("sequence_copy", n=(n, 0), length=(length, 1), delay=(delay, 1), symbols=(symbols, 1))
    wanted = integers(generator or default_generator, 1, symbols + 1, (n, length))
    inputs = np.zeros((n, delay + 2 * length), dtype=np.int64)
    targets = inputs.copy()
    inputs[:, :length] = wanted
    inputs[:, delay + length - 1] = symbols + 1
    targets[:, delay + length :] = wanted
    return ArrayDataset(inputs, targets)


def addition_strings(n: int, digits: int = 3, generator: Generator | None = None) -> StringPairs:
    """Sums as text: "17+208" and "225". Numbers have 1 to `digits` digits, each count equally likely.

    Source: Zaremba and Sutskever 2014, "Learning to execute"; Sutskever et al. 2014 for the encoder and decoder.
    """
    _least("addition_strings", n=(n, 0), digits=(digits, 1))
    if digits > 15:
        raise ConfigError(f"addition_strings: digits must be at most 15, got {digits}")
    source = generator or default_generator
    tops = 10 ** integers(source, 1, digits + 1, (n, 2))
    terms = integers(source, 0, tops, (n, 2)).tolist()
    return StringPairs([f"{a}+{b}" for a, b in terms], [str(a + b) for a, b in terms])


def two_moons(n: int, noise: float = 0.1, generator: Generator | None = None, *, dtype: Any = None) -> ArrayDataset:
    """Two interleaved half circles: points (n,2), labels (n,) 0 or 1, in random order; noise: standard deviation added."""
    _least("two_moons", n=(n, 0))
    source = generator or default_generator
    labels = permutation(source, n) % 2
    cos, sin = cos_sin(uniform(source, n) / 2)
    points = np.stack([np.where(labels == 0, cos, 1 - cos), np.where(labels == 0, sin, 0.5 - sin)], axis=1)
    return _noisy(points, labels, noise, source, dtype)


def spirals(
    n: int, classes: int = 3, turns: float = 0.75, noise: float = 0.02, generator: Generator | None = None, *, dtype: Any = None
) -> ArrayDataset:
    """Arms of a spiral, one for each class, from the centre to radius 1: points (n,2), labels (n,) int64, in random order."""
    _least("spirals", n=(n, 0), classes=(classes, 1))
    source = generator or default_generator
    labels = permutation(source, n) % classes
    radius = uniform(source, n)
    cos, sin = cos_sin(radius * turns + labels / classes)
    return _noisy(np.stack([radius * cos, radius * sin], axis=1), labels, noise, source, dtype)


def blended_digits(
    digits: ImageDataset, patches: ImageDataset, generator: Generator | None = None
) -> ImageDataset:
    """Digits on pictures, as in MNIST-M: |patch - digit|, images (N,3,H,W) with the digits' labels.

    digits (N,1,H,W); patches (M,3,...), for instance CIFAR-10, of which each digit gets a random H x W piece of a random
    one. Source: Ganin et al. 2016, "Domain-adversarial training of neural networks".
    """
    source = generator or default_generator
    ink, labels = digits.arrays
    pieces = patches.arrays[0]
    if ink.shape[1] != 1 or not len(pieces) or any(p < d for p, d in zip(pieces.shape[2:], ink.shape[2:], strict=True)):
        raise ShapeError(f"blended_digits: digits (N,1,H,W) of {ink.shape} on patches (M,C,...) of {pieces.shape}")
    drawn = pieces[integers(source, 0, len(pieces), len(ink))]
    crops = RandomCrop((ink.shape[2], ink.shape[3]))(drawn, source).astype(np.int16)
    return ImageDataset(np.abs(crops - ink).astype(np.uint8), labels, digits.classes, digits.dtype)


def _noisy(points: HostArray, labels: HostArray, noise: float, source: Generator, dtype: Any) -> ArrayDataset:
    spread = points + noise * normal(source, points.shape)
    return ArrayDataset(spread.astype(np.dtype(dtype or get_default_dtype())), labels)


def cos_sin(turns: HostArray) -> tuple[HostArray, HostArray]:
    """Cosine and sine of an angle in turns, by their series: + and * alone, so bit-equal everywhere, unlike those of C."""
    part = turns - np.floor(turns + 0.5)
    x = part * (2 * np.pi)  # from -pi to pi, where 30 terms leave an error below 1e-14
    square, cos, sin = x * x, np.ones_like(x), np.ones_like(x)
    for k in range(15, 0, -1):
        cos = 1 - square * cos / ((2 * k - 1) * (2 * k))
        sin = 1 - square * sin / ((2 * k) * (2 * k + 1))
    return cos, x * sin


# ---------------------------------------------------------------------- drawings
COLOURS = {
    "red": (230, 30, 30), "green": (30, 180, 50), "blue": (40, 70, 230), "yellow": (240, 220, 40), "white": (245, 245, 245)
}  # fmt: skip
SHAPES = ("circle", "square", "triangle", "cross")
SIZES = {"small": 0.5, "large": 0.8}
RELATIONS = ("left of", "right of", "above", "below")


@dataclass(frozen=True)
class CaptionedImages:
    """Images uint8 (n,3,H,W) and a caption of each."""

    images: HostArray
    captions: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.captions)


def shapes_with_captions(n: int, size: int = 32, generator: Generator | None = None) -> CaptionedImages:
    """Drawings of one or two shapes on black, each with its description.

    "a large red circle", or "a small blue square left of a large green cross": size, colour, shape, and of two the first's
    place relative to the second's. Images (n,3,size,size) uint8; size at least 16.
    """
    _least("shapes_with_captions", n=(n, 0), size=(size, 16))
    source = generator or default_generator
    sizes, colours = tuple(SIZES), tuple(COLOURS)
    draws = integers(source, 0, np.array([2, 4] + [len(sizes), len(colours), len(SHAPES)] * 2), (n, 8)).tolist()
    shift = uniform(source, (n, 2, 2)) - 0.5
    images = np.zeros((n, 3, size, size), dtype=np.uint8)
    captions = []
    for i, (two, relation, *rest) in enumerate(draws):
        things = [(sizes[rest[k]], colours[rest[k + 1]], SHAPES[rest[k + 2]]) for k in (0, 3)][: 1 + two]
        words = [f"a {' '.join(thing)}" for thing in things]
        captions.append(f" {RELATIONS[relation]} ".join(words))
        for k, thing in enumerate(things):
            # Two share the picture: each is half as large, and has its half.
            reach = 0.25 if two else 0.5
            side = (-0.5, 0.5)[(relation % 2) ^ k] * two
            x, y = (side, 0.0) if relation < 2 else (0.0, side)
            _draw(images[i], thing, x + shift[i, k, 0] * reach / 4, y + shift[i, k, 1] * reach / 4, reach)
    return CaptionedImages(images, tuple(captions))


def _draw(image: HostArray, thing: tuple[str, str, str], x: float, y: float, reach: float) -> None:
    """Draw into (3,H,W) around (x, y) in coordinates from -1 to 1, y downwards; reach: half the width of a cell."""
    size = image.shape[1]
    radius = 2 * reach * SIZES[thing[0]] * 0.85
    grid = (2 * np.arange(size) + 1) / size - 1
    dx, dy = grid - x, (grid - y)[:, None]
    if thing[2] == "circle":
        inside = dx * dx + dy * dy <= radius * radius
    elif thing[2] == "square":
        inside = np.maximum(np.abs(dx), np.abs(dy)) <= 0.85 * radius
    elif thing[2] == "triangle":
        inside = (np.abs(dy) <= radius) & (np.abs(dx) <= (dy + radius) / 2)
    else:
        inside = (np.minimum(np.abs(dx), np.abs(dy)) <= 0.3 * radius) & (np.maximum(np.abs(dx), np.abs(dy)) <= radius)
    image[:, inside] = np.array(COLOURS[thing[1]], dtype=np.uint8)[:, None]


def _least(name: str, **given: tuple[int, int]) -> None:
    for argument, (value, least) in given.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ConfigError(f"{name}: {argument} must be an integer of at least {least}, got {value!r}")
