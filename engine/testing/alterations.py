"""Changes of values that mutants make: scaled, zero, negated, in half precision, indices and axes off by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from ..autograd.base import TensorBase

SCALE = 1.01


def is_array(x: Any) -> bool:
    """Whether a value has a dtype and a shape."""
    return hasattr(x, "dtype") and hasattr(x, "shape")


def _kind(x: Any) -> str:
    return str(np.dtype(x.dtype).kind) if isinstance(x, (np.ndarray, np.generic)) else "f"


def scaled(x: Any) -> Any:
    """Times 1.01; an integer plus one; a boolean inverted."""
    kind = _kind(x)
    return ~x if kind == "b" else x + 1 if kind in "iu" else x * SCALE


def zeroed(x: Any) -> Any:
    """Zeros."""
    return x * 0 if _kind(x) != "b" else x & False


def negated(x: Any) -> Any:
    """The value with the opposite sign."""
    return -x if _kind(x) not in "bu" else x


ALTERATIONS: dict[str, Callable[[Any], Any]] = {
    "value": scaled, "drop": zeroed, "negate": negated, "pull": scaled, "pull-drop": zeroed, "pull-negate": negated,
    "both": scaled,
}  # fmt: skip


class Altering:
    """Alters values, and counts the results that it reached and those that changed."""

    def __init__(self, alter: Callable[[Any], Any], applied: Counter[str]) -> None:
        self.alter, self.applied = alter, applied

    def __call__(self, x: Any) -> Any:
        if isinstance(x, (list, tuple)):
            make: Any = getattr(x, "_make", type(x))  # of a NamedTuple
            return make([self(v) for v in x])
        if not is_array(x) or (isinstance(x, TensorBase) and np.dtype(x.array.dtype).kind in "biu"):
            return x
        with np.errstate(all="ignore"):
            y = self.alter(x)
        if isinstance(x, np.ndarray):
            y = np.asarray(y, dtype=x.dtype)
            note(self.applied, x, y)
        elif isinstance(x, np.generic):
            y = x.dtype.type(y)
            note(self.applied, np.asarray(x), np.asarray(y))
        return y

    def at(self, ys: Any, place: int | None) -> Any:
        """Alter one of several results, or all with None."""
        if type(ys) not in (tuple, list) and not hasattr(ys, "_make"):
            return self(ys) if place in (0, None) else ys
        parts = [self(y) if place in (i, None) else y for i, y in enumerate(ys)]
        return ys._make(parts) if hasattr(ys, "_make") else type(ys)(parts)


def note(applied: Counter[str], before: Any, after: Any) -> None:
    """Count a result, and whether it changed."""
    applied["reached"] += 1
    equal = before.shape == after.shape and np.array_equal(before, after, equal_nan=before.dtype.kind in "fc")
    applied["changed"] += not equal


def rounded_to_half(a: Any) -> Any:
    """Float arrays rounded to half precision."""
    if isinstance(a, list):
        return [rounded_to_half(b) for b in a]
    if not isinstance(a, np.ndarray) or a.dtype.kind != "f":
        return a
    with np.errstate(all="ignore"):
        return a.astype("float16").astype(a.dtype)


def shifted(value: Any, ndim: int) -> Any:
    """An axis (an offset if ndim is 0), or the first of several, plus one."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return (value + 1) % ndim if ndim else value + 1
    if isinstance(value, (tuple, list)) and value and all(type(v) is int for v in value):
        return type(value)([shifted(value[0], ndim), *value[1:]])
    return value


def next_index(a: Any) -> Any:
    """Indices plus one; the largest one becomes 0."""
    return (a + 1) % (a.max() + 1) if a.size and a.max() > 0 else a


def is_index(a: Any) -> bool:
    """Whether an argument is an array of integers."""
    return isinstance(a, np.ndarray) and a.dtype.kind in "iu"
