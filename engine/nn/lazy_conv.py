"""Convolutions whose number of input channels the first call tells."""

from __future__ import annotations

from .conv import Conv1d, Conv2d, Conv3d
from .conv_transpose import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from .lazy import _LazyConv, _LazyTransposed


class LazyConv1d(_LazyConv, Conv1d):
    """Conv1d whose ``in_channels`` the first call tells.

    Shape: x (N,C,W) or (C,W) -> (N,K,OW), sizes as in Conv1d.

    Parameters
    ----------
    out_channels : int
        K, the number of filters, the channels of the output.
    kernel_size : int or sequence of int
        The size of the filters.
    stride : int or sequence of int
        The step between windows.
    padding : int, str or sequence
        As in Conv1d.
    dilation : int or sequence of int
        The distance between neighbouring weights of a filter.
    groups : int
        The channels and filters are divided into this many groups; it must divide C and K.
    bias : bool
        Whether a bias per filter is added.
    padding_mode : str
        What fills the border, as in Conv1d.
    device : str or None
        Where the parameters live; None is the default device.
    dtype : DTypeLike or None
        A floating dtype of the parameters; None is the default dtype.

    Notes
    -----
    Source: see Conv1d. Its parameters have no shape before the first call; an optimizer takes them, but cannot step.

    Examples
    --------
    >>> dl.nn.LazyConv1d(4, 3)(dl.ones((2, 3, 8))).shape
    (2, 4, 6)
    """

    complete, axis, ranks = Conv1d, -2, (2, 3)


class LazyConv2d(_LazyConv, Conv2d):
    """Conv2d whose ``in_channels`` the first call tells.

    Shape: x (N,C,H,W) or (C,H,W) -> (N,K,OH,OW), sizes as in Conv2d.

    Parameters
    ----------
    out_channels : int
        K, the number of filters, the channels of the output.
    kernel_size : int or sequence of int
        The size of the filters.
    stride : int or sequence of int
        The step between windows.
    padding : int, str or sequence
        As in Conv2d.
    dilation : int or sequence of int
        The distance between neighbouring weights of a filter.
    groups : int
        The channels and filters are divided into this many groups; it must divide C and K.
    bias : bool
        Whether a bias per filter is added.
    padding_mode : str
        What fills the border, as in Conv2d.
    device : str or None
        Where the parameters live; None is the default device.
    dtype : DTypeLike or None
        A floating dtype of the parameters; None is the default dtype.

    Notes
    -----
    Source: see Conv2d. Its parameters have no shape before the first call; an optimizer takes them, but cannot step.

    Examples
    --------
    >>> dl.nn.LazyConv2d(4, 3)(dl.ones((2, 3, 8, 6))).shape
    (2, 4, 6, 4)
    """

    complete, axis, ranks = Conv2d, -3, (3, 4)


class LazyConv3d(_LazyConv, Conv3d):
    """Conv3d whose ``in_channels`` the first call tells.

    Shape: x (N,C,D,H,W) or (C,D,H,W) -> (N,K,OD,OH,OW), sizes as in Conv3d.

    Parameters
    ----------
    out_channels : int
        K, the number of filters, the channels of the output.
    kernel_size : int or sequence of int
        The size of the filters.
    stride : int or sequence of int
        The step between windows.
    padding : int, str or sequence
        As in Conv3d.
    dilation : int or sequence of int
        The distance between neighbouring weights of a filter.
    groups : int
        The channels and filters are divided into this many groups; it must divide C and K.
    bias : bool
        Whether a bias per filter is added.
    padding_mode : str
        What fills the border, as in Conv3d.
    device : str or None
        Where the parameters live; None is the default device.
    dtype : DTypeLike or None
        A floating dtype of the parameters; None is the default dtype.

    Notes
    -----
    Source: see Conv3d. Its parameters have no shape before the first call; an optimizer takes them, but cannot step.

    Examples
    --------
    >>> dl.nn.LazyConv3d(4, 3)(dl.ones((2, 3, 4, 8, 6))).shape
    (2, 4, 2, 6, 4)
    """

    complete, axis, ranks = Conv3d, -4, (4, 5)


