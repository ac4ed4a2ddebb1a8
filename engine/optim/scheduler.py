"""Learning-rate schedules: a formula from the epoch and a group's first rate to its rate now.

An epoch is whatever lies between two calls of step(): a pass over the data, or a batch.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from math import exp
from typing import Any

from ..errors import CheckpointError, ConfigError
from .optimizer import Optimizer


class Scheduler:
    """Base: call step() after each epoch, or after each batch if the numbers mean batches. Subclasses write rate().

    A group's first rate is kept in it as "initial_lr", so that several schedules of one optimizer agree about it. A rate
    that something else has changed since the last step, another schedule or a user, is multiplied by the formula's change.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.base_lrs = [float(g.setdefault("initial_lr", g["lr"])) for g in optimizer.param_groups]
        self.last_epoch, self._set = 0, list(self.base_lrs)
        self._apply()

    def rate(self, base: float, epoch: int) -> float:
        """The learning rate at an epoch, counted from 0, of a group that began with base."""
        raise NotImplementedError

    def step(self) -> None:
        """Go on to the next epoch."""
        self.last_epoch += 1
        self._apply()

    def _apply(self) -> None:
        rates = self._rates()
        for group, before, rate in zip(self.optimizer.param_groups, self._set, rates, strict=True):
            group["lr"] = rate if group["lr"] == before or not before else group["lr"] * (rate / before)
        self._set = rates

    def _rates(self) -> list[float]:
        return [self.rate(base, self.last_epoch) for base in self.base_lrs]

    def get_last_lr(self) -> list[float]:
        """Each group's rate now."""
        return [g["lr"] for g in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Where the schedule is; the rates now are in the optimizer's state."""
        return {"last_epoch": self.last_epoch, "base_lrs": self.base_lrs, "last_lrs": self._set}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from a state_dict(). Raises CheckpointError."""
        try:
            epoch = int(state_dict["last_epoch"])
            rates, last = ([float(r) for r in state_dict[k]] for k in ("base_lrs", "last_lrs"))
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{type(self).__name__}: not the state of a schedule: {error!r}") from None
        if not len(rates) == len(last) == len(self.base_lrs):
            raise CheckpointError(f"{type(self).__name__}: the state has {len(rates)} groups, this one {len(self.base_lrs)}")
        self.last_epoch, self.base_lrs, self._set = epoch, rates, last


class StepLR(Scheduler):
    """Times gamma every step_size epochs."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        self.step_size, self.gamma = at_least("StepLR", "step_size", step_size), gamma
        super().__init__(optimizer)

    def rate(self, base: float, epoch: int) -> float:
        return float(base * self.gamma ** (epoch // self.step_size))


class MultiStepLR(Scheduler):
    """Times gamma at each of the epochs in milestones; one that occurs twice counts twice."""

    def __init__(self, optimizer: Optimizer, milestones: Sequence[int], gamma: float = 0.1) -> None:
        self.milestones, self.gamma = sorted(milestones), gamma
        super().__init__(optimizer)

    def rate(self, base: float, epoch: int) -> float:
        return float(base * self.gamma ** bisect_right(self.milestones, epoch))


class ExponentialLR(Scheduler):
    """Times gamma every epoch."""

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        self.gamma = gamma
        super().__init__(optimizer)

    def rate(self, base: float, epoch: int) -> float:
        return float(base * self.gamma**epoch)


class LinearLR(Scheduler):
    """The warm-up: the factor goes in a straight line from start_factor to end_factor in total_iters epochs, and stays."""

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1.0 / 3, end_factor: float = 1.0, total_iters: int = 5
    ) -> None:
        if not 0 < start_factor <= 1 or not 0 <= end_factor <= 1:
            raise ConfigError(f"LinearLR: factors must be between 0 and 1, the first not 0; got {start_factor}, {end_factor}")
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = at_least("LinearLR", "total_iters", total_iters)
        super().__init__(optimizer)

    def rate(self, base: float, epoch: int) -> float:
        part = min(epoch, self.total_iters) / self.total_iters
        return base * (self.start_factor + (self.end_factor - self.start_factor) * part)


class LambdaLR(Scheduler):
    """The first rate times a function of the epoch; a list has one function per group."""

    def __init__(self, optimizer: Optimizer, lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]]) -> None:
        n = len(optimizer.param_groups)
        self.lr_lambdas = [lr_lambda] * n if callable(lr_lambda) else list(lr_lambda)
        if len(self.lr_lambdas) != n:
            raise ConfigError(f"LambdaLR: {len(self.lr_lambdas)} functions for {n} groups")
        super().__init__(optimizer)

    def rate(self, base: float, epoch: int) -> float:
        if len(set(self.lr_lambdas)) > 1:
            raise ConfigError("LambdaLR: functions of their own for each group cannot be chained")
        return base * self.lr_lambdas[0](epoch)

    def _rates(self) -> list[float]:
        return [base * f(self.last_epoch) for base, f in zip(self.base_lrs, self.lr_lambdas, strict=True)]


class DANNLR(Scheduler):
    """The rate of domain-adversarial training: lr / (1 + alpha p)^beta, p = epoch / total, from 0 to 1.

    Source: Ganin et al. 2016, JMLR 17, section 5.2.2.
    """

    def __init__(self, optimizer: Optimizer, total: int, alpha: float = 10.0, beta: float = 0.75) -> None:
        self.total, self.alpha, self.beta = at_least("DANNLR", "total", total), alpha, beta
        super().__init__(optimizer)

    def rate(self, base: float, epoch: int) -> float:
        return float(base / (1.0 + self.alpha * min(1.0, epoch / self.total)) ** self.beta)


def dann_ramp(progress: float, gamma: float = 10.0) -> float:
    """The weight of a gradient reversal at a part of the training from 0 to 1: 2 / (1 + exp(-gamma progress)) - 1.

    It rises from 0 to almost 1, so that the domain head disturbs nothing while it knows nothing.
    Source: Ganin et al. 2016, JMLR 17, section 5.2.2.
    """
    return 2.0 / (1.0 + exp(-gamma * progress)) - 1.0


def at_least(name: str, argument: str, value: int, least: int = 1) -> int:
    """The value, if it is an integer that large."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigError(f"{name}: {argument} must be an integer of at least {least}, got {value!r}")
    return value
