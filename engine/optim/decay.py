"""Schedules that lower the rate step by step, linearly or by a function of the epoch."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from math import exp
from typing import Any

from ..errors import ConfigError
from .optimizer import Optimizer
from .scheduler import Scheduler, require_integer, require_number, require_optimizer


class StepLR(Scheduler):
    """Multiply the rate by ``gamma`` every ``step_size`` epochs.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer whose rates are set.
    step_size : int
        Epochs between two reductions.
    gamma : float
        The factor.

    Examples
    --------
    >>> optimizer = dl.optim.SGD([dl.ones(2).requires_grad_()], lr=1.0)
    >>> schedule = dl.optim.StepLR(optimizer, step_size=2, gamma=0.5)
    >>> for epoch in range(4):
    ...     print(epoch, schedule.get_last_lr())
    ...     schedule.step()
    0 [1.0]
    1 [1.0]
    2 [0.5]
    3 [0.5]
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        self.step_size, self.gamma = require_integer("StepLR", "step_size", step_size), require_number("StepLR", "gamma", gamma)
        super().__init__(optimizer)

    def rate(self, base: float, epoch: int) -> float:
        return float(base * self.gamma ** (epoch // self.step_size))


class MultiStepLR(Scheduler):
    """Multiply the rate by ``gamma`` at each of the milestones.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer whose rates are set.
    milestones : list of int
        The epochs, in any order; one that occurs twice counts twice.
    gamma : float
        The factor.

    Examples
    --------
    >>> optimizer = dl.optim.SGD([dl.ones(2).requires_grad_()], lr=1.0)
    >>> schedule = dl.optim.MultiStepLR(optimizer, milestones=[1, 3], gamma=0.5)
    >>> for epoch in range(4):
    ...     print(epoch, schedule.get_last_lr())
    ...     schedule.step()
    0 [1.0]
    1 [0.5]
    2 [0.5]
    3 [0.25]
    """

    def __init__(self, optimizer: Optimizer, milestones: Sequence[int], gamma: float = 0.1) -> None:
        if not isinstance(milestones, Iterable) or not all(isinstance(m, int) for m in milestones):
            raise ConfigError(f"MultiStepLR: milestones must be a list of epochs, got {milestones!r}")
        self.milestones, self.gamma = sorted(milestones), require_number("MultiStepLR", "gamma", gamma)
        super().__init__(optimizer)

    def rate(self, base: float, epoch: int) -> float:
        return float(base * self.gamma ** bisect_right(self.milestones, epoch))


class ExponentialLR(Scheduler):
    """Multiply the rate by ``gamma`` every epoch.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer whose rates are set.
    gamma : float
        The factor.

    Examples
    --------
    >>> optimizer = dl.optim.SGD([dl.ones(2).requires_grad_()], lr=1.0)
    >>> schedule = dl.optim.ExponentialLR(optimizer, gamma=0.5)
    >>> for epoch in range(3):
    ...     print(epoch, schedule.get_last_lr())
    ...     schedule.step()
    0 [1.0]
    1 [0.5]
    2 [0.25]
    """

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        self.gamma = require_number("ExponentialLR", "gamma", gamma)
        super().__init__(optimizer)

    def rate(self, base: float, epoch: int) -> float:
        return float(base * self.gamma**epoch)


class LinearLR(Scheduler):
    """Change the rate linearly from one factor of the initial rate to another, then keep it: a warm-up.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer whose rates are set.
    start_factor : float
        The first factor, above 0 and at most 1.
    end_factor : float
        The last factor, from 0 to 1.
    total_iters : int
        The number of epochs from the first factor to the last.

    Examples
    --------
    >>> optimizer = dl.optim.SGD([dl.ones(2).requires_grad_()], lr=1.0)
    >>> schedule = dl.optim.LinearLR(optimizer, start_factor=0.5, total_iters=2)
    >>> for epoch in range(4):
    ...     print(epoch, schedule.get_last_lr())
    ...     schedule.step()
    0 [0.5]
    1 [0.75]
    2 [1.0]
    3 [1.0]
    """

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1.0 / 3, end_factor: float = 1.0, total_iters: int = 5
    ) -> None:
        start_factor, end_factor = (require_number("LinearLR", "factors", f) for f in (start_factor, end_factor))
        if not 0 < start_factor <= 1 or not 0 <= end_factor <= 1:
            raise ConfigError(f"LinearLR: factors must be between 0 and 1, the first not 0; got {start_factor}, {end_factor}")
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = require_integer("LinearLR", "total_iters", total_iters)
        super().__init__(optimizer)

    def rate(self, base: float, epoch: int) -> float:
        part = min(epoch, self.total_iters) / self.total_iters
        return base * (self.start_factor + (self.end_factor - self.start_factor) * part)


class LambdaLR(Scheduler):
    """Multiply the initial rate by a function of the epoch.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer whose rates are set.
    lr_lambda : callable or list of callable
        A function from the epoch, counted from 0, to the factor; or a list with one function per group.

    Examples
    --------
    >>> optimizer = dl.optim.SGD([dl.ones(2).requires_grad_()], lr=1.0)
    >>> schedule = dl.optim.LambdaLR(optimizer, lambda epoch: 1 / (1 + epoch))
    >>> for epoch in range(2):
    ...     print(epoch, schedule.get_last_lr())
    ...     schedule.step()
    0 [1.0]
    1 [0.5]
    """

    def __init__(self, optimizer: Optimizer, lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]]) -> None:
        self.shared = lr_lambda if callable(lr_lambda) else None
        n = len(require_optimizer("LambdaLR", optimizer).param_groups)
        if not callable(lr_lambda) and not (isinstance(lr_lambda, list | tuple) and all(map(callable, lr_lambda))):
            raise ConfigError(f"LambdaLR: lr_lambda must be a function of the epoch, or a list of them, got {lr_lambda!r}")
        self.lr_lambdas = [lr_lambda] * n if callable(lr_lambda) else list(lr_lambda)
        if len(self.lr_lambdas) != n:
            raise ConfigError(f"LambdaLR: {len(self.lr_lambdas)} functions for {n} groups")
        super().__init__(optimizer)

    def _initial_rate(self, i: int, group: dict[str, Any]) -> float:
        if i == len(self.lr_lambdas):
            if self.shared is None:
                raise ConfigError(f"LambdaLR: {i} functions, but the optimizer has got group {i}; append one to lr_lambdas")
            self.lr_lambdas.append(self.shared)
        return super()._initial_rate(i, group)

    def group_rate(self, i: int, base: float, epoch: int) -> float:
        return float(base * self.lr_lambdas[i](epoch))


