"""Sums, means, extremes and orders along axes, with PyTorch's pairs of values and indices and its deviation over n - 1."""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np

from . import pairs
from .core import METHODS, axis_or_all, define, demoted, is_tensor, kind_of, refuse
from .elementwise import clamp
from .engine import dl

_INT = np.dtype(np.int64)


def axes(input: Any, dim: Any) -> Any:
    """The axes of a reduction; a number's one axis, 0 or -1, is none."""
    if input.ndim == 0 and dim is not None:
        for d in (dim,) if isinstance(dim, int) else dim:
            if d not in (0, -1):
                raise IndexError(f"Dimension out of range (expected to be in range of [-1, 0], but got {d})")
        return None
    return axis_or_all(dim)


def _accumulated(input: Any, dtype: Any) -> dict[str, Any]:
    """The dtype in which PyTorch adds: int64 for integers and booleans."""
    if dtype is None and kind_of(input.dtype) < 2:
        dtype = _INT
    return {} if dtype is None else {"dtype": dtype}


@define("sum")
def sum(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    return dl.sum(input, axis=axes(input, dim), keepdims=keepdim, **_accumulated(input, dtype))


@define("nansum")
def _nansum(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    if kind_of(input.dtype) >= 2:
        input = dl.where(dl.isnan(input), 0, input)
    return sum(input, dim, keepdim, dtype=dtype)


@define("mean")
def mean(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    if dtype is not None:
        input = dl.astype(input, dtype)
    if kind_of(input.dtype) < 2:
        raise RuntimeError(f"mean(): could not infer output dtype. Input dtype must be floating point or complex: {input.dtype}")
    return dl.mean(input, axis=axes(input, dim), keepdims=keepdim)


@define("nanmean")
def _nanmean(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    there = dl.sum(dl.astype(~dl.isnan(input), input.dtype), axis=axis_or_all(dim), keepdims=keepdim)
    return _nansum(input, dim, keepdim, dtype=dtype) / there


@define("prod")
def prod(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    return dl.prod(input, axis=axes(input, dim), keepdims=keepdim, **_accumulated(input, dtype))


def _correction(dim: Any, unbiased: Any, correction: Any) -> tuple[Any, float]:
    """The axes and what is subtracted from n, from PyTorch's several spellings: var(x, False) is about unbiased."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if correction is None:
        correction = 1 if unbiased is None else int(bool(unbiased))
    return axis_or_all(dim), float(correction)


def _needs_floats(name: str, input: Any) -> None:
    if kind_of(input.dtype) < 2:
        raise RuntimeError(f"{name}: only support floating point and complex dtypes")


def _moments(f: Any, name: str, input: Any, dim: Any, unbiased: Any, keepdim: bool, correction: Any) -> Any:
    _needs_floats(name, input)
    axis, less = _correction(dim, unbiased, correction)
    n = math.prod(input.shape[a] for a in _axes(axis, input.ndim))
    if n == 0 or n - less <= 0:
        return dl.sum(input * math.nan if n else input, axis=axis, keepdims=keepdim) * math.nan if n != 1 or less != 1 else (
            dl.sum(input, axis=axis, keepdims=keepdim) * math.nan)  # fmt: skip
    if kind_of(input.dtype) == 3:
        parts = [dl.var(part, axis=axis, correction=less, keepdims=keepdim) for part in (dl.real(input), dl.imag(input))]
        return parts[0] + parts[1] if f is dl.var else dl.sqrt(parts[0] + parts[1])
    return f(input, axis=axis, correction=less, keepdims=keepdim)


def _axes(axis: Any, rank: int) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(rank))
    chosen = (axis,) if isinstance(axis, int) else axis
    return tuple(a % rank for a in chosen) if rank else ()


@define("var")
def var(input: Any, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None) -> Any:
    return _moments(dl.var, "var", input, dim, unbiased, keepdim, correction)


@define("std")
def std(input: Any, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None) -> Any:
    return _moments(dl.std, "std", input, dim, unbiased, keepdim, correction)


@define("var_mean", method=False)
def _var_mean(input: Any, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None) -> Any:
    axis = None if isinstance(dim, bool) else dim
    return var(input, dim, unbiased, keepdim, correction=correction), mean(input, axis, keepdim)


@define("std_mean", method=False)
def _std_mean(input: Any, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None) -> Any:
    axis = None if isinstance(dim, bool) else dim
    return std(input, dim, unbiased, keepdim, correction=correction), mean(input, axis, keepdim)


@define("logsumexp")
def _logsumexp(input: Any, dim: Any, keepdim: bool = False) -> Any:
    if kind_of(input.dtype) < 2:
        input = dl.astype(input, dl.get_default_dtype())
    return dl.logsumexp(input, axis=axes(input, dim), keepdims=keepdim)


@define("count_nonzero")
def _count_nonzero(input: Any, dim: Any = None) -> Any:
    return dl.count_nonzero(input, axis=axis_or_all(dim))


def _truth(f: Any, input: Any, dim: Any, keepdim: bool) -> Any:
    found = f(input, axis=axes(input, dim), keepdims=keepdim)
    return dl.astype(found, "uint8") if input.dtype == np.uint8 else found


@define("all")
def all(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return _truth(dl.all, input, dim, keepdim)


@define("any")
def any(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return _truth(dl.any, input, dim, keepdim)


# ---------------------------------------------------------------------- extremes
def _arg(f: Any, input: Any, dim: Any, keepdim: bool) -> Any:
    if input.ndim == 0:
        return dl.zeros((), dtype="int64", device=input.device)
    return f(input, axis=dim, keepdims=keepdim)


@define("argmax")
def argmax(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return _arg(dl.argmax, input, dim, keepdim)


@define("argmin")
def argmin(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return _arg(dl.argmin, input, dim, keepdim)


def at(input: Any, indices: Any, dim: int, keepdim: bool) -> Any:
    """The values at one index per line along an axis; indices keep that axis with size 1."""
    found = dl.take_along_axis(input, indices, axis=dim)
    return found if keepdim else dl.squeeze(found, axis=dim)


def _extreme(kind: str, input: Any, dim: Any, keepdim: bool) -> Any:
    pair = getattr(pairs, kind)
    if input.ndim == 0:
        return pair(dl.clone(input), dl.zeros((), dtype="int64", device=input.device))
    places = dl.argmax if kind == "max" else dl.argmin
    if not (input.requires_grad and dl.is_grad_enabled()):  # no gradient asks which of equal values it was
        values = (dl.max if kind == "max" else dl.min)(input, axis=dim, keepdims=keepdim)
        return pair(values, places(input, axis=dim, keepdims=keepdim))
    where_ = places(input, axis=dim, keepdims=keepdim)
    return pair(at(input, where_ if keepdim else dl.expand_dims(where_, axis=dim), dim, keepdim), where_)


@define("max")
def max(input: Any, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
    if other is not None or is_tensor(dim):
        return dl.maximum(*demoted(input, dim if other is None else other))
    return dl.max(input) if dim is None else _extreme("max", input, dim, keepdim)


@define("min")
def min(input: Any, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
    if other is not None or is_tensor(dim):
        return dl.minimum(*demoted(input, dim if other is None else other))
    return dl.min(input) if dim is None else _extreme("min", input, dim, keepdim)


@define("amax")
def amax(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return dl.max(input, axis=axes(input, dim), keepdims=keepdim)


@define("amin")
def amin(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return dl.min(input, axis=axes(input, dim), keepdims=keepdim)


@define("aminmax")
def _aminmax(input: Any, *, dim: Any = None, keepdim: bool = False) -> Any:
    return pairs.aminmax(amin(input, dim, keepdim), amax(input, dim, keepdim))


# ---------------------------------------------------------------------- orders
@define("sort")
def sort(input: Any, dim: int = -1, descending: bool = False, stable: Any = None) -> Any:
    if input.ndim == 0:
        return pairs.sort(dl.clone(input), dl.zeros((), dtype="int64", device=input.device))
    order = dl.argsort(input, axis=dim, descending=descending, stable=True)
    return pairs.sort(dl.take_along_axis(input, order, axis=dim), order)


@define("msort")
def _msort(input: Any) -> Any:
    return sort(input, 0)[0]


@define("argsort")
def _argsort(input: Any, dim: int = -1, descending: bool = False, *, stable: bool = False) -> Any:
    return sort(input, dim, descending)[1]


@define("topk")
def _topk(input: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    if input.ndim == 0:
        return pairs.topk(*sort(input))
    return pairs.topk(*dl.topk(input, int(k), axis=dim, largest=largest))


SELECTED = 1024
"""Elements from which on one of an order is found without the others."""


def _selected(a: Any, k: int, dim: int) -> Any:
    """Where element k of the order along an axis of a NumPy array is, in which equal ones keep theirs; None for other arrays, and
    where NaN asks for more."""
    if type(a) is not np.ndarray or a.dtype.kind not in "fiu" or a.size < SELECTED or (a.dtype.kind == "f" and np.isnan(a).any()):
        return None
    rows = np.moveaxis(a, dim, -1)
    value = np.partition(rows, k, axis=-1)[..., k : k + 1]
    equal = rows == value
    ahead = k - np.count_nonzero(rows < value, axis=-1, keepdims=True)  # so many of the equal ones
    if ahead.any():
        equal = np.cumsum(equal, axis=-1) > ahead
    return np.moveaxis(np.argmax(equal, axis=-1, keepdims=True), -1, dim)


def _kth(input: Any, k: int, dim: int, keepdim: bool, pair: Any) -> Any:
    if input.ndim == 0:
        return pair(dl.clone(input), dl.zeros((), dtype="int64", device=input.device))
    found = _selected(input.array, k, dim)
    if found is not None:
        index = dl.asarray(found, device=input.device)
        return pair(at(input, index, dim, keepdim), index if keepdim else dl.squeeze(index, axis=dim))
    order = dl.argsort(input, axis=dim, stable=True)
    key = (slice(None),) * (dim % input.ndim)
    index = order[(*key, slice(k, k + 1))]
    if pair is not pairs.kthvalue and kind_of(input.dtype) == 2:
        nan = dl.isnan(input)
        index = dl.where(dl.any(nan, axis=dim, keepdims=True), dl.argmax(dl.astype(nan, "int64"), axis=dim, keepdims=True), index)
    return pair(at(input, index, dim, keepdim), index if keepdim else dl.squeeze(index, axis=dim))


@define("kthvalue")
def _kthvalue(input: Any, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    n = input.shape[dim] if input.ndim else 1
    if not 1 <= k <= n:
        raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {dim}")
    return _kth(input, k - 1, dim, keepdim, pairs.kthvalue)


@define("median")
def median(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    if dim is None:
        flat = dl.reshape(input, (-1,))
        return dl.clone(median(flat, 0)[0]) if flat.shape[0] else dl.sum(flat) * math.nan
    return _kth(input, (input.shape[dim] - 1) // 2 if input.ndim else 0, dim, keepdim, pairs.median)


@define("nanmedian")
def _nanmedian(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    if kind_of(input.dtype) < 2:
        found = median(input, dim, keepdim)
        return found if dim is None else pairs.nanmedian(*found)
    if dim is None:
        return _nanmedian(dl.reshape(input, (-1,)), 0)[0]
    if input.ndim == 0:
        return pairs.nanmedian(dl.clone(input), dl.zeros((), dtype="int64", device=input.device))
    order = dl.argsort(input, axis=dim, stable=True)  # NaN comes last
    there = dl.count_nonzero(~dl.isnan(input), axis=dim, keepdims=True)
    k = dl.clip((there - 1) // 2, min=0)
    index = dl.take_along_axis(order, k, axis=dim)
    return pairs.nanmedian(at(input, index, dim, keepdim), index if keepdim else dl.squeeze(index, axis=dim))


@define("mode")
def _mode(input: Any, dim: int = -1, keepdim: bool = False) -> Any:
    if input.ndim == 0:
        return pairs.mode(dl.clone(input), dl.zeros((), dtype="int64", device=input.device))
    lines = np.moveaxis(input.numpy_copy(), dim, -1)
    flat = lines.reshape(-1, lines.shape[-1])
    index = np.zeros(len(flat), dtype=np.int64)
    for i, line in enumerate(flat):
        values, counts = np.unique(line, return_counts=True)
        index[i] = np.nonzero(line == values[np.argmax(counts)])[0][-1]
    where_ = dl.asarray(np.expand_dims(index.reshape(lines.shape[:-1]), dim % input.ndim), device=input.device)
    return pairs.mode(at(input, where_, dim, keepdim), where_ if keepdim else dl.squeeze(where_, axis=dim))


_INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def _quantile(input: Any, q: Any, dim: Any, keepdim: bool, interpolation: str, nan: bool) -> Any:
    if interpolation not in _INTERPOLATIONS:
        raise RuntimeError(f"quantile() interpolation must be one of {', '.join(_INTERPOLATIONS)}, but got {interpolation}")
    q = q if is_tensor(q) else dl.full((), float(q), dtype=input.dtype, device=input.device)
    rank = input.ndim
    if dim is None:
        x = dl.reshape(input, (-1,))
    else:
        x = dl.moveaxis(input, dim, -1) if rank else dl.reshape(input, (1,))
    flat_q = dl.reshape(q, (-1,))
    order = dl.take_along_axis(x, dl.argsort(x, axis=-1), axis=-1)
    missing = dl.count_nonzero(dl.isnan(x), axis=-1, keepdims=True)
    last = (x.shape[-1] - 1 - (missing if nan else 0 * missing))
    place = flat_q * dl.astype(last, input.dtype)
    floor, ceil = (dl.clip(dl.astype(f(place), "int64"), min=0) for f in (dl.floor, dl.ceil))
    below, above = (dl.take_along_axis(order, i, axis=-1) for i in (floor, ceil))
    if interpolation == "linear":
        found = below + (above - below) * (place - dl.floor(place))
    else:
        found = {
            "lower": below, "higher": above, "midpoint": below + (above - below) * 0.5,
            "nearest": dl.take_along_axis(order, dl.clip(dl.astype(dl.round(place), "int64"), min=0), axis=-1),
        }[interpolation]  # fmt: skip
    if not nan:
        found = dl.where(missing > 0, math.nan, found)
    if keepdim:
        ones = (1,) * rank if dim is None else None
        found = dl.reshape(found, (*ones, -1)) if ones is not None else dl.moveaxis(
            dl.expand_dims(found, axis=-2), -2, (dim % rank) if rank else 0) if rank else found  # fmt: skip
    found = dl.moveaxis(found, -1, 0)
    return found if q.ndim else found[0]


@define("quantile")
def quantile(input: Any, q: Any, dim: Any = None, keepdim: bool = False, *, interpolation: str = "linear") -> Any:
    return _quantile(input, q, dim, keepdim, interpolation, False)


@define("nanquantile")
def _nanquantile(input: Any, q: Any, dim: Any = None, keepdim: bool = False, *, interpolation: str = "linear") -> Any:
    return _quantile(input, q, dim, keepdim, interpolation, True)


METHODS["quantile"] = METHODS["quantile"]
_ = (builtins, clamp, refuse)
