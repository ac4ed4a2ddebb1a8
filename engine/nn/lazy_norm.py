"""Normalisations whose number of channels the first call tells."""

from __future__ import annotations

from .lazy import _LazyInstanceNorm, _LazyNorm
from .norm_batch import BatchNorm1d, BatchNorm2d, BatchNorm3d
from .norm_instance import InstanceNorm1d, InstanceNorm2d, InstanceNorm3d


class LazyBatchNorm1d(_LazyNorm, BatchNorm1d):
    """BatchNorm1d whose ``num_features`` the first call tells.

    Shape: x (N,C) or (N,C,W) -> the same shape.

    Examples
    --------
    >>> layer = dl.nn.LazyBatchNorm1d()
    >>> layer(dl.ones((2, 3, 8))).shape, layer.num_features
    ((2, 3, 8), 3)
    """

    complete, rank, axis, ranks = BatchNorm1d, 1, 1, (2, 3)


class LazyBatchNorm2d(_LazyNorm, BatchNorm2d):
    """BatchNorm2d whose ``num_features`` the first call tells.

    Shape: x (N,C,H,W) -> the same shape.

    Examples
    --------
    >>> layer = dl.nn.LazyBatchNorm2d()
    >>> layer(dl.ones((2, 3, 8, 6))).shape, layer.num_features
    ((2, 3, 8, 6), 3)
    """

    complete, rank, axis, ranks = BatchNorm2d, 2, 1, (4,)


class LazyBatchNorm3d(_LazyNorm, BatchNorm3d):
    """BatchNorm3d whose ``num_features`` the first call tells.

    Shape: x (N,C,D,H,W) -> the same shape.

    Examples
    --------
    >>> layer = dl.nn.LazyBatchNorm3d()
    >>> layer(dl.ones((2, 3, 4, 8, 6))).shape, layer.num_features
    ((2, 3, 4, 8, 6), 3)
    """

    complete, rank, axis, ranks = BatchNorm3d, 3, 1, (5,)


class LazyInstanceNorm1d(_LazyInstanceNorm, InstanceNorm1d):
    """InstanceNorm1d whose ``num_features`` the first call tells.

    Shape: x (N,C,W) or (C,W) -> the same shape.

    Examples
    --------
    >>> layer = dl.nn.LazyInstanceNorm1d()
    >>> layer(dl.ones((2, 3, 8))).shape, layer.num_features
    ((2, 3, 8), 3)
    """

    complete, rank, axis, ranks = InstanceNorm1d, 1, -2, (2, 3)


class LazyInstanceNorm2d(_LazyInstanceNorm, InstanceNorm2d):
    """InstanceNorm2d whose ``num_features`` the first call tells.

    Shape: x (N,C,H,W) or (C,H,W) -> the same shape.

    Examples
    --------
    >>> layer = dl.nn.LazyInstanceNorm2d()
    >>> layer(dl.ones((2, 3, 8, 6))).shape, layer.num_features
    ((2, 3, 8, 6), 3)
    """

    complete, rank, axis, ranks = InstanceNorm2d, 2, -3, (3, 4)


class LazyInstanceNorm3d(_LazyInstanceNorm, InstanceNorm3d):
    """InstanceNorm3d whose ``num_features`` the first call tells.

    Shape: x (N,C,D,H,W) or (C,D,H,W) -> the same shape.

    Examples
    --------
    >>> layer = dl.nn.LazyInstanceNorm3d()
    >>> layer(dl.ones((2, 3, 4, 8, 6))).shape, layer.num_features
    ((2, 3, 4, 8, 6), 3)
    """

    complete, rank, axis, ranks = InstanceNorm3d, 3, -4, (4, 5)
