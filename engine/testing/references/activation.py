"""Activation functions in extended precision, each in another form than the engine's; limits at the infinities."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .common import axes, each, extended


def _logistic(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def _times(x: Any, share: Any) -> Any:
    """x share, which is 0 where the share is, also for an infinite x."""
    return np.where(share == 0, 0, x * np.where(share == 0, 1, share))


relu = extended(lambda x: np.where(x <= 0, 0, x))
leaky_relu = extended(lambda x, negative_slope=0.01: np.where(x >= 0, x, negative_slope * x))
elu = extended(lambda x, alpha=1.0: np.where(x < 0, alpha * np.expm1(np.minimum(x, 0)), x))
sigmoid = extended(_logistic)
silu = extended(lambda x: _times(x, _logistic(x)))
softplus = extended(lambda x, beta=1.0: np.maximum(x, 0) + np.log1p(np.exp(-beta * np.abs(x))) / beta)
logsigmoid = extended(lambda x: np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x))))
erf = each(math.erf, 1.0)
erfc = each(math.erfc, 1.0)
softsign = extended(lambda x: np.where(np.isinf(x), np.sign(x), x / (1 + np.abs(np.where(np.isinf(x), 0, x)))))
tanhshrink = extended(lambda x: x - np.tanh(x))
celu = extended(lambda x, alpha=1.0: np.where(x < 0, alpha * np.expm1(np.minimum(x, 0) / alpha), x))


def selu(x: Any) -> Any:
    """The paper's two constants, to 20 digits."""
    alpha, scale = np.longdouble("1.6732632423543772848"), np.longdouble("1.0507009873554804934")
    return extended(lambda v: scale * np.where(v < 0, alpha * np.expm1(np.minimum(v, 0)), v))(x)


def _gelu(x: float) -> float:
    """By the complementary error function, which keeps its digits where Phi(x) is small."""
    share = math.erfc(-x / math.sqrt(2)) / 2
    return x * share if share else 0.0


def gelu(x: Any, approximate: str = "none") -> Any:
    """x Phi(x); with "tanh", (1 + tanh u) / 2 = 1 / (1 + exp(-2 u))."""
    if approximate == "none":
        return each(_gelu, 1.0)(x)
    return extended(lambda v: _times(v, _logistic(2 * np.sqrt(2 / np.longdouble(np.pi)) * (v + 0.044715 * v**3))))(x)


def _mish(x: Any) -> Any:
    """tanh(log(1 + e)) = (e^2 + 2 e) / (e^2 + 2 e + 2), e = exp(x); 1 for a large x."""
    e = np.exp(np.minimum(x, 100))
    return _times(x, e * (e + 2) / (e * (e + 2) + 2))


mish = extended(_mish)


def glu(x: Any, axis: int = -1) -> Any:
    """The first half times the logistic function of the second."""
    first, second = np.split(x, 2, axis=axis)
    return extended(lambda a, b: a * _logistic(b))(first, second)


# ---------------------------------------------------------------------- piecewise linear
def hardtanh(x: Any, min_val: float = -1.0, max_val: float = 1.0) -> Any:
    """x, bounded on both sides."""
    return np.clip(x, min_val, max_val)


def hardsigmoid(x: Any) -> Any:
    """The line from (-3, 0) to (3, 1)."""
    return np.interp(x, [-3.0, 3.0], [0.0, 1.0])


def hardswish(x: Any) -> Any:
    """x times that line."""
    return _times(x, hardsigmoid(x))


def softshrink(x: Any, lambd: float = 0.5) -> Any:
    """sign(x) max(abs(x) - lambd, 0)."""
    return np.sign(x) * np.maximum(np.abs(x) - lambd, 0)


def hardshrink(x: Any, lambd: float = 0.5) -> Any:
    """0 where the size is at most lambd."""
    return np.where(np.abs(x) <= lambd, 0, x)


def threshold(x: Any, at: float, value: float) -> Any:
    """The value where x is at most the threshold; NaN stays."""
    return np.where(x <= at, value, x)


def step(x: Any) -> Any:
    """Heaviside's function, 1 at 0."""
    return np.heaviside(x, 1.0)


def prelu(x: Any, weight: Any) -> Any:
    """Channel by channel, axis 1: negative values times the channel's slope."""
    out = np.array(x)
    for c in range(weight.size) if weight.size > 1 else [slice(None)]:
        at = (slice(None), c) if weight.size > 1 else ...
        out[at] = np.where(x[at] < 0, x[at] * weight[c if weight.size > 1 else 0], x[at])
    return out


def maxout(x: Any, pieces: int, axis: int = -1) -> Any:
    """The largest of the elements at 0, 1 ... of each group."""
    (at,) = axes(axis, x.ndim)
    skip = (slice(None),) * at
    return np.maximum.reduce([x[(*skip, slice(i, None, pieces))] for i in range(pieces)])
