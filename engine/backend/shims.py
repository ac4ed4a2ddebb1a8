"""The few functions that op texts need and the array API standard lacks, one per array library, with a generic slow body.

scatter_add(x, indices, updates): x with updates added to its rows at indices; repeated indices add up, in order.
get_at(x, key): x[key]. set_at(x, value, key): a copy of x with value written at key. Any index: the standard has few.
put_at(gy, key, shape): zeros of a shape with gy added at key, any index; an element named twice receives both.
erf(x), erfc(x): the error function, and 1 minus it.
to_device(x, device): x on "cpu" or "cuda:N".
in_range(a, size): whether all integers of an array lie in 0 ... size - 1.
fmod(x1, x2): C's remainder, NumPy's function.
floor_divide, fmod, remainder: integers divided by 0 raise.
euclidean(x, axis): the root of the sum of squares of real numbers over axes, which are kept; no square overflows or vanishes.
all_finite(x): whether no element is infinite or NaN.
all_positive(x): whether all elements are above 0; NaN is not.
sum, mean, var, std, cumulative_sum ...: NumPy's, but exact along every axis (see sums.py), and with totals of 16-bit floats
in float32, which NumPy would round at every step.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib import import_module
from operator import getitem
from typing import Any

import numpy as np

from dlengine.kernels.ranges import FEW, in_range, places_of
from dlengine.kernels.totals import fits, taken

from ..errors import DivisionByZero
from . import device_scatter, plain, sums, transforms

Array = Any


def _generic_scatter_add(xp: Any, x: Array, indices: Array, updates: Array) -> Array:
    out = xp.asarray(x, copy=True)
    rows = xp.reshape(updates, (-1, *x.shape[1:]))
    for i, row in enumerate(xp.reshape(indices, (-1,))):
        k = int(row)
        out[k, ...] = out[k, ...] + rows[i, ...]
    return out


def _basic(key: Any) -> bool:
    """Whether an index names each element at most once: integers, slices, None, Ellipsis only."""
    return {*map(type, key if isinstance(key, tuple) else (key,))} <= _BASIC


_BASIC = {int, bool, slice, type(None), type(...)}


def _generic_put_at(xp: Any, gy: Array, *, key: Any, shape: tuple[int, ...]) -> Array:
    if type(key) is tuple and {*map(type, key)} == {slice}:
        out = xp.zeros(shape, dtype=gy.dtype)
        out[(*key, ...)] = gy
        return out
    size = math.prod(shape)
    places = xp.asarray(np.arange(size).reshape(shape)[_host(key)])
    return xp.reshape(xp.scatter_add(xp.zeros(size, dtype=gy.dtype), places, gy), shape)


def _host(key: Any) -> Any:
    """An index with its arrays as NumPy arrays."""
    parts = key if isinstance(key, tuple) else (key,)
    return tuple(np.asarray(k) if hasattr(k, "__dlpack__") else k for k in parts)


def _generic_get_at(xp: Any, x: Array, key: Any) -> Array:
    places = np.arange(math.prod(x.shape)).reshape(x.shape)[_host(key)]
    return xp.reshape(xp.take(xp.reshape(x, (-1,)), xp.asarray(places.reshape(-1)), axis=0), places.shape)


def _generic_set_at(xp: Any, x: Array, value: Any, *, key: Any) -> Array:
    out = np.array(x)
    out[_host(key)] = np.asarray(value)
    return xp.asarray(out)


def _generic(function: Callable[[float], float]) -> Callable[..., Array]:
    """A function of Python's math, number by number."""

    def apply(xp: Any, x: Array) -> Array:
        flat = [function(float(v)) for v in xp.reshape(x, (-1,))]
        return xp.reshape(xp.asarray(flat, dtype=x.dtype), x.shape)

    return apply


