"""Transforms of image batches (N, C, H, W), NumPy arrays, each image with random numbers of its own.

Use them in ``DataLoader(transform=...)``, which gives each batch a generator of its own, or call them directly. Results are
new arrays of the input's dtype; inputs are never changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..errors import ConfigError, ShapeError
from ..generator import Generator
from .host_arrays import HostArray
from .host_random import integers, normal, uniform
from .resampling import RandomRotation, Resize, rotate
from .transform_base import Compose, Transform, require_floating, window_size

__all__ = [
    "CenterCrop", "Compose", "GaussianNoise", "Normalize", "RandomCrop", "RandomHorizontalFlip", "RandomRotation",
    "RandomVerticalFlip", "Resize", "Transform", "channel_statistics", "rotate",
]  # fmt: skip


@dataclass(frozen=True)
class Normalize(Transform):
    """Normalize each channel: ``(x - mean) / std``.

    Parameters
    ----------
    mean : float or sequence of float
        Mean, one number or one for each of the C channels.
    std : float or sequence of float
        Standard deviation, above 0, one number or one for each channel.

    Raises
    ------
    ConfigError
        If ``std`` is not above 0.

    Examples
    --------
    >>> normalize = dl.data.transforms.Normalize(mean=[1.0, 2.0], std=2.0)
    >>> normalize(np.full((1, 2, 1, 1), 3.0)).ravel()
    array([1. , 0.5])
    """

    mean: float | Sequence[float]
    std: float | Sequence[float]

    def __post_init__(self) -> None:
        if not (np.asarray(self.std) > 0).all():
            raise ConfigError(f"Normalize: std must be above 0, got {self.std}")

    def apply(self, x: HostArray, generator: Generator) -> HostArray:
        """Normalize a batch.

        Parameters
        ----------
        x : numpy.ndarray
            Images (N, C, H, W), floating.
        generator : Generator
            Not used.

        Returns
        -------
        numpy.ndarray
            Images (N, C, H, W).
        """
        return (require_floating("Normalize", x) - self._shaped(self.mean, x)) / self._shaped(self.std, x)

    def _shaped(self, value: float | Sequence[float], x: HostArray) -> HostArray:
        """The numbers in shape (C, 1, 1) or (1, 1, 1)."""
        per_channel = np.asarray(value, dtype=x.dtype).reshape(-1, 1, 1)
        if len(per_channel) not in (1, x.shape[1]):
            raise ShapeError(f"Normalize: {len(per_channel)} values for C={x.shape[1]} channels")
        return per_channel


def channel_statistics(images: ArrayLike) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel, for Normalize; compute them on the training set.

    Parameters
    ----------
    images : array_like
        Images (N, C, H, W).

    Returns
    -------
    mean : list of float
        Mean of each of the C channels.
    std : list of float
        Standard deviation of each channel.

    Raises
    ------
    ShapeError
        If the images are not a non-empty array (N, C, H, W).

    Examples
    --------
    >>> images = np.array([0.0, 1.0, 2.0, 6.0]).reshape(2, 2, 1, 1)
    >>> dl.data.transforms.channel_statistics(images)
    ([1.0, 3.5], [1.0, 2.5])
    """
    x = np.asarray(images)
    if x.ndim != 4 or not x.size:
        raise ShapeError(f"channel_statistics: expected images (N,C,H,W), got shape {x.shape}")
    mean, std = x.mean((0, 2, 3), dtype=np.float64), x.std((0, 2, 3), dtype=np.float64)
    return mean.tolist(), std.tolist()


@dataclass(frozen=True)
class RandomCrop(Transform):
    """Cut a window at a random place of each image, after padding it with zeros.

    Parameters
    ----------
    size : int or tuple of int
        Height and width of the window.
    padding : int, default 0
        Zeros added on each side before the cut.

    Examples
    --------
    >>> crop = dl.data.transforms.RandomCrop(28, padding=4)
    >>> crop(np.ones((2, 1, 28, 28))).shape
    (2, 1, 28, 28)
    """

    size: int | tuple[int, int]
    padding: int = 0

    def apply(self, x: HostArray, generator: Generator) -> HostArray:
        """Crop a batch.

        Parameters
        ----------
        x : numpy.ndarray
            Images (N, C, H, W).
        generator : Generator
            Source of the places.

        Returns
        -------
        numpy.ndarray
            Windows (N, C, height, width).
        """
        p = self.padding
        wide = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
        h, w = window_size("RandomCrop", self.size, wide)
        tops = integers(generator, 0, wide.shape[2] - h + 1, len(x))
        lefts = integers(generator, 0, wide.shape[3] - w + 1, len(x))
        out = np.empty((*x.shape[:2], h, w), dtype=x.dtype)
        for target, image, i, j in zip(out, wide, tops.tolist(), lefts.tolist(), strict=True):
            target[...] = image[:, i : i + h, j : j + w]
        return out


