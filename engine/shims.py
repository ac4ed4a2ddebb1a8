"""The few functions that op texts need and the array API standard lacks, one per array library, with a generic slow body.

scatter_add(x, indices, updates): x with updates added to its rows at indices; repeated indices add up, in order.
get_at(x, key): x[key]. set_at(x, value, key): a copy of x with value written at key. Any index: the standard has few.
put_at(gy, key, shape): zeros of a shape with gy added at key, any index; an element named twice receives both.
erf(x), erfc(x): the error function, and 1 minus it.
to_device(x, device): x on "cpu" or "cuda:N".
floor_divide, remainder: NumPy's, but integers divided by 0 raise.
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

from . import sums
from .errors import DivisionByZero

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
    parts = key if isinstance(key, tuple) else (key,)
    return all(isinstance(k, (int, slice, type(None), type(...))) for k in parts)


def _generic_put_at(xp: Any, gy: Array, *, key: Any, shape: tuple[int, ...]) -> Array:
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
    out = np.zeros(shape, gy.dtype)
    if _basic(key):
        out[key] = gy
    else:
        places = np.arange(out.size).reshape(shape)[key].reshape(-1)
        dtype = _summing(gy.dtype, np.bincount(places))
        wide = out.astype(dtype, copy=False)
        np.add.at(wide.reshape(-1), places, gy.astype(dtype, copy=False).reshape(-1))
        out = wide.astype(gy.dtype, copy=False)
    return out


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


def _library(name: str) -> Callable[..., Array]:
    """A function of the array API's NumPy namespace, imported when it is first called."""
    found: list[Callable[..., Array]] = []

    def function(x: Array, /, **options: Any) -> Array:
        if not found:
            found.append(getattr(import_module("array_api_compat.numpy"), name))
        return found[0](x, **options)

    return function


_plain = {name: _library(name) for name in ("sum", "mean", "var", "std", "cumulative_sum", "cumulative_prod")}


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


def _numpy_round(x: Array) -> Array:
    """NumPy 2.0 gives back integers as they are, in the same memory; a result must have its own."""
    rounded = np.round(x)
    return rounded.copy() if rounded is x else rounded


def _divided(name: str) -> Callable[..., Array]:
    """A division that gives integers for integers: NumPy says 0 for a division by 0, which is no answer."""
    ufunc = getattr(np, name)

    def divide(x1: Any, x2: Any, /) -> Array:
        y = ufunc(x1, x2)
        if y.dtype.kind in "iu" and not np.all(x2):
            raise DivisionByZero(f"{name}: an integer divided by 0 has no value; divide floats, or replace 0 with where")
        return y

    return divide


def _halves(function: Callable[..., Array]) -> Callable[..., Array]:
    """A NumPy reduction that keeps its running totals of 16-bit floats in float32: in float16, 2048 + 1 is 2048."""

    def reduction(x: Array, /, **options: Any) -> Array:
        if x.dtype.itemsize != 2 or x.dtype.kind not in "fV" or _another(options.get("dtype"), x):
            return function(x, **options)
        options.pop("dtype", None)
        return function(x.astype(np.float32), **options).astype(x.dtype)

    return reduction


def _cupy_scatter_add(x: Array, indices: Array, updates: Array) -> Array:
    import cupy
    import cupyx

    out = cupy.array(x)
    cupyx.scatter_add(out, indices, updates)
    return out


def _cupy_put_at(gy: Array, *, key: Any, shape: tuple[int, ...]) -> Array:
    import cupy
    import cupyx

    out = cupy.zeros(shape, gy.dtype)
    if _basic(key):
        out[key] = gy
    else:
        cupyx.scatter_add(out, key, gy)
    return out


def _cupy_special(name: str) -> Callable[..., Array]:
    return lambda x: getattr(import_module("cupyx.scipy.special"), name)(x)


def _to_device(x: Array, device: str) -> Array:
    kind, _, number = device.partition(":")
    if kind == "cpu":
        return x.get() if hasattr(x, "get") else x
    import cupy

    cupy.cuda.Device(int(number or 0)).use()  # what follows works on the result
    return cupy.asarray(x)


def _generic_to_device(xp: Any, x: Array, device: str) -> Array:
    return _to_device(x, device)


Shims = dict[str, Callable[..., Array]]

GENERIC: Shims = {
    "scatter_add": _generic_scatter_add,
    "get_at": _generic_get_at,
    "set_at": _generic_set_at,
    "put_at": _generic_put_at,
    "erf": _generic(math.erf),
    "erfc": _generic(math.erfc),
    "to_device": _generic_to_device,
}
NUMPY: Shims = {
    "round": _numpy_round,
    "scatter_add": _numpy_scatter_add,
    "get_at": getitem,
    "set_at": _set_at,
    "put_at": _numpy_put_at,
    "erf": _numpy_special("erf"),
    "erfc": _numpy_special("erfc"),
    "to_device": _to_device,
    "floor_divide": _divided("floor_divide"),
    "remainder": _divided("remainder"),
    "sum": _halves(_exact_sum),
    "mean": _halves(_exact_mean),
    "var": _halves(_exact_var),
    "std": _halves(_exact_std),
    "prod": _halves(_library("prod")),
    "cumulative_sum": _halves(_running("cumulative_sum")),
    "cumulative_prod": _halves(_running("cumulative_prod")),
}
CUPY: Shims = {
    "scatter_add": _cupy_scatter_add,
    "get_at": getitem,
    "set_at": _set_at,
    "put_at": _cupy_put_at,
    "erf": _cupy_special("erf"),
    "erfc": _cupy_special("erfc"),
    "to_device": _to_device,
}
