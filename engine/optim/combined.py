"""Schedules that combine others, and one that depends on a measured value."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from math import inf
from typing import Any
from weakref import ref

from ..errors import CheckpointError, ConfigError
from ..states import count, number, rates, read_state
from .cyclic import OneCycleLR
from .optimizer import Optimizer
from .scheduler import Scheduler, require_integer, require_number, require_optimizer


class ChainedScheduler(Scheduler):
    """Apply several schedules at once: the initial rate is multiplied by the factors of all.

    Parameters
    ----------
    schedulers : list of Scheduler
        The schedules, all of one optimizer; from now on only the combination is stepped.
    optimizer : Optimizer or None
        The optimizer; None is that of the schedules.

    Examples
    --------
    >>> optimizer = dl.optim.SGD([dl.ones(2).requires_grad_()], lr=1.0)
    >>> warmup = dl.optim.LinearLR(optimizer, start_factor=0.5, total_iters=1)
    >>> schedule = dl.optim.ChainedScheduler([warmup, dl.optim.ExponentialLR(optimizer, gamma=0.5)])
    >>> for epoch in range(3):
    ...     print(epoch, schedule.get_last_lr())
    ...     schedule.step()
    0 [0.5]
    1 [0.5]
    2 [0.25]
    """

    def __init__(self, schedulers: Sequence[Scheduler], optimizer: Optimizer | None = None) -> None:
        self.schedulers = _take_over("ChainedScheduler", schedulers)
        super().__init__(optimizer or self.schedulers[0].optimizer)

    def group_rate(self, i: int, base: float, epoch: int) -> float:
        lr = base
        for s in self.schedulers if base else ():
            lr *= s.group_rate(i, base, epoch) / base
        return lr

    def _initial_rate(self, i: int, group: dict[str, Any]) -> float:
        return _add_new_groups(self.schedulers, super()._initial_rate(i, group))


class SequentialLR(Scheduler):
    """Apply schedules one after the other: at each milestone the next one starts, from the initial rate.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer whose rates are set.
    schedulers : list of Scheduler
        The schedules, all of this optimizer; from now on only the combination is stepped.
    milestones : list of int
        The rising epochs at which the second schedule and those after it start.

    Examples
    --------
    >>> optimizer = dl.optim.SGD([dl.ones(2).requires_grad_()], lr=1.0)
    >>> warmup = dl.optim.LinearLR(optimizer, start_factor=0.5, total_iters=2)
    >>> decay = dl.optim.ExponentialLR(optimizer, gamma=0.5)
    >>> schedule = dl.optim.SequentialLR(optimizer, [warmup, decay], milestones=[2])
    >>> for epoch in range(4):
    ...     print(epoch, schedule.get_last_lr())
    ...     schedule.step()
    0 [0.5]
    1 [0.75]
    2 [1.0]
    3 [0.5]
    """

    def __init__(self, optimizer: Optimizer, schedulers: Sequence[Scheduler], milestones: Sequence[int]) -> None:
        self.schedulers, self.milestones = _take_over("SequentialLR", schedulers), list(milestones)
        if len(milestones) != len(self.schedulers) - 1 or sorted(milestones) != self.milestones:
            raise ConfigError(
                f"SequentialLR: {len(self.schedulers)} schedules need {len(self.schedulers) - 1} rising milestones, "
                f"got {self.milestones}"
            )
        super().__init__(optimizer)

    def group_rate(self, i: int, base: float, epoch: int) -> float:
        k = bisect_right(self.milestones, epoch)
        return self.schedulers[k].group_rate(i, base, epoch - (self.milestones[k - 1] if k else 0))

    def _initial_rate(self, i: int, group: dict[str, Any]) -> float:
        return _add_new_groups(self.schedulers, super()._initial_rate(i, group))


class ReduceLROnPlateau:
    """Multiply the rate by ``factor`` when a measured value has not improved for more than ``patience`` epochs.

    Call ``step(value)`` after each epoch. Other schedules of the same optimizer keep the reductions.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer whose rates are reduced.
    mode : str
        "min" if lower values are better, "max" if higher ones are.
    factor : float
        The factor of a reduction, between 0 and 1.
    patience : int
        The number of epochs without improvement that are tolerated.
    threshold : float
        By how much the best value must be surpassed to count as an improvement.
    threshold_mode : str
        "rel": the threshold is a part of the best value, so in mode "min" a value below ``best (1 - threshold)`` improves, in
        mode "max" one above ``best (1 + threshold)``. "abs": it is a difference.
    cooldown : int
        The number of epochs after a reduction that do not count.
    min_lr : float or list of float
        The lowest rate, of all groups or of each.
    eps : float
        A rate that would change by no more than this is kept.

    Attributes
    ----------
    best : float
        The best value so far.
    factors : list of float
        What the rate of each group has been multiplied by so far.

    Examples
    --------
    >>> optimizer = dl.optim.SGD([dl.ones(2).requires_grad_()], lr=1.0)
    >>> schedule = dl.optim.ReduceLROnPlateau(optimizer, factor=0.5, patience=0)
    >>> for loss in (3.0, 2.0, 2.0):
    ...     schedule.step(loss)
    ...     print(loss, schedule.get_last_lr())
    3.0 [1.0]
    2.0 [1.0]
    2.0 [0.5]
    """

    takes_value = True

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0.0,
        eps: float = 1e-8,
    ) -> None:
        name = "ReduceLROnPlateau"
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs") or not 0 < factor < 1:
            raise ConfigError(
                f"{name}: mode min or max, threshold_mode rel or abs, 0 < factor < 1; got {mode!r}, {threshold_mode!r}, {factor}"
            )
        self.optimizer = require_optimizer(name, optimizer)
        self.mode, self.factor, self.patience = mode, factor, require_integer(name, "patience", patience, 0)
        self.threshold, self.threshold_mode = require_number(name, "threshold", threshold), threshold_mode
        self.cooldown = require_integer(name, "cooldown", cooldown, 0)
        try:
            self.min_lr: float | list[float] = number(min_lr) if isinstance(min_lr, int | float) else rates(list(min_lr))
        except (TypeError, ValueError):
            raise ConfigError(f"{name}: min_lr must be a number or one number per group, got {min_lr!r}") from None
        self.eps = require_number(name, "eps", eps)
        self.best = inf if mode == "min" else -inf
        self.bad = self.resting = self.last_epoch = 0
        self.factors: list[float] = []
        self.add_new_groups()
        optimizer.schedules.append(ref(self))

    def step(self, metrics: float) -> None:
        """Record the value of an epoch, and reduce the rates if it has not improved for too long.

        Parameters
        ----------
        metrics : float
            The value.
        """
        value = float(metrics)
        self.add_new_groups()
        self.last_epoch += 1
        if self._better(value):
            self.best, self.bad = value, 0
        else:
            self.bad += 1
        if self.resting:
            self.resting -= 1
            self.bad = 0
        if self.bad > self.patience:
            for i, group in enumerate(self.optimizer.param_groups):
                floor = self.min_lr[i] if isinstance(self.min_lr, list) else self.min_lr
                before, lr = group["lr"], max(group["lr"] * self.factor, floor)
                if before - lr > self.eps:
                    group["lr"] = lr
                    self.factors[i] *= lr / before
            self.resting, self.bad = self.cooldown, 0

    def _better(self, value: float) -> bool:
        """Whether the value improves on the best."""
        relative = self.threshold_mode == "rel"
        # At first the best value is infinite, and every finite value improves on it.
        margin = 0.0 if abs(self.best) == inf else self.threshold * (self.best if relative else 1.0)
        return value < self.best - margin if self.mode == "min" else value > self.best + margin

    def add_new_groups(self) -> None:
        """Start the factors of groups that were added to the optimizer after the last step."""
        n = len(self.optimizer.param_groups)
        if isinstance(self.min_lr, list) and len(self.min_lr) != n:
            raise ConfigError(f"ReduceLROnPlateau: {len(self.min_lr)} values of min_lr for {n} groups")
        self.factors += [1.0] * (n - len(self.factors))

    def factor_of(self, i: int) -> float:
        """Return the factor that a group's rate has been multiplied by so far.

        Parameters
        ----------
        i : int
            The number of the group.

        Returns
        -------
        float
            The factor.
        """
        return self.factors[i]

    def get_last_lr(self) -> list[float]:
        """Return the current learning rate of each group.

        Returns
        -------
        list of float
            One rate per group.
        """
        return [g["lr"] for g in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Return the best value, the counts, and the factor and current rate of each group.

        Returns
        -------
        dict
            What ``load_state_dict`` takes.
        """
        self.add_new_groups()
        counts = {"last_epoch": self.last_epoch, "best": self.best, "bad": self.bad, "resting": self.resting}
        return {**counts, "factors": list(self.factors), "last_lrs": self.get_last_lr()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from a ``state_dict()``; it also sets the rates of the optimizer.

        Optimizer and schedule may be loaded in either order.

        Parameters
        ----------
        state_dict : dict
            The state.

        Raises
        ------
        CheckpointError
            If the state does not fit; then nothing has changed.
        """
        name, n = "ReduceLROnPlateau", len(self.optimizer.param_groups)
        readers = {"best": number, "last_epoch": count, "bad": count, "resting": count, "factors": rates, "last_lrs": rates}
        best, epoch, bad, resting, factors, last = read_state(name, "a schedule", state_dict, readers)
        for key, found in (("factors", factors), ("last_lrs", last)):
            if len(found) != n:
                raise CheckpointError(f"{name}: {key} of the state is of {len(found)} groups, this optimizer has {n}")
        self.best, self.last_epoch, self.bad, self.resting, self.factors = best, epoch, bad, resting, factors
        for group, rate in zip(self.optimizer.param_groups, last, strict=True):
            group["lr"] = rate

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Register a copy, or an unpickled schedule, with its own optimizer."""
        self.__dict__.update(state)
        self.optimizer.schedules.append(ref(self))


def _take_over(name: str, schedulers: Sequence[Scheduler]) -> list[Scheduler]:
    """Check the schedules and make them parts of a combined one, which from now on sets the rates."""
    found = list(schedulers)
    if not found or not all(isinstance(s, Scheduler) and not isinstance(s, OneCycleLR) for s in found):
        raise ConfigError(f"{name}: takes schedules that are a formula of the first rate, not one-cycle or plateau")
    optimizer = found[0].optimizer
    if len({id(s.optimizer) for s in found}) > 1:
        raise ConfigError(f"{name}: the schedules are of different optimizers")
    for s in found:
        s.part = True
    optimizer.schedules[:] = [weak for weak in optimizer.schedules if not any(weak() is s for s in found)]
    return found


def _add_new_groups(parts: Sequence[Scheduler], base: float) -> float:
    """Let the parts of a combined schedule record a new group too; returns its initial rate."""
    for s in parts:
        s.add_new_groups()
    return base
