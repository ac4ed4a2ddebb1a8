"""Reading and writing at indices, order, and what is derived from it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....errors import OnnxError
from .. import namespace as dl
from ..table import operator
from ..values import Host, ints


def at(x, places):
    """x at NumPy arrays of indices, one per leading axis."""
    return x[tuple(dl.asarray(p, device=x.device) for p in places)]


def counted(indices, size):
    """Indices counted from the front. Raises OnnxError for one outside."""
    if indices.size and (indices.min() < -size or indices.max() >= size):
        raise OnnxError(f"an index is out of range for an axis of {size}")
    return np.where(indices < 0, indices + size, indices).astype(np.int64)


@operator("Gather")
def gather(x, indices, *, axis=0):
    return dl.take(x, indices, axis=axis)


def grid(shape, axis, indices):
    """Open grids over the axes of a shape, with the indices themselves at one axis."""
    places = list(np.ix_(*(np.arange(n) for n in shape)))
    places[axis] = indices
    return places


@operator("GatherElements")
def gather_elements(x, indices: Host, *, axis=0):
    return at(x, np.broadcast_arrays(*grid(indices.shape, axis, counted(indices, x.shape[axis]))))


def nd_places(indices, shape, batch_dims=0):
    """For GatherND and ScatterND: the index along each leading axis."""
    last = indices.shape[-1]
    batch = np.ix_(*(np.arange(n) for n in indices.shape[:batch_dims]))
    rest = indices.ndim - 1 - batch_dims
    found = [b.reshape(b.shape + (1,) * rest) for b in batch]
    found += [counted(indices[..., k], shape[batch_dims + k]) for k in range(last)]
    return np.broadcast_arrays(*found)


@operator("GatherND")
def gather_nd(x, indices: Host, *, batch_dims=0):
    return at(x, nd_places(indices, x.shape, batch_dims))


_REDUCTIONS = {"mul": dl.multiply, "max": dl.maximum, "min": dl.minimum}


def scattered(x, places, updates, reduction):
    """x with updates written, added, multiplied ... at places, which NumPy arrays give along the leading axes."""
    rank = len(places)
    head, tail = x.shape[:rank], x.shape[rank:]
    flat: Any = np.ravel_multi_index(tuple(p.reshape(-1) for p in places), head) if places[0].size else np.zeros(0, np.int64)
    rows = dl.reshape(x, (int(np.prod(head)), *tail))
    values = dl.reshape(updates, (flat.size, *tail))
    if reduction == "none":
        rows = written(rows, flat, values)
    elif reduction == "add" and x.dtype.kind == "f":
        rows = dl.scatter_add(rows, dl.asarray(flat, device=x.device), values)
    else:
        combine = {"add": dl.add, **_REDUCTIONS}[reduction]
        order = np.argsort(flat, kind="stable")
        run = np.zeros(flat.size, np.int64)  # how often an index came before
        ordered = flat[order]
        first = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if flat.size else np.zeros(0, np.int64)
        run[order] = np.arange(flat.size) - np.repeat(first, np.diff(np.r_[first, flat.size]))
        for k in range(int(run.max(initial=-1)) + 1):
            chosen = np.flatnonzero(run == k)
            where = dl.asarray(flat[chosen], device=x.device)
            mine = dl.take(values, dl.asarray(chosen, device=x.device), axis=0)
            rows = dl.set_at(rows, combine(dl.take(rows, where, axis=0), mine), key=where)
    return dl.reshape(rows, x.shape)


def written(rows, flat, values):
    return dl.set_at(rows, values, key=dl.asarray(flat, device=rows.device)) if flat.size else rows


@operator("Scatter", "ScatterElements")
def scatter_elements(x, indices: Host, updates, *, axis=0, reduction="none"):
    places = np.broadcast_arrays(*grid(indices.shape, axis, counted(indices, x.shape[axis])))
    return scattered(x, places, updates, reduction)


@operator("ScatterND")
def scatter_nd(x, indices: Host, updates, *, reduction="none"):
    return scattered(x, nd_places(indices, x.shape), updates, reduction)


@operator("TensorScatter")
def tensor_scatter(cache, update, write_indices: Host = None, *, axis=-2, mode="linear"):
    """Write a piece of each batch entry's cache from its own index on, around the end if circular."""
    axis %= cache.ndim
    starts = np.zeros(cache.shape[0], np.int64) if write_indices is None else write_indices
    length = update.shape[axis]
    along = starts[:, None] + np.arange(length)
    along = along % cache.shape[axis] if mode == "circular" else along
    shape = [1] * cache.ndim
    shape[0], shape[axis] = along.shape
    places = np.broadcast_arrays(*grid(update.shape, axis, along.reshape(shape)))
    return scattered(cache, places, update, "none")


