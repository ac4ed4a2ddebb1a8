"""Trainer: the loop over epochs and batches, with callbacks around it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..autograd.base import no_grad
from ..data import DataLoader, Dataset
from ..errors import CheckpointError, ConfigError, GradientError
from ..generator import default_generator
from ..nn import CrossEntropyLoss, Module, NLLLoss
from ..optim import Optimizer, Scheduler
from .callbacks import Callback
from .metrics import Accuracy, Average, Metric
from .progress import Progress


class Trainer:
    """Trains a model on batches (input, target).

    metrics: by default the accuracy if the loss is one of classes. scheduler: stepped after each epoch. callbacks: see
    Callback; progress=False leaves out the bar and the table. batch_size: where data come without a loader.
    history: one dict per epoch with "epoch", "loss", the metrics, the same with "val_" before, "lr" and "seconds".
    """

    def __init__(
        self,
        model: Module,
        loss: Any,
        optimizer: Optimizer,
        *,
        metrics: Sequence[Metric] | None = None,
        scheduler: Scheduler | None = None,
        callbacks: Sequence[Callback] = (),
        batch_size: int = 64,
        progress: bool = True,
    ) -> None:
        self.model, self.loss, self.optimizer, self.scheduler = model, loss, optimizer, scheduler
        classes = isinstance(loss, CrossEntropyLoss | NLLLoss)
        self.metrics = list(metrics) if metrics is not None else [Accuracy()] if classes else []
        self.callbacks: list[Callback] = [*([Progress()] if progress else []), *callbacks]
        self.batch_size = batch_size
        self.history: list[dict[str, float]] = []
        self.epoch = 0
        self.epochs = 0
        self.stop = False
        self.train_loader: Any = None
        self._loader_state: dict[str, Any] | None = None

    # ------------------------------------------------------------------ the loop
    def fit(self, train: Any, epochs: int = 1, validate: Any = None) -> list[dict[str, float]]:
        """Train until this many epochs are done in all; returns the history.

        train, validate: a Dataset, or a DataLoader or other iterable of batches. Data sets are shuffled for training.
        A callback ends it early by setting stop.
        """
        if epochs < 1:
            raise ConfigError(f"fit: epochs must be at least 1, got {epochs}")
        self.train_loader = self._loader(train, shuffle=True)
        if self._loader_state is not None and hasattr(self.train_loader, "load_state_dict"):
            self.train_loader.load_state_dict(self._loader_state)
        self._loader_state = None
        checked = None if validate is None else self._loader(validate, shuffle=False)
        self.epochs, self.stop = epochs, False
        try:
            for callback in self.callbacks:
                callback.on_fit_start(self)
            while self.epoch < epochs and not self.stop:
                self._epoch(checked)
            for callback in self.callbacks:
                callback.on_fit_end(self)
        finally:
            for callback in self.callbacks:
                callback.close()
        return self.history

    def _loader(self, data: Any, shuffle: bool) -> Any:
        if isinstance(data, Dataset):
            return DataLoader(data, self.batch_size, shuffle)
        if not isinstance(data, Iterable):
            raise ConfigError(f"fit: expected a Dataset or an iterable of batches, got {type(data).__name__}")
        return data

    def _epoch(self, checked: Any) -> None:
        start = time.perf_counter()
        for callback in self.callbacks:
            callback.on_epoch_start(self)
        self.model.train()
        average = Average()
        for metric in self.metrics:
            metric.reset()
        for i, batch in enumerate(self.train_loader):
            inputs, targets = _pair(batch)
            value = self.train_step(inputs, targets)
            average.update(value, _samples(inputs))
            for callback in self.callbacks:
                callback.on_batch_end(self, i, {"loss": average.compute()})
        row: dict[str, float] = {"epoch": self.epoch + 1, "loss": average.compute()}
        row |= {m.name: m.compute() for m in self.metrics}
        if checked is not None:
            row |= {f"val_{k}": v for k, v in self.evaluate(checked).items()}
        row |= {"lr": self.optimizer.param_groups[0]["lr"], "seconds": time.perf_counter() - start}
        self.history.append(row)
        self.epoch += 1
        if self.scheduler is not None:
            self.scheduler.step()
        for callback in self.callbacks:
            callback.on_epoch_end(self, row)

    def train_step(self, inputs: Any, targets: Any) -> float:
        """One batch: forward, backward, step; returns the loss. Raises GradientError if the loss is not finite."""
        self.optimizer.zero_grad()
        outputs = self.model(inputs)
        loss = self.loss(outputs, targets)
        value = float(loss.detach())
        if not abs(value) < float("inf"):
            raise GradientError(
                f"fit: the loss became {value} in epoch {self.epoch + 1}; lower the learning rate, or look with dl.anomaly()"
            )
        loss.backward()
        self.optimizer.step()
        for metric in self.metrics:
            metric.update(outputs.detach(), targets)
        return value

    # ------------------------------------------------------------------ using the model
    def evaluate(self, data: Any, metrics: Sequence[Metric] | None = None) -> dict[str, Any]:
        """Loss and metrics over a Dataset or batches, as after eval() and without gradients."""
        used = self.metrics if metrics is None else list(metrics)
        average = Average()
        for metric in used:
            metric.reset()
        mode = self.model.training
        self.model.eval()
        try:
            with no_grad():
                for batch in self._loader(data, shuffle=False):
                    inputs, targets = _pair(batch)
                    outputs = self.model(inputs)
                    average.update(float(self.loss(outputs, targets)), _samples(inputs))
                    for metric in used:
                        metric.update(outputs, targets)
        finally:
            self.model.train(mode)
        return {"loss": average.compute(), **{m.name: m.compute() for m in used}}

    # ------------------------------------------------------------------ its state
    def state_dict(self) -> dict[str, Any]:
        """Everything that continuing needs: model, optimizer, scheduler, random numbers, place in the data, history."""
        loader = self.train_loader.state_dict() if hasattr(self.train_loader, "state_dict") else self._loader_state
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
            "generator": default_generator.state_dict(),
            "loader": loader,
            "epoch": self.epoch,
            "history": self.history,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state_dict() at the next fit(). Raises CheckpointError for what does not fit."""
        missing = [k for k in ("model", "optimizer", "scheduler", "generator", "loader", "epoch", "history") if k not in state]
        if missing:
            raise CheckpointError(f"Trainer: the state lacks {', '.join(missing)}")
        if (state["scheduler"] is None) != (self.scheduler is None):
            raise CheckpointError("Trainer: one of the state and this trainer has a scheduler, the other has none")
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
        default_generator.load_state_dict(state["generator"])
        self._loader_state = state["loader"]
        self.epoch, self.history = int(state["epoch"]), [dict(row) for row in state["history"]]


def _pair(batch: Any) -> tuple[Any, Any]:
    if not isinstance(batch, tuple | list) or len(batch) != 2:
        raise ConfigError(f"Trainer: a batch must be (input, target), got {type(batch).__name__}; others need their own loop")
    return batch[0], batch[1]


def _samples(inputs: Any) -> int:
    return int(inputs.shape[0])
