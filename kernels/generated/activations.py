"""Activation functions with exponentials as formulas that are exact to an ulp or two at both ends of the range.

Only exp(-|x|) is computed, and a factor is bounded where another one is 0.
"""

from __future__ import annotations

from collections.abc import Callable

from .expression import Expression, apply, where

BOUND = 1000.0
"""Beyond it, exp(-x) is 0: a factor is bounded there, so that an infinite x gives the limit and not Inf 0."""


def _logistic(x: Expression) -> Expression:
    """1 / (1 + exp(-x)), of which only exp(-|x|) is computed."""
    e = apply("exp", -apply("abs", x))
    return where(x < 0, e, 1) / (e + 1)


def _silu_grad(gy: Expression, x: Expression) -> Expression:
    p, low = _logistic(x), where(x < -BOUND, -BOUND, x)
    b = where(low > BOUND, BOUND, low)
    return gy * (p * (b * (1 - p) + 1))


def _softplus(x: Expression, beta: Expression | float) -> Expression:
    z = x * beta
    return where(z > 0, x, 0) + apply("log1p", apply("exp", -apply("abs", z))) / beta


EXPONENTIAL: dict[str, Callable[..., Expression]] = {
    "sigmoid": _logistic,
    "silu": lambda x: where(x < -BOUND, -BOUND, x) * _logistic(x),
    "silu_grad": _silu_grad,
    "softplus": _softplus,
    "softplus_grad": lambda gy, x, beta: gy * _logistic(x * beta),
}
"""By the names of kernels, with their arguments."""
