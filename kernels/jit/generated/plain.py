"""Reductions of arrays as they are: what a namespace has in place of NumPy's sum, mean, max, var ...

NumPy's own take 2 us and more to look at their arguments, add on one thread, and their error grows with the length along some
axes. Sums and means are computed over any axes, other reductions over trailing axes or all. Other calls (integers, no
elements) are NumPy's as before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from math import inf
from typing import Any

import numpy as np

from ...generated.expression import HALVES, Expression, apply, argument, cast
from ...generated.mode import mode
from ...types import Array
from ..machine.compile import is_interpreted
from .reduction import Reduction
from .reductions import PART, finished
from .small_calls import total

SHORT = 8
"""Fewer elements in a row than this are NumPy's, which does many rows at once."""

ROWS, LEAST = 8, 2048
"""Rows, and elements of them all, from which on sums over rows are machine code (leading_sums.py)."""

NARROW = 16
"""Numbers that a row must have where many matrices are summed over their rows."""

_EXACT = (np.dtype("float32"), np.dtype("float64"))
_FLOATS = frozenset(("float32", "float64", "float16", "bfloat16"))
_TAKEN: dict[str, frozenset[str]] = dict.fromkeys(("sum", "prod", "mean", "var", "std", "max", "min", "all_finite"), _FLOATS)
_TAKEN["euclidean"] = frozenset(("float32", "float64"))
_BOOL = frozenset(("bool",))
_INT = np.dtype(np.int64)
_WHOLE = (_INT, np.dtype(np.bool_))


