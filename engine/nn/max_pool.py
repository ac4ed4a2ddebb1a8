"""Pooling layers that take the largest or the smallest value of each window. Arguments are PyTorch's."""

from __future__ import annotations

from ..ops import max_pool as ops
from ..ops.conv_geometry import IntOrInts
from .pool import _Windowed


class _MaxPool(_Windowed):
    """Base of max pooling layers."""

    fill = "-inf"
    source = "Yamaguchi, Sakamoto, Akabane and Fujimoto, 1990"
    sections = """
        Shape: x (N,C,{space}) or (C,{space}) -> (N,C,{out}),
        O{first} = floor(({first} + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1{other_outputs}.

        Parameters
        ----------
        kernel_size : int or tuple of int
            The size of a window, {each}.
        stride : int, tuple of int or None
            The step from window to window; None is ``kernel_size``.
        padding : int or tuple of int
            The number of added values {layer.fill} on both sides of {axes}, at most half a window.
        dilation : int or tuple of int
            The step between the values of a window.
        return_indices : bool
            Whether to return also the positions of the values, flat in ({space}), int64.
        ceil_mode : bool
            Whether the output size is rounded up, so that partial windows at the end count too.

        References
        ----------
        {layer.source}.
        """

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

    Examples
    --------
    >>> x = dl.asarray([[[1.0, 3.0, 2.0, 0.0]]])
    >>> dl.nn.MaxPool1d(2)(x)
    tensor([[[3., 2.]]])
    >>> dl.nn.MaxPool1d(2, return_indices=True)(x)[1]
    tensor([[[1, 2]]])
    """

    rank, op = 1, staticmethod(ops.max_pool1d)


class MaxPool2d(_MaxPool):
    """The largest value of each window of images.

    Examples
    --------
    >>> x = dl.asarray([[[[1.0, 3.0], [2.0, 0.0]]]])
    >>> dl.nn.MaxPool2d(2)(x)
    tensor([[[[3.]]]])
    >>> dl.nn.MaxPool2d(2, return_indices=True)(x)[1]
    tensor([[[[1]]]])
    """

    rank, op = 2, staticmethod(ops.max_pool2d)


class MaxPool3d(_MaxPool):
    """The largest value of each window of volumes.

    Examples
    --------
    >>> x = dl.asarray([[[[[1.0, 3.0], [2.0, 0.0]]]]])
    >>> dl.nn.MaxPool3d((1, 2, 2))(x)
    tensor([[[[[3.]]]]])
    >>> dl.nn.MaxPool3d((1, 2, 2), return_indices=True)(x)[1]
    tensor([[[[[1]]]]])
    """

    rank, op = 3, staticmethod(ops.max_pool3d)


class _MinPool(_MaxPool):
    """Base of min pooling layers."""

    fill = "inf"
    source = f"{_MaxPool.source}; here with the smallest value"


class MinPool1d(_MinPool):
    """The smallest value of each window of sequences.

    Examples
    --------
    >>> x = dl.asarray([[[1.0, 3.0, 2.0, 0.0]]])
    >>> dl.nn.MinPool1d(2)(x)
    tensor([[[1., 0.]]])
    >>> dl.nn.MinPool1d(2, return_indices=True)(x)[1]
    tensor([[[0, 3]]])
    """

    rank, op = 1, staticmethod(ops.min_pool1d)


class MinPool2d(_MinPool):
    """The smallest value of each window of images.

    Examples
    --------
    >>> x = dl.asarray([[[[1.0, 3.0], [2.0, 0.0]]]])
    >>> dl.nn.MinPool2d(2)(x)
    tensor([[[[0.]]]])
    >>> dl.nn.MinPool2d(2, return_indices=True)(x)[1]
    tensor([[[[3]]]])
    """

    rank, op = 2, staticmethod(ops.min_pool2d)


class MinPool3d(_MinPool):
    """The smallest value of each window of volumes.

    Examples
    --------
    >>> x = dl.asarray([[[[[1.0, 3.0], [2.0, 0.0]]]]])
    >>> dl.nn.MinPool3d((1, 2, 2))(x)
    tensor([[[[[0.]]]]])
    >>> dl.nn.MinPool3d((1, 2, 2), return_indices=True)(x)[1]
    tensor([[[[[3]]]]])
    """

    rank, op = 3, staticmethod(ops.min_pool3d)
