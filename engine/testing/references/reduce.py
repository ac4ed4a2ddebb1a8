"""Reductions by Python's own functions of lists; sums are rounded once."""

from __future__ import annotations

import math
from itertools import accumulate
from operator import add, mul
from typing import Any

from .common import along, array, axes, reduced


def exact_sum(values: list[Any]) -> Any:
    """The sum, rounded once; in order where it is not finite."""
    if any(isinstance(v, complex) for v in values):
        return complex(exact_sum([complex(v).real for v in values]), exact_sum([complex(v).imag for v in values]))
    if all(isinstance(v, int) for v in values):
        return sum(values)
    try:
        return math.fsum(values)
    except (OverflowError, ValueError):  # beyond the largest number, or Inf - Inf
        return sum(values)


def _ratio(a: Any, n: float) -> Any:
    return a / n if n > 0 else math.nan if isinstance(a, complex) or not a > 0 else math.inf


def _mean(values: list[Any]) -> Any:
    return _ratio(exact_sum(values), len(values)) if values else math.nan


def _var(values: list[Any], correction: float = 0.0) -> float:
    middle = _mean(values)
    return float(_ratio(exact_sum([(v - middle) * (v - middle) for v in values]), len(values) - correction))


def _extreme(f: Any) -> Any:
    def choose(values: list[Any]) -> Any:
        return math.nan if any(v != v for v in values) else f(values)

    return choose


def _place(f: Any) -> Any:
    def index(values: list[Any]) -> int:
        odd = [i for i, v in enumerate(values) if v != v]
        return odd[0] if odd else values.index(f(values))

    return index


def _logsumexp(values: list[float]) -> float:
    if any(v != v for v in values):
        return math.nan
    top = max(values, default=-math.inf)
    return top if math.isinf(top) else top + math.log(math.fsum(math.exp(v - top) for v in values))


def _total(f: Any) -> Any:
    """A reduction with a dtype for its result; booleans count as integers."""

    def call(x: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
        result = reduced(f, 1 if x.dtype.kind == "b" else None)(x, axis, keepdims)
        return result if dtype is None else result.astype(dtype)

    return call


def _float(f: Any) -> Any:
    """A reduction of integers with a floating result."""
    return lambda x, **options: reduced(f, x if x.dtype.kind == "c" else 1.0)(x, **options)


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The logarithm of the exact sum of exponentials, the largest taken out."""
    return reduced(_logsumexp, 1.0)(x, axis, keepdims)


def _running(f: Any, first: int) -> Any:
    def call(x: Any, axis: Any = None, dtype: Any = None, include_initial: bool = False) -> Any:
        start = x.dtype.type(first).item() if include_initial else None
        (at,) = axes(axis, x.ndim)
        result = along(lambda line: list(accumulate(line, f, initial=start)))(x, at)
        return result if dtype is None else array(result).astype(dtype)

    return call


NAMED = {
    "sum": _total(exact_sum),
    "mean": _float(_mean),
    "prod": _total(math.prod),
    "var": _float(_var),
    "std": _float(lambda values, **o: math.sqrt(_var(values, **o))),
    "max": reduced(_extreme(max)),
    "min": reduced(_extreme(min)),
    "logsumexp": logsumexp,
    "all": reduced(all, True),
    "any": reduced(any, True),
    "count_nonzero": reduced(lambda values: sum(v != 0 for v in values), 1),
    "argmax": reduced(_place(max), 1),
    "argmin": reduced(_place(min), 1),
    "cumulative_sum": _running(add, 0),
    "cumulative_prod": _running(mul, 1),
}
"""The reductions by name."""
