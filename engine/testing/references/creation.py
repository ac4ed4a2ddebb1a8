"""New arrays value by value, and conversion value by value; the default dtype is float64 here, as parity sets it."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np


def _filled(shape: Any, value: Any, dtype: Any) -> Any:
    size = (shape,) if isinstance(shape, int) else tuple(shape)
    out = np.empty(size, dtype)
    for i in np.ndindex(*size):
        out[i] = value
    return out


def zeros(shape: Any, dtype: Any = None) -> Any:
    """0 everywhere."""
    return _filled(shape, 0, dtype or np.float64)


def ones(shape: Any, dtype: Any = None) -> Any:
    """1 everywhere."""
    return _filled(shape, 1, dtype or np.float64)


def zeros_like(x: Any, dtype: Any = None) -> Any:
    """0 in x's shape."""
    return _filled(x.shape, 0, dtype or x.dtype)


def ones_like(x: Any, dtype: Any = None) -> Any:
    """1 in x's shape."""
    return _filled(x.shape, 1, dtype or x.dtype)


def full(shape: Any, value: Any) -> Any:
    """One value everywhere, in the dtype that belongs to it."""
    return _filled(shape, value, {bool: np.bool_, int: np.int64, float: np.float64}[type(value)])


def full_like(x: Any, value: Any) -> Any:
    """One value in x's shape and dtype."""
    return _filled(x.shape, value, x.dtype)


def eye(rows: int, columns: int | None = None, k: int = 0) -> Any:
    """1 where the column is the row plus k."""
    return np.array([[float(j == i + k) for j in range(rows if columns is None else columns)] for i in range(rows)])


def arange(start: Any, stop: Any = None, step: Any = 1) -> Any:
    """start, start + step ... below stop, in exact arithmetic."""
    first, last = (0, start) if stop is None else (start, stop)
    whole = all(isinstance(v, int) for v in (first, last, step))
    out, value = [], Fraction(first)
    while value < Fraction(last):
        out.append(int(value) if whole else float(value))
        value += Fraction(step)
    return np.array(out, np.int64 if whole else np.float64)


def linspace(start: Any, stop: Any, num: int, endpoint: bool = True) -> Any:
    """num values at equal distances, in exact arithmetic."""
    parts = num - 1 if endpoint else num
    return np.array([float(Fraction(start) + i * (Fraction(stop) - Fraction(start)) / parts) for i in range(num)])


def astype(x: Any, dtype: Any) -> Any:
    """Each value through Python's own number type: int() cuts towards 0."""
    kind = {"i": int, "f": float, "c": complex}[np.dtype(dtype).kind]
    return np.array([kind(v) for v in x.reshape(-1).tolist()], dtype).reshape(x.shape)
