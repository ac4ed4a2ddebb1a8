"""Table lookup on the GPU, and its gradient: each row of the table sums its own items, found by sorting or by looking."""

from __future__ import annotations

from ..types import Array
from . import FLOATS
from .machine.launch import Kernel, blocks_for, contiguous, empty, integers, library_of

_embedding = Kernel("embedding.cu", "embedding", FLOATS)
_embedding_grad = Kernel("embedding.cu", "embedding_grad", FLOATS)
_embedding_grad_scan = Kernel("embedding.cu", "embedding_grad_scan", FLOATS)
_radix_count = Kernel("sort.cu", "radix_count")
_radix_scan = Kernel("sort.cu", "radix_scan")
_radix_place = Kernel("sort.cu", "radix_place")
DIGITS, TILE = 256, 2048
"""As sort.cu has them."""
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
    if rows * ids.size <= FEW:
        _embedding_grad_scan[blocks](contiguous(gy), ids, gw, ids.size, rows, size)
        return gw
    keys, order = sorted_ids(ids, rows)
    _embedding_grad[blocks](contiguous(gy), keys, order, gw, ids.size, rows, size)
    return gw


def sorted_ids(ids: Array, rows: int) -> tuple[Array, Array]:
    """Ids in order, equal ones as they came, and where each came from; those outside the table become `rows`. ids: (n,) int64."""
    library, count = library_of(ids), ids.size
    tiles = max(1, blocks_for(count, TILE))
    counts = empty(library, (DIGITS * tiles,), "int32")
    keys, order = ids, None
    for shift in range(0, max(1, rows.bit_length()), 8):
        to_keys, to_order = (empty(library, (count,), "int64") for _ in range(2))
        _radix_count[tiles](keys, counts, count, tiles, rows, shift)
        _radix_scan[1](counts, counts.size)
        _radix_place[tiles](keys, order, counts, to_keys, to_order, count, tiles, rows, shift)
        keys, order = to_keys, to_order
    return keys, order
