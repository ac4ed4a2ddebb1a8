"""Short ways of names that look up, order, join and rearrange elements, see short.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from dlengine.kernels.ranges import in_range

from ...backend.sums import BLOCK
from . import pairs
from .core import own
from .engine import dl
from .short import FLOATS, Answer, Tools, Ways

_LONG = 1 << 12
"""Elements from which on the general way is as fast, and threads share what it does."""

_PLACES = np.dtype(np.int64)


def _within(places: Any, size: int) -> bool:
    """Whether there are places, all from 0 to size - 1."""
    return bool(places.size) and in_range(places, size)


def _arrays(held: Answer, tensors: Any) -> list[Any] | None:
    """The arrays of tensors of one dtype and one number of axes, few elements in all; else None."""
    if type(tensors) is not list and type(tensors) is not tuple:
        return None
    arrays: list[Any] = []
    for t in tensors:
        a = held(t)
        if a is None or not a.ndim or (arrays and (a.dtype is not arrays[0].dtype or a.ndim != arrays[0].ndim)):
            return None
        arrays.append(a)
    return arrays if arrays and arrays[0].size * len(arrays) <= _LONG and _plain(arrays[0]) else None


def _alike(tensors: Any) -> bool:
    """Whether there are tensors of one dtype of floats and one number of axes, and nothing else."""
    if type(tensors) is not list and type(tensors) is not tuple:
        return False
    first = tensors[0].array
    for t in tensors:
        if t.array.dtype is not first.dtype or t.array.ndim != first.ndim or not t.array.size:
            return False
    return first.ndim > 0 and first.dtype in FLOATS


def _plain(a: Any) -> bool:
    return a.dtype in FLOATS or a.dtype is _PLACES


def _cat(tools: Tools) -> Answer:
    held, leaf = tools.held, tools.leaf

    def answer(tensors: Any, dim: Any = 0) -> Any:
        arrays = _arrays(held, tensors) if type(dim) is int else None
        if arrays is not None:
            return leaf(np.concatenate(arrays, dim))
        return own(dl.concat(tensors, axis=dim)) if _alike(tensors) else None

    return answer


def _stack(tools: Tools) -> Answer:
    held, leaf = tools.held, tools.leaf

    def answer(tensors: Any, dim: Any = 0) -> Any:
        arrays = _arrays(held, tensors) if type(dim) is int else None
        if arrays is None:
            return own(dl.stack(tensors, axis=dim)) if _alike(tensors) else None
        shape = arrays[0].shape
        rank = len(shape) + 1
        if not -rank <= dim < rank:
            return None
        for a in arrays:
            if a.shape != shape or not a.flags.c_contiguous:
                return None
        at = dim % rank
        if at == 0:
            return leaf(np.concatenate(arrays).reshape((len(arrays), *shape)))
        wide = (*shape[:at], 1, *shape[at:])
        return leaf(np.concatenate([a.reshape(wide) for a in arrays], at))

    return answer


@lru_cache(maxsize=64)
def _starts(shape: tuple[int, ...], wanted: tuple[int, ...], at: int) -> tuple[Any, int]:
    """Where in a dense array's memory each line along an axis starts, in the shape of places there, and the step along it."""
    step = prod(shape[at + 1 :])
    lines = np.arange(prod(shape)).reshape(shape)[(*(slice(None),) * at, slice(0, 1))]
    found = np.broadcast_to(lines[tuple([slice(0, n) if i != at else slice(None) for i, n in enumerate(wanted)])], wanted).copy()
    found.flags.writeable = False
    return found, step


def _lined_up(a: Any, dim: Any, places: Any) -> int:
    """The axis along which places are looked up in an array, if all are there; else -1."""
    if a is None or places is None or places.dtype is not _PLACES or a.ndim != places.ndim or type(dim) is not int:
        return -1
    if not a.flags.c_contiguous or not places.size or places.size + a.size > _LONG or not -a.ndim <= dim < a.ndim:
        return -1
    at = dim % a.ndim
    if not _within(places, a.shape[at]):
        return -1
    for i, (n, m) in enumerate(zip(a.shape, places.shape, strict=True)):
        if m > n and i != at:
            return -1
    return at


