"""Pooling: the mean of each window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..autograd.short import short
from . import primitives
from .conv_geometry import IntOrInts, samples
from .pool_geometry import Window, pool_geometry

if TYPE_CHECKING:
    from ..typing import Tensor


@samples
def means(op: str, rank: int, x: Any, window: Window) -> Any:
    g = pool_geometry(op, x, rank, window)
    return (primitives.avg_pool3d if rank == 3 else primitives.avg_pool2d)(x, g)


@short("short_pools")
def avg_pool1d(
    x: Tensor, kernel_size: IntOrInts, stride: IntOrInts | None = None, padding: IntOrInts = 0, ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:  # fmt: skip
    """The mean of each window of sequences.

    Parameters
    ----------
    x : Tensor
        (N,C,W), or one sample (C,W), whose result has no N either.
    kernel_size : int or sequence of int
        The window's size, one for all axes or one for each.
    stride : int or sequence of int, optional
        From window to window. None is the window's size.
    padding : int or sequence of int
        Zeros on both sides, at most half a window.
    ceil_mode : bool
        Whether the last, partial windows count too.
    count_include_pad : bool
        Whether the zeros of the padding count in the mean.

    Returns
    -------
    Tensor
        (N,C,OW).

    Raises
    ------
    ShapeError
        If no window fits.
    ConfigError
        If a setting is no integer or out of range.

    Examples
    --------
    >>> dl.avg_pool1d(dl.asarray([[[1.0, 3.0, 2.0, 0.0]]]), 2)
    tensor([[[2., 1.]]])
    """
    return means("avg_pool1d", 1, x, Window(kernel_size, stride, padding, 1, ceil_mode, count_include_pad))


@short("short_pools")
def avg_pool2d(
    x: Tensor, kernel_size: IntOrInts, stride: IntOrInts | None = None, padding: IntOrInts = 0, ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:  # fmt: skip
    """The mean of each window of images.

    Parameters
    ----------
    x : Tensor
        (N,C,H,W), or one sample (C,H,W), whose result has no N either.
    kernel_size : int or sequence of int
        The window's size, one for all axes or one for each.
    stride : int or sequence of int, optional
        From window to window. None is the window's size.
    padding : int or sequence of int
        Zeros on both sides, at most half a window.
    ceil_mode : bool
        Whether the last, partial windows count too.
    count_include_pad : bool
        Whether the zeros of the padding count in the mean.

    Returns
    -------
    Tensor
        (N,C,OH,OW).

    Raises
    ------
    ShapeError
        If no window fits.
    ConfigError
        If a setting is no integer or out of range.

    Examples
    --------
    >>> dl.avg_pool2d(dl.asarray([[[[1.0, 3.0], [2.0, 0.0]]]]), 2)
    tensor([[[[1.5]]]])
    """
    return means("avg_pool2d", 2, x, Window(kernel_size, stride, padding, 1, ceil_mode, count_include_pad))


@short("short_pools")
def avg_pool3d(
    x: Tensor, kernel_size: IntOrInts, stride: IntOrInts | None = None, padding: IntOrInts = 0, ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:  # fmt: skip
    """The mean of each window of volumes.

    Parameters
    ----------
    x : Tensor
        (N,C,D,H,W), or one sample (C,D,H,W), whose result has no N either.
    kernel_size : int or sequence of int
        The window's size, one for all axes or one for each.
    stride : int or sequence of int, optional
        From window to window. None is the window's size.
    padding : int or sequence of int
        Zeros on both sides, at most half a window.
    ceil_mode : bool
        Whether the last, partial windows count too.
    count_include_pad : bool
        Whether the zeros of the padding count in the mean.

    Returns
    -------
    Tensor
        (N,C,OD,OH,OW).

    Raises
    ------
    ShapeError
        If no window fits.
    ConfigError
        If a setting is no integer or out of range.

    Examples
    --------
    >>> dl.avg_pool3d(dl.asarray([[[[[1.0, 3.0], [2.0, 0.0]]]]]), (1, 2, 2))
    tensor([[[[[1.5]]]]])
    """
    return means("avg_pool3d", 3, x, Window(kernel_size, stride, padding, 1, ceil_mode, count_include_pad))
