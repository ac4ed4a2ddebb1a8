"""What the references of losses share: exact sums, reductions, and logarithms and exponentials with their limits.

Everything is computed element by element in Python's own floats, whose sums are exact (math.fsum).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

NAN = float("nan")


def log_or_inf(x: float) -> float:
    """The logarithm, -inf at 0 and NaN for negative numbers."""
    return math.log(x) if x > 0 else -math.inf if x == 0 else NAN


def exp_or_inf(x: float) -> float:
    """The exponential, or inf where it overflows."""
    return math.inf if x > 709.9 else math.exp(x)


def exact_sum(values: Sequence[float]) -> float:
    """The sum of all values, rounded once; NaN and infinity are added as usual."""
    try:
        return math.fsum(values)
    except (OverflowError, ValueError):  # above the largest number, or Inf - Inf
        return float(np.sum(np.asarray(values, np.float64)))


def reduced(values: Any, reduction: str, over: float | None = None) -> Any:
    """All values ("none"), their sum, or their sum divided by their number (or by another divisor)."""
    values = np.asarray(values, np.float64)
    if reduction == "none":
        return values
    total = exact_sum(values.reshape(-1).tolist())
    if reduction == "sum":
        return np.float64(total)
    return np.float64(total) / np.float64(values.size if over is None else over)


def each(f: Callable[..., float], *arrays: Any) -> Any:
    """f of the values at each index of broadcast arrays."""
    spread = np.broadcast_arrays(*arrays)
    out = np.zeros(spread[0].shape)
    for i in np.ndindex(*out.shape):
        out[i] = f(*[float(a[i]) for a in spread])
    return out


def class_rows(scores: Any, labels: Any) -> tuple[Any, Any]:
    """Scores (V,), (N,V) or (N,V,*S) as rows (M,V), and as many labels."""
    if scores.ndim == 1:
        return scores[None], np.asarray(labels).reshape(1)
    rows = [scores[(i[0], slice(None), *i[1:])] for i in np.ndindex(*labels.shape)]
    return np.reshape(rows, (len(rows), scores.shape[1])), labels.reshape(-1)


def log_softmax(row: Any) -> list[float]:
    """The logarithms of the softmax of a row."""
    values = [float(v) for v in row]
    top = max(values)
    if math.isnan(sum(values)) or not math.isfinite(top):
        return [NAN] * len(values)
    total = math.log(math.fsum(math.exp(v - top) for v in values))
    return [v - top - total for v in values]


def log_sigmoid(x: float) -> float:
    """log(1 / (1 + exp(-x)))."""
    return x - math.log1p(exp_or_inf(x)) if x < 0 else -math.log1p(math.exp(-x)) if x == x else NAN
