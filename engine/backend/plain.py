"""NumPy's functions under the standard's names and signatures, without the layers of Python around them.

np.max(x) of 16 elements takes 2.1 us, of which the reduction itself takes 0.9; the array API's namespace adds 0.6 us to a
reshape of 0.1. What such a function does not know, another dtype or layout, goes to the namespace's own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib import import_module
from operator import attrgetter
from typing import Any

import numpy as np

Array = Any

_REAL = (float, int)
_F4, _F8 = np.dtype(np.float32), np.dtype(np.float64)
_maximum: Any = np.maximum.reduce
_minimum: Any = np.minimum.reduce

FEW = 256
"""Elements of which NumPy finds the place of the largest faster than the largest itself: 0.2 us for 16, of 0.9."""


def library(name: str, of: str = "numpy") -> Callable[..., Array]:
    """A function of the array API's namespace of NumPy, or of another library, imported when it is first called."""
    found: list[Callable[..., Array]] = []

    def function(*args: Any, **options: Any) -> Array:
        if not found:
            found.append(getattr(import_module(f"array_api_compat.{of}"), name))
        return found[0](*args, **options)

    return function


_clip, _isdtype, _reshape = library("clip"), library("isdtype"), library("reshape")
_stack, _take, _zeros, _ones = library("stack"), library("take"), library("zeros"), library("ones")
_full, _arange, _eye, _linspace = library("full"), library("arange"), library("eye"), library("linspace")
_roll, _astype, _asarray = library("roll"), library("astype"), library("asarray")
_shapes = attrgetter("shape")


def largest(x: Array, /, *, axis: Any = None, keepdims: bool = False) -> Array:
    """max."""
    if axis is None and not keepdims and x.ndim == 1 and 0 < x.size <= FEW:
        return x[x.argmax()]  # a NaN counts as the largest there, too
    return _maximum(x, axis, None, None, keepdims)


def smallest(x: Array, /, *, axis: Any = None, keepdims: bool = False) -> Array:
    """min."""
    if axis is None and not keepdims and x.ndim == 1 and 0 < x.size <= FEW:
        return x[x.argmin()]
    return _minimum(x, axis, None, None, keepdims)


def reshape(x: Array, /, shape: tuple[int, ...], *, copy: bool | None = None) -> Array:
    """reshape."""
    return x.reshape(shape) if copy is None and type(x) is np.ndarray else _reshape(x, shape, copy=copy)


