"""Pooling layers that take the largest or the smallest value of each window. Arguments are PyTorch's."""

from __future__ import annotations

from ..ops import max_pool as ops
from ..ops.conv_geometry import IntOrInts
from .pool import _Windowed


class _MaxPool(_Windowed):
    """Base of max and min pooling layers."""

    def __init__(
        self, kernel_size: IntOrInts, stride: IntOrInts | None = None, padding: IntOrInts = 0, dilation: IntOrInts = 1,
        return_indices: bool = False, ceil_mode: bool = False,
    ) -> None:  # fmt: skip
        self.settings = {
            "kernel_size": kernel_size, "stride": stride, "padding": padding, "dilation": dilation, "ceil_mode": ceil_mode,
            "return_indices": return_indices,
        }  # fmt: skip


class MaxPool1d(_MaxPool):
    """The largest value of each window of sequences.

    Shape: x (N,C,W) or (C,W) -> (N,C,OW), OW = floor((W + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1.

    Parameters
    ----------
    kernel_size : int or tuple of int
        The size of a window, in values.
    stride : int, tuple of int or None
        The step from window to window; None is ``kernel_size``.
    padding : int or tuple of int
        The number of added values -inf on both sides of the axis, at most half a window.
    dilation : int or tuple of int
        The step between the values of a window.
    return_indices : bool
        Whether to return also the positions of the values, flat in (W), int64.
    ceil_mode : bool
        Whether the output size is rounded up, so that partial windows at the end count too.

    References
    ----------
    Yamaguchi, Sakamoto, Akabane and Fujimoto, 1990.

    Examples
    --------
    >>> x = dl.asarray([[[1.0, 3.0, 2.0, 0.0]]])
    >>> dl.nn.MaxPool1d(2)(x)
    tensor([[[3., 2.]]])
    >>> dl.nn.MaxPool1d(2, return_indices=True)(x)[1]
    tensor([[[1, 2]]])
    """

    op = staticmethod(ops.max_pool1d)


class MaxPool2d(_MaxPool):
    """The largest value of each window of images.

    Shape: x (N,C,H,W) or (C,H,W) -> (N,C,OH,OW), OH = floor((H + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1
    and likewise OW.

    Parameters
    ----------
    kernel_size : int or tuple of int
        The size of a window, one for all axes or one for each of H and W.
    stride : int, tuple of int or None
        The step from window to window; None is ``kernel_size``.
    padding : int or tuple of int
        The number of added values -inf on both sides of each axis, at most half a window.
    dilation : int or tuple of int
        The step between the values of a window.
    return_indices : bool
        Whether to return also the positions of the values, flat in (H,W), int64.
    ceil_mode : bool
        Whether the output size is rounded up, so that partial windows at the end count too.

    References
    ----------
    Yamaguchi, Sakamoto, Akabane and Fujimoto, 1990.

    Examples
    --------
    >>> x = dl.asarray([[[[1.0, 3.0], [2.0, 0.0]]]])
    >>> dl.nn.MaxPool2d(2)(x)
    tensor([[[[3.]]]])
    >>> dl.nn.MaxPool2d(2, return_indices=True)(x)[1]
    tensor([[[[1]]]])
    """

    op = staticmethod(ops.max_pool2d)


class MaxPool3d(_MaxPool):
    """The largest value of each window of volumes.

    Shape: x (N,C,D,H,W) or (C,D,H,W) -> (N,C,OD,OH,OW), OD = floor((D + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1
    and likewise for the other axes.

    Parameters
    ----------
    kernel_size : int or tuple of int
        The size of a window, one for all axes or one for each of D, H and W.
    stride : int, tuple of int or None
        The step from window to window; None is ``kernel_size``.
    padding : int or tuple of int
        The number of added values -inf on both sides of each axis, at most half a window.
    dilation : int or tuple of int
        The step between the values of a window.
    return_indices : bool
        Whether to return also the positions of the values, flat in (D,H,W), int64.
    ceil_mode : bool
        Whether the output size is rounded up, so that partial windows at the end count too.

    References
    ----------
    Yamaguchi, Sakamoto, Akabane and Fujimoto, 1990.

    Examples
    --------
    >>> x = dl.asarray([[[[[1.0, 3.0], [2.0, 0.0]]]]])
    >>> dl.nn.MaxPool3d((1, 2, 2))(x)
    tensor([[[[[3.]]]]])
    >>> dl.nn.MaxPool3d((1, 2, 2), return_indices=True)(x)[1]
    tensor([[[[[1]]]]])
    """

    op = staticmethod(ops.max_pool3d)


