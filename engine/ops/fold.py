"""The windows of images as columns, and columns added back into images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlengine.kernels.geometry import ConvGeometry, Ints

from ..errors import ShapeError
from . import primitives
from .conv_geometry import SPACE, IntOrInts, Padding, batch_or_sample, conv_geometry, int_tuple

if TYPE_CHECKING:
    from ..typing import Tensor


def _window_geometry(
    op: str, x: Ints, kernel_size: IntOrInts, dilation: IntOrInts, padding: Padding, stride: IntOrInts
) -> ConvGeometry:
    kernel = int_tuple(op, "kernel_size", kernel_size, 2)
    return conv_geometry(op, x, (0, x[1], *kernel), stride, padding, dilation, 1)


def unfold(
    x: Tensor, kernel_size: IntOrInts, dilation: IntOrInts = 1, padding: Padding = 0, stride: IntOrInts = 1
) -> Tensor:
    """Lay out the windows of images as columns.

    Parameters
    ----------
    x : Tensor
        (N,C,H,W), or one sample (C,H,W), whose result has no N either.
    kernel_size : int or sequence of int
        kh and kw.
    dilation : int or sequence of int
        From one value of a window to the next.
    padding : int, str or sequence
        Zeros on both sides; as in `conv2d`.
    stride : int or sequence of int
        From window to window.

    Returns
    -------
    Tensor
        (N, C kh kw, number of windows), channel slowest.

    Raises
    ------
    ShapeError
        If `x` has another number of axes, or no window fits.
    ConfigError
        If a setting is no integer or too small.

    Examples
    --------
    >>> dl.unfold(dl.reshape(dl.arange(4.0), (1, 1, 2, 2)), (1, 2))
    tensor([[[0., 2.],
             [1., 3.]]])
    """
    if x.ndim == 3:
        return unfold(x[None], kernel_size, dilation, padding, stride)[0]
    if x.ndim != 4:
        raise ShapeError(f"unfold: input must be {batch_or_sample(SPACE[2])}, got shape {x.shape}")
    return primitives.unfold2d(x, _window_geometry("unfold", x.shape, kernel_size, dilation, padding, stride))


def fold(
    cols: Tensor, output_size: IntOrInts, kernel_size: IntOrInts, dilation: IntOrInts = 1, padding: Padding = 0,
    stride: IntOrInts = 1,
) -> Tensor:  # fmt: skip
    """Add columns back into images: the adjoint of `unfold`.

    Parameters
    ----------
    cols : Tensor
        (N, C kh kw, number of windows), or without N.
    output_size : int or sequence of int
        H and W of the images.
    kernel_size : int or sequence of int
        kh and kw.
    dilation : int or sequence of int
        From one value of a window to the next.
    padding : int, str or sequence
        Zeros on both sides, which are cut off; as in `conv2d`.
    stride : int or sequence of int
        From window to window.

    Returns
    -------
    Tensor
        (N,C,H,W), or without N. Values of overlapping windows are added.

    Raises
    ------
    ShapeError
        If the columns do not belong to such windows.
    ConfigError
        If a setting is no integer or too small.

    Examples
    --------
    >>> dl.fold(dl.ones((1, 2, 2)), (1, 3), (1, 2))
    tensor([[[[1., 2., 1.]]]])
    """
    if cols.ndim == 2:
        return fold(cols[None], output_size, kernel_size, dilation, padding, stride)[0]
    kernel = int_tuple("fold", "kernel_size", kernel_size, 2)
    size = int_tuple("fold", "output_size", output_size, 2)
    if cols.ndim != 3 or cols.shape[1] % (kernel[0] * kernel[1]):
        raise ShapeError(f"fold: columns must be (N, C kh kw, windows) with kh kw = {kernel[0] * kernel[1]}, got {cols.shape}")
    shape = (cols.shape[0], cols.shape[1] // (kernel[0] * kernel[1]), *size)
    g = _window_geometry("fold", shape, kernel_size, dilation, padding, stride)
    if cols.shape[2] != g.out_shape[0] * g.out_shape[1]:
        raise ShapeError(f"fold: {size} has {g.out_shape[0] * g.out_shape[1]} windows, but the columns are {cols.shape[2]}")
    return primitives.fold2d(cols, g)
