"""Sorting and searching."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..autograd.op import op
from ..errors import ConfigError, ShapeError
from .index import axis_key, plain
from .shape import axis_of

__all__ = ["argsort", "searchsorted", "sort", "topk"]


@op(needs="")
def sort(xp, x, /, *, axis=-1, descending=False, stable=True, save):
    """x in order along an axis; a single number is in order already."""
    if x.ndim == 0 and axis_of("sort", axis, 1) == 0:
        return xp.asarray(x, copy=True), lambda gy: gy
    if not save:
        return xp.sort(x, axis=axis, descending=descending, stable=stable), None
    order = xp.argsort(x, axis=axis, descending=descending, stable=True)
    return (
        xp.take_along_axis(x, order, axis=axis),
        lambda gy: xp.take_along_axis(gy, xp.argsort(order, axis=axis), axis=axis),
    )


@op(needs="")
def argsort(xp, x, /, *, axis=-1, descending=False, stable=True):
    """The indices that sort x along an axis; 0 for a single number."""
    if x.ndim == 0 and axis_of("argsort", axis, 1) == 0:
        return xp.zeros((), dtype=xp.int64), None
    return xp.argsort(x, axis=axis, descending=descending, stable=stable), None


class TopK(NamedTuple):
    """The chosen values and where they are."""

    values: Any
    indices: Any


@op(needs="y1", arrays=1, result=TopK)
def topk(xp, x, k, /, *, axis=-1, largest=True):
    """The k largest (or smallest) elements along an axis, in order, and their indices; equal ones in order of index."""
    at = axis_of("topk", axis, x.ndim)
    shape = x.shape
    if not 0 <= k <= shape[at]:
        raise ShapeError(f"topk: k={k}, but axis {axis} of x has {shape[at]} elements")
    order = xp.argsort(x, axis=at, descending=largest, stable=True)[(*(slice(None),) * at, slice(k), ...)]
    values = xp.take_along_axis(x, order, axis=at)
    return (values, order), lambda gy: xp.put_at(gy[0], key=axis_key(xp, shape, at, order), shape=shape)


@op(needs="")
def searchsorted(xp, x1, x2, /, *, side="left", sorter=None):
    """Where to insert x2 in the sorted vector x1 so that it stays sorted; side: before ("left") or after equal values."""
    if side not in ("left", "right"):
        raise ConfigError(f'searchsorted: side must be "left" or "right", got {side!r}')
    if x1.ndim != 1:
        raise ShapeError(f"searchsorted: x1 must be a vector, it has shape {tuple(x1.shape)}")
    return xp.searchsorted(x1, x2, side=side, sorter=plain(sorter)), None