def _gather(tools: Tools) -> Ways:
    held, leaf = tools.held, tools.leaf

    def answer(input: Any, dim: Any, index: Any) -> Any:
        a, places = held(input), held(index)
        at = _lined_up(a, dim, places)
        if at < 0 or not _plain(a):
            return None
        starts, step = _starts(a.shape, places.shape, at)
        return leaf(a.reshape(-1).take(starts + (places if step == 1 else places * step)))

    def recorded(input: Any, dim: Any, index: Any) -> Any:
        a, places = input.array, held(index)
        at = _lined_up(a, dim, places)
        if at < 0 or a.dtype not in FLOATS or a.shape[:at] != places.shape[:at] or a.shape[at + 1 :] != places.shape[at + 1 :]:
            return None
        return dl.take_along_axis(input, index, axis=dim)

    return Ways(answer, recorded=recorded)


def _source(a: Any, places: Any, src: Any, held: Answer) -> Any:
    """What goes to places: a number, or the leading part of a tensor; None where it does not suit."""
    if type(src) is float or type(src) is int:
        return src if a.dtype in FLOATS and -3e38 < src < 3e38 else None
    b = held(src)
    if b is None or b.dtype is not a.dtype or b.ndim != a.ndim:
        return None
    for n, m in zip(b.shape, places.shape, strict=True):
        if m > n:
            return None
    return b if b.shape == places.shape else b[tuple([slice(0, m) for m in places.shape])]


def _scatter(added: bool) -> Callable[[Tools], Answer]:
    """scatter, or scatter_add, which adds up what goes to one place before it adds that to what is there."""

    def make(tools: Tools) -> Answer:
        held, leaf, add = tools.held, tools.leaf, tools.quietly(np.add)
        add_at = tools.quietly(np.add.at)

        def answer(input: Any, dim: Any, index: Any, src: Any = None, *, value: Any = None) -> Any:
            a, places = held(input), held(index)
            at = _lined_up(a, dim, places)
            if at < 0 or not _plain(a) or (added and (value is not None or type(src) in (int, float))):
                return None
            if added and a.dtype.itemsize < 8 and places.size > BLOCK:  # of which the sums are more precise than the dtype
                return None
            given = _source(a, places, value if src is None else src, held)
            if given is None:
                return None
            starts, step = _starts(a.shape, places.shape, at)
            if not added:
                y = a.copy()
                y.reshape(-1)[starts + places * step] = given
                return leaf(y)
            sums = np.zeros_like(a)
            add_at(sums.reshape(-1), (starts + places * step).reshape(-1), given.reshape(-1))
            return leaf(add(a, sums))

        return answer

    return make


def _one_hot(tools: Tools) -> Answer:
    held, leaf = tools.held, tools.leaf

    def answer(tensor: Any, num_classes: Any = -1) -> Any:
        a = held(tensor)
        if a is None or a.dtype is not _PLACES or type(num_classes) is not int or num_classes < 1 or not a.ndim:
            return None
        if a.size * num_classes > _LONG or not _within(a, num_classes):
            return None
        y = np.zeros((a.size, num_classes), _PLACES)
        y.reshape(-1)[np.arange(0, y.size, num_classes) + a.reshape(-1)] = 1
        return leaf(y.reshape((*a.shape, num_classes)))

    return answer


