"""Elementwise functions: C's in extended precision, and Python's own operators on each element."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from .common import each, extended


def divided(x1: Any, x2: Any) -> Any:
    """x1 / x2 in extended precision."""
    return extended(np.true_divide)(x1, x2)


def _floor_divide(a: Any, b: Any) -> Any:
    if b == 0:
        return 0 if isinstance(a, int) else float(np.float64(a) / np.float64(b))
    return a // b


def _remainder(a: Any, b: Any) -> Any:
    if b == 0:
        return 0 if isinstance(a, int) and isinstance(b, int) else math.nan
    return a % b


def _fmod(a: Any, b: Any) -> Any:
    if b == 0 or math.isinf(a):
        return math.nan
    return math.fmod(a, b) if isinstance(a, float) else int(math.copysign(abs(a) % abs(b), a))


def power(x1: Any, x2: Any) -> Any:
    """C's pow in extended precision; of integers Python's."""
    if all(np.asarray(x).dtype.kind in "iub" for x in (x1, x2)):
        return each(operator.pow)(x1, x2)
    return extended(np.power)(x1, x2)


def _sign(v: Any) -> Any:
    if isinstance(v, complex):
        size = math.hypot(v.real, v.imag)
        return v / size if size else 0j
    return v if v != v else (v > 0) - (v < 0)


def _log1p(x: Any) -> Any:
    """By |1 + x|^2 - 1 = 2 re + re^2 + im^2, which is small where x is."""
    if x.dtype.kind != "c":
        return np.log1p(x)
    re, im = x.real, x.imag
    return np.log1p(2 * re + re * re + im * im) / 2 + 1j * np.arctan2(im, 1 + re)


def _expm1(x: Any) -> Any:
    """exp(a + ib) - 1 = (exp(a) - 1) cos b - 2 sin^2(b / 2) + i exp(a) sin b."""
    if x.dtype.kind != "c":
        return np.expm1(x)
    a, b = x.real, x.imag
    return np.expm1(a) * np.cos(b) - 2 * np.sin(b / 2) ** 2 + 1j * (np.exp(a) * np.sin(b))


def _logaddexp(a: Any, b: Any) -> Any:
    apart = np.where(a == b, 0, np.abs(a - b))
    return np.where(apart == np.inf, np.maximum(a, b), np.maximum(a, b) + np.log1p(np.exp(-apart)))


def _whole(f: Any) -> Any:
    """A rounding of Python's, which knows no Inf and no NaN."""
    return each(lambda v: f(v) if isinstance(v, int) or math.isfinite(v) else v)


def _larger(a: Any, b: Any) -> Any:
    return a if a != a else b if b != b else max(a, b)


def _smaller(a: Any, b: Any) -> Any:
    return a if a != a else b if b != b else min(a, b)


def clip(x: Any, min: Any = None, max: Any = None) -> Any:
    """Not below min, and then not above max."""
    low = x if min is None else each(_larger)(x, min)
    return low if max is None else each(_smaller)(low, max)


def part(name: str) -> Any:
    """The real or the imaginary part of each element."""
    return lambda x: each(lambda v: getattr(v, name), 1.0 if x.dtype.kind == "c" else x)(x)


def where(condition: Any, x1: Any, x2: Any) -> Any:
    """Python's choice for each element."""
    return each(lambda c, a, b: a if c else b, np.empty(0, np.result_type(x1, x2)))(condition, x1, x2)


BINARY = {
    "add": each(operator.add),
    "subtract": each(operator.sub),
    "multiply": each(operator.mul),
    "divide": divided,
    "floor_divide": each(_floor_divide),
    "remainder": each(_remainder),
    "fmod": each(_fmod),
    "pow": power,
    "logaddexp": extended(_logaddexp),
    "hypot": extended(np.hypot),
    "atan2": extended(np.arctan2),
    "copysign": each(math.copysign, 1.0),
    "nextafter": each(math.nextafter, 1.0),
    "maximum": each(_larger),
    "minimum": each(_smaller),
}
"""The functions of two arrays by name."""

UNARY = {
    "negative": each(operator.neg),
    "positive": each(operator.pos),
    "abs": extended(np.abs),
    "square": extended(lambda x: x * x),
    "sqrt": extended(np.sqrt),
    "reciprocal": extended(lambda x: 1 / x),
    "exp": extended(np.exp),
    "expm1": extended(_expm1),
    "log": extended(np.log),
    "log1p": extended(_log1p),
    "log2": extended(lambda x: np.log(x) / np.log(np.longdouble(2))),
    "log10": extended(lambda x: np.log(x) / np.log(np.longdouble(10))),
    "sin": extended(np.sin),
    "cos": extended(np.cos),
    "tan": extended(np.tan),
    "asin": extended(np.arcsin),
    "acos": extended(np.arccos),
    "atan": extended(np.arctan),
    "sinh": extended(np.sinh),
    "cosh": extended(np.cosh),
    "tanh": extended(np.tanh),
    "asinh": extended(np.arcsinh),
    "acosh": extended(np.arccosh),
    "atanh": extended(np.arctanh),
    "conj": each(lambda v: v.conjugate()),
    "real": part("real"),
    "imag": part("imag"),
    "sign": each(_sign),
    "floor": _whole(math.floor),
    "ceil": _whole(math.ceil),
    "trunc": _whole(math.trunc),
    "round": _whole(round),
}
"""The functions of one array by name."""