@dataclass(frozen=True)
class CenterCrop(Transform):
    """Cut the window in the middle of each image.

    Parameters
    ----------
    size : int or tuple of int
        Height and width of the window.

    Examples
    --------
    >>> crop = dl.data.transforms.CenterCrop(2)
    >>> crop(np.arange(16).reshape(1, 1, 4, 4))
    array([[[[ 5,  6],
             [ 9, 10]]]])
    """

    size: int | tuple[int, int]

    def apply(self, x: HostArray, generator: Generator) -> HostArray:
        """Crop a batch.

        Parameters
        ----------
        x : numpy.ndarray
            Images (N, C, H, W).
        generator : Generator
            Not used.

        Returns
        -------
        numpy.ndarray
            Windows (N, C, height, width).
        """
        h, w = window_size("CenterCrop", self.size, x)
        i, j = (x.shape[2] - h) // 2, (x.shape[3] - w) // 2
        return x[:, :, i : i + h, j : j + w].copy()


@dataclass(frozen=True)
class RandomHorizontalFlip(Transform):
    """Exchange left and right, at random for each image.

    Parameters
    ----------
    p : float, default 0.5
        Probability of a flip.

    Examples
    --------
    >>> dl.data.transforms.RandomHorizontalFlip(p=1.0)(np.array([[[[1, 2, 3]]]]))
    array([[[[3, 2, 1]]]])
    """

    p: float = 0.5

    def apply(self, x: HostArray, generator: Generator) -> HostArray:
        """Flip a batch.

        Parameters
        ----------
        x : numpy.ndarray
            Images (N, C, H, W).
        generator : Generator
            Decides which images are flipped.

        Returns
        -------
        numpy.ndarray
            Images (N, C, H, W).
        """
        flip = uniform(generator, len(x)) < self.p
        return np.where(flip[:, None, None, None], x[:, :, :, ::-1], x)


@dataclass(frozen=True)
class RandomVerticalFlip(Transform):
    """Exchange top and bottom, at random for each image.

    Parameters
    ----------
    p : float, default 0.5
        Probability of a flip.

    Examples
    --------
    >>> dl.data.transforms.RandomVerticalFlip(p=1.0)(np.array([[[[1], [2]]]])).ravel()
    array([2, 1])
    """

    p: float = 0.5

    def apply(self, x: HostArray, generator: Generator) -> HostArray:
        """Flip a batch.

        Parameters
        ----------
        x : numpy.ndarray
            Images (N, C, H, W).
        generator : Generator
            Decides which images are flipped.

        Returns
        -------
        numpy.ndarray
            Images (N, C, H, W).
        """
        flip = uniform(generator, len(x)) < self.p
        return np.where(flip[:, None, None, None], x[:, :, ::-1], x)


@dataclass(frozen=True)
class GaussianNoise(Transform):
    """Add independent normal random numbers to each pixel.

    Parameters
    ----------
    std : float
        Standard deviation of the noise.

    Examples
    --------
    >>> noisy = dl.data.transforms.GaussianNoise(0.5)(np.zeros((10, 1, 20, 20)))
    >>> round(float(noisy.std()), 1)
    0.5
    """

    std: float

    def apply(self, x: HostArray, generator: Generator) -> HostArray:
        """Add noise to a batch.

        Parameters
        ----------
        x : numpy.ndarray
            Images (N, C, H, W), floating.
        generator : Generator
            Source of the noise.

        Returns
        -------
        numpy.ndarray
            Images (N, C, H, W).
        """
        require_floating("GaussianNoise", x)
        return np.asarray(x + np.asarray(self.std, x.dtype) * normal(generator, x.shape, x.dtype))
