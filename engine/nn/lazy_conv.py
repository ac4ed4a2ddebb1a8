"""Convolutions whose number of input channels the first call tells."""

from __future__ import annotations

from .conv import Conv1d, Conv2d, Conv3d
from .conv_transpose import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from .lazy import _LazyConv, _LazyTransposed


class LazyConv1d(_LazyConv, Conv1d):
    """Conv1d whose ``in_channels`` the first call tells.

    Examples
    --------
    >>> dl.nn.LazyConv1d(4, 3)(dl.ones((2, 3, 8))).shape
    (2, 4, 6)
    """

    complete, rank, axis, ranks = Conv1d, 1, -2, (2, 3)


class LazyConv2d(_LazyConv, Conv2d):
    """Conv2d whose ``in_channels`` the first call tells.

    Examples
    --------
    >>> dl.nn.LazyConv2d(4, 3)(dl.ones((2, 3, 8, 6))).shape
    (2, 4, 6, 4)
    """

    complete, rank, axis, ranks = Conv2d, 2, -3, (3, 4)


class LazyConv3d(_LazyConv, Conv3d):
    """Conv3d whose ``in_channels`` the first call tells.

    Examples
    --------
    >>> dl.nn.LazyConv3d(4, 3)(dl.ones((2, 3, 4, 8, 6))).shape
    (2, 4, 2, 6, 4)
    """

    complete, rank, axis, ranks = Conv3d, 3, -4, (4, 5)


class LazyConvTranspose1d(_LazyTransposed, ConvTranspose1d):
    """ConvTranspose1d whose ``in_channels`` the first call tells.

    Examples
    --------
    >>> dl.nn.LazyConvTranspose1d(4, 2, stride=2)(dl.ones((2, 3, 8))).shape
    (2, 4, 16)
    """

    complete, rank, axis, ranks = ConvTranspose1d, 1, -2, (2, 3)


class LazyConvTranspose2d(_LazyTransposed, ConvTranspose2d):
    """ConvTranspose2d whose ``in_channels`` the first call tells.

    Examples
    --------
    >>> dl.nn.LazyConvTranspose2d(4, 2, stride=2)(dl.ones((2, 3, 8, 6))).shape
    (2, 4, 16, 12)
    """

    complete, rank, axis, ranks = ConvTranspose2d, 2, -3, (3, 4)


class LazyConvTranspose3d(_LazyTransposed, ConvTranspose3d):
    """ConvTranspose3d whose ``in_channels`` the first call tells.

    Examples
    --------
    >>> dl.nn.LazyConvTranspose3d(4, 2, stride=2)(dl.ones((2, 3, 4, 8, 6))).shape
    (2, 4, 8, 16, 12)
    """

    complete, rank, axis, ranks = ConvTranspose3d, 3, -4, (4, 5)
