"""Sorting, searching and sets by Python's own sort and comparisons. NaN comes last in ascending order, as in NumPy."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


def _key(v: Any) -> tuple[bool, Any]:
    return (bool(v != v), 0.0 if v != v else v)


def _order(values: Sequence[Any], descending: bool) -> list[int]:
    """Places in order; equal values by place."""
    order = sorted(range(len(values)), key=lambda i: _key(values[i]), reverse=False)
    if not descending:
        return order
    return sorted(range(len(values)), key=lambda i: _key(values[i]), reverse=True)  # reverse keeps equal values in order


def _along(x: Any, axis: int, f: Callable[[Any], Any], length: int, dtype: Any) -> Any:
    moved = np.moveaxis(np.asarray(x), axis, -1)
    out = np.zeros((*moved.shape[:-1], length), dtype)
    for i in np.ndindex(*moved.shape[:-1]):
        out[i] = f(moved[i])
    return np.moveaxis(out, -1, axis)


def sort(x: Any, axis: int = -1, descending: bool = False) -> Any:
    """Values in order."""
    return _along(x, axis, lambda row: [row[i] for i in _order(row, descending)], x.shape[axis], x.dtype)


def argsort(x: Any, axis: int = -1, descending: bool = False) -> Any:
    """Places in the order of their values."""
    return _along(x, axis, lambda row: _order(row, descending), x.shape[axis], np.int64)


def topk(x: Any, k: int, axis: int = -1, largest: bool = True) -> Any:
    """The first k of the order, and their places."""
    places = _along(x, axis, lambda row: _order(row, largest)[:k], k, np.int64)
    return _along(x, axis, lambda row: [row[i] for i in _order(row, largest)[:k]], k, x.dtype), places


def searchsorted(x1: Any, x2: Any, side: str = "left") -> Any:
    """By bisection of a list."""
    find = bisect_left if side == "left" else bisect_right
    flat = [find([_key(v) for v in x1.tolist()], _key(v)) for v in np.asarray(x2).reshape(-1).tolist()]
    return np.array(flat, np.int64).reshape(np.shape(x2))


def _firsts(x: Any) -> tuple[list[Any], list[int]]:
    """All elements, and the first places of the different values, in order; each NaN is one of its own."""
    flat = np.asarray(x).reshape(-1).tolist()
    firsts = [i for i, v in enumerate(flat) if v != v or v not in flat[:i]]
    return flat, sorted(firsts, key=lambda i: _key(flat[i]))


def unique_all(x: Any) -> Any:
    """The different values, their first places, which of them each element is, and how often each is there."""
    flat, firsts = _firsts(x)
    which = [next(k for k, i in enumerate(firsts) if flat[i] == v or i == place) for place, v in enumerate(flat)]
    counts = [which.count(k) for k in range(len(firsts))]
    values = np.array([flat[i] for i in firsts], x.dtype)
    return values, np.array(firsts, np.int64), np.array(which, np.int64).reshape(x.shape), np.array(counts, np.int64)


def unique_values(x: Any) -> Any:
    """The different values in order."""
    return unique_all(x)[0]


def unique_counts(x: Any) -> Any:
    """The different values, and how often each is there."""
    values, _, _, counts = unique_all(x)
    return values, counts


def unique_inverse(x: Any) -> Any:
    """The different values, and which of them each element is."""
    values, _, which, _ = unique_all(x)
    return values, which


def isin(x1: Any, x2: Any, invert: bool = False) -> Any:
    """Whether each value is in a list."""
    members = np.asarray(x2).reshape(-1).tolist()
    return np.array([(v in members) != invert for v in x1.reshape(-1).tolist()], bool).reshape(x1.shape)
