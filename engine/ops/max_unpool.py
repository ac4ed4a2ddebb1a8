"""Pooled values put back where they were."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from dlengine.kernels.geometry import Ints, PlaneGeometry

from ..errors import ShapeError
from . import primitives
from .conv_geometry import IntOrInts, batch_or_sample, int_tuple
from .ids import check_ids

if TYPE_CHECKING:
    from ..typing import Tensor

_PLACES = {1: "OW", 2: "OH,OW", 3: "OD,OH,OW"}


def _unpool(op: str, rank: int, x: Any, indices: Any, output_size: Any) -> Any:
    if x.shape != indices.shape or x.ndim not in (rank + 1, rank + 2):
        raise ShapeError(f"{op}: x and indices must both be {batch_or_sample(_PLACES[rank])}, "
                         f"got {x.shape} and {indices.shape}")  # fmt: skip
    if x.ndim == rank + 1:
        return _unpool(op, rank, x[None], indices[None], output_size)[0]
    if type(output_size) is int or (type(output_size) is tuple and all([type(n) is int for n in output_size])):
        g = _known_geometry(op, rank, x.shape, output_size)
    else:
        g = _geometry(op, rank, x.shape, output_size)
    if type(getattr(indices, "array", None)) is np.ndarray:
        try:
            return primitives.plane_scatter(x, indices, g)  # which looks at each place, too
        except IndexError:
            check_ids(op, "indices", indices, g.places, of=f"places of output_size {g.in_shape}")
            raise
    check_ids(op, "indices", indices, g.places, of=f"places of output_size {g.in_shape}")
    return primitives.plane_scatter(x, indices, g)


def _geometry(op: str, rank: int, shape: Ints, output_size: Any) -> PlaneGeometry:
    return PlaneGeometry(shape[0], shape[1], int_tuple(op, "output_size", output_size, rank), shape[2:])


_known_geometry = lru_cache(maxsize=1024)(_geometry)


def max_unpool1d(x: Tensor, indices: Tensor, output_size: IntOrInts) -> Tensor:
    """Put pooled values of sequences back where they were; zeros elsewhere. Values of one position are added.

    Parameters
    ----------
    x : Tensor
        (N,C,OW) or (C,OW), the values.
    indices : Tensor
        The shape of ``x``, integers: the positions that `max_pool1d` returned.
    output_size : int or sequence of int
        The size (W) of the result.

    Returns
    -------
    Tensor
        (N,C,W).

    Raises
    ------
    ShapeError
        If shapes disagree.
    BadIndexError
        If a position is not in the result, on the CPU.

    References
    ----------
    Zeiler and Fergus, 2014, arXiv:1311.2901.

    Examples
    --------
    >>> values, places = dl.max_pool1d(dl.asarray([[[1.0, 3.0, 2.0, 0.0]]]), 2, return_indices=True)
    >>> dl.max_unpool1d(values, places, 4).shape
    (1, 1, 4)
    """
    return _unpool("max_unpool1d", 1, x, indices, output_size)


def max_unpool2d(x: Tensor, indices: Tensor, output_size: IntOrInts) -> Tensor:
    """Put pooled values of images back where they were; zeros elsewhere. Values of one position are added.

    Parameters
    ----------
    x : Tensor
        (N,C,OH,OW) or (C,OH,OW), the values.
    indices : Tensor
        The shape of ``x``, integers: the positions that `max_pool2d` returned.
    output_size : int or sequence of int
        The size (H,W) of the result.

    Returns
    -------
    Tensor
        (N,C,H,W).

    Raises
    ------
    ShapeError
        If shapes disagree.
    BadIndexError
        If a position is not in the result, on the CPU.

    References
    ----------
    Zeiler and Fergus, 2014, arXiv:1311.2901.

    Examples
    --------
    >>> values, places = dl.max_pool2d(dl.asarray([[[[1.0, 3.0], [2.0, 0.0]]]]), 2, return_indices=True)
    >>> dl.max_unpool2d(values, places, (2, 2)).shape
    (1, 1, 2, 2)
    """
    return _unpool("max_unpool2d", 2, x, indices, output_size)


def max_unpool3d(x: Tensor, indices: Tensor, output_size: IntOrInts) -> Tensor:
    """Put pooled values of volumes back where they were; zeros elsewhere. Values of one position are added.

    Parameters
    ----------
    x : Tensor
        (N,C,OD,OH,OW) or (C,OD,OH,OW), the values.
    indices : Tensor
        The shape of ``x``, integers: the positions that `max_pool3d` returned.
    output_size : int or sequence of int
        The size (D,H,W) of the result.

    Returns
    -------
    Tensor
        (N,C,D,H,W).

    Raises
    ------
    ShapeError
        If shapes disagree.
    BadIndexError
        If a position is not in the result, on the CPU.

    References
    ----------
    Zeiler and Fergus, 2014, arXiv:1311.2901.

    Examples
    --------
    >>> values, places = dl.max_pool3d(dl.asarray([[[[[1.0, 3.0], [2.0, 0.0]]]]]), (1, 2, 2), return_indices=True)
    >>> dl.max_unpool3d(values, places, (1, 2, 2)).shape
    (1, 1, 1, 2, 2)
    """
    return _unpool("max_unpool3d", 3, x, indices, output_size)
