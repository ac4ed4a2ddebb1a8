"""Trainer: the loop over epochs and batches, with callbacks around it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from ..autograd.base import no_grad
from ..data import DataLoader, Dataset
from ..data.adapt import as_dataset, is_dataset
from ..errors import CheckpointError, ConfigError, DTypeError, GradientError
from ..generator import Generator, default_generator
from ..nn import CrossEntropyLoss, Module, NLLLoss
from ..optim import Optimizer
from .callbacks import Callback, step_schedule
from .metrics import Accuracy, Average, Metric
from .precision import MixedPrecision
from .progress import Progress

KEYS = (
    "model", "optimizer", "scheduler", "scaler", "generator", "generators", "loader", "epoch", "batch", "averages", "metrics",
    "history", "callbacks",
)  # fmt: skip


class Trainer:
    """Trains a model on batches (input, target); for anything else write train_step().

    optimizer: one, or a dict of several by name (GANs): then train_step() calls update(loss, name) for each.
    metrics: by default the accuracy if the loss is one of classes. scheduler: stepped after each epoch (see also Schedule).
    callbacks: see Callback; progress=False leaves out the bar and the table. batch_size: where data come without a loader.
    accumulate: batches whose gradients make one step, weighted by their samples, as if they were one batch.
    mixed: True or a MixedPrecision runs the model in half precision where the device has it.
    history: one dict per epoch with "epoch", "loss", the metrics, the same with "val_" before, "lr" and "seconds".
    """

    def __init__(
        self,
        model: Module,
        loss: Any,
        optimizer: Optimizer | Mapping[str, Optimizer],
        *,
        metrics: Sequence[Metric] | None = None,
        scheduler: Any = None,
        callbacks: Sequence[Callback] = (),
        batch_size: int = 64,
        accumulate: int = 1,
        mixed: bool | MixedPrecision = False,
        progress: bool = True,
    ) -> None:
        if not isinstance(model, Module):
            raise DTypeError(f"Trainer: model must be a Module, got {type(model).__name__}")
        self.model, self.loss, self.scheduler = model, loss, scheduler
        self.optimizers = {"optimizer": optimizer} if isinstance(optimizer, Optimizer) else dict(optimizer)
        if not self.optimizers or accumulate < 1 or (accumulate > 1 and len(self.optimizers) > 1):
            raise ConfigError("Trainer: needs an optimizer; accumulate must be at least 1, and 1 with several optimizers")
        classes = isinstance(loss, CrossEntropyLoss | NLLLoss)
        self.metrics = list(metrics) if metrics is not None else [Accuracy()] if classes else []
        self.callbacks: list[Callback] = []
        self.add_callbacks(*([Progress()] if progress else []), *callbacks)
        self.batch_size, self.accumulate = batch_size, accumulate
        self.mixed = MixedPrecision(model) if mixed is True else mixed or None
        self.history: list[dict[str, float]] = []
        self.epoch = self.epochs = 0
        self.batch = 0
        """Batches of the epoch that are done."""
        self.stop = False
        self.train_loader: Any = None
        self._averages: dict[str, Average] = {}
        self._measured = self.metrics
        self._share = (0, 1, 1.0)  # of the batches that make one step: which, how many, this one's weight
        self._pending: dict[str, Any] = {}

    def add_callbacks(self, *callbacks: Callback) -> None:
        """Let more callbacks take part; those that look at what the others leave stay behind them."""
        self.callbacks = sorted([*self.callbacks, *callbacks], key=lambda c: c.after_all)

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer; of several the first."""
        return next(iter(self.optimizers.values()))

    # ------------------------------------------------------------------ the loop
    def fit(self, train: Any, epochs: int = 1, validate: Any = None) -> list[dict[str, float]]:
        """Train until this many epochs are done in all; returns the history.

        train, validate: a Dataset, or a DataLoader or other iterable of batches. Data sets are shuffled for training.
        A callback ends it early by setting stop.
        """
        if epochs < 1:
            raise ConfigError(f"fit: epochs must be at least 1, got {epochs}")
        self.train_loader = self._loader(train, shuffle=True)
        checked = None if validate is None else self._loader(validate, shuffle=False)
        self._place()
        self.epochs, self.stop = epochs, False
        try:
            self._tell("on_fit_start")
            while self.epoch < epochs and not self.stop:
                self._epoch(checked)
            self._tell("on_fit_end")
        finally:
            if self.batch:  # stopped or interrupted inside an epoch: the next fit goes on behind the batch last begun
                self._pending = {"loader": self._position()}
            for callback in self.callbacks:
                callback.close()
        return self.history

    def _loader(self, data: Any, shuffle: bool) -> Any:
        if is_dataset(data):
            data = as_dataset(data)
            first = next(self.model.parameters(), None)
            away = None if first is None or first.device == "cpu" else first.device
            return DataLoader(data, self.batch_size, shuffle and isinstance(data, Dataset), device=away)
        if not isinstance(data, Iterable):
            raise ConfigError(f"fit: expected a Dataset or an iterable of batches, got {type(data).__name__}")
        return data

    def _tell(self, event: str, *values: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, event)(self, *values)

    def _epoch(self, checked: Any) -> None:
        start = time.perf_counter()
        self._tell("on_epoch_start")
        self.model.train()
        if not self.batch:
            self._averages = {}
            for metric in self.metrics:
                metric.reset()
        for batches in self._chunks():
            for values, samples in self._step(batches):
                for name, value in values.items():
                    self._averages.setdefault(name, Average()).update(value, samples)
            self.batch += len(batches)
            self._tell("on_batch_end", self.batch - 1, {k: a.compute() for k, a in self._averages.items()})
            if self.stop:
                return
        row: dict[str, Any] = {"epoch": self.epoch + 1, **{k: a.compute() for k, a in self._averages.items()}}
        row |= {m.name: m.compute() for m in self.metrics}
        if checked is not None:
            self._tell("on_validation_start")
            try:
                row |= {f"val_{k}": v for k, v in self.evaluate(checked).items()}
            finally:
                self._tell("on_validation_end")
        row |= {"lr": self.optimizer.param_groups[0]["lr"], "seconds": time.perf_counter() - start}
        self.history.append(row)
        self.epoch, self.batch = self.epoch + 1, 0
        if self.scheduler is not None:
            step_schedule(self.scheduler, row, "val_loss" if checked is not None else "loss")
        self._tell("on_epoch_end", row)

    def _chunks(self) -> Iterator[list[Any]]:
        """The batches still to come in this epoch, as many together as make one step."""
        batches = iter(self.train_loader)
        if self.batch and not hasattr(self.train_loader, "load_state_dict"):
            batches = islice(batches, self.batch, None)  # it cannot continue by itself
        while chunk := list(islice(batches, self.accumulate)):
            yield chunk

    def _step(self, batches: list[Any]) -> Iterator[tuple[dict[str, float], int]]:
        """Train on the batches of one step: the values of each, and its number of samples."""
        counts = [self.samples(batch) for batch in batches]
        for i, (batch, n) in enumerate(zip(batches, counts, strict=True)):
            self._share = (i, len(batches), n / sum(counts) if len(batches) > 1 else 1.0)
            values = self.train_step(batch)
            yield values if isinstance(values, dict) else {"loss": values}, n
        self._share = (0, 1, 1.0)

    # ------------------------------------------------------------------ one batch: what a subclass may change
    def train_step(self, batch: Any) -> float | dict[str, float]:
        """One batch: forward, then update(); returns the loss, or values by name. Write it for other kinds of training."""
        inputs, targets = pair(batch)
        outputs = self.forward(inputs)
        value = self.update(self.loss(outputs, targets))
        self.measure(outputs, targets)
        return value

    def evaluate_step(self, batch: Any) -> float | dict[str, float]:
        """One batch without training: the loss, or values by name."""
        inputs, targets = pair(batch)
        outputs = self.forward(inputs)
        self.measure(outputs, targets)
        return float(self.loss(outputs, targets))

    def samples(self, batch: Any) -> int:
        """How many samples a batch holds: the length of its first part."""
        if isinstance(batch, dict):
            batch = list(batch.values())
        return len(batch[0] if isinstance(batch, tuple | list) else batch)

    def forward(self, *inputs: Any) -> Any:
        """The model's outputs, in mixed precision if that is on."""
        return self.model(*inputs) if self.mixed is None else self.mixed(*inputs)

    def measure(self, outputs: Any, targets: Any) -> None:
        """Show a batch to the metrics."""
        for metric in self._measured:
            metric.update(outputs.detach() if hasattr(outputs, "detach") else outputs, targets)

    def update(self, loss: Any, name: str | None = None) -> float:
        """Backward and the step of an optimizer, the only one or the one of a name; returns the loss as a number.

        Raises GradientError if the loss is not finite.
        """
        optimizer = self.optimizer if name is None else self.optimizers[name]
        value = float(loss.detach())
        if not abs(value) < float("inf"):
            raise GradientError(
                f"fit: the loss became {value} in epoch {self.epoch + 1}; lower the learning rate, or look with dl.anomaly()"
            )
        i, count, weight = self._share
        if i == 0:
            optimizer.zero_grad()
        loss = loss if count == 1 else loss * weight
        (loss if self.mixed is None else self.mixed.scaler.scale(loss)).backward()
        if i < count - 1:
            return value
        if self.mixed is not None:
            self.mixed.scaler.unscale_(optimizer)
        self._tell("on_gradients", optimizer)
        if self.mixed is None:
            optimizer.step()
        else:
            self.mixed.scaler.step(optimizer)
            self.mixed.scaler.update()
        self._tell("on_step_end", optimizer)
        return value

    # ------------------------------------------------------------------ using the model
    def evaluate(self, data: Any, metrics: Sequence[Metric] | None = None) -> dict[str, Any]:
        """Loss and metrics over a Dataset or batches, as after eval() and without gradients."""
        used = self.metrics if metrics is None else list(metrics)
        averages: dict[str, Average] = {}
        for metric in used:
            metric.reset()
        mode = self.model.training
        self.model.eval()
        self._measured = used
        try:
            with no_grad():
                for batch in self._loader(data, shuffle=False):
                    values = self.evaluate_step(batch)
                    for name, value in (values if isinstance(values, dict) else {"loss": values}).items():
                        averages.setdefault(name, Average()).update(value, self.samples(batch))
        finally:
            self._measured = self.metrics
            self.model.train(mode)
        return {**{k: a.compute() for k, a in averages.items()}, **{m.name: m.compute() for m in used}}

    # ------------------------------------------------------------------ its state
    def state_dict(self) -> dict[str, Any]:
        """All that continuing needs: model, optimizers, schedules, averages, random numbers, place in the data, history."""
        return {
            "model": self.model.state_dict(),
            "optimizer": {name: o.state_dict() for name, o in self.optimizers.items()},
            "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
            "scaler": None if self.mixed is None else self.mixed.scaler.state_dict(),
            "generator": default_generator.state_dict(),
            "generators": {name: g.state_dict() for name, g in self._generators().items()},
            "loader": self._position(),
            "epoch": self.epoch,
            "batch": self.batch,
            "averages": {name: a.state_dict() for name, a in self._averages.items()} if self.batch else {},
            "metrics": [m.state_dict() for m in self.metrics] if self.batch else [],
            "history": self.history,
            "callbacks": {name: c.state_dict() for name, c in self._lasting().items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state_dict() at the next fit(). Raises CheckpointError for what does not fit."""
        try:
            self._load(state)
        except CheckpointError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CheckpointError(f"Trainer: not the state of a training: {type(error).__name__}: {error}") from None

    def _load(self, state: Mapping[str, Any]) -> None:
        missing = [k for k in KEYS if k not in state]
        if missing:
            raise CheckpointError(f"Trainer: the state lacks {', '.join(missing)}")
        for key, own in (("scheduler", self.scheduler), ("scaler", self.mixed)):
            if (state[key] is None) != (own is None):
                raise CheckpointError(f"Trainer: one of the state and this trainer has a {key}, the other has none")
        callbacks, generators = self._lasting(), self._generators()
        parts = (("optimizer", self.optimizers), ("generators", generators), ("callbacks", callbacks))
        for key, expected in parts:
            if missing := [k for k in expected if k not in state[key]]:
                raise CheckpointError(f"Trainer: {key} of the state lacks {', '.join(missing)}")
        if state["batch"] and len(state["metrics"]) != len(self.metrics):
            raise CheckpointError(f"Trainer: the state has {len(state['metrics'])} metrics, this trainer {len(self.metrics)}")
        self.model.load_state_dict(state["model"])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizer"][name])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
        if self.mixed is not None:
            self.mixed.scaler.load_state_dict(state["scaler"])
        for name, generator in generators.items():
            generator.load_state_dict(state["generators"][name])
        for name, callback in callbacks.items():
            callback.load_state_dict(state["callbacks"][name])
        default_generator.load_state_dict(state["generator"])
        self._pending = {"loader": state["loader"], "generator": state["generator"]}
        self.epoch, self.batch = int(state["epoch"]), int(state["batch"])
        self.history = [dict(row) for row in state["history"]]
        self._averages = {name: Average(*a) for name, a in state["averages"].items()}
        for metric, held in zip(self.metrics, state["metrics"], strict=False):
            metric.load_state_dict(held)

    def _position(self) -> Any:
        """The place in the training data: the loader's, or the one that the next loader is to get."""
        if hasattr(self.train_loader, "state_dict"):
            return self.train_loader.state_dict()
        return self._pending.get("loader")

    def _place(self) -> None:
        """Put loader and random numbers where a state had them: only now, since making loaders draws."""
        pending, self._pending = self._pending, {}
        if pending.get("loader") is not None and hasattr(self.train_loader, "load_state_dict"):
            self.train_loader.load_state_dict(pending["loader"])
        if "generator" in pending:
            default_generator.load_state_dict(pending["generator"])

    def _generators(self) -> dict[str, Generator]:
        """The generators that layers have of their own."""
        found = {name: getattr(m, "generator", None) for name, m in self.model.named_modules()}
        return {name: g for name, g in found.items() if isinstance(g, Generator)}

    def _lasting(self) -> dict[str, Callback]:
        """The callbacks that have a state, by name, a second of a kind with a number."""
        found: dict[str, Callback] = {}
        for callback in self.callbacks:
            if callback.state_dict() is not None:
                kind = type(callback).__name__
                same = sum(type(c) is type(callback) for c in found.values())
                found[f"{kind}{same + 1}" if same else kind] = callback
        return found


def pair(batch: Any) -> tuple[Any, Any]:
    """Input and target of a batch. Raises ConfigError for one that is something else."""
    if not isinstance(batch, tuple | list) or len(batch) != 2:
        what = f"{len(batch)} parts" if isinstance(batch, tuple | list) else type(batch).__name__
        raise ConfigError(f"Trainer: a batch must be (input, target), got {what}; for others write train_step()")
    return batch[0], batch[1]
