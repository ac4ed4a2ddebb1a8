"""Callbacks: what happens around a training loop. Log, checkpoint, stop early."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError
from ..io import save, write_atomically

if TYPE_CHECKING:
    from .trainer import Trainer


class Callback:
    """Base: write any of these. row is the epoch's entry in trainer.history; set trainer.stop to end the training."""

    def on_fit_start(self, trainer: Trainer) -> None:
        """Before the first epoch."""

    def on_epoch_start(self, trainer: Trainer) -> None:
        """Before an epoch's first batch."""

    def on_batch_end(self, trainer: Trainer, batch: int, values: dict[str, float]) -> None:
        """After a batch, counted from 0; values: the epoch's means so far."""

    def on_epoch_end(self, trainer: Trainer, row: dict[str, float]) -> None:
        """After an epoch and its validation."""

    def on_fit_end(self, trainer: Trainer) -> None:
        """After the last epoch."""

    def close(self) -> None:
        """Always called at the end, also after an error."""


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
    """Follows one column of the history and says when it improved; columns of losses fall, all others rise."""

    def __init__(self, column: str, min_delta: float = 0.0) -> None:
        self.column, self.min_delta = column, min_delta
        self.best: float | None = None

    def improved(self, row: dict[str, float]) -> bool:
        """Whether this row is the best so far."""
        if self.column not in row:
            raise ConfigError(f"the history has no column {self.column!r}; it has {', '.join(row)}")
        sign = -1.0 if self.column.endswith("loss") else 1.0
        value = sign * float(row[self.column])
        if self.best is not None and not value > self.best + self.min_delta:
            return False
        self.best = value
        return True


class Checkpoint(Callback):
    """The trainer's state after each epoch as last.safetensors, and the best one by a column as best.safetensors."""

    def __init__(self, folder: str | Path, monitor: str | None = None) -> None:
        self.folder = Path(folder)
        self.monitor = None if monitor is None else Monitor(monitor)

    def on_fit_start(self, trainer: Trainer) -> None:
        for row in trainer.history:
            if self.monitor is not None:
                self.monitor.improved(row)

    def on_epoch_end(self, trainer: Trainer, row: dict[str, float]) -> None:
        state = trainer.state_dict()
        save(self.folder / "last.safetensors", state)
        if self.monitor is not None and self.monitor.improved(row):
            save(self.folder / "best.safetensors", state)


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
            self._count(row)

    def on_epoch_end(self, trainer: Trainer, row: dict[str, float]) -> None:
        self._count(row)
        trainer.stop = trainer.stop or self.waited >= self.patience

    def _count(self, row: dict[str, Any]) -> None:
        self.waited = 0 if self.monitor.improved(row) else self.waited + 1