class DANNLR(Scheduler):
    """The schedule of domain-adversarial training: ``lr / (1 + alpha p)^beta`` with ``p = epoch / total``.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer whose rates are set.
    total : int
        The number of epochs; afterwards ``p`` stays 1.
    alpha : float
        How fast the rate falls.
    beta : float
        The exponent.

    References
    ----------
    Ganin et al., 2016, "Domain-adversarial training of neural networks", JMLR 17, section 5.2.2.

    Examples
    --------
    >>> optimizer = dl.optim.SGD([dl.ones(2).requires_grad_()], lr=1.0)
    >>> schedule = dl.optim.DANNLR(optimizer, total=2, alpha=2.0, beta=1.0)
    >>> for epoch in range(3):
    ...     print(epoch, schedule.get_last_lr())
    ...     schedule.step()
    0 [1.0]
    1 [0.5]
    2 [0.333...]
    """

    def __init__(self, optimizer: Optimizer, total: int, alpha: float = 10.0, beta: float = 0.75) -> None:
        self.total, self.alpha, self.beta = require_integer("DANNLR", "total", total), alpha, beta
        super().__init__(optimizer)

    def rate(self, base: float, epoch: int) -> float:
        return float(base / (1.0 + self.alpha * min(1.0, epoch / self.total)) ** self.beta)


def dann_ramp(progress: float, gamma: float = 10.0) -> float:
    """The weight of a gradient reversal during domain-adversarial training: ``2 / (1 + exp(-gamma progress)) - 1``.

    It rises from 0 to almost 1, so that an untrained domain head does not disturb the features.

    Parameters
    ----------
    progress : float
        The part of the training that is over, from 0 to 1.
    gamma : float
        How fast the weight rises.

    Returns
    -------
    float
        The weight.

    References
    ----------
    Ganin et al., 2016, "Domain-adversarial training of neural networks", JMLR 17, section 5.2.2.

    Examples
    --------
    >>> dl.optim.dann_ramp(0.0)
    0.0
    >>> round(dl.optim.dann_ramp(1.0), 4)
    0.9999
    """
    return 2.0 / (1.0 + exp(-gamma * progress)) - 1.0