class MinPool1d(_MaxPool):
    """The smallest value of each window of sequences.

    Shape: x (N,C,W) or (C,W) -> (N,C,OW), OW = floor((W + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1.

    Parameters
    ----------
    kernel_size : int or tuple of int
        The size of a window, in values.
    stride : int, tuple of int or None
        The step from window to window; None is ``kernel_size``.
    padding : int or tuple of int
        The number of added values inf on both sides of the axis, at most half a window.
    dilation : int or tuple of int
        The step between the values of a window.
    return_indices : bool
        Whether to return also the positions of the values, flat in (W), int64.
    ceil_mode : bool
        Whether the output size is rounded up, so that partial windows at the end count too.

    References
    ----------
    Yamaguchi, Sakamoto, Akabane and Fujimoto, 1990; here with the smallest value.

    Examples
    --------
    >>> x = dl.asarray([[[1.0, 3.0, 2.0, 0.0]]])
    >>> dl.nn.MinPool1d(2)(x)
    tensor([[[1., 0.]]])
    >>> dl.nn.MinPool1d(2, return_indices=True)(x)[1]
    tensor([[[0, 3]]])
    """

    op = staticmethod(ops.min_pool1d)


class MinPool2d(_MaxPool):
    """The smallest value of each window of images.

    Shape: x (N,C,H,W) or (C,H,W) -> (N,C,OH,OW), OH = floor((H + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1
    and likewise OW.

    Parameters
    ----------
    kernel_size : int or tuple of int
        The size of a window, one for all axes or one for each of H and W.
    stride : int, tuple of int or None
        The step from window to window; None is ``kernel_size``.
    padding : int or tuple of int
        The number of added values inf on both sides of each axis, at most half a window.
    dilation : int or tuple of int
        The step between the values of a window.
    return_indices : bool
        Whether to return also the positions of the values, flat in (H,W), int64.
    ceil_mode : bool
        Whether the output size is rounded up, so that partial windows at the end count too.

    References
    ----------
    Yamaguchi, Sakamoto, Akabane and Fujimoto, 1990; here with the smallest value.

    Examples
    --------
    >>> x = dl.asarray([[[[1.0, 3.0], [2.0, 0.0]]]])
    >>> dl.nn.MinPool2d(2)(x)
    tensor([[[[0.]]]])
    >>> dl.nn.MinPool2d(2, return_indices=True)(x)[1]
    tensor([[[[3]]]])
    """

    op = staticmethod(ops.min_pool2d)


class MinPool3d(_MaxPool):
    """The smallest value of each window of volumes.

    Shape: x (N,C,D,H,W) or (C,D,H,W) -> (N,C,OD,OH,OW), OD = floor((D + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1
    and likewise for the other axes.

    Parameters
    ----------
    kernel_size : int or tuple of int
        The size of a window, one for all axes or one for each of D, H and W.
    stride : int, tuple of int or None
        The step from window to window; None is ``kernel_size``.
    padding : int or tuple of int
        The number of added values inf on both sides of each axis, at most half a window.
    dilation : int or tuple of int
        The step between the values of a window.
    return_indices : bool
        Whether to return also the positions of the values, flat in (D,H,W), int64.
    ceil_mode : bool
        Whether the output size is rounded up, so that partial windows at the end count too.

    References
    ----------
    Yamaguchi, Sakamoto, Akabane and Fujimoto, 1990; here with the smallest value.

    Examples
    --------
    >>> x = dl.asarray([[[[[1.0, 3.0], [2.0, 0.0]]]]])
    >>> dl.nn.MinPool3d((1, 2, 2))(x)
    tensor([[[[[0.]]]]])
    >>> dl.nn.MinPool3d((1, 2, 2), return_indices=True)(x)[1]
    tensor([[[[[3]]]]])
    """

    op = staticmethod(ops.min_pool3d)