def plain(name: str, fallback: Callable[..., Any], launches: Counter[str]) -> Callable[..., Any]:
    """A reduction under its name in the array API; fallback: NumPy's, launches: where calls are counted."""
    of_dtype: dict[Any, _Kernel] = {}
    taken = _TAKEN.get(name, _BOOL)
    label = f"generated:{name}"
    kept_axes, averaged = name == "euclidean", name == "mean"
    added = averaged or name == "sum"
    fallback = _of_integers(fallback, launches) if added and not averaged else fallback

    def reduce(x: Array, /, *, axis: Any = None, keepdims: bool = kept_axes, dtype: Any = None, **options: Any) -> Any:
        if type(x) is np.ndarray and mode.get() != "off" and dtype is None and x.size and not is_interpreted():
            kernel = of_dtype.get(x.dtype)
            if kernel is not None and not keepdims and (axis is None or (x.ndim == 1 and (axis == -1 or axis == 0))):
                y = kernel.total(x)
                if y is not None:
                    return y
            elif kernel is None and x.dtype.name in taken and x.dtype.isnative:
                kernel = of_dtype[x.dtype] = _kernel(name, x.dtype, label, launches)
            kept = -1 if kernel is None else leading(x.ndim, axis)
            if kept == 0 and not x.flags.c_contiguous and x.flags.f_contiguous:
                x = x.T
            if kernel is not None and kept >= 0 and (kept == 0 or x.size // max(1, _product(x.shape[:kept])) >= SHORT):
                y = kernel.reduce(x, kept, options.get("correction", 0.0))
                if y is not None:
                    return y.reshape(y.shape + (1,) * (x.ndim - kept)) if keepdims else y
            if added and kept < 0 and x.size >= LEAST and x.dtype in _EXACT:
                runs = _runs(x.shape, axis if type(axis) is tuple else (axis,))
                if runs:
                    launches[f"library:{name}"] += 1
                    y = x
                    for begin, end, rows in runs:
                        if rows:
                            y = _sum_of_rows()(y, begin, end, rows if averaged else 1.0)
                        else:
                            y = reduce(y, axis=tuple(range(begin, end)))
                    return y.reshape(_with_ones(x.shape, runs)) if keepdims else y
        if kept_axes:
            return fallback(x, axis=axis)
        if dtype is not None:
            options["dtype"] = dtype
        return fallback(x, axis=axis, keepdims=keepdims, **options)

    return reduce


@lru_cache(maxsize=1)
def _sum_of_rows() -> Callable[[Array, int, int, float], Array]:
    """Where the loops are, imported when they are first needed."""
    from ..leading_sums import sum_of_rows

    return sum_of_rows


def _of_integers(fallback: Callable[..., Any], launches: Counter[str]) -> Callable[..., Any]:
    """sum of many integers or booleans over neighbouring axes (integer_sums.py); fallback: of all else."""

    def total(x: Array, /, *, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
        if type(x) is np.ndarray and x.size >= LEAST and x.dtype in _WHOLE and (dtype is None or dtype == _INT):
            begin, end = _only_run(x.ndim, axis)
            much = x.dtype.kind == "b" or end - begin < x.ndim  # NumPy adds all of an array of integers as fast
            if begin < end and much and mode.get() != "off" and not is_interpreted():
                from ..integer_sums import sum_of_integers

                launches["library:sum"] += 1
                y = sum_of_integers(x, begin, end)
                return y.reshape(*x.shape[:begin], *[1] * (end - begin), *x.shape[end:]) if keepdims else y
        return fallback(x, axis=axis, dtype=dtype, keepdims=keepdims)

    return total


def _only_run(rank: int, axis: Any) -> tuple[int, int]:
    """The first of the axes of a sum and the one behind the last, where they are neighbours; else an empty run."""
    axes = range(rank) if axis is None else axis if type(axis) is tuple else (axis,)
    if not {*map(type, axes)} == {int} or not all([-rank <= a < rank for a in axes]):
        return 0, 0
    found = sorted([a % rank for a in axes])
    return (found[0], found[-1] + 1) if found == [*range(found[0], found[0] + len(found))] else (0, 0)


Run = tuple[int, int, float]
"""Neighbouring axes, from the first to the one behind the last; their elements if leading_sums.py adds these up, else 0."""


def _runs(shape: tuple[int, ...], axes: tuple[Any, ...]) -> tuple[Run, ...]:
    """The axes of a sum as runs, in the order in which they are added up, the last run first; () where that run is too short for
    this to pay."""
    return _known_runs(shape, axes) if {*map(type, axes)} == {int} else ()


@lru_cache(maxsize=1024)
def _known_runs(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[Run, ...]:
    rank = len(shape)
    left = {a % rank for a in axes if -rank <= a < rank}
    if len(left) < len(axes) or 0 in shape:
        return ()
    runs: list[Run] = []
    while left:
        end = max(left) + 1
        begin = next(a for a in range(end - 1, -2, -1) if a not in left) + 1
        left -= {*range(begin, end)}
        count = _product(shape[begin:end])
        columns = _product([n for a, n in enumerate(shape) if a >= end and a not in _axes_of(runs)])
        in_rows = end < rank and count >= ROWS and (columns >= NARROW or _product(shape[:begin]) == 1)
        if not runs and not in_rows and (end < rank or count < SHORT):
            return ()
        runs.append((begin, end, count * float(in_rows)))
    return tuple(runs)


def _axes_of(runs: Sequence[Run]) -> set[int]:
    """All axes of some runs."""
    return {a for begin, end, _ in runs for a in range(begin, end)}


@lru_cache(maxsize=1024)
def _with_ones(shape: tuple[int, ...], runs: tuple[Run, ...]) -> tuple[int, ...]:
    """A shape after a sum that keeps its axes."""
    return tuple([1 if a in _axes_of(runs) else n for a, n in enumerate(shape)])


class _Kernel:
    """A reduction of arrays of one dtype.

    reduce: of an array, the number of axes that stay, and a correction. whole: where it is one formula, that. counted: whether
    the formula takes the number of elements.
    """

    __slots__ = ("counted", "reduce", "whole")

    def __init__(self, reduce: Callable[..., Array | None], whole: Reduction | None = None, counted: bool = False) -> None:
        self.reduce, self.whole, self.counted = reduce, whole, counted

    def total(self, x: Array) -> Array | None:
        """Of all elements, where the code for them is there: the commonest call, written out; else None."""
        whole = self.whole
        if whole is None:
            return None
        if x.ndim == 1 and not x.flags.c_contiguous:
            x = x.copy()
        return whole.by_code(x, 0, _number(x.size)) if self.counted else whole.by_code(x, 0)


def small(name: str, cls: type, launches: Counter[str]) -> tuple[Callable[[Any], Any], Callable[[Array], Array | None]] | None:
    """A reduction of all elements of a small tensor to a tensor, without Python between (small_calls.py), and one of an array of
    any size, where the code for it is there."""
    found, counted, label = {}, False, f"generated:{name}"
    totals: dict[Any, Callable[[Array], Array | None]] = {}
    for size in (4, 8):
        dtype = np.dtype(f"f{size}")
        kernel = _kernel(name, dtype, label, launches)
        whole, counted = kernel.whole, kernel.counted
        if whole is None:
            return None
        found[size] = whole.range("fs" if counted else "f"), min(whole.grain - 1, PART), whole.dtype
        whole.compile("fs" if counted else "f")
        totals[dtype] = kernel.total
    of_tensor = total(found, cls, counted)

    def of_array(x: Array) -> Array | None:
        function = totals.get(x.dtype)
        return None if function is None or is_interpreted() else function(x)

    return None if of_tensor is None else (of_tensor, of_array)


REDUCED = ("sum", "prod", "mean", "max", "min", "any", "all", "var", "std", "all_finite", "euclidean")


def leading(rank: int, axis: Any) -> int:
    """How many axes stay where those that are reduced are the last ones; -1 where they are not."""
    if axis is None:
        return 0
    if type(axis) is int:
        return rank - 1 if axis in (-1, rank - 1) and rank else -1
    return _trailing(rank, axis) if type(axis) is tuple and {*map(type, axis)} == {int} else -1


@lru_cache(maxsize=256)
def _trailing(rank: int, axis: tuple[int, ...]) -> int:
    if not all(-rank <= a < rank for a in axis):
        return -1
    kept = rank - len(axis)
    return kept if axis and {a % rank for a in axis} == set(range(kept, rank)) else -1


def _product(shape: Iterable[int]) -> int:
    n = 1
    for k in shape:
        n *= k
    return n


def _kernel(name: str, dtype: Any, label: str, launches: Counter[str]) -> _Kernel:
    """The reduction of arrays of a dtype."""
    x = argument(0, dtype)
    half = dtype.name in HALVES
    value = cast(x, "float32") if half else x
    if name in ("var", "std"):
        return _Kernel(_variance(value, dtype, name == "std", label, launches))
    if name == "euclidean":
        return _Kernel(_euclidean(value, dtype, label, launches))
    if name == "mean":
        total = finished("sum", value.dtype)
        mean = Reduction(label, value, "sum", cast(_single(total / argument(1, "float64"), half), dtype), launches)
        return _Kernel(lambda a, kept, correction: mean.of_one(a, kept, _count(a, kept)), mean, True)
    if name == "all_finite":
        every = Reduction(label, apply("isfinite", value), "all", None, launches)
        return _Kernel(lambda a, kept, correction: every.of_one(a, kept), every)
    number = finished(name, value.dtype)
    finish = number if name not in ("sum", "prod") else cast(_single(number, half), dtype)
    plain_one = Reduction(label, value, name, cast(finish, dtype) if half else finish, launches)
    return _Kernel(lambda a, kept, correction: plain_one.of_one(a, kept), plain_one)


_LEAST = {4: 2.0**-40, 8: 1e-140}
"""A norm above which no square that counts is too small for its dtype; if one is too large, the norm is infinite."""


def _euclidean(x: Expression, dtype: Any, label: str, launches: Counter[str]) -> Callable[..., Array | None]:
    """The root of a sum of squares, of float32 in float64 where they leave the range of float32; None where those of float64
    leave theirs."""
    y, least = argument(0, dtype), _LEAST[dtype.itemsize]
    inside = Reduction(label, (y > least) & (y < inf), "all", None, Counter())

    def root(v: Expression) -> Reduction:
        return Reduction(label, v * v, "sum", cast(apply("sqrt", finished("sum", v.dtype)), dtype), launches)

    norm, wide = root(x), root(cast(x, "float64"))

    def of(a: Array, kept: int, correction: float = 0.0) -> Array | None:
        y = norm.of_one(a, kept)
        fine = least < float(y) < inf if not kept else bool(inside.of_one(y, 0))
        return y if fine else wide.of_one(a, kept) if dtype.itemsize == 4 else None

    return of


def norm_of_all(launches: Counter[str]) -> Callable[[Array], Array | None]:
    """The Euclidean norm of all elements of a dense array; None where NumPy must compute it."""
    kernels = {d: _euclidean(argument(0, d), d, "generated:euclidean", launches) for d in map(np.dtype, ("f4", "f8"))}

    def norm(x: Array) -> Array | None:
        kernel = kernels.get(x.dtype)
        return None if kernel is None or is_interpreted() or not x.flags.c_contiguous else kernel(x, 0)

    return norm


def _single(x: Expression, half: bool) -> Expression:
    """A float64 on its way to half precision as float32."""
    return cast(x, "float32") if half else x


def _count(a: Array, kept: int) -> Array:
    """How many elements each row has, as a number that kernels take."""
    return _number(_product(a.shape[kept:]))


@lru_cache(maxsize=64)
def _number(n: int) -> Array:
    return np.array(float(n))


def _variance(value: Expression, dtype: Any, root: bool, label: str, launches: Counter[str]) -> Callable[..., Array]:
    """The mean, then the mean of the squares of what is left, in float64."""
    half = dtype.name in HALVES
    mean = Reduction(label, value, "sum", finished("sum", value.dtype) / argument(1, "float64"), launches)
    spread = cast(value, "float64") - argument(1, "float64")
    finish = finished("sum", "float64") / argument(2, "float64")
    finish = apply("sqrt", finish) if root else finish
    squares = Reduction(label, spread * spread, "sum", cast(_single(finish, half), dtype), launches)

    def variance(a: Array, kept: int, correction: float) -> Array:
        count = _count(a, kept)
        middle = mean.of_one(a, kept, count)
        left = np.array(max(float(count) - correction, 0.0))
        if not kept:
            return squares.of_one(a, kept, middle, left)
        return squares([a, middle.reshape(middle.shape + (1,) * (a.ndim - kept)), left], a.shape, kept)

    return variance
