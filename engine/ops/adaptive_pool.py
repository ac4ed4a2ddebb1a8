"""Pooling to a given size: as many windows as the output has places."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from dlengine.kernels.geometry import Ints

from ..errors import ShapeError
from .avg_pool import means
from .conv_geometry import SPACE, batch_or_sample, int_tuple, samples
from .conversion import asarray
from .counting import argmax
from .creation import arange
from .gather import take, take_along_axis
from .joining import stack
from .max_pool import maxima
from .pool_geometry import Window
from .pool_signatures import adaptive_pool
from .shape import reshape

if TYPE_CHECKING:
    from ..typing import Tensor

AdaptiveSize: TypeAlias = "int | Sequence[int | None] | None"
"""The size of an adaptive pooling's output; None keeps an axis."""


@samples
def _adaptive(op: str, rank: int, x: Any, output_size: Any, largest: bool, indices: bool = False) -> Any:
    """Windows from floor(i I/O) to ceil((i+1) I/O): one pooling if they are equal, else axis by axis, window by window."""
    if x.ndim != rank + 2:
        raise ShapeError(f"{op}: input must be {batch_or_sample(SPACE[rank])}, got shape {x.shape}")
    wanted = (output_size,) * rank if isinstance(output_size, int) or output_size is None else tuple(output_size)
    out = tuple(i if o is None else o for i, o in zip(x.shape[2:], wanted, strict=True))
    out = int_tuple(op, "output_size", out, rank)
    space = x.shape[2:]
    if all(i % o == 0 and i > 0 for i, o in zip(space, out, strict=True)):
        kernel = tuple(i // o for i, o in zip(space, out, strict=True))
        if largest:
            return maxima(op, rank, x, Window(kernel), indices)
        return means(op, rank, x, Window(kernel))
    if largest:
        y, places = _adaptive_with_indices(x, space, out)
        return (y, places) if indices else y
    from .reduce import mean

    y = x
    for axis, o in enumerate(out, start=2):
        size = y.shape[axis]
        parts = []
        for i in range(o):
            part = y[(slice(None),) * axis + (slice(i * size // o, -(-(i + 1) * size // o)),)]
            parts.append(mean(part, axis=axis))
        y = stack(parts, axis=axis)
    return y


def _adaptive_with_indices(x: Any, space: Ints, out: Ints) -> Any:
    """The largest value of each window and its flat position in the plane."""
    windows = _windows(space, out)
    flat, lead = reshape(x, (*x.shape[:2], prod(space))), x.shape[:2]
    table = asarray(windows, device=x.device)
    seen = reshape(take(flat.detach(), reshape(table, (-1,)), axis=2), (*lead, *windows.shape))
    first = argmax(seen, axis=-1)
    inside = first + arange(len(windows), device=x.device) * windows.shape[1]
    places = reshape(take(reshape(table, (-1,)), reshape(inside, (-1,))), first.shape)
    values = take_along_axis(flat, places, axis=-1)
    return reshape(values, (*lead, *out)), reshape(places, (*lead, *out))


@lru_cache(maxsize=256)
def _windows(space: Ints, out: Ints) -> Any:
    """The flat positions of each window, in order; those of a smaller one end with its last position again and again."""
    axes = []
    for n, o in zip(space, out, strict=True):
        ends = [(i * n // o, -(-(i + 1) * n // o)) for i in range(o)]
        longest = max(b - a for a, b in ends)
        axes.append(np.array([[min(a + j, b - 1) for j in range(longest)] for a, b in ends], np.int64))
    flat = np.zeros((1, 1), np.int64)
    for n, axis in zip(space, axes, strict=True):
        spread = flat[:, None, :, None] * n + axis[None, :, None, :]
        flat = spread.reshape(flat.shape[0] * axis.shape[0], flat.shape[1] * axis.shape[1])
    return flat


def adaptive_avg_pool1d(x: Tensor, output_size: AdaptiveSize) -> Tensor:
    """The mean of each window of sequences, so many windows that the output has a given size.

    Window i goes from ``floor(i H / OH)`` to ``ceil((i + 1) H / OH)``; size 1 is global pooling.

    Parameters
    ----------
    x : Tensor
        (N,C,W), or one sample (C,W), whose result has no N either.
    output_size : int, sequence of int or None
        (OW), one for all axes or one for each; None keeps an axis as it is.

    Returns
    -------
    Tensor
        (N,C,*output_size).

    Raises
    ------
    ShapeError
        If `x` has another number of axes.
    ConfigError
        If a size is no positive integer.

    Examples
    --------
    >>> dl.adaptive_avg_pool1d(dl.asarray([[[1.0, 3.0, 2.0, 0.0]]]), 1)
    tensor([[[1.5]]])
    """
    return _adaptive("adaptive_avg_pool1d", 1, x, output_size, False)


def adaptive_avg_pool2d(x: Tensor, output_size: AdaptiveSize) -> Tensor:
    """The mean of each window of images, so many windows that the output has a given size.

    Window i goes from ``floor(i H / OH)`` to ``ceil((i + 1) H / OH)``; size 1 is global pooling.

    Parameters
    ----------
    x : Tensor
        (N,C,H,W), or one sample (C,H,W), whose result has no N either.
    output_size : int, sequence of int or None
        (OH,OW), one for all axes or one for each; None keeps an axis as it is.

    Returns
    -------
    Tensor
        (N,C,*output_size).

    Raises
    ------
    ShapeError
        If `x` has another number of axes.
    ConfigError
        If a size is no positive integer.

    Examples
    --------
    >>> dl.adaptive_avg_pool2d(dl.asarray([[[[1.0, 3.0], [2.0, 0.0]]]]), 1)
    tensor([[[[1.5]]]])
    """
    return _adaptive("adaptive_avg_pool2d", 2, x, output_size, False)


def adaptive_avg_pool3d(x: Tensor, output_size: AdaptiveSize) -> Tensor:
    """The mean of each window of volumes, so many windows that the output has a given size.

    Window i goes from ``floor(i H / OH)`` to ``ceil((i + 1) H / OH)``; size 1 is global pooling.

    Parameters
    ----------
    x : Tensor
        (N,C,D,H,W), or one sample (C,D,H,W), whose result has no N either.
    output_size : int, sequence of int or None
        (OD,OH,OW), one for all axes or one for each; None keeps an axis as it is.

    Returns
    -------
    Tensor
        (N,C,*output_size).

    Raises
    ------
    ShapeError
        If `x` has another number of axes.
    ConfigError
        If a size is no positive integer.

    Examples
    --------
    >>> dl.adaptive_avg_pool3d(dl.asarray([[[[[1.0, 3.0], [2.0, 0.0]]]]]), 1)
    tensor([[[[[1.5]]]]])
    """
    return _adaptive("adaptive_avg_pool3d", 3, x, output_size, False)


@adaptive_pool
def adaptive_max_pool1d(x: Tensor, output_size: AdaptiveSize, return_indices: bool = False) -> Tensor | tuple[Tensor, Tensor]:
    """The largest value of each window of sequences, so many windows that the output has a given size.

    Window i goes from ``floor(i H / OH)`` to ``ceil((i + 1) H / OH)``; size 1 is global pooling.

    Parameters
    ----------
    x : Tensor
        (N,C,W), or one sample (C,W), whose result has no N either.
    output_size : int, sequence of int or None
        (OW), one for all axes or one for each; None keeps an axis as it is.
    return_indices : bool
        Whether to return also where the values were.

    Returns
    -------
    Tensor or tuple of Tensor
        (N,C,*output_size); with `return_indices` also the flat positions in (W), int64.

    Raises
    ------
    ShapeError
        If `x` has another number of axes.
    ConfigError
        If a size is no positive integer.

    Examples
    --------
    >>> dl.adaptive_max_pool1d(dl.asarray([[[1.0, 3.0, 2.0, 0.0]]]), 1)
    tensor([[[3.]]])
    """
    return _adaptive("adaptive_max_pool1d", 1, x, output_size, True, return_indices)


@adaptive_pool
def adaptive_max_pool2d(x: Tensor, output_size: AdaptiveSize, return_indices: bool = False) -> Tensor | tuple[Tensor, Tensor]:
    """The largest value of each window of images, so many windows that the output has a given size.

    Window i goes from ``floor(i H / OH)`` to ``ceil((i + 1) H / OH)``; size 1 is global pooling.

    Parameters
    ----------
    x : Tensor
        (N,C,H,W), or one sample (C,H,W), whose result has no N either.
    output_size : int, sequence of int or None
        (OH,OW), one for all axes or one for each; None keeps an axis as it is.
    return_indices : bool
        Whether to return also where the values were.

    Returns
    -------
    Tensor or tuple of Tensor
        (N,C,*output_size); with `return_indices` also the flat positions in (H,W), int64.

    Raises
    ------
    ShapeError
        If `x` has another number of axes.
    ConfigError
        If a size is no positive integer.

    Examples
    --------
    >>> dl.adaptive_max_pool2d(dl.asarray([[[[1.0, 3.0], [2.0, 0.0]]]]), 1)
    tensor([[[[3.]]]])
    """
    return _adaptive("adaptive_max_pool2d", 2, x, output_size, True, return_indices)


@adaptive_pool
def adaptive_max_pool3d(x: Tensor, output_size: AdaptiveSize, return_indices: bool = False) -> Tensor | tuple[Tensor, Tensor]:
    """The largest value of each window of volumes, so many windows that the output has a given size.

    Window i goes from ``floor(i H / OH)`` to ``ceil((i + 1) H / OH)``; size 1 is global pooling.

    Parameters
    ----------
    x : Tensor
        (N,C,D,H,W), or one sample (C,D,H,W), whose result has no N either.
    output_size : int, sequence of int or None
        (OD,OH,OW), one for all axes or one for each; None keeps an axis as it is.
    return_indices : bool
        Whether to return also where the values were.

    Returns
    -------
    Tensor or tuple of Tensor
        (N,C,*output_size); with `return_indices` also the flat positions in (D,H,W), int64.

    Raises
    ------
    ShapeError
        If `x` has another number of axes.
    ConfigError
        If a size is no positive integer.

    Examples
    --------
    >>> dl.adaptive_max_pool3d(dl.asarray([[[[[1.0, 3.0], [2.0, 0.0]]]]]), 1)
    tensor([[[[[3.]]]]])
    """
    return _adaptive("adaptive_max_pool3d", 3, x, output_size, True, return_indices)
