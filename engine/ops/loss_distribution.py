"""Losses that compare distributions, and the signed mean error. Reduction as in loss.py."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..autograd.composed import composed
from ..autograd.op import op
from ..errors import ConfigError, DataError, ShapeError
from .elementwise import exp, log, square, where
from .half import real, wide
from .loss_checks import REDUCTIONS, check_values, reduced
from .reduce import sum

if TYPE_CHECKING:
    from ..typing import Tensor

__all__ = ["gaussian_kl", "gaussian_nll_loss", "kl_div", "mbe_loss", "poisson_nll_loss"]


@op(needs=("t", "x t"), promotes="float", name="kl_div")
def _kl_div_each(xp, x, t, /):
    """t (log t - x), 0 where t is 0, or below."""
    some = t > 0
    return t * (xp.log(xp.where(some, t, 1)) - xp.where(some, x, 0)), (
        lambda gy: xp.where(t > 0, -t * gy, 0),
        lambda gy: xp.where(t > 0, gy * (xp.log(xp.where(t > 0, t, 1)) - x + 1), 0),
    )


@composed
def _kl_div(input, target, /, *, reduction):
    return reduced("kl_div", _kl_div_each(input, target), reduction)


@composed
def _kl_div_of_logarithms(input, target, /, *, reduction):
    some = target > -math.inf  # a probability of 0 costs nothing: 0 log 0 = 0
    loss = where(some, exp(target) * (where(some, target, 0.0) - where(some, input, 0.0)), 0.0)
    return reduced("kl_div", loss, reduction)


@composed
def _gaussian_nll_loss(input, target, var, /, *, full, eps, reduction):
    # eps is a floor under the value alone: with maximum(), a variance that has fallen below would have gradient 0 and stay.
    v = where(var < eps, var - var.detach() + eps, var)
    loss = 0.5 * (log(v) + square(input - target) / v) + (0.5 * math.log(2 * math.pi) if full else 0.0)
    return reduced("gaussian_nll_loss", loss, reduction)


@composed
def _poisson_nll_loss(input, target, /, *, log_input, full, eps, reduction):
    loss = exp(input) - target * input if log_input else input - target * log(input + eps)
    if full:
        t = where(target > 1, target, 1.0)
        loss = loss + where(target > 1, t * log(t) - t + 0.5 * log(2 * math.pi * t), 0.0)
    return reduced("poisson_nll_loss", loss, reduction)


@real
@wide
def mbe_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Mean bias error: ``target - input`` with its sign.

    Parameters
    ----------
    input : Tensor
        Any shape, floating: predictions.
    target : Tensor
        The same shape.
    reduction : {"none", "mean", "sum"}
        Whether to return all losses, their mean or their sum.

    Returns
    -------
    Tensor
        The loss, a scalar; without reduction of the shape of ``input``. Errors that cancel show no bias.

    Raises
    ------
    ShapeError
        If the shapes differ.
    ConfigError
        If ``reduction`` is another word.

    Examples
    --------
    >>> dl.nn.functional.mbe_loss(dl.asarray([1.0, 2.0]), dl.asarray([2.0, 1.0]))
    tensor(0.)
    """
    check_values("mbe_loss", input, target)
    return reduced("mbe_loss", target - input, reduction)


@wide
def kl_div(input: Tensor, target: Tensor, reduction: str = "mean", log_target: bool = False) -> Tensor:
    """Kullback-Leibler divergence: ``target * (log(target) - input)``.

    Parameters
    ----------
    input : Tensor
        Any shape: log-probabilities.
    target : Tensor
        The same shape: probabilities, or their logarithms with ``log_target``.
    reduction : {"none", "mean", "sum", "batchmean"}
        ``"mean"`` is over all elements; ``"batchmean"`` divides the sum by the size of the first axis, which gives
        the divergence itself.
    log_target : bool
        Whether ``target`` holds logarithms.

    Returns
    -------
    Tensor
        The divergence, a scalar; without reduction of the shape of ``input``.

    Raises
    ------
    ShapeError
        If the shapes differ.

    References
    ----------
    Kullback and Leibler, "On information and sufficiency", 1951.

    Examples
    --------
    >>> p = dl.asarray([[0.5, 0.5]])
    >>> dl.nn.functional.kl_div(dl.log(p), p, reduction="batchmean")
    tensor(0.)
    """
    if reduction not in (*REDUCTIONS, "batchmean"):
        raise ConfigError(f"kl_div: reduction must be one of {', '.join(REDUCTIONS)}, batchmean, got {reduction!r}")
    if log_target:
        if input.shape != target.shape:
            raise ShapeError(f"kl_div: target has shape {target.shape}, expected that of the input, {input.shape}")
        body = _kl_div_of_logarithms
    else:
        check_values("kl_div", input, target, 0.0, 1.0)
        body = _kl_div
    if reduction == "batchmean":
        return body(input, target, reduction="sum") / max(input.shape[0], 1)
    return body(input, target, reduction=reduction)