def _median(tools: Tools) -> Answer:
    held, leaf = tools.held, tools.leaf

    def answer(input: Any) -> Any:
        a = held(input)
        if a is None or a.dtype not in FLOATS or not 0 < a.size <= _LONG or not a.ndim:
            return None
        flat = a.reshape(-1)
        order = flat.argsort(kind="stable")
        last = flat[order[-1]]
        return leaf(np.array(flat[order[(a.size - 1) // 2]])) if last == last else None

    return answer


def _index_select(tools: Tools) -> Answer:
    held, leaf = tools.held, tools.leaf

    def answer(input: Any, dim: Any, index: Any) -> Any:
        a, places = held(input), held(index)
        if a is None or places is None or places.dtype is not _PLACES or places.ndim != 1 or type(dim) is not int:
            return None
        if not _plain(a) or not -a.ndim <= dim < a.ndim or not _within(places, a.shape[dim]):
            return None
        return leaf(a.take(places, dim)) if places.size * a.size <= _LONG * 16 else None

    return answer


def _topk(tools: Tools) -> Answer:
    held, leaf, top_k = tools.held, tools.leaf, tools.xp.top_k

    def answer(input: Any, k: Any, dim: Any = -1, largest: Any = True, sorted: Any = True) -> Any:
        a = held(input)
        if a is None or a.dtype not in FLOATS or not (type(k) is type(dim) is int) or type(largest) is not bool or not a.ndim:
            return None
        if dim not in (-1, a.ndim - 1) or not 0 < k <= a.shape[-1] or not a.size:
            return None
        values, places = top_k(a.reshape(-1, a.shape[-1], 1), k, largest)
        chosen = (*a.shape[:-1], k)
        return pairs.topk(leaf(values.reshape(chosen)), leaf(places.reshape(chosen)))

    return answer


def _ordered(values: bool) -> Callable[[Tools], Answer]:
    """sort, or argsort."""

    def make(tools: Tools) -> Answer:
        held, leaf, argsort = tools.held, tools.leaf, tools.xp.argsort

        def answer(input: Any, dim: Any = -1, descending: Any = False) -> Any:
            a = held(input)
            if a is None or a.dtype not in FLOATS or type(dim) is not int or type(descending) is not bool or not a.ndim:
                return None
            if dim not in (-1, a.ndim - 1) or not 0 < a.size <= _LONG:
                return None
            order = argsort(a, axis=a.ndim - 1, descending=descending, stable=True)
            if not values:
                return leaf(order)
            lines = a.reshape(-1, a.shape[-1])
            starts = np.arange(0, a.size, a.shape[-1]).reshape(-1, 1)
            chosen = lines.reshape(-1).take((order.reshape(lines.shape) + starts).reshape(-1))
            return pairs.sort(leaf(chosen.reshape(a.shape)), leaf(order))

        return answer

    return make


def _nonzero(tools: Tools) -> Answer:
    held, leaf = tools.held, tools.leaf

    def answer(input: Any) -> Any:
        a = held(input)
        if a is None or not a.ndim or a.size > _LONG or a.dtype.kind not in "bif":
            return None
        found = a.nonzero()
        return leaf(found[0].reshape(-1, 1).copy() if a.ndim == 1 else np.array(found).T.copy())

    return answer


def _flip(tools: Tools) -> Answer:
    held, leaf = tools.held, tools.leaf

    def answer(input: Any, *dims: Any) -> Any:
        a = held(input)
        chosen: Sequence[Any] = dims[0] if len(dims) == 1 and type(dims[0]) in (tuple, list) else dims
        if a is None or not a.ndim or a.size > _LONG or not a.flags.c_contiguous:
            return None
        key = [slice(None)] * a.ndim
        for d in chosen:
            if type(d) is not int or key[d].step is not None:
                return None
            key[d] = slice(None, None, -1)
        return leaf(a[tuple(key)].copy("C"))

    return answer


MAKERS: dict[str, Callable[[Tools], Any]] = {
    "cat": _cat, "stack": _stack, "gather": _gather, "scatter": _scatter(False), "scatter_add": _scatter(True),
    "one_hot": _one_hot, "median": _median, "index_select": _index_select, "topk": _topk, "sort": _ordered(True),
    "argsort": _ordered(False), "nonzero": _nonzero, "flip": _flip,
}  # fmt: skip
"""By name."""
