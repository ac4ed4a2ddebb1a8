"""Pooling: the largest or smallest value of each window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..autograd.base import recording
from ..autograd.op import op
from ..autograd.promotion import is_inexact
from ..autograd.short import short
from ..errors import ShapeError
from . import primitives
from .bits import bitwise_invert
from .conv_geometry import IntOrInts, samples
from .elementwise import negative
from .fused import kernel_alone
from .pool_geometry import Window, pool_geometry
from .pool_signatures import pool

if TYPE_CHECKING:
    from ..typing import Tensor


@kernel_alone
@op(needs="x")
def max_pool_values(xp, x, /, *, g):
    """The largest value of each window, of one to three dimensions. The gradient looks for its place again."""

    def pull(gy):
        solid = len(g.kernel) == 3
        index = (xp.max_pool3d if solid else xp.max_pool2d)(x, g)[1]
        return (xp.max_pool3d_scatter if solid else xp.max_pool2d_scatter)(gy, index, g)

    return xp.max_pool_values(x, g), pull


@samples
def maxima(op: str, rank: int, x: Any, window: Window, indices: bool) -> Any:
    """The largest value of each window, with indices also where it is."""
    g = pool_geometry(op, x, rank, window)
    if g.blind:
        raise ShapeError(
            f"{op}: a window of kernel_size {g.kernel}, dilation {g.dilation} and padding {g.pad_lo} sees nothing of the "
            f"input {g.in_shape}, and the largest of no values does not exist"
        )
    if not indices and not (x.needs_grad and recording.get()):
        return max_pool_values(x, g=g)
    y, index = (primitives.max_pool3d if rank == 3 else primitives.max_pool2d)(x, g)
    return (y, index.astype("int64", copy=False)) if indices else y


def _min(op: str, rank: int, x: Any, window: Window, indices: bool) -> Any:
    turned = negative if is_inexact(x) else bitwise_invert  # which turns the order round, too, and cannot overflow
    y = maxima(op, rank, turned(x), window, indices)
    return (turned(y[0]), y[1]) if indices else turned(y)


@pool
@short("short_pools")
def max_pool1d(
    x: Tensor, kernel_size: IntOrInts, stride: IntOrInts | None = None, padding: IntOrInts = 0, dilation: IntOrInts = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:  # fmt: skip
    """The largest value of each window of sequences; the gradient goes to the first of equals.

    Parameters
    ----------
    x : Tensor
        (N,C,W), or one sample (C,W), whose result has no N either.
    kernel_size : int or sequence of int
        The window's size, one for all axes or one for each.
    stride : int or sequence of int, optional
        From window to window. None is the window's size.
    padding : int or sequence of int
        With -inf on both sides, at most half a window.
    dilation : int or sequence of int
        From one value of a window to the next.
    ceil_mode : bool
        Whether the last, partial windows count too.
    return_indices : bool
        Whether to return also where the values were.

    Returns
    -------
    Tensor or tuple of Tensor
        (N,C,OW); with `return_indices` also the flat positions in (W), int64.

    Raises
    ------
    ShapeError
        If no window fits, or one sees nothing but padding.
    ConfigError
        If a setting is no integer or out of range.

    Examples
    --------
    >>> dl.max_pool1d(dl.asarray([[[1.0, 3.0, 2.0, 0.0]]]), 2)
    tensor([[[3., 2.]]])
    """
    return maxima("max_pool1d", 1, x, Window(kernel_size, stride, padding, dilation, ceil_mode), return_indices)


@pool
@short("short_pools")
def max_pool2d(
    x: Tensor, kernel_size: IntOrInts, stride: IntOrInts | None = None, padding: IntOrInts = 0, dilation: IntOrInts = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:  # fmt: skip
    """The largest value of each window of images; the gradient goes to the first of equals.

    Parameters
    ----------
    x : Tensor
        (N,C,H,W), or one sample (C,H,W), whose result has no N either.
    kernel_size : int or sequence of int
        The window's size, one for all axes or one for each.
    stride : int or sequence of int, optional
        From window to window. None is the window's size.
    padding : int or sequence of int
        With -inf on both sides, at most half a window.
    dilation : int or sequence of int
        From one value of a window to the next.
    ceil_mode : bool
        Whether the last, partial windows count too.
    return_indices : bool
        Whether to return also where the values were.

    Returns
    -------
    Tensor or tuple of Tensor
        (N,C,OH,OW); with `return_indices` also the flat positions in (H,W), int64.

    Raises
    ------
    ShapeError
        If no window fits, or one sees nothing but padding.
    ConfigError
        If a setting is no integer or out of range.

    Examples
    --------
    >>> dl.max_pool2d(dl.asarray([[[[1.0, 3.0], [2.0, 0.0]]]]), 2)
    tensor([[[[3.]]]])
    """
    return maxima("max_pool2d", 2, x, Window(kernel_size, stride, padding, dilation, ceil_mode), return_indices)


@pool
@short("short_pools")
def max_pool3d(
    x: Tensor, kernel_size: IntOrInts, stride: IntOrInts | None = None, padding: IntOrInts = 0, dilation: IntOrInts = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:  # fmt: skip
    """The largest value of each window of volumes; the gradient goes to the first of equals.

    Parameters
    ----------
    x : Tensor
        (N,C,D,H,W), or one sample (C,D,H,W), whose result has no N either.
    kernel_size : int or sequence of int
        The window's size, one for all axes or one for each.
    stride : int or sequence of int, optional
        From window to window. None is the window's size.
    padding : int or sequence of int
        With -inf on both sides, at most half a window.
    dilation : int or sequence of int
        From one value of a window to the next.
    ceil_mode : bool
        Whether the last, partial windows count too.
    return_indices : bool
        Whether to return also where the values were.

    Returns
    -------
    Tensor or tuple of Tensor
        (N,C,OD,OH,OW); with `return_indices` also the flat positions in (D,H,W), int64.

    Raises
    ------
    ShapeError
        If no window fits, or one sees nothing but padding.
    ConfigError
        If a setting is no integer or out of range.

    Examples
    --------
    >>> dl.max_pool3d(dl.asarray([[[[[1.0, 3.0], [2.0, 0.0]]]]]), (1, 2, 2))
    tensor([[[[[3.]]]]])
    """
    return maxima("max_pool3d", 3, x, Window(kernel_size, stride, padding, dilation, ceil_mode), return_indices)


@pool
def min_pool1d(
    x: Tensor, kernel_size: IntOrInts, stride: IntOrInts | None = None, padding: IntOrInts = 0, dilation: IntOrInts = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:  # fmt: skip
    """The smallest value of each window of sequences; the gradient goes to the first of equals.

    Parameters
    ----------
    x : Tensor
        (N,C,W), or one sample (C,W), whose result has no N either.
    kernel_size : int or sequence of int
        The window's size, one for all axes or one for each.
    stride : int or sequence of int, optional
        From window to window. None is the window's size.
    padding : int or sequence of int
        With inf on both sides, at most half a window.
    dilation : int or sequence of int
        From one value of a window to the next.
    ceil_mode : bool
        Whether the last, partial windows count too.
    return_indices : bool
        Whether to return also where the values were.

    Returns
    -------
    Tensor or tuple of Tensor
        (N,C,OW); with `return_indices` also the flat positions in (W), int64.

    Raises
    ------
    ShapeError
        If no window fits, or one sees nothing but padding.
    ConfigError
        If a setting is no integer or out of range.

    Examples
    --------
    >>> dl.min_pool1d(dl.asarray([[[1.0, 3.0, 2.0, 0.0]]]), 2)
    tensor([[[1., 0.]]])
    """
    return _min("min_pool1d", 1, x, Window(kernel_size, stride, padding, dilation, ceil_mode), return_indices)


@pool
def min_pool2d(
    x: Tensor, kernel_size: IntOrInts, stride: IntOrInts | None = None, padding: IntOrInts = 0, dilation: IntOrInts = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:  # fmt: skip
    """The smallest value of each window of images; the gradient goes to the first of equals.

    Parameters
    ----------
    x : Tensor
        (N,C,H,W), or one sample (C,H,W), whose result has no N either.
    kernel_size : int or sequence of int
        The window's size, one for all axes or one for each.
    stride : int or sequence of int, optional
        From window to window. None is the window's size.
    padding : int or sequence of int
        With inf on both sides, at most half a window.
    dilation : int or sequence of int
        From one value of a window to the next.
    ceil_mode : bool
        Whether the last, partial windows count too.
    return_indices : bool
        Whether to return also where the values were.

    Returns
    -------
    Tensor or tuple of Tensor
        (N,C,OH,OW); with `return_indices` also the flat positions in (H,W), int64.

    Raises
    ------
    ShapeError
        If no window fits, or one sees nothing but padding.
    ConfigError
        If a setting is no integer or out of range.

    Examples
    --------
    >>> dl.min_pool2d(dl.asarray([[[[1.0, 3.0], [2.0, 0.0]]]]), 2)
    tensor([[[[0.]]]])
    """
    return _min("min_pool2d", 2, x, Window(kernel_size, stride, padding, dilation, ceil_mode), return_indices)


@pool
def min_pool3d(
    x: Tensor, kernel_size: IntOrInts, stride: IntOrInts | None = None, padding: IntOrInts = 0, dilation: IntOrInts = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:  # fmt: skip
    """The smallest value of each window of volumes; the gradient goes to the first of equals.

    Parameters
    ----------
    x : Tensor
        (N,C,D,H,W), or one sample (C,D,H,W), whose result has no N either.
    kernel_size : int or sequence of int
        The window's size, one for all axes or one for each.
    stride : int or sequence of int, optional
        From window to window. None is the window's size.
    padding : int or sequence of int
        With inf on both sides, at most half a window.
    dilation : int or sequence of int
        From one value of a window to the next.
    ceil_mode : bool
        Whether the last, partial windows count too.
    return_indices : bool
        Whether to return also where the values were.

    Returns
    -------
    Tensor or tuple of Tensor
        (N,C,OD,OH,OW); with `return_indices` also the flat positions in (D,H,W), int64.

    Raises
    ------
    ShapeError
        If no window fits, or one sees nothing but padding.
    ConfigError
        If a setting is no integer or out of range.

    Examples
    --------
    >>> dl.min_pool3d(dl.asarray([[[[[1.0, 3.0], [2.0, 0.0]]]]]), (1, 2, 2))
    tensor([[[[[0.]]]]])
    """
    return _min("min_pool3d", 3, x, Window(kernel_size, stride, padding, dilation, ceil_mode), return_indices)
