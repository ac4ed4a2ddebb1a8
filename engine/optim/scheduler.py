"""Learning-rate schedules: a formula from the epoch and a group's first rate to its rate now.

An epoch is whatever lies between two calls of step(): a pass over the data, or a batch.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import exp, isfinite
from numbers import Real
from typing import Any
from weakref import ref

from ..errors import CheckpointError, ConfigError, DTypeError
from ..states import count, rates, read_state
from .optimizer import Optimizer


class Scheduler:
    """Base: call step() after each epoch, or after each batch if the numbers mean batches. Subclasses write rate().

    Each step sets the rates, whatever they were: a group's rate is its first rate times the factor of every schedule of the
    optimizer that is still in use, so that schedules can be stepped side by side. A rate written by hand lasts until the
    next step; base_lrs holds the first rates, also kept in each group as "initial_lr". A group that is added later joins
    with its own rate as the first.
    """

    part = False
    """Whether it is part of a chain or a sequence, which sets the rates in its place."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = checked_optimizer(type(self).__name__, optimizer)
        self.base_lrs: list[float] = []
        self.last_epoch = 0
        optimizer.schedules.append(ref(self))
        self._apply()

    def rate(self, base: float, epoch: int) -> float:
        """The learning rate at an epoch, counted from 0, of a group that began with base."""
        raise NotImplementedError

    def _rate(self, i: int, base: float, epoch: int) -> float:
        """The rate of group number i, for schedules whose groups differ in more than their first rate."""
        return self.rate(base, epoch)

    def _first_rate(self, i: int, group: dict[str, Any]) -> float:
        """The first rate of a group that this schedule meets for the first time."""
        return float(group.setdefault("initial_lr", group["lr"]))

    def step(self) -> None:
        """Go on to the next epoch."""
        self.last_epoch += 1
        try:
            self._apply()
        except BaseException:
            self.last_epoch -= 1
            raise

    def _apply(self) -> None:
        """Set every group's rate from all schedules of the optimizer."""
        self.optimizer.schedules[:] = [weak for weak in self.optimizer.schedules if weak() is not None]
        in_use: list[Any] = [weak() for weak in self.optimizer.schedules]
        for s in in_use:
            s.meet_groups()
        first = next((s for s in in_use if isinstance(s, Scheduler)), None)
        if first is None:
            return
        others = [s for s in in_use if s is not first]
        rates = []
        for i, base in enumerate(first.base_lrs):
            rate = first._rate(i, base, first.last_epoch)
            for s in others:
                rate *= s.factor_of(i)
            rates.append(rate)
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate

    def meet_groups(self) -> None:
        """Note the first rate of groups that were added since."""
        for i in range(len(self.base_lrs), len(self.optimizer.param_groups)):
            self.base_lrs.append(self._first_rate(i, self.optimizer.param_groups[i]))

    def factor_of(self, i: int) -> float:
        """What the schedule now multiplies the first rate of group number i by."""
        base = self.base_lrs[i]
        return self._rate(i, base, self.last_epoch) / base if base else 1.0

    def get_last_lr(self) -> list[float]:
        """Each group's rate now."""
        return [g["lr"] for g in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Where the schedule is, each group's first rate and its rate now."""
        self.meet_groups()
        return {"last_epoch": self.last_epoch, "base_lrs": list(self.base_lrs), "last_lrs": self.get_last_lr()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from a state_dict(): the optimizer gets its rates too, so either may be loaded first, or only this.

        Nothing changes if the state does not fit. Raises CheckpointError.
        """
        name = type(self).__name__
        self.meet_groups()
        readers: dict[str, Any] = {"last_epoch": count, "base_lrs": rates, "last_lrs": rates}
        epoch, bases, last = read_state(name, "a schedule", state_dict, readers)
        n = len(self.optimizer.param_groups)
        for key, found in (("base_lrs", bases), ("last_lrs", last)):
            if len(found) != n:
                raise CheckpointError(f"{name}: {key} of the state is of {len(found)} groups, this optimizer has {n}")
        try:
            for i, base in enumerate(bases):
                self._rate(i, base, epoch)
        except (ConfigError, ArithmeticError) as error:
            raise CheckpointError(f"{name}: last_epoch {epoch} of the state does not fit: {error}") from None
        self.last_epoch, self.base_lrs = epoch, bases
        for group, base, rate in zip(self.optimizer.param_groups, bases, last, strict=True):
            group["initial_lr"], group["lr"] = base, rate

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A copy, or one that was pickled, takes part in the rates of its own optimizer."""
        self.__dict__.update(state)
        if not self.part:
            self.optimizer.schedules.append(ref(self))


def checked_optimizer(name: str, optimizer: Any) -> Optimizer:
    """The optimizer, if it is one."""
    if not isinstance(optimizer, Optimizer):
        raise DTypeError(f"{name}: optimizer must be an Optimizer, got {type(optimizer).__name__}")
    return optimizer


class StepLR(Scheduler):
    """Times gamma every step_size epochs."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        self.step_size, self.gamma = at_least("StepLR", "step_size", step_size), a_number("StepLR", "gamma", gamma)
        super().__init__(optimizer)

    def rate(self, base: float, epoch: int) -> float:
        return float(base * self.gamma ** (epoch // self.step_size))


class MultiStepLR(Scheduler):
    """Times gamma at each of the epochs in milestones; one that occurs twice counts twice."""

    def __init__(self, optimizer: Optimizer, milestones: Sequence[int], gamma: float = 0.1) -> None:
        if not isinstance(milestones, Iterable) or not all(isinstance(m, int) for m in milestones):
            raise ConfigError(f"MultiStepLR: milestones must be a list of epochs, got {milestones!r}")
        self.milestones, self.gamma = sorted(milestones), a_number("MultiStepLR", "gamma", gamma)
        super().__init__(optimizer)

    def rate(self, base: float, epoch: int) -> float:
        return float(base * self.gamma ** bisect_right(self.milestones, epoch))


class ExponentialLR(Scheduler):
    """Times gamma every epoch."""

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        self.gamma = a_number("ExponentialLR", "gamma", gamma)
        super().__init__(optimizer)

    def rate(self, base: float, epoch: int) -> float:
        return float(base * self.gamma**epoch)


class LinearLR(Scheduler):
    """The warm-up: the factor goes in a straight line from start_factor to end_factor in total_iters epochs, and stays."""

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1.0 / 3, end_factor: float = 1.0, total_iters: int = 5
    ) -> None:
        start_factor, end_factor = (a_number("LinearLR", "factors", f) for f in (start_factor, end_factor))
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
        self.shared = lr_lambda if callable(lr_lambda) else None
        n = len(checked_optimizer("LambdaLR", optimizer).param_groups)
        if not callable(lr_lambda) and not (isinstance(lr_lambda, list | tuple) and all(map(callable, lr_lambda))):
            raise ConfigError(f"LambdaLR: lr_lambda must be a function of the epoch, or a list of them, got {lr_lambda!r}")
        self.lr_lambdas = [lr_lambda] * n if callable(lr_lambda) else list(lr_lambda)
        if len(self.lr_lambdas) != n:
            raise ConfigError(f"LambdaLR: {len(self.lr_lambdas)} functions for {n} groups")
        super().__init__(optimizer)

    def _first_rate(self, i: int, group: dict[str, Any]) -> float:
        if i == len(self.lr_lambdas):
            if self.shared is None:
                raise ConfigError(f"LambdaLR: {i} functions, but the optimizer has got group {i}; append one to lr_lambdas")
            self.lr_lambdas.append(self.shared)
        return super()._first_rate(i, group)

    def _rate(self, i: int, base: float, epoch: int) -> float:
        return float(base * self.lr_lambdas[i](epoch))


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


def a_number(name: str, argument: str, value: Any) -> float:
    """The value, if it is a finite number."""
    if isinstance(value, bool) or not isinstance(value, Real) or not isfinite(value):
        raise ConfigError(f"{name}: {argument} must be a number, got {value!r}")
    return float(value)


def at_least(name: str, argument: str, value: int, least: int = 1) -> int:
    """The value, if it is an integer that large."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigError(f"{name}: {argument} must be an integer of at least {least}, got {value!r}")
    return value
