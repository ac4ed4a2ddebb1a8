"""Transform, the base of all transforms of image batches; Compose; and checks of their arguments."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ..errors import ConfigError, DTypeError, ShapeError
from ..generator import Generator, default_generator
from .host_arrays import HostArray


class Transform:
    """Base of transforms of image batches; a subclass defines ``apply``.

    Transforms are for ``DataLoader(transform=...)``, which gives each batch a generator of its own. Called directly with images
    alone, they draw from the default generator. They return new arrays and never change their input.

    Examples
    --------
    >>> class Invert(dl.data.transforms.Transform):
    ...     def apply(self, x, generator):
    ...         return 1 - x
    >>> Invert()(np.zeros((1, 1, 2, 2)))
    array([[[[1., 1.],
             [1., 1.]]]])
    """

    def __call__(self, images: ArrayLike, generator: Generator | None = None) -> HostArray:
        x = np.asarray(images)
        if x.ndim != 4:
            raise ShapeError(f"{type(self).__name__}: expected images (N,C,H,W), got shape {x.shape}")
        return self.apply(x, default_generator if generator is None else generator)

    def apply(self, x: HostArray, generator: Generator) -> HostArray:
        """Transform a batch of images.

        Parameters
        ----------
        x : numpy.ndarray
            Images (N, C, H, W).
        generator : Generator
            Source of the random numbers.

        Returns
        -------
        numpy.ndarray
            The transformed images (N, C, H, W), a new array.
        """
        raise NotImplementedError(f"{type(self).__name__}: write apply(self, x, generator)")


class Compose(Transform):
    """Apply several transforms in order.

    Parameters
    ----------
    transforms : sequence of Transform
        The transforms, first one first.

    Examples
    --------
    >>> t = dl.data.transforms
    >>> steps = t.Compose([t.RandomCrop(28, padding=2), t.RandomHorizontalFlip(), t.Normalize(0.5, 0.25)])
    >>> steps(np.zeros((4, 3, 28, 28))).shape
    (4, 3, 28, 28)
    """

    def __init__(self, transforms: Sequence[Transform]) -> None:
        self.transforms = tuple(transforms)

    def apply(self, x: HostArray, generator: Generator) -> HostArray:
        """Apply all transforms to a batch.

        Parameters
        ----------
        x : numpy.ndarray
            Images (N, C, H, W).
        generator : Generator
            Source of the random numbers.

        Returns
        -------
        numpy.ndarray
            The transformed images.
        """
        for transform in self.transforms:
            x = transform(x, generator)
        return x


def require_floating(name: str, x: HostArray) -> HostArray:
    """Check that images (N, C, H, W) are floating. Raises DTypeError or ShapeError."""
    if x.dtype.kind != "f":
        raise DTypeError(f"{name}: expected floating images, got {x.dtype}; divide by 255 first")
    if x.ndim != 4:
        raise ShapeError(f"{name}: expected images (N,C,H,W), got shape {x.shape}")
    return x


def height_width(name: str, size: int | tuple[int, int]) -> tuple[int, int]:
    """A size as height and width; one integer means both. Raises ConfigError."""
    h, w = (size, size) if isinstance(size, int) else size
    if h < 1 or w < 1:
        raise ConfigError(f"{name}: size must be at least 1, got {size}")
    return h, w


def window_size(name: str, size: int | tuple[int, int], x: HostArray) -> tuple[int, int]:
    """Height and width of a window. Raises ShapeError if it does not fit into the images."""
    h, w = height_width(name, size)
    if h > x.shape[2] or w > x.shape[3]:
        raise ShapeError(f"{name}: a window {h}x{w} does not fit into images of {x.shape[2]}x{x.shape[3]}")
    return h, w
