"""Transposed convolution layers for sequences, images and volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..ops import conv_transpose as ops
from ..ops.conv_geometry import IntOrInts, Padding, int_tuple
from .conv import _Convolution
from .module import in_dtype_of

if TYPE_CHECKING:
    from .._tensor import Tensor
    from ..typing import DTypeLike


class _Transposed(_Convolution):
    """Base of transposed convolution layers."""

    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrInts,
        stride: IntOrInts = 1,
        padding: Padding = 0,
        output_padding: IntOrInts = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: IntOrInts = 1,
        padding_mode: str = "zeros",
        *,
        device: str | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, device=device,
            dtype=dtype,
        )  # fmt: skip
        self.output_padding = int_tuple(type(self).__name__, "output_padding", output_padding, self.rank, 0)

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight
        return type(self).op(
            in_dtype_of(weight, x), weight, self.bias, self.stride, self.padding, self.output_padding, self.groups, self.dilation
        )


class ConvTranspose1d(_Transposed):
    """Transposed convolution of sequences: the gradient of Conv1d with respect to its input.

    It enlarges its input, for instance in the decoder of an autoencoder.
    Shape: x (N,C,W) or (C,W) -> (N,K,OW) with
    ``OW = (W - 1) stride - 2 padding + dilation (kw - 1) + output_padding + 1``.

    Parameters
    ----------
    in_channels : int
        C, the number of channels of the input.
    out_channels : int
        K, the number of channels of the output.
    kernel_size : int or sequence of int
        The size of the filters.
    stride : int or sequence of int
        The factor by which the layer enlarges its input, roughly.
    padding : int, str or sequence
        What the matching convolution pads, and this layer cuts off: a number for all axes, one for each, a pair
        (low, high) for each, or "valid", "same" or "full" as in the convolution.
    output_padding : int or sequence of int
        Additional size at the end of each axis of the output; it chooses between sizes that the matching convolution
        maps to the same size.
    groups : int
        The channels of input and output are divided into this many groups that do not see each other; it must divide C
        and K.
    bias : bool
        Whether a bias per channel of the output is added.
    dilation : int or sequence of int
        The distance between neighbouring weights of a filter.
    padding_mode : str
        Only "zeros".
    device : str or None
        Where the parameters live; None is the default device.
    dtype : DTypeLike or None
        A floating dtype of the parameters; None is the default dtype.

    Attributes
    ----------
    weight : Parameter
        The filters, shape (C,K/groups,kw), drawn from U(-b, b) with ``b = 1 / sqrt(kw K / groups)``.
    bias : Parameter or None
        Shape (K,), drawn like ``weight``.

    Raises
    ------
    ConfigError
        A size, ``groups`` or ``padding_mode`` is not allowed.

    References
    ----------
    Zeiler, Krishnan, Taylor and Fergus, "Deconvolutional networks", 2010.

    Examples
    --------
    >>> dl.nn.ConvTranspose1d(8, 3, 2, stride=2)(dl.zeros((1, 8, 5))).shape
    (1, 3, 10)
    """

    rank, op = 1, staticmethod(ops.conv_transpose1d)


class ConvTranspose2d(_Transposed):
    """Transposed convolution of images: the gradient of Conv2d with respect to its input.

    It enlarges its input, for instance in the decoder of an autoencoder.
    Shape: x (N,C,H,W) or (C,H,W) -> (N,K,OH,OW) with
    ``OH = (H - 1) stride - 2 padding + dilation (kh - 1) + output_padding + 1``, and likewise for the other axes.

    Parameters
    ----------
    in_channels : int
        C, the number of channels of the input.
    out_channels : int
        K, the number of channels of the output.
    kernel_size : int or sequence of int
        The size of the filters.
    stride : int or sequence of int
        The factor by which the layer enlarges its input, roughly.
    padding : int, str or sequence
        What the matching convolution pads, and this layer cuts off: a number for all axes, one for each, a pair
        (low, high) for each, or "valid", "same" or "full" as in the convolution.
    output_padding : int or sequence of int
        Additional size at the end of each axis of the output; it chooses between sizes that the matching convolution
        maps to the same size.
    groups : int
        The channels of input and output are divided into this many groups that do not see each other; it must divide C
        and K.
    bias : bool
        Whether a bias per channel of the output is added.
    dilation : int or sequence of int
        The distance between neighbouring weights of a filter.
    padding_mode : str
        Only "zeros".
    device : str or None
        Where the parameters live; None is the default device.
    dtype : DTypeLike or None
        A floating dtype of the parameters; None is the default dtype.

    Attributes
    ----------
    weight : Parameter
        The filters, shape (C,K/groups,kh,kw), drawn from U(-b, b) with ``b = 1 / sqrt(kh kw K / groups)``.
    bias : Parameter or None
        Shape (K,), drawn like ``weight``.

    Raises
    ------
    ConfigError
        A size, ``groups`` or ``padding_mode`` is not allowed.

    References
    ----------
    Zeiler, Krishnan, Taylor and Fergus, "Deconvolutional networks", 2010.

    Examples
    --------
    >>> dl.nn.ConvTranspose2d(8, 3, 2, stride=2)(dl.zeros((1, 8, 5, 7))).shape
    (1, 3, 10, 14)
    """

    rank, op = 2, staticmethod(ops.conv_transpose2d)


class ConvTranspose3d(_Transposed):
    """Transposed convolution of volumes: the gradient of Conv3d with respect to its input.

    It enlarges its input, for instance in the decoder of an autoencoder.
    Shape: x (N,C,D,H,W) or (C,D,H,W) -> (N,K,OD,OH,OW) with
    ``OD = (D - 1) stride - 2 padding + dilation (kd - 1) + output_padding + 1``, and likewise for the other axes.

    Parameters
    ----------
    in_channels : int
        C, the number of channels of the input.
    out_channels : int
        K, the number of channels of the output.
    kernel_size : int or sequence of int
        The size of the filters.
    stride : int or sequence of int
        The factor by which the layer enlarges its input, roughly.
    padding : int, str or sequence
        What the matching convolution pads, and this layer cuts off: a number for all axes, one for each, a pair
        (low, high) for each, or "valid", "same" or "full" as in the convolution.
    output_padding : int or sequence of int
        Additional size at the end of each axis of the output; it chooses between sizes that the matching convolution
        maps to the same size.
    groups : int
        The channels of input and output are divided into this many groups that do not see each other; it must divide C
        and K.
    bias : bool
        Whether a bias per channel of the output is added.
    dilation : int or sequence of int
        The distance between neighbouring weights of a filter.
    padding_mode : str
        Only "zeros".
    device : str or None
        Where the parameters live; None is the default device.
    dtype : DTypeLike or None
        A floating dtype of the parameters; None is the default dtype.

    Attributes
    ----------
    weight : Parameter
        The filters, shape (C,K/groups,kd,kh,kw), drawn from U(-b, b) with ``b = 1 / sqrt(kd kh kw K / groups)``.
    bias : Parameter or None
        Shape (K,), drawn like ``weight``.

    Raises
    ------
    ConfigError
        A size, ``groups`` or ``padding_mode`` is not allowed.

    References
    ----------
    Zeiler, Krishnan, Taylor and Fergus, "Deconvolutional networks", 2010.

    Examples
    --------
    >>> dl.nn.ConvTranspose3d(8, 3, 2, stride=2)(dl.zeros((1, 8, 2, 3, 4))).shape
    (1, 3, 4, 6, 8)
    """

    rank, op = 3, staticmethod(ops.conv_transpose3d)
