"""Scheduler, the base of learning-rate schedules, which compute a group's rate from its initial rate and the epoch.

An epoch is the time between two calls of step(): a pass over the data, or a batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from numbers import Real
from typing import Any
from weakref import ref

from ..errors import CheckpointError, ConfigError, DTypeError
from ..states import count, rates, read_state
from .docstrings import inherit_docstrings
from .optimizer import Optimizer


class Scheduler:
    """Base class of learning-rate schedules; a subclass defines ``rate``.

    Call ``step()`` after each epoch, or after each batch if the schedule counts batches. Each step sets the rate of every
    group to its initial rate times the factors of all schedules of the optimizer, so several schedules can be stepped side
    by side. A rate that is set by hand lasts until the next step. A group that is added later starts from its own rate.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer whose rates are set.

    Attributes
    ----------
    base_lrs : list of float
        The initial rate of each group, which the group holds too, as ``"initial_lr"``.
    last_epoch : int
        The number of steps so far.

    Examples
    --------
    >>> class Halving(dl.optim.Scheduler):
    ...     def rate(self, base, epoch):
    ...         return base * 0.5**epoch
    >>> optimizer = dl.optim.SGD([dl.ones(2).requires_grad_()], lr=1.0)
    >>> schedule = Halving(optimizer)
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.5]
    """

    part = False
    """Whether it is part of a combined schedule, which sets the rates in its place."""

    takes_value = False
    """Whether ``step`` takes a measured value, such as the validation loss."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        inherit_docstrings(cls)

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = require_optimizer(type(self).__name__, optimizer)
        self.base_lrs: list[float] = []
        self.last_epoch = 0
        optimizer.schedules.append(ref(self))
        self._apply()

    def rate(self, base: float, epoch: int) -> float:
        """Compute the learning rate of a group at an epoch.

        Parameters
        ----------
        base : float
            The initial rate of the group.
        epoch : int
            The epoch, counted from 0.

        Returns
        -------
        float
            The rate.
        """
        raise NotImplementedError

    def group_rate(self, i: int, base: float, epoch: int) -> float:
        """Compute the rate of one group, for schedules whose groups differ in more than their initial rates.

        Parameters
        ----------
        i : int
            The number of the group.
        base : float
            The initial rate of the group.
        epoch : int
            The epoch, counted from 0.

        Returns
        -------
        float
            The rate.
        """
        return self.rate(base, epoch)

    def _initial_rate(self, i: int, group: dict[str, Any]) -> float:
        """The initial rate of group number i, which is new to this schedule."""
        return float(group.setdefault("initial_lr", group["lr"]))

    def step(self) -> None:
        """Advance to the next epoch and set the learning rates."""
        self.last_epoch += 1
        try:
            self._apply()
        except BaseException:
            self.last_epoch -= 1
            raise

    def _apply(self) -> None:
        """Set the rate of every group from all schedules of the optimizer."""
        self.optimizer.schedules[:] = [weak for weak in self.optimizer.schedules if weak() is not None]
        in_use: list[Any] = [weak() for weak in self.optimizer.schedules]
        for s in in_use:
            s.add_new_groups()
        first = next((s for s in in_use if isinstance(s, Scheduler)), None)
        if first is None:
            return
        others = [s for s in in_use if s is not first]
        rates = []
        for i, base in enumerate(first.base_lrs):
            rate = first.group_rate(i, base, first.last_epoch)
            for s in others:
                rate *= s.factor_of(i)
            rates.append(rate)
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate

    def add_new_groups(self) -> None:
        """Record the initial rates of groups that were added to the optimizer after the last step."""
        for i in range(len(self.base_lrs), len(self.optimizer.param_groups)):
            self.base_lrs.append(self._initial_rate(i, self.optimizer.param_groups[i]))

    def factor_of(self, i: int) -> float:
        """Compute the factor that a group's initial rate is multiplied by in this epoch.

        Parameters
        ----------
        i : int
            The number of the group.

        Returns
        -------
        float
            The factor.
        """
        base = self.base_lrs[i]
        return self.group_rate(i, base, self.last_epoch) / base if base else 1.0

    def get_last_lr(self) -> list[float]:
        """Return the current learning rate of each group.

        Returns
        -------
        list of float
            One rate per group.
        """
        return [g["lr"] for g in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Return the epoch, and the initial and current rate of each group.

        Returns
        -------
        dict
            What ``load_state_dict`` takes.
        """
        self.add_new_groups()
        return {"last_epoch": self.last_epoch, "base_lrs": list(self.base_lrs), "last_lrs": self.get_last_lr()}

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
        name = type(self).__name__
        self.add_new_groups()
        readers: dict[str, Any] = {"last_epoch": count, "base_lrs": rates, "last_lrs": rates}
        epoch, bases, last = read_state(name, "a schedule", state_dict, readers)
        n = len(self.optimizer.param_groups)
        for key, found in (("base_lrs", bases), ("last_lrs", last)):
            if len(found) != n:
                raise CheckpointError(f"{name}: {key} of the state is of {len(found)} groups, this optimizer has {n}")
        try:
            for i, base in enumerate(bases):
                self.group_rate(i, base, epoch)
        except (ConfigError, ArithmeticError) as error:
            raise CheckpointError(f"{name}: last_epoch {epoch} of the state does not fit: {error}") from None
        self.last_epoch, self.base_lrs = epoch, bases
        for group, base, rate in zip(self.optimizer.param_groups, bases, last, strict=True):
            group["initial_lr"], group["lr"] = base, rate

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Register a copy, or an unpickled schedule, with its own optimizer."""
        self.__dict__.update(state)
        if not self.part:
            self.optimizer.schedules.append(ref(self))


def step_schedule(scheduler: Any, row: Mapping[str, float], monitor: str) -> None:
    """Advance a schedule by one epoch; one that takes a measured value gets that of the column ``monitor`` of a history row."""
    if not getattr(scheduler, "takes_value", False):
        scheduler.step()
    elif monitor not in row:
        raise ConfigError(f"the history has no column {monitor!r}; it has {', '.join(row)}")
    else:
        scheduler.step(row[monitor])


def require_optimizer(name: str, optimizer: object) -> Optimizer:
    """Return the optimizer, or raise DTypeError."""
    if not isinstance(optimizer, Optimizer):
        raise DTypeError(f"{name}: optimizer must be an Optimizer, got {type(optimizer).__name__}")
    return optimizer


def require_number(name: str, argument: str, value: object) -> float:
    """Return the value as a float, or raise ConfigError if it is not a finite number."""
    if isinstance(value, bool) or not isinstance(value, Real) or not isfinite(value):
        raise ConfigError(f"{name}: {argument} must be a number, got {value!r}")
    return float(value)


def require_integer(name: str, argument: str, value: object, least: int = 1) -> int:
    """Return the value, or raise ConfigError if it is not an integer of at least that size."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigError(f"{name}: {argument} must be an integer of at least {least}, got {value!r}")
    return value
