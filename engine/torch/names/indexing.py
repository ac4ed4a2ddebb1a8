"""Reading and writing along an axis and by masks: gather, scatter and their kin."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dlengine.kernels.ranges import in_range

from ...ops.gather import add_along_axis, put_along_axis
from ...ops.index import put_at
from .core import Plain, define, in_place, is_tensor, kind_of
from .engine import dl
from .items import part_of
from .shaping import key


# ---------------------------------------------------------------------- along an axis
def _grid(index: Any, dim: int) -> tuple[Any, ...]:
    """The index that names, for every element of `index`, its own place with the number itself along dim."""
    parts: list[Any] = []
    for axis, n in enumerate(index.shape):
        if axis == dim % index.ndim:
            parts.append(index)
        else:
            shape = [1] * index.ndim
            shape[axis] = n
            parts.append(dl.reshape(dl.arange(n, device=index.device), tuple(shape)))
    return tuple(parts)


def _lined_up(name: str, input: Any, dim: int, index: Any) -> tuple[Any, Any, tuple[int, ...]]:
    """A number as a vector of one, for the functions along an axis. Raises where index and input do not fit."""
    shape = input.shape
    if input.ndim == 0:
        input = dl.reshape(input, (1,))
    if index.ndim == 0:
        index = dl.reshape(index, (1,))
    key(dim, input.ndim)  # raises if there is no such axis
    if index.array.size:
        if index.dtype.kind not in "iu":
            raise RuntimeError(f"{name}: Expected dtype int64 for index, got {index.dtype}")
        if index.ndim != input.ndim:
            raise RuntimeError(
                f"{name}: Index tensor must have the same number of dimensions as self tensor, got {index.ndim} and {input.ndim}"
            )
    return input, index, shape


def _in_range(name: str, index: Any, size: int) -> None:
    if index.size and index.device == "cpu":
        a = index.array
        known = type(a) is np.ndarray and a.dtype == np.int64  # not one of a step that is recorded
        if not in_range(a, size) if known else a.min() < 0 or a.max() >= size:
            raise RuntimeError(f"{name}: index out of bounds for dimension with size {size}")


@define("gather")
def gather(input: Any, dim: int, index: Any, *, sparse_grad: bool = False) -> Any:
    x, i, _ = _lined_up("gather", input, dim, index)
    if not i.array.size:
        nothing = dl.zeros(index.shape, dtype=input.dtype, device=input.device)
        return nothing + 0 * dl.sum(input) if kind_of(input.dtype) >= 2 else nothing
    _in_range("gather", i, x.shape[dim])
    part = tuple([slice(0, n) if a != dim % i.ndim else slice(None) for a, n in enumerate(i.shape)])
    if any(n > x.shape[a] for a, n in enumerate(i.shape) if a != dim % i.ndim):
        raise RuntimeError(f"Size does not match at an axis other than {dim}: index {i.shape}, input {x.shape}")
    x = x if all(n == x.shape[a] for a, n in enumerate(i.shape) if a != dim % i.ndim) else Plain.__getitem__(x, part)
    found = dl.take_along_axis(x, i, axis=dim)
    return found if i is index else dl.reshape(found, index.shape)


@define("take_along_dim")
def _take_along_dim(input: Any, indices: Any, dim: Any = None) -> Any:
    if dim is None:
        return dl.take(dl.reshape(input, (-1,)), dl.reshape(indices, (-1,)), axis=0)
    at = dim % input.ndim
    shape = dl.broadcast_shapes(*((*s[:at], 1, *s[at + 1 :]) for s in (input.shape, indices.shape)))
    x, i = (dl.broadcast_to(t, (*shape[:at], t.shape[at], *shape[at + 1 :])) for t in (input, indices))
    return dl.take_along_axis(x, i, axis=dim)


def _source(input: Any, index: Any, src: Any, dim: int) -> Any:
    """The values that go to the places of index along dim: the leading part of src of its shape."""
    if not is_tensor(src):
        if src is None:
            raise TypeError("scatter: src must be a tensor or a number, got None")
        return dl.full(index.shape, src, dtype=input.dtype, device=input.device)
    if src.ndim == 0 and index.ndim:
        src = dl.reshape(src, (1,))
    if len(index.shape) == len(src.shape) and not all([n <= m for n, m in zip(index.shape, src.shape, strict=True)]):
        raise RuntimeError(
            f"Expected index {list(index.shape)} to be no larger than self {list(input.shape)} apart from dimension {dim} "
            f"and to be no larger size than src {list(src.shape)}"
        )
    return Plain.__getitem__(src, tuple(slice(0, n) for n in index.shape)) if src.shape != index.shape else src


def _back(found: Any, shape: tuple[int, ...]) -> Any:
    """A result in the shape of the input, which was a number where they differ."""
    return found if found.array.shape == tuple(shape) else dl.reshape(found, shape)


@define("scatter")
def scatter(input: Any, dim: int, index: Any, src: Any = None, *, value: Any = None, reduce: Any = None) -> Any:
    src = value if src is None else src
    if reduce is not None:
        return _scatter_reduced(input, dim, index, src, {"add": "sum", "multiply": "prod"}[reduce], True)
    x, i, shape = _lined_up("scatter", input, dim, index)
    _in_range("scatter", i, x.shape[dim])
    if not i.size:
        return dl.clone(input)
    values = dl.astype(_source(x, i, src, dim), x.dtype, copy=False)
    if _fits_along(x, i, values, dim):
        return _back(put_along_axis(x, i, values, dim % x.ndim), shape)
    return _back(dl.set_at(x, values, key=_grid(i, dim)), shape)


def _fits_along(x: Any, i: Any, values: Any, dim: int) -> bool:
    """Whether floats go to places along an axis, and all other axes are alike."""
    at = dim % x.ndim
    alike = i.shape == values.shape and (*x.shape[:at], *x.shape[at + 1 :]) == (*i.shape[:at], *i.shape[at + 1 :])
    return alike and kind_of(x.dtype) == 2 and x.dtype == values.dtype


@define("scatter_add")
def scatter_add(input: Any, dim: int, index: Any, src: Any) -> Any:
    x, i, shape = _lined_up("scatter_add", input, dim, index)
    _in_range("scatter_add", i, x.shape[dim])
    if not is_tensor(src):
        raise TypeError(f"scatter_add: src must be a tensor, got {type(src).__name__}")
    values = _source(x, i, src, dim)
    if _fits_along(x, i, values, dim):
        return _back(add_along_axis(x, i, values, axis=dim % x.ndim), shape)
    return _back(x + put_at(values, key=_grid(i, dim), shape=x.shape), shape)


@define("scatter_reduce")
def _scatter_reduce(input: Any, dim: int, index: Any, src: Any, reduce: str, *, include_self: bool = True) -> Any:
    return _scatter_reduced(input, dim, index, src, reduce, include_self)


def _scatter_reduced(input: Any, dim: int, index: Any, src: Any, reduce: str, include_self: bool) -> Any:
    x, i, shape = _lined_up("scatter_reduce", input, dim, index)
    _in_range("scatter_reduce", i, x.shape[dim])
    values, place = _source(x, i, src, dim), _grid(i, dim)
    counts = put_at(dl.ones(i.shape, dtype="float64", device=x.device), key=place, shape=x.shape)
    hit = counts > 0
    start = x if include_self else dl.where(hit, _neutral(reduce, x), x)
    if reduce in ("sum", "mean"):
        total = start + put_at(values, key=place, shape=x.shape)
        if reduce == "mean":
            n = dl.astype(counts + (1 if include_self else 0), total.dtype)
            mean = total / dl.where(n > 0, n, 1) if kind_of(total.dtype) >= 2 else dl.floor_divide(total, dl.where(n > 0, n, 1))
            total = dl.where(hit, mean, total)
        return _back(total, shape)
    return _back(_reduced_one_by_one(reduce, start, values, place, hit), shape)


def _neutral(reduce: str, x: Any) -> Any:
    if reduce in ("sum", "mean"):
        return 0
    if reduce == "prod":
        return 1
    if kind_of(x.dtype) == 2:
        return -math.inf if reduce == "amax" else math.inf
    limit = dl.iinfo(x.dtype)
    return int(limit.min if reduce == "amax" else limit.max)


def _reduced_one_by_one(reduce: str, start: Any, values: Any, place: Any, hit: Any) -> Any:
    """Products and extremes: the k-th value that meets each place, for k = 0, 1 ... in turn."""
    flat_places = dl.reshape(dl.arange(math.prod(start.shape), device=start.device), start.shape)[place]
    target = dl.reshape(dl.broadcast_to(flat_places, values.shape), (-1,)).numpy_copy()
    v, y = dl.reshape(values, (-1,)), dl.reshape(start, (-1,))
    order = np.argsort(target, kind="stable")
    ordered = target[order]
    rank = np.arange(len(order)) - np.searchsorted(ordered, ordered, side="left")
    rows = [y]
    for k in range(int(rank.max()) + 1 if len(rank) else 0):
        chosen = order[rank == k]
        fill = dl.full(y.shape, _neutral(reduce, start), dtype=start.dtype, device=start.device)
        at = dl.asarray(target[chosen], device=start.device)
        rows.append(dl.set_at(fill, dl.take(v, dl.asarray(chosen, device=start.device), axis=0), key=at))
    together = dl.stack(rows, axis=0)
    f = {"prod": dl.prod, "amax": dl.max, "amin": dl.min}[reduce]
    return dl.reshape(f(together, axis=0), start.shape)


# ---------------------------------------------------------------------- whole slices
@define("index_select")
def _index_select(input: Any, dim: int, index: Any) -> Any:
    if input.ndim == 0:
        return dl.clone(input)
    i = dl.reshape(index, (1,)) if index.ndim == 0 else index
    _in_range("index_select", i, input.shape[dim])
    return dl.take(input, i, axis=dim)


def _rows(input: Any, dim: int, index: Any) -> tuple[Any, Any]:
    i = dl.reshape(index, (1,)) if index.ndim == 0 else index
    return i, key(dim, input.ndim, i)


@define("index_add")
def _index_add(input: Any, dim: int, index: Any, source: Any, *, alpha: Any = 1) -> Any:
    if input.ndim == 0:
        return input + source.reshape(()) * alpha
    _, k = _rows(input, dim, index)
    return input + put_at(source if alpha == 1 else source * alpha, key=k, shape=input.shape)


@define("index_copy")
def _index_copy(input: Any, dim: int, index: Any, source: Any) -> Any:
    if input.ndim == 0:
        return dl.reshape(source, ())
    i, k = _rows(input, dim, index)
    if source.ndim == input.ndim and source.shape[dim] != i.shape[0]:
        n = source.shape[dim]
        raise IndexError(f"index_copy_(): Number of indices ({i.shape[0]}) should be equal to source.size(dim) ({n})")
    return dl.set_at(input, source, key=k)


@define("index_fill")
def _index_fill(input: Any, dim: int, index: Any, value: Any) -> Any:
    if input.ndim == 0:
        return dl.broadcast_to(value, ()) if is_tensor(value) else dl.full_like(input, value) + 0 * input
    _, k = _rows(input, dim, index)
    return dl.set_at(input, value, key=k)


@define("index_reduce")
def _index_reduce(input: Any, dim: int, index: Any, source: Any, reduce: str, *, include_self: bool = True) -> Any:
    if input.ndim == 0:
        x, source = dl.reshape(input, (1,)), dl.reshape(source, (1,))
        return dl.reshape(_index_reduce(x, 0, index, source, reduce, include_self=include_self), ())
    i, _ = _rows(input, dim, index)
    shape = [1] * input.ndim
    shape[dim] = -1
    wide = dl.broadcast_to(dl.reshape(i, tuple(shape)), source.shape)
    return _scatter_reduced(input, dim, wide, source, reduce, include_self)


@define("index_put", function=True)
def _index_put(input: Any, indices: Any, values: Any, accumulate: bool = False) -> Any:
    k = tuple(part_of(i) if i is not None else slice(None) for i in indices)
    if not accumulate:
        return dl.set_at(input, dl.astype(values, input.dtype, copy=False), key=k)
    at = Plain.__getitem__(input.detach(), k)
    return input + put_at(dl.broadcast_to(values, at.shape), key=k, shape=input.shape)


@define("masked_fill")
def masked_fill(input: Any, mask: Any, value: Any) -> Any:
    mask = mask if mask.dtype == np.bool_ else dl.astype(mask, "bool")
    if is_tensor(value):
        value = dl.astype(value, input.dtype)
    elif kind_of(input.dtype) == 1 and isinstance(value, float):
        if not math.isfinite(value) or value != int(value):
            raise RuntimeError("value cannot be converted to type int64_t without overflow")
        value = int(value)
    elif input.dtype == np.bool_:
        value = bool(value)
    return dl.where(mask, value, input)


@define("masked_select")
def _masked_select(input: Any, mask: Any) -> Any:
    x, m = dl.broadcast_arrays(input, mask)
    return Plain.__getitem__(dl.reshape(x, (-1,)), dl.reshape(m, (-1,)))


@define("masked_scatter")
def _masked_scatter(input: Any, mask: Any, source: Any) -> Any:
    x, m = dl.broadcast_arrays(input, mask)
    n = int(dl.count_nonzero(m))
    found = dl.set_at(dl.reshape(x, (-1,)), dl.reshape(source, (-1,))[:n], key=dl.reshape(m, (-1,)))
    return dl.reshape(found, x.shape)


@define("take")
def _take(input: Any, index: Any) -> Any:
    flat = dl.reshape(input, (-1,))
    return dl.reshape(Plain.__getitem__(flat, dl.reshape(index, (-1,))), index.shape)


@define("put", function=True)
def _put(input: Any, index: Any, source: Any, accumulate: bool = False) -> Any:
    flat, i, s = dl.reshape(input, (-1,)), dl.reshape(index, (-1,)), dl.reshape(source, (-1,))
    found = flat + put_at(s, key=i, shape=flat.shape) if accumulate else dl.set_at(flat, s, key=i)
    return dl.reshape(found, input.shape)


@define("select_scatter")
def _select_scatter(input: Any, src: Any, dim: int, index: int) -> Any:
    return dl.set_at(input, src, key=key(dim, input.ndim, index))


@define("slice_scatter")
def _slice_scatter(input: Any, src: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Any:
    return dl.set_at(input, src, key=key(dim, input.ndim, slice(start, end, step)))


in_place(
    "scatter", "scatter_add", "scatter_reduce", "index_add", "index_copy", "index_fill", "index_reduce", "index_put",
    "masked_fill", "masked_scatter", "put",
)  # fmt: skip
