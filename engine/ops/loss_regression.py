"""Losses of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..autograd.composed import composed
from ..errors import ConfigError
from .elementwise import abs, minimum, square
from .half import real, wide
from .loss_checks import check_values, reduced

if TYPE_CHECKING:
    from ..typing import Tensor

__all__ = ["huber_loss", "l1_loss", "mse_loss", "smooth_l1_loss"]


@composed
def _mse_loss(input, target, /, *, reduction):
    return reduced("mse_loss", square(input - target), reduction)


@composed
def _l1_loss(input, target, /, *, reduction):
    return reduced("l1_loss", abs(input - target), reduction)


@composed
def _huber_loss(input, target, /, *, delta, reduction):
    d = abs(input - target)
    c = minimum(d, delta)  # one formula for both pieces: chosen between, an infinite d would make the gradient 0 Inf
    return reduced("huber_loss", c * (d - 0.5 * c), reduction)


@real
@wide
def mse_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Squared error: ``(input - target)**2``.

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
        The loss, a scalar; without reduction of the shape of ``input``.

    Raises
    ------
    ShapeError
        If the shapes differ.
    ConfigError
        If ``reduction`` is another word.

    Examples
    --------
    >>> dl.nn.functional.mse_loss(dl.asarray([1.0, 2.0]), dl.asarray([1.0, 4.0]))
    tensor(2.)
    """
    check_values("mse_loss", input, target)
    return _mse_loss(input, target, reduction=reduction)


@real
@wide
def l1_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Absolute error: ``abs(input - target)``.

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
        The loss, a scalar; without reduction of the shape of ``input``.

    Raises
    ------
    ShapeError
        If the shapes differ.
    ConfigError
        If ``reduction`` is another word.

    Examples
    --------
    >>> dl.nn.functional.l1_loss(dl.asarray([1.0, 2.0]), dl.asarray([1.0, 4.0]))
    tensor(1.)
    """
    check_values("l1_loss", input, target)
    return _l1_loss(input, target, reduction=reduction)


@real
@wide
def huber_loss(input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0) -> Tensor:
    """Huber loss: squared for small errors, absolute for large ones.

    With ``d = input - target`` it is ``d**2 / 2`` where ``abs(d) < delta``, and ``delta * (abs(d) - delta / 2)`` beyond.

    Parameters
    ----------
    input : Tensor
        Any shape, floating: predictions.
    target : Tensor
        The same shape.
    reduction : {"none", "mean", "sum"}
        Whether to return all losses, their mean or their sum.
    delta : float
        Where the two meet.

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
    Huber, "Robust estimation of a location parameter", 1964.

    Examples
    --------
    >>> dl.nn.functional.huber_loss(dl.asarray([0.0, 3.0]), dl.asarray([0.5, 0.0]), reduction="none")
    tensor([0.125, 2.5  ])
    """
    if delta <= 0:
        raise ConfigError(f"huber_loss: delta must be positive, got {delta}")
    check_values("huber_loss", input, target)
    return _huber_loss(input, target, delta=delta, reduction=reduction)


@real
@wide
def smooth_l1_loss(input: Tensor, target: Tensor, reduction: str = "mean", beta: float = 1.0) -> Tensor:
    """Smooth absolute error: Huber's loss divided by ``beta``.

    With ``d = input - target`` it is ``d**2 / (2 * beta)`` where ``abs(d) < beta``, and ``abs(d) - beta / 2`` beyond.

    Parameters
    ----------
    input : Tensor
        Any shape, floating: predictions.
    target : Tensor
        The same shape.
    reduction : {"none", "mean", "sum"}
        Whether to return all losses, their mean or their sum.
    beta : float
        Where squared and absolute errors meet; 0 gives `l1_loss`.

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
    >>> dl.nn.functional.smooth_l1_loss(dl.asarray([0.0, 3.0]), dl.asarray([0.5, 0.0]), reduction="none")
    tensor([0.125, 2.5  ])
    """
    if beta < 0:
        raise ConfigError(f"smooth_l1_loss: beta must not be negative, got {beta}")
    if beta == 0:
        return l1_loss(input, target, reduction)
    loss = huber_loss(input, target, reduction, beta)
    return loss if beta == 1 else loss / beta
