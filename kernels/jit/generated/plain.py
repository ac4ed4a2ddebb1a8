"""Reductions of arrays as they are, over trailing axes or all: what a namespace has in place of NumPy's sum, mean, max, var ...

NumPy's own take 2 us and more to look at their arguments, add on one thread, and their error grows with the length along some
axes. A call that is not of this kind (other axes, integers, no elements) is NumPy's as before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from ...generated.expression import HALVES, Expression, apply, argument, cast
from ...generated.mode import mode
from ...types import Array
from ..machine.compile import is_interpreted
from .reduction import Reduction
from .reductions import finished

SHORT = 8
"""Fewer elements in a row than this are NumPy's, which does many rows at once."""

_FLOATS = frozenset(("float32", "float64", "float16", "bfloat16"))
_TAKEN: dict[str, frozenset[str]] = dict.fromkeys(("sum", "prod", "mean", "var", "std", "max", "min", "all_finite"), _FLOATS)
_TAKEN["euclidean"] = frozenset(("float32", "float64"))
_BOOL = frozenset(("bool",))


def plain(name: str, fallback: Callable[..., Any], launches: Counter[str]) -> Callable[..., Any]:
    """A reduction under its name in the array API; fallback: NumPy's, launches: where calls are counted."""
    of_dtype: dict[Any, Callable[..., Array | None]] = {}
    taken = _TAKEN.get(name, _BOOL)
    label = f"generated:{name}"

    kept_axes = name == "euclidean"

    def reduce(x: Array, /, *, axis: Any = None, keepdims: bool = kept_axes, **options: Any) -> Any:
        if type(x) is np.ndarray and mode.get() != "off" and options.get("dtype") is None and x.size and not is_interpreted():
            dtype = x.dtype
            kernel = of_dtype.get(dtype)
            if kernel is None and dtype.name in taken and dtype.isnative:
                kernel = of_dtype[dtype] = _kernel(name, dtype, label, launches)
            kept = -1 if kernel is None else leading(x.ndim, axis)
            if kept == 0 and not x.flags.c_contiguous and x.flags.f_contiguous:
                x = x.T
            if kernel is not None and kept >= 0 and (kept == 0 or x.size // max(1, _product(x.shape[:kept])) >= SHORT):
                y = kernel(x, kept, options.get("correction", 0.0))
                if y is not None:
                    return y.reshape(y.shape + (1,) * (x.ndim - kept)) if keepdims else y
        if kept_axes:
            return fallback(x, axis=axis)
        return fallback(x, axis=axis, keepdims=keepdims, **options)

    return reduce


REDUCED = ("sum", "prod", "mean", "max", "min", "any", "all", "var", "std", "all_finite", "euclidean")


def leading(rank: int, axis: Any) -> int:
    """How many axes stay where those that are reduced are the last ones; -1 where they are not."""
    if axis is None:
        return 0
    if type(axis) is int:
        return rank - 1 if axis in (-1, rank - 1) and rank else -1
    if type(axis) is not tuple or not all(type(a) is int and -rank <= a < rank for a in axis):
        return -1
    kept = rank - len(axis)
    return kept if axis and {a % rank for a in axis} == set(range(kept, rank)) else -1


def _product(shape: tuple[int, ...]) -> int:
    n = 1
    for k in shape:
        n *= k
    return n


def _kernel(name: str, dtype: Any, label: str, launches: Counter[str]) -> Callable[..., Array | None]:
    """The reduction of arrays of a dtype: of an array, the number of axes that stay, and a correction."""
    x = argument(0, dtype)
    half = dtype.name in HALVES
    value = cast(x, "float32") if half else x
    if name in ("var", "std"):
        return _variance(value, dtype, name == "std", label, launches)
    if name == "euclidean":
        return _euclidean(value, dtype, label, launches)
    if name == "mean":
        total = finished("sum", value.dtype)
        mean = Reduction(label, value, "sum", cast(_single(total / argument(1, "float64"), half), dtype), launches)
        return lambda a, kept, correction: mean.of_one(a, kept, _count(a, kept))
    if name == "all_finite":
        every = Reduction(label, apply("isfinite", value), "all", None, launches)
        return lambda a, kept, correction: every.of_one(a, kept)
    number = finished(name, value.dtype)
    finish = number if name not in ("sum", "prod") else cast(_single(number, half), dtype)
    plain_one = Reduction(label, value, name, cast(finish, dtype) if half else finish, launches)
    return lambda a, kept, correction: plain_one.of_one(a, kept)


def _euclidean(x: Expression, dtype: Any, label: str, launches: Counter[str]) -> Callable[..., Array | None]:
    """The root of a sum of squares in float64; None where squares of float64 left its range."""
    wide = cast(x, "float64")
    norm = Reduction(label, wide * wide, "sum", cast(apply("sqrt", finished("sum", "float64")), dtype), launches)

    def of(a: Array, kept: int, correction: float) -> Array | None:
        y = norm.of_one(a, kept)
        return y if dtype.itemsize == 4 or bool(np.all((y > 1e-140) & (y < 1e150))) else None

    return of


def _single(x: Expression, half: bool) -> Expression:
    """A float64 on its way to half precision as float32."""
    return cast(x, "float32") if half else x


def _count(a: Array, kept: int) -> Array:
    """How many elements each row has, as a number that kernels take."""
    return np.array(float(_product(a.shape[kept:])))


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
