"""Pooling layers with a chosen output size."""

from __future__ import annotations

from ..ops import adaptive_pool as ops
from ..ops.adaptive_pool import AdaptiveSize
from .pool import _Windowed


class _Adaptive(_Windowed):
    """Base of adaptive average pooling layers."""

    sections = """
        Window i goes from ``floor(i {first} / O{first})`` to ``ceil((i + 1) {first} / O{first})``{other_axes}.
        Shape: x (N,C,{space}) or (C,{space}) -> (N,C,{out}).

        Parameters
        ----------
        output_size : int, sequence of int or None
            ({out}){ints}; None keeps the size of an axis.

        References
        ----------
        He, Zhang, Ren and Sun, "Spatial pyramid pooling in deep convolutional networks", 2014, arXiv:1406.4729.
        """

    def __init__(self, output_size: AdaptiveSize) -> None:
        self.settings = {"output_size": output_size}


class _AdaptiveMax(_Windowed):
    """Base of adaptive max pooling layers."""

    sections = _Adaptive.sections.replace(
        "\n\n        References", """
        return_indices : bool
            Whether to return also the positions of the values, flat in ({space}), int64.

        References"""
    )  # fmt: skip

    def __init__(self, output_size: AdaptiveSize, return_indices: bool = False) -> None:
        self.settings = {"output_size": output_size, "return_indices": return_indices}


class AdaptiveAvgPool1d(_Adaptive):
    """The mean of each window of sequences, with windows that give a chosen output size.

    Examples
    --------
    >>> dl.nn.AdaptiveAvgPool1d(2)(dl.asarray([[[1.0, 3.0, 2.0, 0.0]]]))
    tensor([[[2., 1.]]])
    """

    rank, op = 1, staticmethod(ops.adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_Adaptive):
    """The mean of each window of images, with windows that give a chosen output size.

    Examples
    --------
    >>> dl.nn.AdaptiveAvgPool2d((1, 2))(dl.asarray([[[[1.0, 3.0], [2.0, 0.0]]]]))
    tensor([[[[1.5, 1.5]]]])
    """

    rank, op = 2, staticmethod(ops.adaptive_avg_pool2d)


class AdaptiveAvgPool3d(_Adaptive):
    """The mean of each window of volumes, with windows that give a chosen output size.

    Examples
    --------
    >>> dl.nn.AdaptiveAvgPool3d((1, 1, 2))(dl.asarray([[[[[1.0, 3.0], [2.0, 0.0]]]]]))
    tensor([[[[[1.5, 1.5]]]]])
    """

    rank, op = 3, staticmethod(ops.adaptive_avg_pool3d)


class AdaptiveMaxPool1d(_AdaptiveMax):
    """The largest value of each window of sequences, with windows that give a chosen output size.

    Examples
    --------
    >>> dl.nn.AdaptiveMaxPool1d(2)(dl.asarray([[[1.0, 3.0, 2.0, 0.0]]]))
    tensor([[[3., 2.]]])
    """

    rank, op = 1, staticmethod(ops.adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMax):
    """The largest value of each window of images, with windows that give a chosen output size.

    Examples
    --------
    >>> dl.nn.AdaptiveMaxPool2d((1, 2))(dl.asarray([[[[1.0, 3.0], [2.0, 0.0]]]]))
    tensor([[[[2., 3.]]]])
    """

    rank, op = 2, staticmethod(ops.adaptive_max_pool2d)


class AdaptiveMaxPool3d(_AdaptiveMax):
    """The largest value of each window of volumes, with windows that give a chosen output size.

    Examples
    --------
    >>> dl.nn.AdaptiveMaxPool3d((1, 1, 2))(dl.asarray([[[[[1.0, 3.0], [2.0, 0.0]]]]]))
    tensor([[[[[2., 3.]]]]])
    """

    rank, op = 3, staticmethod(ops.adaptive_max_pool3d)
