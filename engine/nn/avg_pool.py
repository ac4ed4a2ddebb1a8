"""Pooling layers that take the mean of each window. Arguments are PyTorch's."""

from __future__ import annotations

from ..ops import avg_pool as ops
from ..ops.conv_geometry import IntOrInts
from .pool import _Windowed


class _AvgPool(_Windowed):
    """Base of average pooling layers."""

    sections = """
        Shape: x (N,C,{space}) or (C,{space}) -> (N,C,{out}),
        O{first} = floor(({first} + 2 padding - kernel_size) / stride) + 1{other_outputs}.

        Parameters
        ----------
        kernel_size : int or tuple of int
            The size of a window, {each}.
        stride : int, tuple of int or None
            The step from window to window; None is ``kernel_size``.
        padding : int or tuple of int
            The number of added zeros on both sides of {axes}, at most half a window.
        ceil_mode : bool
            Whether the output size is rounded up, so that partial windows at the end count too.
        count_include_pad : bool
            Whether the zeros of the padding count in the mean.

        References
        ----------
        LeCun et al., "Handwritten digit recognition with a back-propagation network", 1990.
        """

    def __init__(
        self, kernel_size: IntOrInts, stride: IntOrInts | None = None, padding: IntOrInts = 0, ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:  # fmt: skip
        self.settings = {
            "kernel_size": kernel_size, "stride": stride, "padding": padding, "ceil_mode": ceil_mode,
            "count_include_pad": count_include_pad,
        }  # fmt: skip


class AvgPool1d(_AvgPool):
    """The mean of each window of sequences.

    Examples
    --------
    >>> x = dl.asarray([[[1.0, 3.0, 2.0, 0.0]]])
    >>> dl.nn.AvgPool1d(2)(x)
    tensor([[[2., 1.]]])
    >>> dl.nn.AvgPool1d(2, padding=1, count_include_pad=False)(x)
    tensor([[[1. , 2.5, 0. ]]])
    """

    rank, op = 1, staticmethod(ops.avg_pool1d)


class AvgPool2d(_AvgPool):
    """The mean of each window of images.

    Examples
    --------
    >>> x = dl.asarray([[[[1.0, 3.0], [2.0, 0.0]]]])
    >>> dl.nn.AvgPool2d(2)(x)
    tensor([[[[1.5]]]])
    """

    rank, op = 2, staticmethod(ops.avg_pool2d)


class AvgPool3d(_AvgPool):
    """The mean of each window of volumes.

    Examples
    --------
    >>> x = dl.asarray([[[[[1.0, 3.0], [2.0, 0.0]]]]])
    >>> dl.nn.AvgPool3d((1, 2, 2))(x)
    tensor([[[[[1.5]]]]])
    """

    rank, op = 3, staticmethod(ops.avg_pool3d)
