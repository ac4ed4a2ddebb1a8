"""Losses that compare distributions, and the signed mean error. Reduction as in loss.py."""

from __future__ import annotations

import math
from typing import Any

from ..errors import ConfigError, DataError, ShapeError
from .elementwise import exp, log, square, where
from .half import real, wide
from .loss import REDUCTIONS, check_values, reduced
from .reduce import sum

__all__ = ["gaussian_kl", "gaussian_nll_loss", "kl_div", "mbe_loss", "poisson_nll_loss"]


@real
@wide
def mbe_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """The mean bias error, target - input with its sign: errors that cancel show no bias. input, target: one shape."""
    check_values("mbe_loss", input, target)
    return reduced("mbe_loss", target - input, reduction)


@wide
def kl_div(input: Any, target: Any, reduction: str = "mean", log_target: bool = False) -> Any:
    """target (log target - input), elementwise: the divergence of a distribution `target` from one given by its logarithm.

    input: log-probabilities. target: probabilities of one shape, or their logarithms with log_target. reduction: "none",
    "sum", "mean" over all elements, or "batchmean", the sum over the first axis's size, which is the divergence itself.
    Source: Kullback & Leibler 1951.
    """
    if reduction not in (*REDUCTIONS, "batchmean"):
        raise ConfigError(f"kl_div: reduction must be one of {', '.join(REDUCTIONS)}, batchmean, got {reduction!r}")
    if log_target:
        if input.shape != target.shape:
            raise ShapeError(f"kl_div: target has shape {target.shape}, expected that of the input, {input.shape}")
        some = target > -math.inf  # a probability of 0 costs nothing: 0 log 0 = 0
        loss = where(some, exp(target) * (where(some, target, 0.0) - where(some, input, 0.0)), 0.0)
    else:
        check_values("kl_div", input, target, 0.0, 1.0)
        some = target > 0
        loss = target * (log(where(some, target, 1.0)) - where(some, input, 0.0))
    return sum(loss) / max(input.shape[0], 1) if reduction == "batchmean" else reduced("kl_div", loss, reduction)


@wide
def gaussian_nll_loss(
    input: Any, target: Any, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Any:
    """(log v + (input - target)^2 / v) / 2 with v = max(var, eps): the negative log-likelihood of a Gaussian.

    The gradient of var is that at v also where var is below eps, as in PyTorch.

    input: the means. target: of their shape. var: the variances, of the same shape or with 1 or nothing for the last axis.
    full: with the constant log(2 pi) / 2. Source: Nix & Weigend 1994.
    """
    name = "gaussian_nll_loss"
    check_values(name, input, target)
    if var.shape == input.shape[:-1] and var.shape != input.shape:
        var = var[..., None]
    if var.shape not in (input.shape, (*input.shape[:-1], 1)):
        raise ShapeError(f"{name}: var must have the shape of the input, {input.shape}, or 1 for its last axis, got {var.shape}")
    if var.device == "cpu" and var.size and float(var.detach().min()) < 0:
        raise DataError(f"{name}: var holds a negative variance, {float(var.detach().min())}")
    # eps is a floor under the value alone: with maximum(), a variance that has fallen below would have gradient 0 and stay.
    v = where(var < eps, var - var.detach() + eps, var)
    loss = 0.5 * (log(v) + square(input - target) / v) + (0.5 * math.log(2 * math.pi) if full else 0.0)
    return reduced(name, loss, reduction)


@real
@wide
def poisson_nll_loss(
    input: Any, target: Any, log_input: bool = True, full: bool = False, eps: float = 1e-8, reduction: str = "mean"
) -> Any:
    """exp(input) - target input, or input - target log(input + eps) without log_input: counts from a Poisson process.

    input, target: one shape. full: with Stirling's approximation of log(target!) for targets above 1.
    """
    name = "poisson_nll_loss"
    check_values(name, input, target)
    loss = exp(input) - target * input if log_input else input - target * log(input + eps)
    if full:
        t = where(target > 1, target, 1.0)
        loss = loss + where(target > 1, t * log(t) - t + 0.5 * log(2 * math.pi * t), 0.0)
    return reduced(name, loss, reduction)


@wide
def gaussian_kl(mean: Any, log_var: Any, reduction: str = "mean") -> Any:
    """The divergence of N(mean, exp(log_var)) from N(0, I), summed over the last axis: the pull of a variational autoencoder.

    -1/2 sum (1 + log_var - mean^2 - exp(log_var)). mean, log_var: (..., D). Returns (...) reduced.
    Source: Kingma & Welling 2014, arXiv:1312.6114.
    """
    if mean.shape != log_var.shape:
        raise ShapeError(f"gaussian_kl: mean has shape {mean.shape}, log_var {log_var.shape}; expected one shape")
    return reduced("gaussian_kl", -0.5 * sum(1.0 + log_var - square(mean) - exp(log_var), axis=-1), reduction)