@wide
def gaussian_nll_loss(
    input: Tensor, target: Tensor, var: Tensor, full: bool = False, eps: float = 1e-06, reduction: str = "mean"
) -> Tensor:
    """Negative log-likelihood of a Gaussian: ``(log(v) + (input - target)**2 / v) / 2`` with ``v = max(var, eps)``.

    Parameters
    ----------
    input : Tensor
        Any shape: the means.
    target : Tensor
        The same shape.
    var : Tensor
        The variances: the same shape, or 1 or nothing for the last axis.
    full : bool
        Whether to add the constant ``log(2 * pi) / 2``.
    eps : float
        The least variance. The gradient of ``var`` is that at v also below it, as in PyTorch.
    reduction : {"none", "mean", "sum"}
        Whether to return all losses, their mean or their sum.

    Returns
    -------
    Tensor
        The loss, a scalar; without reduction of the shape of ``input``.

    Raises
    ------
    ShapeError
        If the shapes differ.
    ConfigError
        If ``reduction`` is another word.

    References
    ----------
    Nix and Weigend, "Estimating the mean and variance of the target probability distribution", 1994.

    Examples
    --------
    >>> dl.nn.functional.gaussian_nll_loss(dl.asarray([1.0]), dl.asarray([3.0]), dl.asarray([1.0]))
    tensor(2.)
    """
    name = "gaussian_nll_loss"
    check_values(name, input, target)
    if var.shape == input.shape[:-1] and var.shape != input.shape:
        var = var[..., None]
    if var.shape not in (input.shape, (*input.shape[:-1], 1)):
        raise ShapeError(f"{name}: var must have the shape of the input, {input.shape}, or 1 for its last axis, got {var.shape}")
    if var.device == "cpu" and var.size and bool(var.detach().min() < 0):
        raise DataError(f"{name}: var holds a negative variance, {float(var.detach().min())}")
    return _gaussian_nll_loss(input, target, var, full=full, eps=eps, reduction=reduction)


@real
@wide
def poisson_nll_loss(
    input: Tensor, target: Tensor, log_input: bool = True, full: bool = False, eps: float = 1e-08, reduction: str = "mean"
) -> Tensor:
    """Negative log-likelihood of counts from a Poisson process: ``exp(input) - target * input``.

    Parameters
    ----------
    input : Tensor
        Any shape: logarithms of rates, or rates.
    target : Tensor
        The same shape: counts.
    log_input : bool
        Whether ``input`` holds logarithms; otherwise the loss is ``input - target * log(input + eps)``.
    full : bool
        Whether to add Stirling's approximation of ``log(target!)`` for targets above 1.
    eps : float
        See ``log_input``.
    reduction : {"none", "mean", "sum"}
        Whether to return all losses, their mean or their sum.

    Returns
    -------
    Tensor
        The loss, a scalar; without reduction of the shape of ``input``.

    Raises
    ------
    ShapeError
        If the shapes differ.
    ConfigError
        If ``reduction`` is another word.

    Examples
    --------
    >>> dl.nn.functional.poisson_nll_loss(dl.asarray([0.0]), dl.asarray([2.0]))
    tensor(1.)
    """
    name = "poisson_nll_loss"
    check_values(name, input, target)
    return _poisson_nll_loss(input, target, log_input=log_input, full=full, eps=eps, reduction=reduction)


@wide
def gaussian_kl(mean: Tensor, log_var: Tensor, reduction: str = "mean") -> Tensor:
    """Divergence of ``N(mean, exp(log_var))`` from ``N(0, 1)``, summed over the last axis.

    It is ``-sum(1 + log_var - mean**2 - exp(log_var)) / 2``, the regulariser of a variational autoencoder.

    Parameters
    ----------
    mean : Tensor
        (..., D).
    log_var : Tensor
        (..., D): logarithms of the variances.
    reduction : {"none", "mean", "sum"}
        Whether to return all losses, their mean or their sum.

    Returns
    -------
    Tensor
        The loss, a scalar; without reduction (...).

    Raises
    ------
    ShapeError
        If the shapes differ.
    ConfigError
        If ``reduction`` is another word.

    References
    ----------
    Kingma and Welling, 2014, arXiv:1312.6114.

    Examples
    --------
    >>> dl.nn.functional.gaussian_kl(dl.asarray([[2.0, 0.0]]), dl.zeros((1, 2)))
    tensor(2.)
    """
    if mean.shape != log_var.shape:
        raise ShapeError(f"gaussian_kl: mean has shape {mean.shape}, log_var {log_var.shape}; expected one shape")
    return reduced("gaussian_kl", -0.5 * sum(1.0 + log_var - square(mean) - exp(log_var), axis=-1), reduction)