def _numpy_scatter_add(x: Array, indices: Array, updates: Array) -> Array:
    out = np.array(x, order="C")  # below, its elements are numbered in this order
    if updates.size == 0:
        return out
    rows, width = out.shape[0], out.size // max(out.shape[0], 1)
    flat = np.asarray(indices, np.intp).reshape(-1)
    if flat.min() < -rows or flat.max() >= rows:
        raise IndexError(f"scatter_add: indices must be in 0 ... {rows - 1}, got {flat.min()} ... {flat.max()}")
    flat = flat % rows
    times = np.bincount(flat, minlength=rows)
    dtype = _summing(out.dtype, times)
    touched = None
    wide = out
    if dtype != out.dtype:  # a table may be large and the rows few: only those are made wide
        touched = np.flatnonzero(times)
        wide, flat = out[touched].astype(dtype), (np.cumsum(times > 0) - 1)[flat]
    # one index per element: np.add.at is six times slower where an index names a row
    places = flat[:, None] * width + np.arange(width)
    np.add.at(wide.reshape(-1), places.reshape(-1), np.asarray(updates, dtype).reshape(-1))
    if touched is not None:
        out[touched] = wide.astype(out.dtype)
    return out


def _set_at(x: Array, value: Any, *, key: Any) -> Array:
    out = x.copy()
    out[key] = value
    return out


def _numpy_put_at(gy: Array, *, key: Any, shape: tuple[int, ...]) -> Array:
    basic = _basic(key)
    totals = taken("put_at").totals
    if totals and basic and fits(totals[0], shape, gy):
        total: Any = totals[0]
        total[key] += gy
        return total
    out = np.zeros(shape, gy.dtype)
    if basic:
        out[key] = gy
    else:
        found = places_of(key, shape)
        places = (np.arange(out.size).reshape(shape)[key] if found is None else found).reshape(-1)
        times = np.bincount(places) if places.size > sums.BLOCK or gy.dtype.itemsize == 2 else _ONCE
        dtype = _summing(gy.dtype, times)
        wide = out.astype(dtype, copy=False)
        np.add.at(wide.reshape(-1), places, gy.astype(dtype, copy=False).reshape(-1))
        out = wide.astype(gy.dtype, copy=False)
    return out


_ONCE = np.ones(1, np.int64)


def _summing(dtype: Any, times: Array) -> Any:
    """The dtype in which numbers add up at places that occur so many times: they are added one after the other, and in
    float32 a sum of 200,000 would be wrong in the fifth digit.
    """
    if dtype.itemsize == 2 and dtype.kind in "fV":
        return np.dtype(np.float32)
    return _WIDER.get(dtype, dtype) if times.max(initial=0) > sums.BLOCK else dtype


def _numpy_special(name: str) -> Callable[..., Array]:
    """A function of SciPy, imported when it is first called."""
    found: list[Callable[..., Array]] = []

    def apply(x: Array) -> Array:
        if not found:
            try:
                found.append(getattr(import_module("scipy.special"), name))
            except ImportError:  # NumPy alone is a complete engine, if a slow one here
                found.append(np.vectorize(getattr(math, name), otypes=[np.float64]))
        return np.asarray(found[0](x)).astype(x.dtype, copy=False)  # SciPy has none for float16

    return apply


_plain = {name: plain.library(name) for name in ("sum", "mean", "var", "std", "cumulative_sum", "cumulative_prod")}


