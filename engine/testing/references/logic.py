"""Comparisons, predicates, logic and bits, element by element with Python's own operators."""

from __future__ import annotations

import cmath
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np


def _each(f: Callable[..., Any], *arrays: Any, dtype: Any = bool) -> Any:
    spread = np.broadcast_arrays(*arrays)
    out = np.zeros(spread[0].shape, dtype)
    for i in np.ndindex(*out.shape):
        out[i] = f(*[a[i].item() for a in spread])
    return out


def _compare(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x1, x2: _each(f, x1, x2)


less, less_equal = _compare(operator.lt), _compare(operator.le)
greater, greater_equal = _compare(operator.gt), _compare(operator.ge)
equal, not_equal = _compare(operator.eq), _compare(operator.ne)
logical_and, logical_or = _compare(lambda a, b: a and b), _compare(lambda a, b: a or b)
logical_xor = _compare(operator.ne)


def logical_not(x: Any) -> Any:
    """True where false."""
    return _each(operator.not_, x)


def isnan(x: Any) -> Any:
    """Not a number, in either part."""
    return _each(cmath.isnan, x)


def isinf(x: Any) -> Any:
    """Infinite, in either part."""
    return _each(cmath.isinf, x)


def isfinite(x: Any) -> Any:
    """Neither infinite nor NaN."""
    return _each(cmath.isfinite, x)


def signbit(x: Any) -> Any:
    """Whether the sign is minus, at 0 too."""
    return _each(lambda v: math.copysign(1.0, v) < 0, x)


def _bits(f: Callable[..., Any]) -> Callable[..., Any]:
    def call(x1: Any, x2: Any) -> Any:
        return _each(f, x1, x2, dtype=np.asarray(x1).dtype)

    return call


bitwise_and, bitwise_or, bitwise_xor = _bits(operator.and_), _bits(operator.or_), _bits(operator.xor)
bitwise_left_shift, bitwise_right_shift = _bits(operator.lshift), _bits(operator.rshift)


def bitwise_invert(x: Any) -> Any:
    """-x - 1 of integers, not x of booleans."""
    return _each(operator.not_ if x.dtype == bool else lambda v: -v - 1, x, dtype=x.dtype)
