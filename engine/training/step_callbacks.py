"""Callbacks that take part in the steps of the optimizer: schedules, clipping, and averages of the weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import ConfigError, DTypeError
from ..optim import EMA, Optimizer, ReduceLROnPlateau, Scheduler, clip_grad_norm_, clip_grad_value_
from ..optim.scheduler import step_schedule
from .callback import Callback, TrainerView


class Schedule(Callback):
    """Step a learning-rate schedule after each batch or epoch.

    Parameters
    ----------
    scheduler : Scheduler or ReduceLROnPlateau
        The schedule.
    each : str
        "batch" or "epoch".
    monitor : str
        The column of the history whose value ReduceLROnPlateau gets.

    Examples
    --------
    >>> model = dl.nn.Linear(1, 1)
    >>> optimizer = dl.optim.SGD(model.parameters(), lr=1.0)
    >>> halve = dl.training.Schedule(dl.optim.StepLR(optimizer, 1, gamma=0.5))
    >>> trainer = dl.training.Trainer(model, dl.nn.MSELoss(), optimizer, callbacks=[halve], progress=False)
    >>> history = trainer.fit([(dl.ones((4, 1)), dl.zeros((4, 1)))] * 3)
    >>> optimizer.param_groups[0]["lr"]
    0.125
    """

    def __init__(self, scheduler: Scheduler | ReduceLROnPlateau, each: str = "batch", monitor: str = "val_loss") -> None:
        if isinstance(scheduler, type) or not hasattr(scheduler, "step"):
            got = type(scheduler).__name__
            raise DTypeError(f"Schedule: expected a schedule, got {got}; make one: optim.StepLR(optimizer, 10)")
        if each not in ("batch", "epoch") or (each == "batch" and isinstance(scheduler, ReduceLROnPlateau)):
            raise ConfigError(f"Schedule: each must be 'batch' or 'epoch', and 'epoch' for a plateau; got {each!r}")
        self.scheduler: Any = scheduler  # anything with step, state_dict and load_state_dict
        self.each, self.monitor = each, monitor

    def on_batch_end(self, trainer: TrainerView, batch: int, values: dict[str, float]) -> None:
        if self.each == "batch":
            self.scheduler.step()

    def on_epoch_end(self, trainer: TrainerView, row: dict[str, float]) -> None:
        if self.each == "epoch":
            step_schedule(self.scheduler, row, self.monitor)

    def state_dict(self) -> dict[str, Any]:
        state: dict[str, Any] = self.scheduler.state_dict()
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.scheduler.load_state_dict(state)


class ClipGradients(Callback):
    """Clip the gradients before each step.

    Parameters
    ----------
    max_norm : float or None
        The largest norm of all gradients together; None does not limit it.
    value : float or None
        The largest absolute value of each entry; None does not limit it.
    norm_type : float
        The order of the norm.

    Attributes
    ----------
    norm : Tensor or None
        The norm before it was last clipped.

    Examples
    --------
    >>> model = dl.nn.Linear(1, 1)
    >>> clip = dl.training.ClipGradients(max_norm=0.5)
    >>> optimizer = dl.optim.SGD(model.parameters(), lr=0.1)
    >>> trainer = dl.training.Trainer(model, dl.nn.MSELoss(), optimizer, callbacks=[clip], progress=False)
    >>> history = trainer.fit([(dl.ones((4, 1)), dl.zeros((4, 1)) + 100.0)])
    >>> bool(clip.norm > 0.5)
    True
    >>> bool(dl.sqrt(dl.sum(model.weight.grad**2) + dl.sum(model.bias.grad**2)) < 0.501)
    True
    """

    def __init__(self, max_norm: float | None = None, value: float | None = None, norm_type: float = 2.0) -> None:
        if max_norm is None and value is None:
            raise ConfigError("ClipGradients: give max_norm or value")
        self.max_norm, self.value, self.norm_type = max_norm, value, norm_type
        self.norm: Any = None

    def on_gradients(self, trainer: TrainerView, optimizer: Optimizer) -> None:
        params = [p for g in optimizer.param_groups for p in g["params"]]
        if self.value is not None:
            clip_grad_value_(params, self.value)
        if self.max_norm is not None:
            self.norm = clip_grad_norm_(params, self.max_norm, self.norm_type)


class WeightAverage(Callback):
    """Keep a moving average of the weights, and validate the model with it.

    Parameters
    ----------
    ema : EMA
        The average; it is updated after each step of an optimizer of its parameters.
    keep : bool
        Give the model the average at the end of the training. A further fit continues from the trained weights.

    Examples
    --------
    >>> model = dl.nn.Linear(1, 1)
    >>> average = dl.training.WeightAverage(dl.optim.EMA(model.parameters(), decay=0.5))
    >>> optimizer = dl.optim.SGD(model.parameters(), lr=0.1)
    >>> trainer = dl.training.Trainer(model, dl.nn.MSELoss(), optimizer, callbacks=[average], progress=False)
    >>> history = trainer.fit([(dl.ones((4, 1)), dl.zeros((4, 1)))], epochs=3)
    >>> average.ema.updates
    3
    """

    def __init__(self, ema: EMA, keep: bool = False) -> None:
        if not isinstance(ema, EMA):
            raise DTypeError(f"WeightAverage: expected an EMA, got {type(ema).__name__}; make one: optim.EMA(model.parameters())")
        self.ema, self.keep = ema, keep
        self._kept = False

    def on_fit_start(self, trainer: TrainerView) -> None:
        if self._kept:  # training continues from the trained weights, not from their average
            self.ema.swap()
            self._kept = False

    def on_step_end(self, trainer: TrainerView, optimizer: Optimizer) -> None:
        averaged = {id(p) for p in self.ema.params}
        if any(id(p) in averaged for g in optimizer.param_groups for p in g["params"]):
            self.ema.update()

    def on_validation_start(self, trainer: TrainerView) -> None:
        self.ema.swap()

    def on_validation_end(self, trainer: TrainerView) -> None:
        self.ema.swap()

    def on_fit_end(self, trainer: TrainerView) -> None:
        if self.keep and not trainer.batch:
            self.ema.swap()
            self._kept = True

    def state_dict(self) -> dict[str, Any]:
        return self.ema.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.ema.load_state_dict(state)
