"""Transforms of image batches (N,C,H,W), NumPy arrays, that draw from a dl.Generator: each image its own random numbers.

For DataLoader(transform=...), which gives every batch a generator of its own; or called directly. Results are new arrays
of the input's dtype; inputs are never changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ConfigError, DTypeError, ShapeError
from ..generator import Generator, default_generator
from .draws import HostArray, integers, normal, uniform


class Transform:
    """Base: write apply(images, generator). Called with images alone, it draws from the generator of dl.manual_seed."""

    def __call__(self, images: Any, generator: Generator | None = None) -> HostArray:
        x = np.asarray(images)
        if x.ndim != 4:
            raise ShapeError(f"{type(self).__name__}: expected images (N,C,H,W), got shape {x.shape}")
        return self.apply(x, default_generator if generator is None else generator)

    def apply(self, x: HostArray, generator: Generator) -> HostArray:
        """The transformed images (N,C,H,W)."""
        raise NotImplementedError(f"{type(self).__name__}: write apply(self, x, generator)")


class Compose(Transform):
    """One transform after another."""

    def __init__(self, transforms: Sequence[Transform]) -> None:
        self.transforms = tuple(transforms)

    def apply(self, x: HostArray, generator: Generator) -> HostArray:
        for transform in self.transforms:
            x = transform(x, generator)
        return x


@dataclass(frozen=True)
class Normalize(Transform):
    """(x - mean) / std, per channel: mean and std are a number or one for each of C. Images are floating."""

    mean: float | Sequence[float]
    std: float | Sequence[float]

    def __post_init__(self) -> None:
        if not (np.asarray(self.std) > 0).all():
            raise ConfigError(f"Normalize: std must be above 0, got {self.std}")

    def apply(self, x: HostArray, generator: Generator) -> HostArray:
        return (_floating("Normalize", x) - self._shaped(self.mean, x)) / self._shaped(self.std, x)

    def _shaped(self, value: float | Sequence[float], x: HostArray) -> HostArray:
        per_channel = np.asarray(value, dtype=x.dtype).reshape(-1, 1, 1)
        if len(per_channel) not in (1, x.shape[1]):
            raise ShapeError(f"Normalize: {len(per_channel)} values for C={x.shape[1]} channels")
        return per_channel


def channel_statistics(images: Any) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel over images (N,C,H,W): what Normalize takes, from the training set."""
    x = np.asarray(images)
    if x.ndim != 4 or not x.size:
        raise ShapeError(f"channel_statistics: expected images (N,C,H,W), got shape {x.shape}")
    mean, std = x.mean((0, 2, 3), dtype=np.float64), x.std((0, 2, 3), dtype=np.float64)
    return mean.tolist(), std.tolist()


@dataclass(frozen=True)
class RandomCrop(Transform):
    """A window (height, width) at a random place of each image, which gets `padding` zeros around it first."""

    size: int | tuple[int, int]
    padding: int = 0

    def apply(self, x: HostArray, generator: Generator) -> HostArray:
        p = self.padding
        wide = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
        h, w = _window("RandomCrop", self.size, wide)
        tops = integers(generator, 0, wide.shape[2] - h + 1, len(x))
        lefts = integers(generator, 0, wide.shape[3] - w + 1, len(x))
        out = np.empty((*x.shape[:2], h, w), dtype=x.dtype)
        for target, image, i, j in zip(out, wide, tops.tolist(), lefts.tolist(), strict=True):
            target[...] = image[:, i : i + h, j : j + w]
        return out


@dataclass(frozen=True)
class CenterCrop(Transform):
    """The window (height, width) in the middle."""

    size: int | tuple[int, int]

    def apply(self, x: HostArray, generator: Generator) -> HostArray:
        h, w = _window("CenterCrop", self.size, x)
        i, j = (x.shape[2] - h) // 2, (x.shape[3] - w) // 2
        return x[:, :, i : i + h, j : j + w].copy()


@dataclass(frozen=True)
class RandomHorizontalFlip(Transform):
    """Left and right change places, with probability p for each image."""

    p: float = 0.5

    def apply(self, x: HostArray, generator: Generator) -> HostArray:
        flip = uniform(generator, len(x)) < self.p
        return np.where(flip[:, None, None, None], x[:, :, :, ::-1], x)


@dataclass(frozen=True)
class RandomVerticalFlip(Transform):
    """Top and bottom change places, with probability p for each image."""

    p: float = 0.5

    def apply(self, x: HostArray, generator: Generator) -> HostArray:
        flip = uniform(generator, len(x)) < self.p
        return np.where(flip[:, None, None, None], x[:, :, ::-1], x)


