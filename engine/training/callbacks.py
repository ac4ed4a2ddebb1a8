"""Callbacks around the training loop: log, checkpoints, and reasons to stop."""

from __future__ import annotations

import csv
import io
import time
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from ..io import remove_leftovers, save, write_atomically
from .callback import Callback, TrainerView


class CSVLog(Callback):
    """Write the history to a CSV file after each epoch; after a crash the file has the old rows or the new ones.

    Parameters
    ----------
    path : str or Path
        The file.

    Examples
    --------
    >>> model = dl.nn.Linear(1, 1)
    >>> optimizer = dl.optim.SGD(model.parameters(), lr=0.1)
    >>> callbacks = [dl.training.CSVLog("log.csv")]
    >>> trainer = dl.training.Trainer(model, dl.nn.MSELoss(), optimizer, callbacks=callbacks, progress=False)
    >>> history = trainer.fit([(dl.ones((4, 1)), dl.zeros((4, 1)))], epochs=2)
    >>> from pathlib import Path
    >>> Path("log.csv").read_text().splitlines()[0]
    'epoch,loss,lr,seconds'
    """

    first_rank_only = True

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def on_epoch_end(self, trainer: TrainerView, row: dict[str, float]) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, list(row), extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(trainer.history)
        write_atomically(self.path, text.getvalue().encode())


class Monitor:
    """Tracks the best value of a column of the history: the lowest of losses and errors, the highest of all others."""

    def __init__(self, column: str, min_delta: float = 0.0) -> None:
        self.column, self.min_delta = column, min_delta
        falls = ("loss", "mse", "mae", "perplexity", "bits_per_char", "error")
        self.sign = -1.0 if column.endswith(falls) else 1.0
        self.best: float | None = None

    def improved(self, row: dict[str, float]) -> bool:
        """Whether the value in a row is the best so far, by more than min_delta."""
        if self.column not in row:
            raise ConfigError(f"the history has no column {self.column!r}; it has {', '.join(row)}")
        value = self.sign * float(row[self.column])
        if value != value or (self.best is not None and not value > self.best + self.min_delta):
            return False  # NaN never is an improvement: after a NaN as the best value no other could be one
        self.best = value
        return True


class Checkpoint(Callback):
    """Save the state of the trainer after each epoch: as last.safetensors, and the best one as best.safetensors.

    Where several ranks train together, rank 0 writes; the files fit any number of ranks.

    Parameters
    ----------
    folder : str or Path
        The folder of the files, which must exist.
    monitor : str or None
        The column of the history by which the best epoch is chosen, for instance "val_loss"; None saves no best state. Of
        losses and errors the lowest value is the best, of all other columns the highest.
    batches : int or None
        Also save within an epoch, after so many batches; None does not.
    seconds : float or None
        Also save within an epoch, after so many seconds; None does not.

    Raises
    ------
    GradientError
        When a parameter is not finite; then nothing is written.

    Examples
    --------
    >>> model = dl.nn.Linear(1, 1)
    >>> optimizer = dl.optim.SGD(model.parameters(), lr=0.1)
    >>> from pathlib import Path
    >>> Path("run").mkdir()
    >>> callbacks = [dl.training.Checkpoint("run")]
    >>> trainer = dl.training.Trainer(model, dl.nn.MSELoss(), optimizer, callbacks=callbacks, progress=False)
    >>> history = trainer.fit([(dl.ones((4, 1)), dl.zeros((4, 1)))], epochs=1)
    >>> trainer.load_state_dict(dl.io.load("run/last.safetensors"))
    >>> trainer.epoch
    1
    """

    after_all = True

    def __init__(
        self, folder: str | Path, monitor: str | None = None, batches: int | None = None, seconds: float | None = None
    ) -> None:
        self.folder, self.column = Path(folder), monitor
        self.batches, self.seconds = batches, seconds
        self.monitor = None if monitor is None else Monitor(monitor)
        self._written = (0, 0.0)

    def on_fit_start(self, trainer: TrainerView) -> None:
        for name in ("last.safetensors", "best.safetensors") if trainer.rank == 0 else ():
            remove_leftovers(self.folder / name)
        self._written = (trainer.batch, time.monotonic())
        self.monitor = None if self.column is None else Monitor(self.column)
        for row in trainer.history:
            if self.monitor is not None:
                self.monitor.improved(row)

    def on_batch_end(self, trainer: TrainerView, batch: int, values: dict[str, float]) -> None:
        number, instant = self._written
        enough = self.batches is not None and trainer.batch - number >= self.batches
        late = self.seconds is not None and trainer.agree(time.monotonic() - instant >= self.seconds)
        if enough or late:
            self._save(trainer, trainer.state_dict())

    def on_epoch_end(self, trainer: TrainerView, row: dict[str, float]) -> None:
        state = trainer.state_dict()
        # The best is saved first: a run that is killed between the two repeats this epoch, and so finds the best again.
        if self.monitor is not None and self.monitor.improved(row):
            trainer.check_finite()
            if trainer.rank == 0:
                save(self.folder / "best.safetensors", state)
        self._save(trainer, state)

    def on_fit_end(self, trainer: TrainerView) -> None:
        if trainer.batch:  # stopped within an epoch
            self._save(trainer, trainer.state_dict())

    def _save(self, trainer: TrainerView, state: dict[str, Any]) -> None:
        """Write last.safetensors."""
        trainer.check_finite()
        if trainer.rank == 0:
            save(self.folder / "last.safetensors", state)
        self._written = (trainer.batch, time.monotonic())


