"""References of losses between distributions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .loss_common import each, exact_sum, exp_or_inf, log_or_inf, reduced


def mbe_loss(x: Any, t: Any, reduction: str = "mean") -> Any:
    """t - x."""
    return reduced(each(lambda a, b: b - a, x, t), reduction)


def kl_div(x: Any, t: Any, reduction: str = "mean", log_target: bool = False) -> Any:
    """t (log t - x), 0 where t is 0."""

    def loss(x: float, t: float) -> float:
        p, log_p = (exp_or_inf(t), t) if log_target else (t, log_or_inf(t))
        return 0.0 if p == 0 else p * (log_p - x)

    losses = each(loss, x, t)
    if reduction == "batchmean":
        return reduced(losses, "mean", max(x.shape[0], 1))
    return reduced(losses, reduction)


def gaussian_nll_loss(
    x: Any, t: Any, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Any:
    """-log of the normal density at t, without log(2 pi) / 2 unless full."""

    def loss(x: float, t: float, v: float) -> float:
        v = max(v, eps)
        constant = math.log(2 * math.pi) if full else 0.0
        return (log_or_inf(v) + float(np.float64(x - t) ** 2) / v + constant) / 2

    return reduced(each(loss, x, t, var[..., None] if var.ndim < x.ndim else var), reduction)


def poisson_nll_loss(
    x: Any, t: Any, log_input: bool = True, full: bool = False, eps: float = 1e-8, reduction: str = "mean"
) -> Any:
    """rate - t log rate, and Stirling's log t! for t above 1 if full."""

    def loss(x: float, t: float) -> float:
        main = exp_or_inf(x) - t * x if log_input else x - t * log_or_inf(x + eps)
        return main + (t * math.log(t) - t + math.log(2 * math.pi * t) / 2 if full and t > 1 else 0.0)

    return reduced(each(loss, x, t), reduction)


def gaussian_kl(mean: Any, log_var: Any, reduction: str = "mean") -> Any:
    """The integral of log(q / p) under q = N(mean, exp(log_var)), p = N(0, 1), summed over the last axis."""
    one = each(lambda m, s: (exp_or_inf(s) + m * m - 1 - s) / 2, mean, log_var)
    out = np.zeros(one.shape[:-1])
    for i in np.ndindex(*out.shape):
        out[i] = exact_sum(one[i].tolist())
    return reduced(out, reduction)