def astype(x: Array, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Array:
    """astype."""
    if device is None and type(x) is np.ndarray:
        return x.astype(dtype, copy=copy)
    return _astype(x, dtype, copy=copy, device=device)


def asarray(obj: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None, **options: Any) -> Array:
    """asarray, of an array that is copied or as it is."""
    if type(obj) is np.ndarray and dtype is None and device is None and not options and copy is not False:
        return np.array(obj) if copy else obj
    return _asarray(obj, dtype=dtype, device=device, copy=copy, **options)


def permute_dims(x: Array, /, axes: tuple[int, ...]) -> Array:
    """permute_dims."""
    return np.asarray(x).transpose(axes)


def matrix_transpose(x: Array, /) -> Array:
    """matrix_transpose."""
    return np.asarray(x).swapaxes(-1, -2)


def zeros(shape: Any, *, dtype: Any = None, device: Any = None) -> Array:
    """zeros."""
    return np.zeros(shape, dtype) if type(dtype) in _DTYPES and device is None else _zeros(shape, dtype=dtype, device=device)


def ones(shape: Any, *, dtype: Any = None, device: Any = None) -> Array:
    """ones."""
    if type(dtype) not in _DTYPES or device is not None:
        return _ones(shape, dtype=dtype, device=device)
    return _filled(np.empty(shape, dtype), 1)


def full(shape: Any, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Array:
    """full."""
    if (dtype is not _F4 and dtype is not _F8) or device is not None or type(fill_value) not in _REAL:
        return _full(shape, fill_value, dtype=dtype, device=device)
    return _filled(np.empty(shape, dtype), fill_value)


LONG, BLOCK = 16_384, 2048
"""Elements from which on it is faster to write a block and copy it; and those of the block, which stays in the nearest cache."""


def _filled(y: Array, number: Any) -> Array:
    """A new array of one number: 131,072 float32 in 7.5 us, by fill in 9.5."""
    if y.size < LONG:
        y.fill(number)
        return y
    line = y.reshape(-1)
    whole = line.size // BLOCK * BLOCK
    line[:BLOCK].fill(number)
    line[BLOCK:whole].reshape(-1, BLOCK)[...] = line[:BLOCK]
    line[whole:].fill(number)
    return y


EXACT = {_F4: 1 << 24, _F8: 1 << 53}
"""Up to where floats hold every integer."""


def _counted(start: int, count: int, dtype: Any) -> Array:
    """start, start + 1, ... as floats that hold them: rows of a first number and what is added, in half the time of np.arange."""
    numbers: Any = np.arange  # whose types ask for every argument by name
    y: Array = np.add(numbers(start, start + count, 512, dtype)[:, None], numbers(512, dtype=dtype)).reshape(-1)
    return y[:count]


def arange(start: Any, /, stop: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None) -> Array:
    """arange."""
    if type(dtype) in _DTYPES and device is None:
        first, end = (0, start) if stop is None else (start, stop)
        exact = EXACT.get(dtype, 0)
        whole = type(first) is type(end) is type(step) is int and step == 1
        if whole and end - first >= LONG and max(abs(first), abs(end)) + 512 < exact:
            return _counted(first, end - first, dtype)
        plain: Any = np.arange  # whose types ask for every argument by name
        return plain(first, end, step, dtype)
    return _arange(start, stop, step, dtype=dtype, device=device)


def eye(n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: Any = None, device: Any = None) -> Array:
    """eye."""
    if type(dtype) in _DTYPES and device is None:
        if type(n_rows) is type(k) is int and n_rows > 0 and n_cols is None and dtype is not None:
            y = np.zeros((n_rows, n_rows), dtype)
            if abs(k) < n_rows:
                y[max(0, -k) : n_rows - max(0, k)].reshape(-1)[max(0, k) :: n_rows + 1] = 1
            return y
        return np.eye(n_rows, n_cols, k, dtype)
    return _eye(n_rows, n_cols, k=k, dtype=dtype, device=device)


def linspace(start: Any, stop: Any, /, num: int, *, dtype: Any = None, device: Any = None, endpoint: bool = True) -> Array:
    """linspace: the steps that NumPy takes for two numbers, without its layers for arrays of them."""
    real = type(start) in _REAL and type(stop) in _REAL and device is None and (dtype is _F4 or dtype is _F8)
    if real and endpoint and type(num) is int and num > 1:
        first, last = float(start), float(stop)
        step = (last - first) / (num - 1)
        if step and math.isfinite(step):
            y = np.arange(num, dtype=_F8) if num < LONG else _counted(0, num, _F8)
            y *= step
            if first or step < 0:  # +0 changes -0 alone
                y += first
            y[-1] = last
            return y if dtype is _F8 else y.astype(dtype)
    return _linspace(start, stop, num, dtype=dtype, device=device, endpoint=endpoint)


def round(x: Array, /) -> Array:  # the standard's name
    """round: to even; a result has its own memory, and NumPy 2.0 gives back integers as they are."""
    if x.dtype.kind == "f":
        return np.rint(x)
    y = np.round(x)
    return y.copy() if y is x else y


def positive(x: Array, /) -> Array:
    """positive: a copy in the layout of x; NumPy's own takes three times as long."""
    return x.copy("K") if type(x) is np.ndarray and x.dtype.kind in "fiuc" else np.positive(x)


def broadcast_to(x: Array, /, shape: Any) -> Array:
    """broadcast_to: a view that cannot be written to; NumPy's own goes through an iterator, which takes twice the time."""
    shape = tuple(shape) if type(shape) is list else shape
    if type(shape) is tuple and type(x) is np.ndarray and x.flags.c_contiguous and x.size:
        own = x.shape
        ahead = len(shape) - len(own)
        pairs = zip(own, shape[max(ahead, 0) :], x.strides, strict=False)  # of one length where there is an answer
        strides: list[Any] = [step if n == wanted else 0 if n == 1 else None for n, wanted, step in pairs]
        if ahead >= 0 and None not in strides:
            y: Array = np.ndarray(shape, x.dtype, x, 0, [0] * ahead + strides)
            y.flags.writeable = False
            return y
    return np.broadcast_to(x, shape)


def roll(x: Array, /, shift: Any, *, axis: Any = None) -> Array:
    """roll: both parts in one go."""
    if type(axis) is tuple and type(shift) is tuple and len(axis) == len(shift) == 1:
        (axis,), (shift,) = axis, shift
    if type(shift) is not int or type(x) is not np.ndarray or not x.size:
        return _roll(x, shift, axis=axis)
    if axis is None:
        line = x.reshape(-1)
        cut = -shift % line.size
        return np.concatenate((line[cut:], line[:cut])).reshape(x.shape)
    if type(axis) is not int or not -x.ndim <= axis < x.ndim:
        return _roll(x, shift, axis=axis)
    at, cut = axis % x.ndim, -shift % x.shape[axis]
    before = (slice(None),) * at
    return np.concatenate((x[(*before, slice(cut, None))], x[(*before, slice(None, cut))]), at)


def take(x: Array, indices: Array, /, *, axis: int | None = None) -> Array:
    """take."""
    return x.take(indices, axis) if type(x) is type(indices) is np.ndarray else _take(x, indices, axis=axis)


def isdtype(dtype: Any, kind: Any) -> bool:
    """isdtype, whose commonest questions are about one letter."""
    letters = _KINDS.get(kind) if type(kind) is str and type(dtype) in _DTYPES else None
    return _isdtype(dtype, kind) if letters is None else dtype.kind in letters


_KINDS = {"integral": "iu", "signed integer": "i", "unsigned integer": "u", "bool": "b", "complex floating": "c"}
_DTYPES = frozenset(type(np.dtype(name)) for name in ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32",
                                                      "uint64", "float16", "float32", "float64", "complex64", "complex128"))


class LinearAlgebra:
    """linalg: the array API's, and the diagonal without layers around it. Functions are looked up when first called."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        function = getattr(import_module("array_api_compat.numpy").linalg, name)
        self.__dict__[name] = function
        return function

    def diagonal(self, x: Array, /, *, offset: int = 0) -> Array:
        """diagonal."""
        return x.diagonal(offset, -2, -1)


def clip(x: Array, /, min: Any = None, max: Any = None) -> Array:  # the standard's names
    """clip: NaN where the element or a bound is NaN."""
    dtype = x.dtype
    if (dtype is not _F4 and dtype is not _F8) or not (_beside(min, dtype) and _beside(max, dtype)):
        return _clip(x, min, max)
    y = x if min is None else np.maximum(x, min)
    return np.minimum(y, max) if max is not None else x.copy() if y is x else y


def _beside(bound: Any, dtype: Any) -> bool:
    """Whether a bound leaves floats in their dtype."""
    return bound is None or type(bound) is float or type(bound) is int or (type(bound) is np.ndarray and bound.dtype is dtype)


def stack(arrays: Any, /, *, axis: int = 0) -> Array:
    """stack: joined along a new first axis, or along one that is there, which is then cut into the new one and itself."""
    first, n = arrays[0], len(arrays)
    if axis == 0 and type(first) is np.ndarray:
        return np.concatenate([a[None] for a in arrays])
    shape = first.shape
    rank = len(shape)
    at = axis if axis >= 0 else axis + rank + 1
    if not (0 <= at < rank and type(first) is np.ndarray and [*map(_shapes, arrays)].count(shape) == n):
        return _stack(arrays, axis=axis)
    return np.concatenate(arrays, at).reshape(shape[:at] + (n,) + shape[at:])
