"""Schedules made of schedules, and one that looks at results instead of the clock."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from math import inf
from typing import Any

from ..errors import CheckpointError, ConfigError
from .cycles import OneCycleLR
from .optimizer import Optimizer
from .scheduler import Scheduler, at_least


class ChainedScheduler(Scheduler):
    """Several schedules at once: their factors of the first rate multiply."""

    def __init__(self, schedulers: Sequence[Scheduler], optimizer: Optimizer | None = None) -> None:
        self.schedulers = _only("ChainedScheduler", schedulers)
        super().__init__(optimizer or self.schedulers[0].optimizer)

    def rate(self, base: float, epoch: int) -> float:
        lr = base
        for s in self.schedulers if base else ():
            lr *= s.rate(base, epoch) / base
        return lr


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

    def rate(self, base: float, epoch: int) -> float:
        i = bisect_right(self.milestones, epoch)
        return self.schedulers[i].rate(base, epoch - (self.milestones[i - 1] if i else 0))


class ReduceLROnPlateau:
    """Times factor when a measured value has not improved for more than patience epochs: step(value) after each.

    mode "min" or "max". An improvement is one of more than threshold, relative ("rel") or absolute ("abs"). cooldown: epochs
    that do not count after a reduction. A reduction below min_lr, or of less than eps, does not happen.
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
        min_lr: float = 0.0,
        eps: float = 1e-8,
    ) -> None:
        name = "ReduceLROnPlateau"
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs") or not 0 < factor < 1:
            raise ConfigError(
                f"{name}: mode min or max, threshold_mode rel or abs, 0 < factor < 1; got {mode!r}, {threshold_mode!r}, {factor}"
            )
        self.optimizer, self.mode, self.factor, self.patience = optimizer, mode, factor, at_least(name, "patience", patience, 0)
        self.threshold, self.threshold_mode, self.cooldown = threshold, threshold_mode, at_least(name, "cooldown", cooldown, 0)
        self.min_lr, self.eps = min_lr, eps
        self.best = inf if mode == "min" else -inf
        self.bad = self.resting = self.last_epoch = 0

    def step(self, metrics: float) -> None:
        """Take in the value of an epoch."""
        self.last_epoch += 1
        value = float(metrics)
        if self._better(value):
            self.best, self.bad = value, 0
        else:
            self.bad += 1
        if self.resting:
            self.resting -= 1
            self.bad = 0
        if self.bad > self.patience:
            for group in self.optimizer.param_groups:
                lr = max(group["lr"] * self.factor, self.min_lr)
                if group["lr"] - lr > self.eps:
                    group["lr"] = lr
            self.resting, self.bad = self.cooldown, 0

    def _better(self, value: float) -> bool:
        sign = 1.0 if self.mode == "min" else -1.0
        if abs(self.best) == inf:
            return sign * value < inf  # False for NaN
        margin = self.threshold * (self.best if self.threshold_mode == "rel" else 1.0)
        return sign * value < sign * self.best - (sign * margin if self.threshold_mode == "rel" else margin)

    def get_last_lr(self) -> list[float]:
        """Each group's rate now."""
        return [g["lr"] for g in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """What it has seen; the rates are in the optimizer's state."""
        return {"last_epoch": self.last_epoch, "best": self.best, "bad": self.bad, "resting": self.resting}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from a state_dict(). Raises CheckpointError."""
        try:
            best = float(state_dict["best"])
            counts = [int(state_dict[k]) for k in ("last_epoch", "bad", "resting")]
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"ReduceLROnPlateau: not the state of a schedule: {error!r}") from None
        self.best = best
        self.last_epoch, self.bad, self.resting = counts


def _only(name: str, schedulers: Sequence[Scheduler]) -> list[Scheduler]:
    """The schedules, if they are formulas of the first rate, all of one optimizer; the rate is the first again."""
    found = list(schedulers)
    if not found or not all(isinstance(s, Scheduler) and not isinstance(s, OneCycleLR) for s in found):
        raise ConfigError(f"{name}: takes schedules that are a formula of the first rate, not one-cycle or plateau")
    if len({id(s.optimizer) for s in found}) > 1:
        raise ConfigError(f"{name}: the schedules are of different optimizers")
    for group in found[0].optimizer.param_groups:
        group["lr"] = group["initial_lr"]  # making the schedules has moved it
    return found