class EarlyStopping(Callback):
    """End the training after ``patience`` epochs in a row without an improvement.

    Parameters
    ----------
    monitor : str
        The column of the history. Of losses and errors lower values are better, of all other columns higher ones.
    patience : int
        The number of epochs.
    min_delta : float
        By how much the best value must be surpassed to count as an improvement.

    Examples
    --------
    >>> model = dl.nn.Linear(1, 1)
    >>> optimizer = dl.optim.SGD(model.parameters(), lr=0.1)
    >>> callbacks = [dl.training.EarlyStopping("lr", patience=2)]
    >>> trainer = dl.training.Trainer(model, dl.nn.MSELoss(), optimizer, callbacks=callbacks, progress=False)
    >>> history = trainer.fit([(dl.ones((4, 1)), dl.zeros((4, 1)))], epochs=10)
    >>> len(history)
    3
    """

    def __init__(self, monitor: str = "val_loss", patience: int = 5, min_delta: float = 0.0) -> None:
        if patience < 1:
            raise ConfigError(f"EarlyStopping: patience must be at least 1, got {patience}")
        self.column, self.patience, self.min_delta = monitor, patience, min_delta
        self.monitor, self.waited = Monitor(monitor, min_delta), 0

    def on_fit_start(self, trainer: TrainerView) -> None:
        self.monitor, self.waited = Monitor(self.column, self.min_delta), 0
        for row in trainer.history:
            self._count_epoch(trainer, row)

    def on_epoch_end(self, trainer: TrainerView, row: dict[str, float]) -> None:
        self._count_epoch(trainer, row)

    def _count_epoch(self, trainer: TrainerView, row: dict[str, float]) -> None:
        """Count an epoch without improvement, and stop after too many."""
        self.waited = 0 if self.monitor.improved(row) else self.waited + 1
        trainer.stop = trainer.stop or self.waited >= self.patience


class TimeLimit(Callback):
    """End the training after some time, also within an epoch; the next fit continues from there.

    Parameters
    ----------
    seconds : float
        The time, counted from the start of each fit.

    Examples
    --------
    >>> model = dl.nn.Linear(1, 1)
    >>> optimizer = dl.optim.SGD(model.parameters(), lr=0.1)
    >>> callbacks = [dl.training.TimeLimit(0.0)]
    >>> trainer = dl.training.Trainer(model, dl.nn.MSELoss(), optimizer, callbacks=callbacks, progress=False)
    >>> history = trainer.fit([(dl.ones((4, 1)), dl.zeros((4, 1)))], epochs=10)
    >>> trainer.batch, len(history)
    (1, 0)
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = 0.0

    def on_fit_start(self, trainer: TrainerView) -> None:
        self._end = time.monotonic() + self.seconds

    def on_batch_end(self, trainer: TrainerView, batch: int, values: dict[str, float]) -> None:
        trainer.stop = trainer.stop or time.monotonic() >= self._end
