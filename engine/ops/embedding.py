"""Embedding: rows of a table, and the deterministic sum that is its gradient."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from ..autograd.base import must_be_tensors
from ..errors import BadIndexError, DTypeError, ShapeError
from . import primitives
from .ids import check_ids

if TYPE_CHECKING:
    from ..typing import Tensor

__all__ = ["embedding"]


def embedding(weight: Tensor, ids: Tensor) -> Tensor:
    """Return rows of a table.

    Parameters
    ----------
    weight : Tensor
        (V, D), the table.
    ids : Tensor
        Integers from 0 to V - 1, any shape.

    Returns
    -------
    Tensor
        (..., D). The gradient of the table adds up over repeated ids, in order.

    Raises
    ------
    ShapeError
        If ``weight`` is no matrix.
    DTypeError
        If ``ids`` are not integers.
    BadIndexError
        On the CPU, if an id is out of range, negative ones included; on a GPU its row is NaN.

    Examples
    --------
    >>> dl.embedding(dl.asarray([[1.0, 2.0], [3.0, 4.0]]), dl.asarray([1, 0, 1]))
    tensor([[3., 4.],
            [1., 2.],
            [3., 4.]])
    """
    must_be_tensors("embedding", weight=weight, ids=ids)
    if weight.ndim != 2:
        raise ShapeError(f"embedding: weight must be (V,D), got shape {weight.shape}")
    if ids.dtype.kind not in "iu":
        raise DTypeError(f"embedding: ids must be integers, got {ids.dtype}; use astype(dl.int64)")
    if type(ids.array) is np.ndarray:  # at which the kernel looks; what is wrong with one is said below
        with suppress(BadIndexError):
            return primitives.embedding(weight, ids)
    check_ids("embedding", "ids", ids, weight.shape[0], of="rows of weight (V,D)")
    return primitives.embedding(weight, ids)
