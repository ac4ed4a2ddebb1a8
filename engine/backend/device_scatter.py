"""Sums at places of an array on a GPU, always made in the same order: the gradients of indexing, take and gather.

CuPy's own scatter_add uses atomics, which add floats in another order each time. Here every place sums its own items, as the
gradient of an embedding does.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from dlengine.kernels.cuda import FLOATS

Array = Any


def scatter_add(x: Array, indices: Array, updates: Array) -> Array:
    """x with updates[i] added to row indices[i]; NaN everywhere for an index out of range, where x has that."""
    import cupy

    rows = x.shape[0]
    ids = indices.astype(np.int64).reshape(-1)
    if not (updates.size and x.size):
        return x.copy()
    ids = cupy.where(ids < 0, ids + rows, ids)
    added = _sums(updates.reshape(ids.size, -1), ids, rows).reshape(x.shape)
    if x.dtype.kind in "fcV":  # nobody can look at the indices without waiting for the GPU
        wrong = cupy.any((ids < 0) | (ids >= rows))
        added = added + cupy.where(wrong, np.float32(np.nan), np.float32(0)).astype(x.dtype)
    return (x + added).astype(x.dtype, copy=False)


def put_at(gy: Array, *, key: Any, shape: tuple[int, ...]) -> Array:
    """The adjoint of x[key]: zeros of a shape, to which gy is added at the places that the key names."""
    import cupy

    parts = key if isinstance(key, tuple) else (key,)
    if all(isinstance(k, (int, slice, type(None), type(...))) for k in parts):  # each place at most once
        out = cupy.zeros(shape, gy.dtype)
        out[key] = gy
        return out
    if not (gy.size and prod(shape)):
        return cupy.zeros(shape, gy.dtype)
    plain = all(isinstance(k, (int, slice)) or (hasattr(k, "dtype") and k.dtype.kind in "iu") for k in parts)
    touched = len(parts) if plain else len(shape)  # the axes behind these are copied as they are
    ids = cupy.arange(prod(shape[:touched])).reshape(shape[:touched])[key].reshape(-1)
    return _sums(gy.reshape(ids.size, -1), ids, prod(shape[:touched])).reshape(shape)


def _sums(items: Array, ids: Array, rows: int) -> Array:
    """(rows, width): for each row the sum of the items (count, width) with its number."""
    from dlengine.kernels.cuda.embedding import embedding_grad

    if items.dtype.kind == "c":
        real = np.dtype(f"f{items.dtype.itemsize // 2}")
        import cupy

        pairs = cupy.ascontiguousarray(items).view(real)
        return cupy.ascontiguousarray(_sums(pairs, ids, rows)).view(items.dtype)
    if items.dtype.name in FLOATS:
        return embedding_grad(items, ids, rows)
    import cupy
    import cupyx

    out = cupy.zeros((rows, items.shape[1]), np.uint64)  # the sums of integers do not depend on their order, and wrap around
    cupyx.scatter_add(out, ids, items.astype(np.uint64))
    return out.astype(items.dtype)
