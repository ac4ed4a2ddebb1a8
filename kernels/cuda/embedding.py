"""Table lookup on the GPU, and its gradient: each row of the table sums its own items, found by sorting or by looking."""

from __future__ import annotations

from ..types import Array
from . import FLOATS
from .machine.launch import Kernel, blocks_for, contiguous, empty, integers, library_of, must_be_capturable

_embedding = Kernel("embedding.cu", "embedding", FLOATS)
_embedding_grad = Kernel("embedding.cu", "embedding_grad", FLOATS)
_embedding_grad_scan = Kernel("embedding.cu", "embedding_grad_scan", FLOATS)
FEATURES = 32
"""Features that a block of the gradient makes."""
FEW = 1 << 22
"""Rows times items up to which looking through all items for each row costs less than sorting them. Not yet measured on a GPU."""


def embedding(weight: Array, ids: Array) -> Array:
    """Rows of a table; NaN for an id outside it. weight: (V, D). ids: int, any shape. Returns (*ids.shape, D)."""
    rows, size = weight.shape
    y = empty(library_of(weight), (*ids.shape, size), weight.dtype)
    blocks = blocks_for(y.size, _embedding.threads)
    _embedding[blocks](contiguous(weight), integers(ids), y, ids.size, rows, size)
    return y


def embedding_grad(gy: Array, ids: Array, rows: int) -> Array:
    """The adjoint of embedding: row v is the sum of gy where ids is v. gy: (*ids.shape, D). Returns (V, D), V = rows."""
    library, size = library_of(gy), gy.shape[-1]
    gw = empty(library, (rows, size), gy.dtype)
    ids = integers(ids).reshape(-1)
    blocks = rows * blocks_for(size, FEATURES)
    if rows * ids.size <= FEW or must_be_capturable(gy):
        _embedding_grad_scan[blocks](contiguous(gy), ids, gw, ids.size, rows, size)
        return gw
    order = integers(library.argsort(ids, kind="stable"))
    _embedding_grad[blocks](contiguous(gy), ids[order], order, gw, ids.size, rows, size)
    return gw