def _exact_sum(x: Array, /, *, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Array:
    y = sums.sum_of(x, axis, keepdims) if x.size > sums.SMALL and not _another(dtype, x) else None
    return _plain["sum"](x, axis=axis, dtype=dtype, keepdims=keepdims) if y is None else y


def _exact_mean(x: Array, /, *, axis: Any = None, keepdims: bool = False) -> Array:
    y = sums.mean_of(x, axis, keepdims) if x.size > sums.SMALL else None
    return _plain["mean"](x, axis=axis, keepdims=keepdims) if y is None else y


def _exact_var(x: Array, /, *, axis: Any = None, correction: float = 0.0, keepdims: bool = False) -> Array:
    y = sums.variance_of(x, axis, correction, keepdims) if x.size > sums.SMALL else None
    return _plain["var"](x, axis=axis, correction=correction, keepdims=keepdims) if y is None else y


def _exact_std(x: Array, /, *, axis: Any = None, correction: float = 0.0, keepdims: bool = False) -> Array:
    y = sums.variance_of(x, axis, correction, keepdims) if x.size > sums.SMALL else None
    return _plain["std"](x, axis=axis, correction=correction, keepdims=keepdims) if y is None else np.sqrt(y)


def _another(dtype: Any, x: Array) -> bool:
    """Whether a dtype is asked for that x does not have; float64 equals None, says NumPy, so `in (None, ...)` would not do."""
    return dtype is not None and bool(dtype != x.dtype)


_WIDER = {np.dtype("float32"): np.dtype("float64"), np.dtype("complex64"): np.dtype("complex128")}


def _running(name: str) -> Callable[..., Array]:
    """A running sum or product: its steps follow one another, so single precision is carried in double, as in PyTorch."""
    plain = _plain[name]

    def running(x: Array, /, **options: Any) -> Array:
        if x.dtype not in _WIDER or _another(options.get("dtype"), x) or x.size <= sums.BLOCK:
            return plain(x, **options)
        return plain(x, **{**options, "dtype": _WIDER[x.dtype]}).astype(x.dtype)

    return running


def _divided(name: str) -> Callable[..., Array]:
    """A division that gives integers for integers: NumPy says 0 for a division by 0, which is no answer."""
    ufunc = getattr(np, name)

    def divide(x1: Any, x2: Any, /) -> Array:
        y = ufunc(x1, x2)
        if y.dtype.kind in "iu" and y.size and not np.all(x2):
            raise DivisionByZero(f"{name}: an integer divided by 0 has no value; divide floats, or replace 0 with where")
        return y

    return divide


def _halves(function: Callable[..., Array]) -> Callable[..., Array]:
    """A reduction that keeps its running totals of 16-bit floats in float32: in float16, 2048 + 1 is 2048."""

    def reduction(x: Array, /, **options: Any) -> Array:
        if x.dtype.itemsize != 2 or x.dtype.kind not in "fV" or _another(options.get("dtype"), x):
            return function(x, **options)
        options.pop("dtype", None)
        return function(x.astype(np.float32), **options).astype(x.dtype)

    return reduction


_all_sums, _all_means = _halves(_exact_sum), _halves(_exact_mean)
_add: Any = np.add.reduce
_SINGLE, _DOUBLE = np.dtype(np.float32), np.dtype(np.float64)


def _small_sum(x: Array, /, *, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Array:
    """sum, with the call of few floats first: it takes a third of the time that the general way does."""
    if dtype is None and x.size <= sums.SMALL and (x.dtype is _SINGLE or x.dtype is _DOUBLE):
        return _add(x, axis, None, None, keepdims)
    return _all_sums(x, axis=axis, dtype=dtype, keepdims=keepdims)


def _small_mean(x: Array, /, *, axis: Any = None, keepdims: bool = False) -> Array:
    """mean, likewise."""
    if 0 < x.size <= sums.SMALL and (x.dtype is _SINGLE or x.dtype is _DOUBLE):
        y = _add(x, axis, None, None, keepdims)
        return y / (x.size // y.size)
    return _all_means(x, axis=axis, keepdims=keepdims)


def _cupy_special(name: str) -> Callable[..., Array]:
    return lambda x: getattr(import_module("cupyx.scipy.special"), name)(x)


def _to_device(x: Array, device: str) -> Array:
    kind, _, number = device.partition(":")
    if kind == "cpu":
        return x.get() if hasattr(x, "get") else x
    import cupy

    cupy.cuda.Device(int(number or 0)).use()  # what follows works on the result
    return cupy.asarray(x)


_SAFE = {_SINGLE: (2.0**-100, 2.0**100), _DOUBLE: (2.0**-800, 2.0**800)}
"""Between which the squares of the largest numbers must lie for Euclidean norms to need no unit."""


def euclidean(xp: Any, x: Array, *, axis: Any = None) -> Array:
    """The Euclidean norm over axes, which are kept: scaled by powers of 2, which are exact, only where squares would leave the
    range."""
    if 0 in x.shape:
        return xp.sum(x, axis=axis, keepdims=True)
    if type(x) is np.ndarray and x.size <= sums.SMALL and x.dtype in _SAFE:
        y = xp.sum(x * x, axis=axis, keepdims=True)
        least, most = _SAFE[x.dtype]
        least *= x.size
        if all([least <= v <= most for v in y.ravel().tolist()]) if y.size <= FEW else least <= y.min() and y.max() <= most:
            return np.sqrt(y)  # the unit below is 1 everywhere
    size = xp.abs(x)
    top = xp.max(size, axis=axis, keepdims=True)
    far, near = (2.0**800, 2.0**400) if size.dtype == xp.float64 else (2.0**96, 2.0**50)
    unit = xp.where(top > near, far, xp.where(top < 1 / near, 1 / far, xp.ones_like(top)))
    part = size / unit
    total = xp.sum(part * part, axis=axis, keepdims=True)
    none = total == 0  # where the root has no derivative: read with tensors, this line is differentiated
    return unit * xp.where(none, 0, xp.sqrt(xp.where(none, 1, total)))


def _generic_to_device(xp: Any, x: Array, device: str) -> Array:
    return _to_device(x, device)


def _generic_in_range(xp: Any, a: Array, size: int) -> bool:
    return not a.size or (int(xp.min(a)) >= 0 and int(xp.max(a)) < size)


def _numpy_all_positive(x: Array) -> bool:
    return not x.size or bool(x.item(x.argmin()) > 0)  # argmin finds a NaN, if there is one


def _generic_fmod(xp: Any, x1: Any, x2: Any, /) -> Array:
    return xp.asarray(np.asarray(_divided("fmod")(*[np.asarray(x) if hasattr(x, "dtype") else x for x in (x1, x2)])))


Shims = dict[str, Any]

GENERIC: Shims = {
    "scatter_add": _generic_scatter_add,
    "get_at": _generic_get_at,
    "set_at": _generic_set_at,
    "put_at": _generic_put_at,
    "erf": _generic(math.erf),
    "erfc": _generic(math.erfc),
    "fmod": _generic_fmod,
    "to_device": _generic_to_device,
    "euclidean": euclidean,
    "all_finite": lambda xp, x: xp.all(xp.isfinite(x)),
    "all_positive": lambda xp, x: bool(xp.all(x > 0)),
    "in_range": _generic_in_range,
}
NUMPY: Shims = {
    "round": plain.round,
    "roll": plain.roll,
    "positive": plain.positive,
    "broadcast_to": plain.broadcast_to,
    "scatter_add": _numpy_scatter_add,
    "get_at": getitem,
    "set_at": _set_at,
    "put_at": _numpy_put_at,
    "erf": _numpy_special("erf"),
    "erfc": _numpy_special("erfc"),
    "to_device": _to_device,
    "in_range": in_range,
    "all_finite": lambda x, **options: np.all(np.isfinite(x)),
    "all_positive": _numpy_all_positive,
    "floor_divide": _divided("floor_divide"),
    "remainder": _divided("remainder"),
    "fmod": _divided("fmod"),
    "max": plain.largest,
    "min": plain.smallest,
    "reshape": plain.reshape,
    "astype": plain.astype,
    "asarray": plain.asarray,
    "copy": np.ndarray.copy,
    "permute_dims": plain.permute_dims,
    "matrix_transpose": plain.matrix_transpose,
    "clip": plain.clip,
    "stack": plain.stack,
    "take": plain.take,
    "zeros": plain.zeros,
    "ones": plain.ones,
    "full": plain.full,
    "arange": plain.arange,
    "eye": plain.eye,
    "linspace": plain.linspace,
    "isdtype": plain.isdtype,
    "linalg": plain.LinearAlgebra(),
    "fft": transforms.Transforms(),
    "sum": _small_sum,
    "mean": _small_mean,
    "var": _halves(_exact_var),
    "std": _halves(_exact_std),
    "prod": _halves(plain.library("prod")),
    "cumulative_sum": _halves(_running("cumulative_sum")),
    "cumulative_prod": _halves(_running("cumulative_prod")),
}
CUPY: Shims = {
    "scatter_add": device_scatter.scatter_add,
    "get_at": getitem,
    "set_at": _set_at,
    "put_at": device_scatter.put_at,
    "erf": _cupy_special("erf"),
    "erfc": _cupy_special("erfc"),
    "to_device": _to_device,
    **{
        name: _halves(plain.library(name, "cupy"))
        for name in ("sum", "mean", "var", "std", "prod", "cumulative_sum", "cumulative_prod")
    },
}
