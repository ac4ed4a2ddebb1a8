"""Pooling to a given size: as many windows as the output has places."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from dlengine.kernels.geometry import Ints, PlaneGeometry

from ..autograd.short import short
from ..errors import ShapeError
from . import primitives
from .avg_pool import means
from .conv_geometry import SPACE, batch_or_sample, int_tuple, samples
from .max_pool import maxima
from .pool_geometry import Window
from .pool_signatures import adaptive_pool

if TYPE_CHECKING:
    from ..typing import Tensor

AdaptiveSize: TypeAlias = "int | Sequence[int | None] | None"
"""The size of an adaptive pooling's output; None keeps an axis."""


@samples
def _adaptive(op: str, rank: int, x: Any, output_size: Any, largest: bool, indices: bool = False) -> Any:
    """Windows from floor(i I/O) to ceil((i+1) I/O): those of an ordinary pooling if they are equal."""
    kind = type(output_size)
    plain = kind is int or output_size is None or kind is tuple and all([type(o) is int or o is None for o in output_size])
    g = (_known_geometry if plain else geometry)(op, x.shape, rank, output_size)
    if isinstance(g, Window):
        return maxima(op, rank, x, g, indices) if largest else means(op, rank, x, g)
    if not largest:
        return primitives.adaptive_avg_pool(x, g)
    y, places = primitives.adaptive_max_pool(x, g)
    return (y, places.astype("int64", copy=False)) if indices else y


def geometry(op: str, shape: Ints, rank: int, output_size: Any) -> Window | PlaneGeometry:
    """Where windows lie: those of an ordinary pooling if they are equal."""
    if len(shape) != rank + 2:
        raise ShapeError(f"{op}: input must be {batch_or_sample(SPACE[rank])}, got shape {shape}")
    space = shape[2:]
    wanted = (output_size,) * rank if isinstance(output_size, int) or output_size is None else tuple(output_size)
    out = tuple(i if o is None else o for i, o in zip(space, wanted, strict=True))
    out = int_tuple(op, "output_size", out, rank)
    if all(i % o == 0 and i > 0 for i, o in zip(space, out, strict=True)):
        return Window(tuple(i // o for i, o in zip(space, out, strict=True)))
    return PlaneGeometry(shape[0], shape[1], space, out)


_known_geometry = lru_cache(maxsize=1024)(geometry)


@short("short_pools")
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


@short("short_pools")
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


@short("short_pools")
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
@short("short_pools")
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
@short("short_pools")
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
@short("short_pools")
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