@dataclass(frozen=True)
class RandomRotation(Transform):
    """Turn each image about its centre, counter-clockwise, by an angle from -degrees to degrees, or from a range.

    Values between pixels are interpolated bilinearly; what comes from outside is 0. Images are floating.
    """

    degrees: float | tuple[float, float]

    def apply(self, x: HostArray, generator: Generator) -> HostArray:
        low, high = self.degrees if isinstance(self.degrees, tuple) else (-self.degrees, self.degrees)
        return rotate(x, low + (high - low) * uniform(generator, len(x)))


def rotate(images: Any, degrees: Any) -> HostArray:
    """Turn each image of (N,C,H,W) counter-clockwise about its centre by its angle of degrees (N,), as RandomRotation does."""
    x = _floating("rotate", np.asarray(images))
    n, _, h, w = x.shape
    angle = np.deg2rad(np.broadcast_to(np.asarray(degrees, dtype=np.float64), (n,)))[:, None, None]
    dy, dx = np.arange(h)[:, None] - (h - 1) / 2, np.arange(w) - (w - 1) / 2
    # Where each pixel of the result comes from: the coordinates turned back. The y axis points down.
    cos, sin = np.cos(angle), np.sin(angle)
    from_y, from_x = (h - 1) / 2 + sin * dx + cos * dy, (w - 1) / 2 + cos * dx - sin * dy
    # One row and column of zeros around, and every place outside moved there.
    wide = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    from_y, from_x = np.clip(from_y + 1, 0, h + 1), np.clip(from_x + 1, 0, w + 1)
    top = np.minimum(np.floor(from_y).astype(np.intp), h)
    left = np.minimum(np.floor(from_x).astype(np.intp), w)
    down, right = (from_y - top).astype(x.dtype)[..., None], (from_x - left).astype(x.dtype)[..., None]
    # One number for each pixel of the batch: that is twice as fast as three.
    pixels = np.ascontiguousarray(wide.transpose(0, 2, 3, 1)).reshape(-1, x.shape[1])
    place = (np.arange(n)[:, None, None] * (h + 2) + top) * (w + 2) + left
    upper = pixels[place] * (1 - right) + pixels[place + 1] * right
    lower = pixels[place + w + 2] * (1 - right) + pixels[place + w + 3] * right
    return np.ascontiguousarray((upper * (1 - down) + lower * down).transpose(0, 3, 1, 2))


@dataclass(frozen=True)
class GaussianNoise(Transform):
    """Add independent normal numbers with standard deviation std. Images are floating."""

    std: float

    def apply(self, x: HostArray, generator: Generator) -> HostArray:
        return np.asarray(_floating("GaussianNoise", x) + np.asarray(self.std, x.dtype) * normal(generator, x.shape, x.dtype))


@dataclass(frozen=True)
class Resize(Transform):
    """To (height, width), bilinearly; shrinking averages over all pixels concerned (a triangle as wide as the step).

    An affine image stays affine inside. Images are floating.
    """

    size: int | tuple[int, int]

    def apply(self, x: HostArray, generator: Generator) -> HostArray:
        _floating("Resize", x)
        h, w = _pair("Resize", self.size)
        rows, columns = _triangle(x.shape[2], h).astype(x.dtype), _triangle(x.shape[3], w).astype(x.dtype)
        return np.ascontiguousarray(rows @ x @ columns.T)


def _triangle(before: int, after: int) -> HostArray:
    """The weights (after, before) of each old pixel in each new one; rows sum to 1."""
    step = before / after
    width = max(step, 1.0)
    centres = (np.arange(after) + 0.5) * step - 0.5
    weights = np.maximum(0.0, 1 - np.abs(np.arange(before) - centres[:, None]) / width)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _floating(name: str, x: HostArray) -> HostArray:
    if x.dtype.kind != "f":
        raise DTypeError(f"{name}: expected floating images, got {x.dtype}; divide by 255 first")
    if x.ndim != 4:
        raise ShapeError(f"{name}: expected images (N,C,H,W), got shape {x.shape}")
    return x


def _pair(name: str, size: int | tuple[int, int]) -> tuple[int, int]:
    h, w = (size, size) if isinstance(size, int) else size
    if h < 1 or w < 1:
        raise ConfigError(f"{name}: size must be at least 1, got {size}")
    return h, w


def _window(name: str, size: int | tuple[int, int], x: HostArray) -> tuple[int, int]:
    h, w = _pair(name, size)
    if h > x.shape[2] or w > x.shape[3]:
        raise ShapeError(f"{name}: a window {h}x{w} does not fit into images of {x.shape[2]}x{x.shape[3]}")
    return h, w