class LazyConvTranspose1d(_LazyTransposed, ConvTranspose1d):
    """ConvTranspose1d whose ``in_channels`` the first call tells.

    Shape: x (N,C,W) or (C,W) -> (N,K,OW), sizes as in ConvTranspose1d.

    Parameters
    ----------
    out_channels : int
        K, the number of channels of the output.
    kernel_size : int or sequence of int
        The size of the filters.
    stride : int or sequence of int
        The factor by which the layer enlarges its input, roughly.
    padding : int, str or sequence
        As in ConvTranspose1d.
    output_padding : int or sequence of int
        Added to the output's size; less than stride or dilation.
    groups : int
        The channels are divided into this many groups; it must divide C and K.
    bias : bool
        Whether a bias per channel is added.
    dilation : int or sequence of int
        The distance between neighbouring weights of a filter.
    padding_mode : str
        Only "zeros".
    device : str or None
        Where the parameters live; None is the default device.
    dtype : DTypeLike or None
        A floating dtype of the parameters; None is the default dtype.

    Notes
    -----
    Source: see ConvTranspose1d. Its parameters have no shape before the first call; an optimizer takes them, but cannot step.

    Examples
    --------
    >>> dl.nn.LazyConvTranspose1d(4, 2, stride=2)(dl.ones((2, 3, 8))).shape
    (2, 4, 16)
    """

    complete, axis, ranks = ConvTranspose1d, -2, (2, 3)


class LazyConvTranspose2d(_LazyTransposed, ConvTranspose2d):
    """ConvTranspose2d whose ``in_channels`` the first call tells.

    Shape: x (N,C,H,W) or (C,H,W) -> (N,K,OH,OW), sizes as in ConvTranspose2d.

    Parameters
    ----------
    out_channels : int
        K, the number of channels of the output.
    kernel_size : int or sequence of int
        The size of the filters.
    stride : int or sequence of int
        The factor by which the layer enlarges its input, roughly.
    padding : int, str or sequence
        As in ConvTranspose2d.
    output_padding : int or sequence of int
        Added to the output's size; less than stride or dilation.
    groups : int
        The channels are divided into this many groups; it must divide C and K.
    bias : bool
        Whether a bias per channel is added.
    dilation : int or sequence of int
        The distance between neighbouring weights of a filter.
    padding_mode : str
        Only "zeros".
    device : str or None
        Where the parameters live; None is the default device.
    dtype : DTypeLike or None
        A floating dtype of the parameters; None is the default dtype.

    Notes
    -----
    Source: see ConvTranspose2d. Its parameters have no shape before the first call; an optimizer takes them, but cannot step.

    Examples
    --------
    >>> dl.nn.LazyConvTranspose2d(4, 2, stride=2)(dl.ones((2, 3, 8, 6))).shape
    (2, 4, 16, 12)
    """

    complete, axis, ranks = ConvTranspose2d, -3, (3, 4)


class LazyConvTranspose3d(_LazyTransposed, ConvTranspose3d):
    """ConvTranspose3d whose ``in_channels`` the first call tells.

    Shape: x (N,C,D,H,W) or (C,D,H,W) -> (N,K,OD,OH,OW), sizes as in ConvTranspose3d.

    Parameters
    ----------
    out_channels : int
        K, the number of channels of the output.
    kernel_size : int or sequence of int
        The size of the filters.
    stride : int or sequence of int
        The factor by which the layer enlarges its input, roughly.
    padding : int, str or sequence
        As in ConvTranspose3d.
    output_padding : int or sequence of int
        Added to the output's size; less than stride or dilation.
    groups : int
        The channels are divided into this many groups; it must divide C and K.
    bias : bool
        Whether a bias per channel is added.
    dilation : int or sequence of int
        The distance between neighbouring weights of a filter.
    padding_mode : str
        Only "zeros".
    device : str or None
        Where the parameters live; None is the default device.
    dtype : DTypeLike or None
        A floating dtype of the parameters; None is the default dtype.

    Notes
    -----
    Source: see ConvTranspose3d. Its parameters have no shape before the first call; an optimizer takes them, but cannot step.

    Examples
    --------
    >>> dl.nn.LazyConvTranspose3d(4, 2, stride=2)(dl.ones((2, 3, 4, 8, 6))).shape
    (2, 4, 8, 16, 12)
    """

    complete, axis, ranks = ConvTranspose3d, -4, (4, 5)
