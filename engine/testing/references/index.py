"""Indexing, gather and scatter: element by element."""

from __future__ import annotations

from typing import Any

import numpy as np


def _places(key: Any, shape: tuple[int, ...]) -> Any:
    """Which elements of an array of a shape x[key] names: their flat positions."""
    return np.arange(int(np.prod(shape, dtype=np.int64))).reshape(shape)[key]


def getitem(x: Any, key: Any) -> Any:
    """Each element that the index names, one by one."""
    places = np.asarray(_places(key, x.shape))
    elements = [x[i] for i in np.ndindex(*x.shape)]
    out = np.zeros(places.shape, x.dtype)
    for i in np.ndindex(*places.shape):
        out[i] = elements[places[i]]
    return out


def put_at(gy: Any, key: Any, shape: Any) -> Any:
    """Zeros, to which each element of gy is added where the index names one."""
    places = np.asarray(_places(key, tuple(shape)))
    flat = np.zeros(int(np.prod(shape)), gy.dtype)
    spread = np.broadcast_to(gy, places.shape)
    for i in np.ndindex(*places.shape):
        flat[places[i]] += spread[i]
    return flat.reshape(shape)


def set_at(x: Any, value: Any, key: Any) -> Any:
    """x with each element that the index names overwritten, in order: the last of two stays."""
    places = np.asarray(_places(key, x.shape))
    flat = x.reshape(-1).copy()
    spread = np.broadcast_to(value, places.shape)
    for i in np.ndindex(*places.shape):
        flat[places[i]] = spread[i]
    return flat.reshape(x.shape)


def take(x: Any, indices: Any, axis: Any = None) -> Any:
    """The slices of x, one by one."""
    at = (axis or 0) % x.ndim
    indices = np.asarray(indices)
    out = np.zeros((*x.shape[:at], *indices.shape, *x.shape[at + 1 :]), x.dtype)
    for i in np.ndindex(*indices.shape):
        out[(*(slice(None),) * at, *i)] = x[(*(slice(None),) * at, int(indices[i]))]
    return out


def take_along_axis(x: Any, indices: Any, axis: int = -1) -> Any:
    """y[..., i, ...] = x[..., indices[..., i, ...], ...]; other axes of size 1 broadcast."""
    at = axis % x.ndim
    sizes = [(1, 1) if n == at else pair for n, pair in enumerate(zip(x.shape, indices.shape, strict=True))]
    shape = [indices.shape[at] if n == at else max(pair) if 0 not in pair else 0 for n, pair in enumerate(sizes)]
    out = np.zeros(shape, x.dtype)
    for i in np.ndindex(*shape):
        k = int(indices[tuple(0 if s == 1 else j for s, j in zip(indices.shape, i, strict=True))])
        out[i] = x[tuple(k if n == at else 0 if s == 1 else j for n, (s, j) in enumerate(zip(x.shape, i, strict=True)))]
    return out


def put_along(x: Any, places: Any, values: Any) -> Any:
    """x with each value put at the place that it has along the second axis, in order."""
    out = x.copy()
    for line, k, r in np.ndindex(*places.shape):
        out[line, int(places[line, k, r]), r] = values[line, k, r]
    return out


def weighted_places(x: Any, places: Any, weights: Any) -> Any:
    """For each point the sum of some numbers of a plane, each times its weight."""
    out = np.zeros((*x.shape[:2], places.shape[2]), x.dtype)
    for n, c, t in np.ndindex(*out.shape):
        for k in range(places.shape[1]):
            out[n, c, t] += weights[n, k, t] * x[n, c, int(places[n, k, t])]
    return out


def add_along_axis(x: Any, indices: Any, updates: Any, axis: int) -> Any:
    """x with each update added at the place that it has along an axis."""
    out = x.copy()
    for i in np.ndindex(*indices.shape):
        out[(*i[:axis], int(indices[i]), *i[axis + 1 :])] += updates[i]
    return out


def scatter_add(x: Any, indices: Any, updates: Any) -> Any:
    """Each update added to the row that its index names."""
    out = x.copy()
    for i in np.ndindex(*indices.shape):
        out[int(indices[i])] += updates[i]
    return out


def nonzero(x: Any) -> Any:
    """The indices of the elements that are not 0, in order."""
    found = [i for i in np.ndindex(*x.shape) if x[i] != 0]
    return tuple(np.array([i[n] for i in found], dtype=np.int64) for n in range(x.ndim))


def one_hot(x: Any, num_classes: int, dtype: Any = None) -> Any:
    """Row x of the identity."""
    out = np.zeros((*x.shape, num_classes), np.float64 if dtype is None else dtype)
    for i in np.ndindex(*x.shape):
        out[(*i, int(x[i]))] = 1
    return out
