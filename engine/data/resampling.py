"""Transforms that compute pixels between pixels: rotation and resizing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..generator import Generator
from .host_arrays import HostArray
from .host_random import uniform
from .transform_base import Transform, height_width, require_floating


@dataclass(frozen=True)
class RandomRotation(Transform):
    """Rotate each image about its centre by a random angle.

    Values between pixels are interpolated bilinearly; pixels from outside the image are 0.

    Parameters
    ----------
    degrees : float or tuple of float
        Angles in degrees, counter-clockwise: uniform from ``-degrees`` to ``degrees``, or from the first to the second number.

    Examples
    --------
    >>> rotation = dl.data.transforms.RandomRotation(15.0)
    >>> rotation(np.ones((2, 1, 8, 8))).shape
    (2, 1, 8, 8)
    """

    degrees: float | tuple[float, float]

    def apply(self, x: HostArray, generator: Generator) -> HostArray:
        """Rotate a batch.

        Parameters
        ----------
        x : numpy.ndarray
            Images (N, C, H, W), floating.
        generator : Generator
            Source of the angles.

        Returns
        -------
        numpy.ndarray
            Images (N, C, H, W).
        """
        low, high = self.degrees if isinstance(self.degrees, tuple) else (-self.degrees, self.degrees)
        return rotate(x, low + (high - low) * uniform(generator, len(x)))


def rotate(images: ArrayLike, degrees: ArrayLike) -> HostArray:
    """Rotate each image counter-clockwise about its centre by a given angle.

    Values between pixels are interpolated bilinearly; pixels from outside the image are 0.

    Parameters
    ----------
    images : array_like
        Images (N, C, H, W), floating.
    degrees : array_like
        Angles in degrees (N,), or one for all images.

    Returns
    -------
    numpy.ndarray
        Rotated images (N, C, H, W).

    Raises
    ------
    DTypeError
        If the images are not floating.
    ShapeError
        If the images are not (N, C, H, W).

    Examples
    --------
    >>> image = np.array([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> dl.data.transforms.rotate(image, 90.0).round(6)
    array([[[[2., 4.],
             [1., 3.]]]])
    """
    x = require_floating("rotate", np.asarray(images))
    n, _, h, w = x.shape
    angle = np.deg2rad(np.broadcast_to(np.asarray(degrees, dtype=np.float64), (n,)))[:, None, None]
    dy, dx = np.arange(h)[:, None] - (h - 1) / 2, np.arange(w) - (w - 1) / 2
    # The source of each pixel: its coordinates rotated back. The y axis points down.
    cos, sin = np.cos(angle), np.sin(angle)
    from_y, from_x = (h - 1) / 2 + sin * dx + cos * dy, (w - 1) / 2 + cos * dx - sin * dy
    # Pad with one row and column of zeros, and clip places outside the image to it.
    wide = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    from_y, from_x = np.clip(from_y + 1, 0, h + 1), np.clip(from_x + 1, 0, w + 1)
    top = np.minimum(np.floor(from_y).astype(np.intp), h)
    left = np.minimum(np.floor(from_x).astype(np.intp), w)
    down, right = (from_y - top).astype(x.dtype)[..., None], (from_x - left).astype(x.dtype)[..., None]
    # A flat index into all pixels is twice as fast as three indices.
    pixels = np.ascontiguousarray(wide.transpose(0, 2, 3, 1)).reshape(-1, x.shape[1])
    place = (np.arange(n)[:, None, None] * (h + 2) + top) * (w + 2) + left
    upper = pixels[place] * (1 - right) + pixels[place + 1] * right
    lower = pixels[place + w + 2] * (1 - right) + pixels[place + w + 3] * right
    return np.ascontiguousarray((upper * (1 - down) + lower * down).transpose(0, 3, 1, 2))


@dataclass(frozen=True)
class Resize(Transform):
    """Resize images bilinearly; shrinking averages over all pixels concerned.

    When an image shrinks, the weights are a triangle as wide as the step between its new pixels. An affine image stays affine
    away from its borders.

    Parameters
    ----------
    size : int or tuple of int
        New height and width.

    Examples
    --------
    >>> dl.data.transforms.Resize((1, 2))(np.array([[[[1.0, 1.0, 3.0, 3.0]]]])).shape
    (1, 1, 1, 2)
    """

    size: int | tuple[int, int]

    def apply(self, x: HostArray, generator: Generator) -> HostArray:
        """Resize a batch.

        Parameters
        ----------
        x : numpy.ndarray
            Images (N, C, H, W), floating.
        generator : Generator
            Not used.

        Returns
        -------
        numpy.ndarray
            Images (N, C, height, width).
        """
        require_floating("Resize", x)
        h, w = height_width("Resize", self.size)
        rows, columns = _triangle(x.shape[2], h).astype(x.dtype), _triangle(x.shape[3], w).astype(x.dtype)
        return np.ascontiguousarray(rows @ x @ columns.T)


def _triangle(before: int, after: int) -> HostArray:
    """The weights (after, before) of each old pixel in each new one; rows sum to 1."""
    step = before / after
    width = max(step, 1.0)
    centres = (np.arange(after) + 0.5) * step - 0.5
    weights = np.maximum(0.0, 1 - np.abs(np.arange(before) - centres[:, None]) / width)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))
