"""Embedding: rows of a table, and the deterministic sum that is its gradient."""

from __future__ import annotations

from typing import Any

from ..autograd.base import must_be_tensors
from ..autograd.op import op
from ..errors import DTypeError, ShapeError
from .ids import check_ids

__all__ = ["embedding"]


@op(needs=("ids", ""), linear=True, name="embedding")
def _embedding(xp, weight, ids, /):
    """See embedding."""
    rows = weight.shape[0]
    return xp.embedding(weight, ids), (lambda gy: xp.embedding_grad(gy, ids, rows), None)


@op(needs=("ids", ""), linear=True)
def embedding_grad(xp, gy, ids, /, rows):
    """Rows of gy (*ids, D) added up by id into (rows, D), in a fixed order."""
    return xp.embedding_grad(gy, ids, rows), (lambda ggw: xp.embedding(ggw, ids), None)


def embedding(weight: Any, ids: Any) -> Any:
    """The rows of a table: weight (V,D), ids (...) integers from 0 to V - 1 -> (..., D).

    Raises ShapeError, DTypeError; on the CPU BadIndexError for an id out of range, negative ones included (on a GPU its row
    is NaN).
    """
    must_be_tensors("embedding", weight=weight, ids=ids)
    if weight.ndim != 2:
        raise ShapeError(f"embedding: weight must be (V,D), got shape {weight.shape}")
    if ids.dtype.kind not in "iu":
        raise DTypeError(f"embedding: ids must be integers, got {ids.dtype}; use astype(dl.int64)")
    check_ids("embedding", "ids", ids, weight.shape[0], of="rows of weight (V,D)")
    return _embedding(weight, ids)
