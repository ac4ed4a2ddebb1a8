"""Small calls that choose, look up and rearrange elements, see dlengine.autograd.short."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from dlengine.kernels.late import imported

from ..autograd.base import TensorBase, tensor_class
from ..autograd.small import small_calls
from ..autograd.small_kernels import Answer, Leaf, floats, views
from .broadcasting import broadcast_shapes
from .shape import lines_along
from .sort import TopK

_PLACES = np.dtype(np.int64)


def _places(t: Any) -> Any:
    """The array of a tensor of int64, else None."""
    a = t.array if isinstance(t, TensorBase) else None
    return a if type(a) is np.ndarray and a.dtype is _PLACES else None


def _topk(xp: Any, leaf: Leaf) -> Answer:
    kernel, launches = xp.kernels.load("top_k"), xp.kernels.launches

    def small(x: Any, k: Any, *, axis: Any = -1, largest: Any = True) -> Any:
        a = floats(x)
        if a is None or not (type(k) is type(axis) is int) or type(largest) is not bool or not -a.ndim <= axis < a.ndim:
            return None
        shape, at = a.shape, axis % a.ndim
        if not 0 <= k <= shape[at]:
            return None
        values, places = kernel(a.reshape(lines_along(shape, at)), k, largest)
        launches["top_k"] += 1
        chosen = (*shape[:at], k, *shape[at + 1 :])
        return TopK(leaf(values.reshape(chosen)), leaf(places.reshape(chosen)))

    return small


def _take_along_axis(xp: Any, leaf: Leaf) -> Answer:
    taken = imported("dlengine.kernels.jit.functions").FUNCTIONS["take_along_axis"]
    launches = xp.kernels.launches

    def small(x: Any, indices: Any, *, axis: Any = -1) -> Any:
        a, places = floats(x), _places(indices)
        if a is None or places is None or type(axis) is not int:
            return None
        y = taken(a, places, axis=axis)  # which looks at the places
        if y is None:
            return None
        launches["library:take_along_axis"] += 1
        return leaf(y)

    return small


def _embedding(xp: Any, leaf: Leaf) -> Answer:
    kernel, launches = xp.kernels.load("embedding"), xp.kernels.launches

    def small(weight: Any, ids: Any) -> Any:
        a, places = floats(weight), _places(ids)
        if a is None or places is None or a.ndim != 2:
            return None
        y = kernel(a, places)
        launches["embedding"] += 1
        return leaf(y)

    return small


def _channel_shuffle(xp: Any, leaf: Leaf) -> Answer:
    reshape = xp.reshape

    def small(x: Any, groups: Any) -> Any:
        a = floats(x)
        if a is None or type(groups) is not int or a.ndim < 3 or not a.size:
            return None
        shape = a.shape
        n, c = shape[:2]
        if groups < 2 or c % groups or c == groups:  # without groups, or with one channel each, the result may be a view
            return None
        return leaf(reshape(a.reshape(n, groups, c // groups, prod(shape[2:])).transpose(0, 2, 1, 3), shape))

    return small


def _shown() -> tuple[Answer, Answer, Answer]:
    """What gives the array of a tensor that needs no gradient, what makes a view of a tensor, and what broadcasts one."""
    shown = small_calls().broadcast(tensor_class[0])
    if shown is None:
        raise RuntimeError("tensors lie in memory in another way")
    return (*views(), shown)


def _whole(found: list[Any]) -> tuple[Any, ...] | None:
    """Some results, if there are any and none is missing."""
    for t in found:
        if t is None:
            return None
    return tuple(found) or None


def _broadcast_arrays(xp: Any, leaf: Leaf) -> Answer:
    held, _, shown = _shown()

    def small(*tensors: Any) -> Any:
        shapes = []
        for t in tensors:
            a = held(t)
            if a is None:
                return None
            shapes.append(a.shape)
        shape = shapes[0] if shapes.count(shapes[0]) == len(shapes) else broadcast_shapes(*shapes)
        return _whole([shown(t, shape) for t in tensors])

    return small


def _meshgrid(xp: Any, leaf: Leaf) -> Answer:
    held, view, shown = _shown()

    def small(*vectors: Any, indexing: Any = "xy") -> Any:
        arrays = [held(t) for t in vectors]
        if indexing not in ("xy", "ij"):
            return None
        for a in arrays:
            if a is None or a.ndim != 1:
                return None
        n = len(arrays)
        places = [1, 0, *range(2, n)] if indexing == "xy" and n > 1 else range(n)
        shape = tuple([arrays[places[i]].size for i in range(n)])
        found = []
        for t, a, p in zip(vectors, arrays, places, strict=True):
            flat = a if p == n - 1 else a.reshape(-1, *(1,) * (n - 1 - p))
            found.append(shown(t if flat is a else view(t, flat), shape))
        return _whole(found)

    return small


def _parts(xp: Any, leaf: Leaf, lengths: Callable[[int, int], int]) -> Answer:
    """Views of consecutive parts; lengths: of a part, of the size of the axis and what is asked for."""
    held, view = views()

    def small(x: Any, asked: Any, axis: Any) -> Any:
        a = held(x)
        if a is None or not (type(asked) is type(axis) is int) or asked < 1 or not -a.ndim <= axis < a.ndim or not a.size:
            return None
        at = axis % a.ndim
        n, before = a.shape[at], (slice(None),) * at
        step = lengths(n, asked)
        return tuple([view(x, a[(*before, slice(i, i + step))]) for i in range(0, n, step)])

    return small


def _split(xp: Any, leaf: Leaf) -> Answer:
    parts = _parts(xp, leaf, lambda n, size: size)

    def small(x: Any, /, sizes: Any, *, axis: Any = 0) -> Any:
        return parts(x, sizes, axis)

    return small


def _chunk(xp: Any, leaf: Leaf) -> Answer:
    parts = _parts(xp, leaf, lambda n, chunks: -(-n // chunks))

    def small(x: Any, chunks: Any, /, *, axis: Any = 0) -> Any:
        return parts(x, chunks, axis)

    return small


MAKERS: dict[str, Callable[[Any, Leaf], Answer]] = {
    "topk": _topk, "take_along_axis": _take_along_axis, "embedding": _embedding, "channel_shuffle": _channel_shuffle,
    "split": _split, "chunk": _chunk, "broadcast_arrays": _broadcast_arrays, "meshgrid": _meshgrid,
}  # fmt: skip
"""By the name of a function."""
