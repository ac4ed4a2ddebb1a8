"""Schedules made of schedules, and one that looks at results instead of the clock."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from math import inf
from typing import Any
from weakref import ref

from ..errors import CheckpointError, ConfigError
from ..states import count, number, rates, read_state
from .cycles import OneCycleLR
from .optimizer import Optimizer
from .scheduler import Scheduler, a_number, at_least, checked_optimizer


class ChainedScheduler(Scheduler):
    """Several schedules at once: their factors of the first rate multiply."""

    def __init__(self, schedulers: Sequence[Scheduler], optimizer: Optimizer | None = None) -> None:
        self.schedulers = _only("ChainedScheduler", schedulers)
        super().__init__(optimizer or self.schedulers[0].optimizer)

    def _rate(self, i: int, base: float, epoch: int) -> float:
        lr = base
        for s in self.schedulers if base else ():
            lr *= s._rate(i, base, epoch) / base
        return lr

    def _first_rate(self, i: int, group: dict[str, Any]) -> float:
        return _met_by(self.schedulers, super()._first_rate(i, group))


class SequentialLR(Scheduler):
    """One schedule after the other: the next begins anew, with the first rate, at each of the milestones."""

    def __init__(self, optimizer: Optimizer, schedulers: Sequence[Scheduler], milestones: Sequence[int]) -> None:
        self.schedulers, self.milestones = _only("SequentialLR", schedulers), list(milestones)
        if len(milestones) != len(self.schedulers) - 1 or sorted(milestones) != self.milestones:
            raise ConfigError(
                f"SequentialLR: {len(self.schedulers)} schedules need {len(self.schedulers) - 1} rising milestones, "
                f"got {self.milestones}"
            )
        super().__init__(optimizer)

    def _rate(self, i: int, base: float, epoch: int) -> float:
        k = bisect_right(self.milestones, epoch)
        return self.schedulers[k]._rate(i, base, epoch - (self.milestones[k - 1] if k else 0))

    def _first_rate(self, i: int, group: dict[str, Any]) -> float:
        return _met_by(self.schedulers, super()._first_rate(i, group))


class ReduceLROnPlateau:
    """Times factor when a measured value has not improved for more than patience epochs: step(value) after each.

    mode "min" or "max". An improvement is one beyond the best by more than threshold: a part of the best ("rel": below
    best (1 - threshold), in mode max above best (1 + threshold)), or as it is ("abs"). cooldown: epochs that do not count
    after a reduction. min_lr: one number, or one per group; a reduction goes no further, and one of less than eps does not
    happen. Other schedules of the same optimizer keep its reductions.
    """

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
        self.optimizer = checked_optimizer(name, optimizer)
        self.mode, self.factor, self.patience = mode, factor, at_least(name, "patience", patience, 0)
        self.threshold, self.threshold_mode = a_number(name, "threshold", threshold), threshold_mode
        self.cooldown = at_least(name, "cooldown", cooldown, 0)
        try:
            self.min_lr = number(min_lr) if isinstance(min_lr, int | float) else rates(list(min_lr))
        except (TypeError, ValueError):
            raise ConfigError(f"{name}: min_lr must be a number or one number per group, got {min_lr!r}") from None
        self.eps = a_number(name, "eps", eps)
        self.best = inf if mode == "min" else -inf
        self.bad = self.resting = self.last_epoch = 0
        self.factors: list[float] = []
        """What each group's rate has been multiplied by so far."""
        self.meet_groups()
        optimizer.schedules.append(ref(self))

    def step(self, metrics: float) -> None:
        """Take in the value of an epoch."""
        value = float(metrics)
        self.meet_groups()
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
                floor = self.min_lr if isinstance(self.min_lr, float) else self.min_lr[i]
                before, lr = group["lr"], max(group["lr"] * self.factor, floor)
                if before - lr > self.eps:
                    group["lr"] = lr
                    self.factors[i] *= lr / before
            self.resting, self.bad = self.cooldown, 0

    def _better(self, value: float) -> bool:
        relative = self.threshold_mode == "rel"
        # At first best is infinite: whatever is measured improves on it.
        margin = 0.0 if abs(self.best) == inf else self.threshold * (self.best if relative else 1.0)
        return value < self.best - margin if self.mode == "min" else value > self.best + margin

    def meet_groups(self) -> None:
        """Note the groups that were added since."""
        n = len(self.optimizer.param_groups)
        if not isinstance(self.min_lr, float) and len(self.min_lr) != n:
            raise ConfigError(f"ReduceLROnPlateau: {len(self.min_lr)} values of min_lr for {n} groups")
        self.factors += [1.0] * (n - len(self.factors))

    def factor_of(self, i: int) -> float:
        """What it has multiplied the rate of group number i by so far."""
        return self.factors[i]

    def get_last_lr(self) -> list[float]:
        """Each group's rate now."""
        return [g["lr"] for g in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """What it has seen and done, and each group's rate now."""
        self.meet_groups()
        counts = {"last_epoch": self.last_epoch, "best": self.best, "bad": self.bad, "resting": self.resting}
        return {**counts, "factors": list(self.factors), "last_lrs": self.get_last_lr()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from a state_dict(): the optimizer gets its rates too, so either may be loaded first, or only this.

        Nothing changes if the state does not fit. Raises CheckpointError.
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
        """A copy, or one that was pickled, takes part in the rates of its own optimizer."""
        self.__dict__.update(state)
        self.optimizer.schedules.append(ref(self))


def _only(name: str, schedulers: Sequence[Scheduler]) -> list[Scheduler]:
    """The schedules, if they are formulas of the first rate, all of one optimizer; from now on only the whole sets rates."""
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


def _met_by(parts: Sequence[Scheduler], base: float) -> float:
    """The first rate of a new group, when the schedules that the whole is made of have met the group too."""
    for s in parts:
        s.meet_groups()
    return base
