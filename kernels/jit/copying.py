"""What a namespace has in place of NumPy's functions that copy or fill: machine code for large arrays (generated/copies.py).

Each function takes the calls of one in the array API's signature; what is small, or of another kind, goes to NumPy's function.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cache, lru_cache
from itertools import accumulate
from math import isfinite, prod
from operator import mul
from typing import Any

import numpy as np

from ..generated.expression import argument, cast
from ..types import Array
from .generated.copies import assemble, assign, copied, in_order, joined, rolled, shared, write
from .generated.kernel import Kernel
from .machine.compile import LARGE, is_interpreted

_ND = np.ndarray
_SINGLE, _DOUBLE = np.dtype(np.float32), np.dtype(np.float64)
_FROM = frozenset(("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64"))

_SHAPES, _NUMBERS = (tuple, list), (float, int)

Function = Callable[..., Any]
Launched = Callable[[], None]

CLEARED, MOST = 1 << 20, 1 << 22
"""Bytes up to which the C library clears memory as fast as two threads, and beyond which zeros may be memory that the system has
just cleared, which costs nothing more."""

PIECE = 1 << 15
"""Bytes that arrays to be joined must have on average, and the first one, for threads to pay."""


def _asarray(fallback: Function, launched: Launched) -> Function:
    def asarray(obj: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None, **options: Any) -> Array:
        if copy and type(obj) is _ND and obj.nbytes >= LARGE and dtype is None and device is None:
            y = copied(obj)
            if y is not None:
                launched()
                return y
        return fallback(obj, dtype=dtype, device=device, copy=copy, **options)

    return asarray


def _copy(fallback: Function, launched: Launched) -> Function:
    """In the order of the axes."""

    def copy(x: Array, /) -> Array:
        if type(x) is _ND and x.nbytes >= LARGE and (not x.flags.c_contiguous or shared(x.nbytes)):
            y = in_order(x)
            if y is not None:
                launched()
                return y
        return fallback(x)

    return copy


def _set_at(fallback: Function, launched: Launched) -> Function:
    def set_at(x: Array, value: Any, *, key: Any) -> Array:
        y = in_order(x) if type(x) is _ND and shared(x.nbytes) else None
        if y is None:
            return fallback(x, value, key=key)
        y[key] = value
        launched()
        return y

    return set_at


def _positive(fallback: Function, launched: Launched) -> Function:
    def positive(x: Array, /) -> Array:
        y = copied(x) if type(x) is _ND and x.nbytes >= LARGE and x.dtype.kind in "fiuc" else None
        if y is None:
            return fallback(x)
        launched()
        return y

    return positive


def _astype(fallback: Function, launched: Launched) -> Function:
    def astype(x: Array, dtype: Any, /, *, copy: bool = True, **options: Any) -> Array:
        if type(x) is _ND and x.nbytes >= LARGE and not options.get("device"):
            own = x.dtype
            y = (copied(x) if copy else None) if dtype is own else _converted(x, own, dtype)
            if y is not None:
                launched()
                return y
        return fallback(x, dtype, copy=copy, **options)

    return astype


def _converted(x: Array, own: Any, dtype: Any) -> Array | None:
    """Numbers as floats, each rounded once; None for other conversions."""
    if (dtype is not _SINGLE and dtype is not _DOUBLE) or not x.flags.c_contiguous or is_interpreted() or not shared(x.nbytes):
        return None
    kernel = _conversion(own, dtype)
    return None if kernel is None else kernel(x)


@cache
def _conversion(own: Any, dtype: Any) -> Kernel | None:
    if own.name not in _FROM or not own.isnative or own == dtype:
        return None
    return Kernel("generated:astype", cast(argument(0, own), dtype), Counter(), by_numpy=True)


def _reshape(fallback: Function, launched: Launched) -> Function:
    def reshape(x: Array, /, shape: Any, *, copy: bool | None = None) -> Array:
        if type(x) is not _ND or copy is not None:
            return fallback(x, shape, copy=copy)
        if x.nbytes >= LARGE and type(shape) is tuple and not x.flags.c_contiguous and not _is_view(x.shape, x.strides, shape):
            y = in_order(x)
            if y is not None:
                launched()
                return y.reshape(shape)
        return x.reshape(shape)

    return reshape


@lru_cache(maxsize=1024)
def _is_view(own: tuple[int, ...], strides: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether the elements in another shape can be shown where they lie: no axis of it crosses a border of stretches that go on
    with one step."""
    known = prod(shape)
    sizes = [n if n >= 0 else prod(own) // -known for n in shape] if known else shape
    borders, done, last = set(), 1, None
    for n, step in zip(own, strides, strict=True):
        if n > 1:
            if last is not None and last != n * step:
                borders.add(done)
            done, last = done * n, step
    return borders <= set(accumulate(sizes, mul))


def _filling(number: int) -> Callable[[Function, Launched], Function]:
    """zeros and ones."""

    def make(fallback: Function, launched: Launched) -> Function:
        def filled(shape: Any, *, dtype: Any = None, device: Any = None) -> Array:
            if type(shape) in _SHAPES and (dtype is _SINGLE or dtype is _DOUBLE) and device is None:
                size = prod(shape) * dtype.itemsize
                if LARGE <= size and (number or (CLEARED <= size <= MOST and shared(size))):
                    y = np.empty(shape, dtype)
                    if assign(y, _number(number, dtype)):
                        launched()
                        return y
            return fallback(shape, dtype=dtype, device=device)

        return filled

    return make


@cache
def _number(number: Any, dtype: Any) -> Array:
    y = np.array(number, dtype)
    y.flags.writeable = False
    return y


def _full(fallback: Function, launched: Launched) -> Function:
    def full(shape: Any, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Array:
        if type(shape) in _SHAPES and (dtype is _SINGLE or dtype is _DOUBLE) and type(fill_value) in _NUMBERS and device is None:
            if prod(shape) * dtype.itemsize >= LARGE:
                y = np.empty(shape, dtype)
                if assign(y, np.array(fill_value, dtype)):
                    launched()
                    return y
        return fallback(shape, fill_value, dtype=dtype, device=device)

    return full


def _layouts(arrays: Any) -> tuple[Any, ...] | None:
    """The layouts of large arrays of one dtype that are to be joined; None for others."""
    if type(arrays) not in _SHAPES or not arrays or type(arrays[0]) is not _ND or arrays[0].nbytes < PIECE:
        return None
    dtype, size = arrays[0].dtype, 0
    for a in arrays:
        if type(a) is not _ND or a.dtype is not dtype:
            return None
        size += a.nbytes
    return tuple([(a.shape, a.strides) for a in arrays]) if size >= PIECE * len(arrays) and shared(size) else None


def _joining(new: bool) -> Callable[[Function, Launched], Function]:
    """concat and stack."""

    def make(fallback: Function, launched: Launched) -> Function:
        def join(arrays: Any, /, *, axis: Any = 0) -> Array:
            layouts = _layouts(arrays) if type(axis) is int else None
            if layouts is not None:
                dtype = arrays[0].dtype
                pieces = joined(layouts, axis if axis >= 0 else axis + arrays[0].ndim + new, dtype.itemsize, new)
                y = None if pieces is None else assemble(pieces, dtype, arrays)
                if y is not None:
                    launched()
                    return y
            return fallback(arrays, axis=axis)

        return join

    return make


def _roll(fallback: Function, launched: Launched) -> Function:
    def roll(x: Array, /, shift: Any, *, axis: Any = None) -> Array:
        if type(x) is _ND and x.size and shared(x.nbytes):
            if axis is None and type(shift) is int:
                line = x.reshape(-1)
                y = _rolled(line, ((0, shift),))
                y = y if y is None else y.reshape(x.shape)
            else:
                shifts: Any = shift if type(shift) is tuple else (shift,)
                axes: Any = axis if type(axis) is tuple else (axis,)
                whole = len(shifts) == len(axes) and {*map(type, (*shifts, *axes))} == {int}
                each = {a % x.ndim: by for a, by in zip(axes, shifts, strict=True) if -x.ndim <= a < x.ndim} if whole else {}
                y = _rolled(x, tuple(each.items())) if len(each) == len(axes) else None
            if y is not None:
                launched()
                return y
        return fallback(x, shift, axis=axis)

    return roll


def _rolled(x: Array, shifts: tuple[tuple[int, int], ...]) -> Array | None:
    pieces = rolled(x.shape, x.strides, shifts, x.itemsize)
    return None if pieces is None else assemble(pieces, x.dtype, [x] * len(pieces.words))


def _tile(fallback: Function, launched: Launched) -> Function:
    def tile(x: Array, repetitions: Any, /) -> Array:
        usual = type(x) is _ND and type(repetitions) is tuple and {*map(type, repetitions)} == {int}
        if usual and x.nbytes * prod(repetitions) >= LARGE and min(repetitions) > 0:
            rank = max(x.ndim, len(repetitions))
            sizes = (1,) * (rank - x.ndim) + x.shape
            times = (1,) * (rank - len(repetitions)) + repetitions
            y = np.empty([n for both in zip(times, sizes, strict=True) for n in both], x.dtype)
            write(y, x.reshape([n for size in sizes for n in (1, size)]))
            launched()
            return y.reshape([n * m for n, m in zip(times, sizes, strict=True)])
        return fallback(x, repetitions)

    return tile


_WIDE = 512
"""Elements of a row of what is counted."""

LONG = 1 << 14
"""Numbers from which on it pays to count by rows."""

_EXACT = {_SINGLE: 1 << 24, _DOUBLE: 1 << 53, np.dtype(np.int32): (1 << 31) - 1, np.dtype(np.int64): 1 << 62}
"""Up to where a dtype holds every integer, and a step beyond it, too."""


@cache
def _line(dtype: Any) -> Kernel:
    """(first of a row + place in it) step + start in float64, rounded to dtype."""
    row, place, step, start = [argument(i, _DOUBLE) for i in range(4)]
    return Kernel("generated:linspace", cast((row + place) * step + start, dtype), Counter())


@cache
def _sums(dtype: Any) -> Kernel:
    return Kernel("generated:arange", argument(0, dtype) + argument(1, dtype), Counter())


@lru_cache(maxsize=64)
def _counts(start: int, step: int, rows: int, dtype: Any) -> tuple[Array, Array]:
    """The first numbers of rows, and what is added to them along a row."""
    firsts = start + step * _WIDE * np.arange(rows)
    return firsts.astype(dtype)[:, None], (step * np.arange(_WIDE)).astype(dtype)[None]


def _arange(fallback: Function, launched: Launched) -> Function:
    def arange(start: Any, /, stop: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None) -> Array:
        if dtype in _EXACT and device is None and type(start) is int and type(step) is int and step:
            first, end = (0, start) if stop is None else (start, stop)
            count = -((first - end) // step) if type(end) is int else 0
            if count >= LONG and max(abs(first), abs(end)) + abs(step) * _WIDE <= _EXACT[dtype] and not is_interpreted():
                launched()
                y: Array = _sums(dtype)(*_counts(first, step, -(-count // _WIDE), dtype))
                return y.reshape(-1)[:count]
        return fallback(start, stop, step, dtype=dtype, device=device)

    return arange


def _linspace(fallback: Function, launched: Launched) -> Function:
    def linspace(start: Any, stop: Any, /, num: int, *, dtype: Any = None, device: Any = None, endpoint: bool = True) -> Array:
        real = (dtype is _SINGLE or dtype is _DOUBLE) and type(start) in _NUMBERS and type(stop) in _NUMBERS and device is None
        if real and type(num) is int and num >= LONG and not is_interpreted():
            first, last = float(start), float(stop)
            step = (last - first) / (num - 1 if endpoint else num)
            if step and isfinite(step):
                counts = _counts(0, 1, -(-num // _WIDE), _DOUBLE)
                y: Array = _line(dtype)(*counts, np.array([[step]]), np.array([[first]])).reshape(-1)[:num]
                if endpoint:
                    y[-1] = last
                launched()
                return y
        return fallback(start, stop, num, dtype=dtype, device=device, endpoint=endpoint)

    return linspace


COPYING: dict[str, Callable[[Function, Launched], Function]] = {
    "asarray": _asarray,
    "copy": _copy,
    "set_at": _set_at,
    "positive": _positive,
    "astype": _astype,
    "reshape": _reshape,
    "zeros": _filling(0),
    "ones": _filling(1),
    "full": _full,
    "concat": _joining(False),
    "stack": _joining(True),
    "roll": _roll,
    "tile": _tile,
    "arange": _arange,
    "linspace": _linspace,
}


def copying(name: str, fallback: Function, launches: Counter[str]) -> Function:
    """A function under its name in the array API; fallback: the library's, launches: where calls are counted."""
    label = f"library:{name}"

    def launched() -> None:
        launches[label] += 1

    return COPYING[name](fallback, launched)
