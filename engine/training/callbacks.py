"""Callbacks: what happens around a training loop. Log, checkpoint, stop, and take part in each step."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError, DTypeError
from ..io import remove_leftovers, save, write_atomically
from ..optim import EMA, Optimizer, ReduceLROnPlateau, clip_grad_norm_, clip_grad_value_

if TYPE_CHECKING:
    from .trainer import Trainer


class Callback:
    """Base: write any of these. row is the epoch's entry in trainer.history; set trainer.stop to end the training.

    What state_dict() returns, if anything, is part of the trainer's state and comes back through load_state_dict().
    """

    after_all = False
    """Whether it is called after all callbacks that do not say so, wherever it stands: it looks at what they leave."""

    def on_fit_start(self, trainer: Trainer) -> None:
        """Before the first epoch."""

    def on_epoch_start(self, trainer: Trainer) -> None:
        """Before an epoch's first batch, or the first after a resume inside an epoch."""

    def on_gradients(self, trainer: Trainer, optimizer: Optimizer) -> None:
        """Before an optimizer's step, when its gradients are complete."""

    def on_step_end(self, trainer: Trainer, optimizer: Optimizer) -> None:
        """After an optimizer's step."""

    def on_batch_end(self, trainer: Trainer, batch: int, values: dict[str, float]) -> None:
        """After a batch, counted from 0; values: the epoch's means so far. A stop set here ends the epoch in its middle."""

    def on_validation_start(self, trainer: Trainer) -> None:
        """Before the validation of an epoch."""

    def on_validation_end(self, trainer: Trainer) -> None:
        """After the validation, also after an error in it."""

    def on_epoch_end(self, trainer: Trainer, row: dict[str, float]) -> None:
        """After an epoch and its validation."""

    def on_fit_end(self, trainer: Trainer) -> None:
        """After the last epoch."""

    def close(self) -> None:
        """Always called at the end, also after an error."""

    def state_dict(self) -> dict[str, Any] | None:
        """What continuing needs, or None."""
        return None

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state_dict()."""


class CSVLog(Callback):
    """The history as a CSV file, written anew after each epoch, so that it is whole at any instant."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def on_epoch_end(self, trainer: Trainer, row: dict[str, float]) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, list(row), extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(trainer.history)
        write_atomically(self.path, text.getvalue().encode())


class Monitor:
    """Follows one column of the history and says when it improved; columns of losses and errors fall, all others rise."""

    def __init__(self, column: str, min_delta: float = 0.0) -> None:
        self.column, self.min_delta = column, min_delta
        falls = ("loss", "mse", "mae", "perplexity", "bits_per_char", "error")
        self.sign = -1.0 if column.endswith(falls) else 1.0
        self.best: float | None = None

    def improved(self, row: dict[str, float]) -> bool:
        """Whether this row is the best so far."""
        if self.column not in row:
            raise ConfigError(f"the history has no column {self.column!r}; it has {', '.join(row)}")
        value = self.sign * float(row[self.column])
        if value != value or (self.best is not None and not value > self.best + self.min_delta):
            return False  # NaN is no improvement, also at first: nothing would ever be better
        self.best = value
        return True


class Checkpoint(Callback):
    """The trainer's state after each epoch as last.safetensors, and the best one by a column as best.safetensors.

    batches, seconds: also inside an epoch, after so many batches or so much time since it was last written.
    """

    after_all = True

    def __init__(
        self, folder: str | Path, monitor: str | None = None, batches: int | None = None, seconds: float | None = None
    ) -> None:
        self.folder, self.column = Path(folder), monitor
        self.batches, self.seconds = batches, seconds
        self.monitor = None if monitor is None else Monitor(monitor)
        self._written = (0, 0.0)

    def on_fit_start(self, trainer: Trainer) -> None:
        for name in ("last.safetensors", "best.safetensors"):
            remove_leftovers(self.folder / name)
        self._written = (trainer.batch, time.monotonic())
        self.monitor = None if self.column is None else Monitor(self.column)
        for row in trainer.history:
            if self.monitor is not None:
                self.monitor.improved(row)

    def on_batch_end(self, trainer: Trainer, batch: int, values: dict[str, float]) -> None:
        number, instant = self._written
        enough = self.batches is not None and trainer.batch - number >= self.batches
        if enough or (self.seconds is not None and time.monotonic() - instant >= self.seconds):
            self._save(trainer, trainer.state_dict())

    def on_epoch_end(self, trainer: Trainer, row: dict[str, float]) -> None:
        state = trainer.state_dict()
        # The best first: a run killed between the two does this epoch again and so finds the best again.
        if self.monitor is not None and self.monitor.improved(row):
            trainer.check_finite()
            save(self.folder / "best.safetensors", state)
        self._save(trainer, state)

    def on_fit_end(self, trainer: Trainer) -> None:
        if trainer.batch:  # stopped inside an epoch
            self._save(trainer, trainer.state_dict())

    def _save(self, trainer: Trainer, state: dict[str, Any]) -> None:
        trainer.check_finite()
        save(self.folder / "last.safetensors", state)
        self._written = (trainer.batch, time.monotonic())


