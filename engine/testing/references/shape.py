"""Shapes by their definition: every element of the result is looked up in the argument by its index."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np

Index = tuple[int, ...]


def built(shape: Sequence[int], dtype: Any, f: Callable[[Index], Any]) -> Any:
    """The array of a shape whose element at index i is f(i)."""
    out = np.zeros(tuple(shape), dtype)
    for i in product(*map(range, shape)):
        out[i] = f(i)
    return out


def _axes(axis: Any, rank: int) -> list[int]:
    """One axis or several, counted from the front."""
    return [a % rank for a in ((axis,) if isinstance(axis, int) else axis)]


def reshape(x: Any, shape: Any) -> Any:
    """The elements in their order, the last index fastest; -1 stands for the remaining size."""
    shape = [shape] if isinstance(shape, int) else list(shape)
    if -1 in shape:
        shape[shape.index(-1)] = x.size // -math.prod(shape)
    elements = iter([x[i] for i in np.ndindex(*x.shape)])
    return built(shape, x.dtype, lambda i: next(elements))


def flatten(x: Any, start_axis: int = 0, end_axis: int = -1) -> Any:
    """The axes from start_axis to end_axis as one."""
    shape = x.shape or (1,)
    first, last = start_axis % len(shape), end_axis % len(shape)
    return reshape(x, (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :]))


def permute_dims(x: Any, axes: Any) -> Any:
    """Axis n of the result is axis axes[n] of x."""
    axes = _axes(axes, x.ndim)
    return built([x.shape[a] for a in axes], x.dtype, lambda i: x[tuple(i[axes.index(a)] for a in range(x.ndim))])


def matrix_transpose(x: Any) -> Any:
    """y[..., j, i] = x[..., i, j]."""
    return permute_dims(x, (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


def moveaxis(x: Any, source: Any, destination: Any) -> Any:
    """The axes of source at the places of destination, the others in their order at those that are left."""
    place = dict(zip(_axes(destination, x.ndim), _axes(source, x.ndim), strict=True))
    rest = iter([a for a in range(x.ndim) if a not in place.values()])
    return permute_dims(x, [place[i] if i in place else next(rest) for i in range(x.ndim)])


def expand_dims(x: Any, axis: Any) -> Any:
    """The index without its entries at the new axes."""
    rank = x.ndim + (1 if isinstance(axis, int) else len(axis))
    new = _axes(axis, rank)
    sizes = iter(x.shape)
    shape = [1 if n in new else next(sizes) for n in range(rank)]
    return built(shape, x.dtype, lambda i: x[tuple(k for n, k in enumerate(i) if n not in new)])


def squeeze(x: Any, axis: Any) -> Any:
    """The index with 0 at the axes that went."""
    gone = _axes(axis, x.ndim)

    def value(i: Index) -> Any:
        rest = iter(i)
        return x[tuple(0 if n in gone else next(rest) for n in range(x.ndim))]

    return built([s for n, s in enumerate(x.shape) if n not in gone], x.dtype, value)


def broadcast_to(x: Any, shape: Any) -> Any:
    """The last entries of the index, 0 where x has size 1."""
    lead = len(shape) - x.ndim
    return built(shape, x.dtype, lambda i: x[tuple(0 if s == 1 else k for s, k in zip(x.shape, i[lead:], strict=True))])


def broadcast_arrays(*arrays: Any) -> Any:
    """Each in the shape of all: along every axis the size that is not 1."""
    rank = max(a.ndim for a in arrays)
    sizes = [[1] * (rank - a.ndim) + list(a.shape) for a in arrays]
    shape = [next((s for s in column if s != 1), 1) for column in zip(*sizes, strict=True)]
    return tuple(broadcast_to(a, shape) for a in arrays)


def meshgrid(*arrays: Any, indexing: str = "xy") -> Any:
    """Array n varies along axis n, the first two exchanged for "xy"."""
    order = list(range(len(arrays)))
    if indexing == "xy" and len(arrays) > 1:
        order[:2] = [1, 0]
    shape = [arrays[n].size for n in order]

    def coordinates(n: int) -> Any:
        return built(shape, arrays[n].dtype, lambda i: arrays[n].flat[i[order.index(n)]])

    return tuple(map(coordinates, range(len(arrays))))


def flip(x: Any, axis: Any = None) -> Any:
    """y[i] = x[n - 1 - i]."""
    over = range(x.ndim) if axis is None else _axes(axis, x.ndim)
    return built(
        x.shape,
        x.dtype,
        lambda i: x[tuple(s - 1 - k if n in over else k for n, (s, k) in enumerate(zip(x.shape, i, strict=True)))],
    )


def roll(x: Any, shift: Any, axis: Any = None) -> Any:
    """y[(i + shift) mod n] = x[i]."""
    if axis is None:
        return reshape(_rolled(reshape(x, (x.size,)), shift, 0), x.shape)
    axes = _axes(axis, x.ndim)
    for a, s in zip(axes, [shift] * len(axes) if isinstance(shift, int) else shift, strict=True):
        x = _rolled(x, s, a)
    return x


def _rolled(x: Any, shift: int, axis: int) -> Any:
    return built(x.shape, x.dtype, lambda i: x[(*i[:axis], (i[axis] - shift) % x.shape[axis], *i[axis + 1 :])])


# ---------------------------------------------------------------------- several arrays
def stack(arrays: Any, axis: int = 0) -> Any:
    """y[..., n, ...] = arrays[n][..., ...]."""
    at = axis % (arrays[0].ndim + 1)
    shape = arrays[0].shape
    return built(
        (*shape[:at], len(arrays), *shape[at:]), np.result_type(*arrays), lambda i: arrays[i[at]][(*i[:at], *i[at + 1 :])]
    )


def concat(arrays: Any, axis: Any = 0) -> Any:
    """The index along the axis counts through one array after another."""
    if axis is None:
        arrays, axis = [reshape(a, (a.size,)) for a in arrays], 0
    at = axis % arrays[0].ndim
    place = [(a, k) for a in arrays for k in range(a.shape[at])]
    shape = list(arrays[0].shape)
    shape[at] = len(place)
    return built(shape, np.result_type(*arrays), lambda i: place[i[at]][0][(*i[:at], place[i[at]][1], *i[at + 1 :])])


def _part(x: Any, at: int, low: int, high: int) -> Any:
    shape = (*x.shape[:at], high - low, *x.shape[at + 1 :])
    return built(shape, x.dtype, lambda i: x[(*i[:at], low + i[at], *i[at + 1 :])])


def unstack(x: Any, axis: int = 0) -> Any:
    """The slices one by one."""
    at = axis % x.ndim
    return tuple(squeeze(_part(x, at, k, k + 1), at) for k in range(x.shape[at]))


def split(x: Any, sizes: Any, axis: int = 0) -> Any:
    """Parts of these sizes; one number is the size of all but perhaps the last."""
    at = axis % x.ndim
    n = x.shape[at]
    ends = (
        [min(k, n) for k in range(0, n + sizes, sizes)]
        if isinstance(sizes, int)
        else [sum(sizes[:k]) for k in range(len(sizes) + 1)]
    )
    return tuple(_part(x, at, a, b) for a, b in zip(ends, ends[1:], strict=False))


def chunk(x: Any, chunks: int, axis: int = 0) -> Any:
    """Parts of equal size, at most that many; the last may be smaller."""
    return split(x, math.ceil(x.shape[axis] / chunks), axis)


# ---------------------------------------------------------------------- repeating and bordering
def tile(x: Any, repetitions: Any) -> Any:
    """y[i] = x[i mod n] along each axis."""
    rank = max(x.ndim, len(repetitions))
    x = reshape(x, (*(1,) * (rank - x.ndim), *x.shape))
    times = (*(1,) * (rank - len(repetitions)), *repetitions)
    shape = [s * t for s, t in zip(x.shape, times, strict=True)]
    return built(shape, x.dtype, lambda i: x[tuple(k % s for k, s in zip(i, x.shape, strict=True))])


def repeat(x: Any, repeats: Any, axis: Any = None) -> Any:
    """Element k as often as repeats[k] says."""
    if axis is None:
        x, axis = reshape(x, (x.size,)), 0
    at = axis % x.ndim
    times = [repeats] * x.shape[at] if isinstance(repeats, int) else list(repeats)
    source = [k for k, t in enumerate(times) for _ in range(t)]
    shape = (*x.shape[:at], len(source), *x.shape[at + 1 :])
    return built(shape, x.dtype, lambda i: x[(*i[:at], source[i[at]], *i[at + 1 :])])


def tril(x: Any, k: int = 0) -> Any:
    """x[i, j] where j - i <= k, else 0."""
    return built(x.shape, x.dtype, lambda i: x[i] if i[-1] - i[-2] <= k else 0)


def triu(x: Any, k: int = 0) -> Any:
    """x[i, j] where j - i >= k, else 0."""
    return built(x.shape, x.dtype, lambda i: x[i] if i[-1] - i[-2] >= k else 0)


def _inside(k: int, n: int, mode: str) -> int | None:
    """The index in 0 ... n - 1 that index k of a border repeats; None for a constant border."""
    while not 0 <= k < n:
        if mode == "constant":
            return None
        if mode == "replicate":
            k = 0 if k < 0 else n - 1
        elif mode == "circular":
            k += n if k < 0 else -n
        else:
            k = -k if k < 0 else 2 * (n - 1) - k
    return k


def pad(x: Any, padding: Any, mode: str = "constant", value: float = 0.0) -> Any:
    """Each index of the border mapped back into x (reflected, clamped or wrapped), or the constant value."""
    pairs = [[0, 0]] * (x.ndim - len(padding)) + [list(p) for p in padding]
    if mode == "circular":
        x = x[tuple(slice(max(-lo, 0), n - max(-hi, 0)) for n, (lo, hi) in zip(x.shape, pairs, strict=True))]
        pairs = [[max(lo, 0), max(hi, 0)] for lo, hi in pairs]
    shape = [s + lo + hi for s, (lo, hi) in zip(x.shape, pairs, strict=True)]

    def at(i: Index) -> Any:
        place = [_inside(k - lo, s, mode) for k, s, (lo, _) in zip(i, x.shape, pairs, strict=True)]
        return value if None in place else x[tuple(place)]

    return built(shape, x.dtype, at)


def diff(x: Any, axis: int = -1, n: int = 1, prepend: Any = None, append: Any = None) -> Any:
    """x[i + 1] - x[i] n times; of booleans: whether they differ."""
    at = axis % x.ndim
    x = concat([a for a in (prepend, x, append) if a is not None], at)
    for _ in range(n):
        a, b = _part(x, at, 1, x.shape[at]), _part(x, at, 0, x.shape[at] - 1)
        x = a != b if x.dtype == bool else a - b
    return x