@operator("OneHot", folds=False)
def one_hot(indices: Host, depth: Host, values, *, axis=-1):
    size = int(depth.reshape(-1)[0])
    wanted = indices.astype(np.int64)
    wanted = np.where(wanted < 0, wanted + size, wanted)
    axis = axis % (indices.ndim + 1)
    shape = [1] * (indices.ndim + 1)
    shape[axis] = -1
    chosen = np.expand_dims(wanted, axis) == np.arange(size).reshape(shape)
    return dl.where(dl.asarray(chosen, device=values.device), values[1], values[0])


@operator("NonZero")
def nonzero(x: Host):
    return np.stack(np.nonzero(x)).astype(np.int64) if x.ndim else np.zeros((0, int(bool(x))), np.int64)


@operator("Compress")
def compress(x, condition: Host, *, axis=None):
    places = dl.asarray(np.flatnonzero(condition), device=x.device)
    return dl.take(dl.reshape(x, (-1,)) if axis is None else x, places, axis=0 if axis is None else axis)


@operator("Unique")
def unique(x: Host, *, axis=None, sorted=1):
    found, first, inverse, counts = np.unique(x, return_index=True, return_inverse=True, return_counts=True, axis=axis)
    inverse = inverse.reshape(-1)
    if not sorted:
        order = np.argsort(first)
        rank = np.empty_like(order)
        rank[order] = np.arange(order.size)
        found = np.take(found, order, axis=0 if axis is None else axis)
        first, counts, inverse = first[order], counts[order], rank[inverse]
    return found, first.astype(np.int64), inverse.astype(np.int64), counts.astype(np.int64)


@operator("TopK", since=10)
def top_k(x, k: Host, *, axis=-1, largest=1, sorted=1):
    """The first of equal values comes first."""
    places = dl.argsort(x, axis=axis, descending=bool(largest), stable=True)
    places = places[(slice(None),) * (axis % x.ndim) + (slice(0, int(k.reshape(-1)[0])),)]
    return dl.take_along_axis(x, places, axis=axis), places


@operator("TopK")
def top_k_old(x, *, k, axis=-1):
    return top_k(x, np.asarray([k]), axis=axis)


@operator("ReverseSequence")
def reverse_sequence(x, lengths: Host, *, batch_axis=1, time_axis=0):
    time, batch = np.arange(x.shape[time_axis]), ints(lengths)
    table = np.stack([np.where(time < n, n - 1 - time, time) for n in batch])  # (batch, time)
    shape = [1] * x.ndim
    shape[batch_axis], shape[time_axis] = (len(batch), len(time))
    places = table.reshape(shape) if batch_axis < time_axis else table.T.reshape(shape)
    return at(x, np.broadcast_arrays(*grid(x.shape, time_axis, places)))


def argument(function):
    def run(x, *, axis=0, keepdims=1, select_last_index=0):
        """The first, or the last, of equal values."""
        found = function(dl.flip(x, axis=axis) if select_last_index else x, axis=axis, keepdims=bool(keepdims))
        return x.shape[axis] - 1 - found if select_last_index else found

    return run


operator("ArgMax")(argument(dl.argmax))
operator("ArgMin")(argument(dl.argmin))


@operator("NonMaxSuppression")
def non_max_suppression(
    boxes: Host, scores: Host, limit: Host = None, iou: Host = None, threshold: Host = None, *, center_point_box=0
):
    """For each picture and class the best boxes that overlap little, as (picture, class, box)."""
    most = 0 if limit is None else int(limit.reshape(-1)[0])
    overlap = 0.0 if iou is None else float(iou.reshape(-1)[0])
    chosen = []
    for n in range(scores.shape[0]):
        low, high = corners(boxes[n].astype(np.float32), center_point_box)
        area = np.prod(high - low, axis=1)
        for c in range(scores.shape[1]):
            kept: list[int] = []
            for k in np.argsort(-scores[n, c], kind="stable"):
                if len(kept) >= most or (threshold is not None and scores[n, c, k] <= threshold.reshape(-1)[0]):
                    break
                inner = np.prod(np.clip(np.minimum(high[kept], high[k]) - np.maximum(low[kept], low[k]), 0, None), axis=1)
                union = area[kept] + area[k] - inner
                if not kept or np.all(inner <= overlap * np.where(union > 0, union, 1)):
                    kept.append(int(k))
            chosen += [(n, c, k) for k in kept]
    return np.asarray(chosen, np.int64).reshape(-1, 3)


def corners(boxes, center_point_box):
    if center_point_box:
        return boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2
    return np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])
