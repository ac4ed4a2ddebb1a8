"""Losses of predicted numbers, with the arguments of PyTorch; formulas and checks are those of the functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..ops import loss_distribution, loss_regression
from .loss import _Loss

if TYPE_CHECKING:
    from .._tensor import Tensor


class MSELoss(_Loss):
    """Squared error: ``(input - target)^2``.

    Shape: input and target of one shape -> (); without reduction the shape of the input.

    Parameters
    ----------
    reduction : str
        Whether to return all losses ("none"), their mean ("mean") or their sum ("sum").

    Raises
    ------
    ConfigError
        ``reduction`` is another word.

    References
    ----------
    Gauss, "Theoria motus corporum coelestium", 1809.

    Examples
    --------
    >>> dl.nn.MSELoss()(dl.asarray([1.0, 2.0]), dl.asarray([1.0, 4.0]))
    tensor(2.)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return loss_regression.mse_loss(input, target, self.reduction)


class L1Loss(_Loss):
    """Absolute error (MAE): ``|input - target|``.

    Shape: input and target of one shape -> (); without reduction the shape of the input.

    Parameters
    ----------
    reduction : str
        Whether to return all losses ("none"), their mean ("mean") or their sum ("sum").

    Raises
    ------
    ConfigError
        ``reduction`` is another word.

    References
    ----------
    Boscovich, 1757.

    Examples
    --------
    >>> dl.nn.L1Loss()(dl.asarray([1.0, 2.0]), dl.asarray([1.0, 4.0]))
    tensor(1.)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return loss_regression.l1_loss(input, target, self.reduction)


class MBELoss(_Loss):
    """Mean bias error: ``target - input``, with its sign.

    A positive value says that the predictions are too low on average.
    Shape: input and target of one shape -> (); without reduction the shape of the input.

    Parameters
    ----------
    reduction : str
        Whether to return all losses ("none"), their mean ("mean") or their sum ("sum").

    Raises
    ------
    ConfigError
        ``reduction`` is another word.

    References
    ----------
    Willmott, "Some comments on the evaluation of model performance", 1982.

    Examples
    --------
    >>> dl.nn.MBELoss()(dl.asarray([1.0, 2.0]), dl.asarray([1.0, 4.0]))
    tensor(1.)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return loss_distribution.mbe_loss(input, target, self.reduction)


class HuberLoss(_Loss):
    """Huber loss: squared near zero, linear far away, so that outliers count less.

    With ``d = input - target`` it is ``d^2 / 2`` for ``|d| <= delta`` and ``delta (|d| - delta / 2)`` beyond.
    Shape: input and target of one shape -> (); without reduction the shape of the input.

    Parameters
    ----------
    reduction : str
        Whether to return all losses ("none"), their mean ("mean") or their sum ("sum").
    delta : float
        The distance at which the loss turns linear.

    Raises
    ------
    ConfigError
        ``reduction`` is another word.

    References
    ----------
    Huber, "Robust estimation of a location parameter", 1964.

    Examples
    --------
    >>> dl.nn.HuberLoss()(dl.asarray([1.0, 5.0]), dl.asarray([1.0, 0.0]))
    tensor(2.25)
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction)
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return loss_regression.huber_loss(input, target, self.reduction, self.delta)


class SmoothL1Loss(_Loss):
    """Huber loss divided by ``beta``, so that its slope far away is 1.

    With ``d = input - target`` it is ``d^2 / (2 beta)`` for ``|d| < beta`` and ``|d| - beta / 2`` beyond.
    Shape: input and target of one shape -> (); without reduction the shape of the input.

    Parameters
    ----------
    reduction : str
        Whether to return all losses ("none"), their mean ("mean") or their sum ("sum").
    beta : float
        The distance at which the loss turns linear.

    Raises
    ------
    ConfigError
        ``reduction`` is another word.

    References
    ----------
    Girshick, "Fast R-CNN", 2015, arXiv:1504.08083.

    Examples
    --------
    >>> dl.nn.SmoothL1Loss(beta=2.0)(dl.asarray([1.0, 5.0]), dl.asarray([0.0, 0.0]))
    tensor(2.125)
    """

    def __init__(self, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction)
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return loss_regression.smooth_l1_loss(input, target, self.reduction, self.beta)


class GaussianNLLLoss(_Loss):
    """Negative log-likelihood of a Gaussian: ``(log v + (input - target)^2 / v) / 2``, ``v = max(var, eps)``.

    Shape: input, the means, target and var, the variances, of one shape, say (N,D); var also (N,1) or (N,) -> ();
    without
    reduction the shape of the input.

    Parameters
    ----------
    full : bool
        Whether the constant ``log(2 pi) / 2`` is added.
    eps : float
        The smallest variance; smaller ones count as this.
    reduction : str
        Whether to return all losses ("none"), their mean ("mean") or their sum ("sum").

    Raises
    ------
    ConfigError
        ``reduction`` is another word.

    References
    ----------
    Nix and Weigend, "Estimating the mean and variance of the target probability distribution", 1994.

    Examples
    --------
    >>> dl.nn.GaussianNLLLoss()(dl.asarray([1.0]), dl.asarray([3.0]), dl.asarray([1.0]))
    tensor(2.)
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.full, self.eps = full, eps

    def forward(self, input: Tensor, target: Tensor, var: Tensor) -> Tensor:
        return loss_distribution.gaussian_nll_loss(input, target, var, self.full, self.eps, self.reduction)


class PoissonNLLLoss(_Loss):
    """Negative log-likelihood of counts from a Poisson process: ``exp(input) - target input``.

    Shape: input, logarithms of rates, and target, counts, of one shape -> (); without reduction the shape of the
    input.

    Parameters
    ----------
    log_input : bool
        Whether the input holds logarithms of rates; otherwise it holds rates, and the loss is ``input - target
        log(input + eps)``.
    full : bool
        Whether Stirling's approximation of ``log(target!)`` is added for targets above 1.
    eps : float
        See ``log_input``.
    reduction : str
        Whether to return all losses ("none"), their mean ("mean") or their sum ("sum").

    Raises
    ------
    ConfigError
        ``reduction`` is another word.

    References
    ----------
    Nelder and Wedderburn, "Generalized linear models", 1972.

    Examples
    --------
    >>> dl.nn.PoissonNLLLoss()(dl.asarray([0.0]), dl.asarray([2.0]))
    tensor(1.)
    """

    def __init__(self, log_input: bool = True, full: bool = False, eps: float = 1e-8, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.log_input, self.full, self.eps = log_input, full, eps

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return loss_distribution.poisson_nll_loss(input, target, self.log_input, self.full, self.eps, self.reduction)