class EarlyStopping(Callback):
    """Ends the training after patience epochs in a row without an improvement of more than min_delta."""

    def __init__(self, monitor: str = "val_loss", patience: int = 5, min_delta: float = 0.0) -> None:
        if patience < 1:
            raise ConfigError(f"EarlyStopping: patience must be at least 1, got {patience}")
        self.column, self.patience, self.min_delta = monitor, patience, min_delta
        self.monitor, self.waited = Monitor(monitor, min_delta), 0

    def on_fit_start(self, trainer: Trainer) -> None:
        self.monitor, self.waited = Monitor(self.column, self.min_delta), 0
        for row in trainer.history:
            self._count(trainer, row)

    def on_epoch_end(self, trainer: Trainer, row: dict[str, float]) -> None:
        self._count(trainer, row)

    def _count(self, trainer: Trainer, row: dict[str, Any]) -> None:
        self.waited = 0 if self.monitor.improved(row) else self.waited + 1
        trainer.stop = trainer.stop or self.waited >= self.patience


class TimeLimit(Callback):
    """Ends the training, even inside an epoch, when a fit has taken so many seconds. The next fit goes on from there."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = 0.0

    def on_fit_start(self, trainer: Trainer) -> None:
        self._end = time.monotonic() + self.seconds

    def on_batch_end(self, trainer: Trainer, batch: int, values: dict[str, float]) -> None:
        trainer.stop = trainer.stop or time.monotonic() >= self._end


class Schedule(Callback):
    """Steps a learning-rate schedule after each "batch" or "epoch"; one on a plateau gets the epoch's value of a column."""

    def __init__(self, scheduler: Any, each: str = "batch", monitor: str = "val_loss") -> None:
        if isinstance(scheduler, type) or not hasattr(scheduler, "step"):
            got = type(scheduler).__name__
            raise DTypeError(f"Schedule: expected a schedule, got {got}; make one: optim.StepLR(optimizer, 10)")
        if each not in ("batch", "epoch") or (each == "batch" and isinstance(scheduler, ReduceLROnPlateau)):
            raise ConfigError(f"Schedule: each must be 'batch' or 'epoch', and 'epoch' for a plateau; got {each!r}")
        self.scheduler, self.each, self.monitor = scheduler, each, monitor

    def on_batch_end(self, trainer: Trainer, batch: int, values: dict[str, float]) -> None:
        if self.each == "batch":
            self.scheduler.step()

    def on_epoch_end(self, trainer: Trainer, row: dict[str, float]) -> None:
        if self.each == "epoch":
            step_schedule(self.scheduler, row, self.monitor)

    def state_dict(self) -> dict[str, Any]:
        state: dict[str, Any] = self.scheduler.state_dict()
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.scheduler.load_state_dict(state)


def step_schedule(scheduler: Any, row: Mapping[str, float], monitor: str) -> None:
    """Go on to the next epoch, with the value of a column for a schedule that looks at one."""
    if not isinstance(scheduler, ReduceLROnPlateau):
        scheduler.step()
    elif monitor not in row:
        raise ConfigError(f"the history has no column {monitor!r}; it has {', '.join(row)}")
    else:
        scheduler.step(row[monitor])


class ClipGradients(Callback):
    """Clips gradients before each step: each entry to value, or all together to max_norm. norm: the last norm before it."""

    def __init__(self, max_norm: float | None = None, value: float | None = None, norm_type: float = 2.0) -> None:
        if max_norm is None and value is None:
            raise ConfigError("ClipGradients: give max_norm or value")
        self.max_norm, self.value, self.norm_type = max_norm, value, norm_type
        self.norm: Any = None

    def on_gradients(self, trainer: Trainer, optimizer: Optimizer) -> None:
        params = [p for g in optimizer.param_groups for p in g["params"]]
        if self.value is not None:
            clip_grad_value_(params, self.value)
        if self.max_norm is not None:
            self.norm = clip_grad_norm_(params, self.max_norm, self.norm_type)


class WeightAverage(Callback):
    """Keeps a running average of the weights (see EMA) and validates with it; at the end the model gets it, if keep."""

    def __init__(self, ema: EMA, keep: bool = False) -> None:
        if not isinstance(ema, EMA):
            raise DTypeError(f"WeightAverage: expected an EMA, got {type(ema).__name__}; make one: optim.EMA(model.parameters())")
        self.ema, self.keep = ema, keep
        self._kept = False

    def on_fit_start(self, trainer: Trainer) -> None:
        if self._kept:  # a fit goes on from the weights as they were trained
            self.ema.swap()
            self._kept = False

    def on_step_end(self, trainer: Trainer, optimizer: Optimizer) -> None:
        held = {id(p) for p in self.ema.params}
        if any(id(p) in held for g in optimizer.param_groups for p in g["params"]):
            self.ema.update()

    def on_validation_start(self, trainer: Trainer) -> None:
        self.ema.swap()

    def on_validation_end(self, trainer: Trainer) -> None:
        self.ema.swap()

    def on_fit_end(self, trainer: Trainer) -> None:
        if self.keep and not trainer.batch:
            self.ema.swap()
            self._kept = True

    def state_dict(self) -> dict[str, Any]:
        return self.ema.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.ema.load_state_dict(state)
