"""Normalisations whose number of channels the first call tells."""

from __future__ import annotations

from .lazy import _LazyInstanceNorm, _LazyNorm
from .norm_batch import BatchNorm1d, BatchNorm2d, BatchNorm3d
from .norm_instance import InstanceNorm1d, InstanceNorm2d, InstanceNorm3d


class LazyBatchNorm1d(_LazyNorm, BatchNorm1d):
    """BatchNorm1d whose ``num_features`` the first call tells.

    Shape: x (N,C) or (N,C,W) -> the same shape.

    Parameters
    ----------
    eps : float
        Added to the variance, against division by 0.
    momentum : float or None
        How far the running statistics move to those of each batch; None averages over all batches.
    affine : bool
        Whether the result is scaled and shifted per channel.
    track_running_stats : bool
        Whether running statistics are kept.
    device : str or None
        Where the parameters live; None is the default device.
    dtype : DTypeLike or None
        A floating dtype of the parameters; None is the default dtype.

    Notes
    -----
    Source: see BatchNorm1d. Its parameters have no shape before the first call; an optimizer takes them, but cannot step.

    Examples
    --------
    >>> layer = dl.nn.LazyBatchNorm1d()
    >>> layer(dl.ones((2, 3, 8))).shape, layer.num_features
    ((2, 3, 8), 3)
    """

    complete, axis, ranks = BatchNorm1d, 1, (2, 3)


class LazyBatchNorm2d(_LazyNorm, BatchNorm2d):
    """BatchNorm2d whose ``num_features`` the first call tells.

    Shape: x (N,C,H,W) -> the same shape.

    Parameters
    ----------
    eps : float
        Added to the variance, against division by 0.
    momentum : float or None
        How far the running statistics move to those of each batch; None averages over all batches.
    affine : bool
        Whether the result is scaled and shifted per channel.
    track_running_stats : bool
        Whether running statistics are kept.
    device : str or None
        Where the parameters live; None is the default device.
    dtype : DTypeLike or None
        A floating dtype of the parameters; None is the default dtype.

    Notes
    -----
    Source: see BatchNorm2d. Its parameters have no shape before the first call; an optimizer takes them, but cannot step.

    Examples
    --------
    >>> layer = dl.nn.LazyBatchNorm2d()
    >>> layer(dl.ones((2, 3, 8, 6))).shape, layer.num_features
    ((2, 3, 8, 6), 3)
    """

    complete, axis, ranks = BatchNorm2d, 1, (4,)


class LazyBatchNorm3d(_LazyNorm, BatchNorm3d):
    """BatchNorm3d whose ``num_features`` the first call tells.

    Shape: x (N,C,D,H,W) -> the same shape.

    Parameters
    ----------
    eps : float
        Added to the variance, against division by 0.
    momentum : float or None
        How far the running statistics move to those of each batch; None averages over all batches.
    affine : bool
        Whether the result is scaled and shifted per channel.
    track_running_stats : bool
        Whether running statistics are kept.
    device : str or None
        Where the parameters live; None is the default device.
    dtype : DTypeLike or None
        A floating dtype of the parameters; None is the default dtype.

    Notes
    -----
    Source: see BatchNorm3d. Its parameters have no shape before the first call; an optimizer takes them, but cannot step.

    Examples
    --------
    >>> layer = dl.nn.LazyBatchNorm3d()
    >>> layer(dl.ones((2, 3, 4, 8, 6))).shape, layer.num_features
    ((2, 3, 4, 8, 6), 3)
    """

    complete, axis, ranks = BatchNorm3d, 1, (5,)


class LazyInstanceNorm1d(_LazyInstanceNorm, InstanceNorm1d):
    """InstanceNorm1d whose ``num_features`` the first call tells.

    Shape: x (N,C,W) or (C,W) -> the same shape.

    Parameters
    ----------
    eps : float
        Added to the variance, against division by 0.
    momentum : float or None
        How far the running statistics move to those of each batch; None averages over all batches.
    affine : bool
        Whether the result is scaled and shifted per channel.
    track_running_stats : bool
        Whether running statistics are kept.
    device : str or None
        Where the parameters live; None is the default device.
    dtype : DTypeLike or None
        A floating dtype of the parameters; None is the default dtype.

    Notes
    -----
    Source: see InstanceNorm1d. Its parameters have no shape before the first call; an optimizer takes them, but cannot step.

    Examples
    --------
    >>> layer = dl.nn.LazyInstanceNorm1d()
    >>> layer(dl.ones((2, 3, 8))).shape, layer.num_features
    ((2, 3, 8), 3)
    """

    complete, axis, ranks = InstanceNorm1d, -2, (2, 3)


class LazyInstanceNorm2d(_LazyInstanceNorm, InstanceNorm2d):
    """InstanceNorm2d whose ``num_features`` the first call tells.

    Shape: x (N,C,H,W) or (C,H,W) -> the same shape.

    Parameters
    ----------
    eps : float
        Added to the variance, against division by 0.
    momentum : float or None
        How far the running statistics move to those of each batch; None averages over all batches.
    affine : bool
        Whether the result is scaled and shifted per channel.
    track_running_stats : bool
        Whether running statistics are kept.
    device : str or None
        Where the parameters live; None is the default device.
    dtype : DTypeLike or None
        A floating dtype of the parameters; None is the default dtype.

    Notes
    -----
    Source: see InstanceNorm2d. Its parameters have no shape before the first call; an optimizer takes them, but cannot step.

    Examples
    --------
    >>> layer = dl.nn.LazyInstanceNorm2d()
    >>> layer(dl.ones((2, 3, 8, 6))).shape, layer.num_features
    ((2, 3, 8, 6), 3)
    """

    complete, axis, ranks = InstanceNorm2d, -3, (3, 4)


class LazyInstanceNorm3d(_LazyInstanceNorm, InstanceNorm3d):
    """InstanceNorm3d whose ``num_features`` the first call tells.

    Shape: x (N,C,D,H,W) or (C,D,H,W) -> the same shape.

    Parameters
    ----------
    eps : float
        Added to the variance, against division by 0.
    momentum : float or None
        How far the running statistics move to those of each batch; None averages over all batches.
    affine : bool
        Whether the result is scaled and shifted per channel.
    track_running_stats : bool
        Whether running statistics are kept.
    device : str or None
        Where the parameters live; None is the default device.
    dtype : DTypeLike or None
        A floating dtype of the parameters; None is the default dtype.

    Notes
    -----
    Source: see InstanceNorm3d. Its parameters have no shape before the first call; an optimizer takes them, but cannot step.

    Examples
    --------
    >>> layer = dl.nn.LazyInstanceNorm3d()
    >>> layer(dl.ones((2, 3, 4, 8, 6))).shape, layer.num_features
    ((2, 3, 4, 8, 6), 3)
    """

    complete, axis, ranks = InstanceNorm3d, -4, (4, 5)
