"""Trainer: the loop over epochs and batches, with callbacks around it."""

from __future__ import annotations

import copy
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any

from .. import backend
from ..autograd.base import TensorBase, no_grad
from ..data import DataLoader, Dataset
from ..data.adapt import as_dataset, holds_samples, is_dataset
from ..errors import CheckpointError, ConfigError, DataError, DTypeError, GradientError
from ..generator import Generator, default_generator
from ..nn import CrossEntropyLoss, Module, NLLLoss
from ..optim import Optimizer
from ..states import count, listed, mapping, read_state
from .callbacks import Callback, step_schedule
from .machine import arithmetic, described
from .metrics import Accuracy, Average, Metric
from .precision import MixedPrecision
from .progress import Progress


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
        needless = loss is None and type(self).train_step is not Trainer.train_step
        if not needless and (not callable(loss) or isinstance(loss, type)):
            got = f"the class {loss.__name__}; make one: {loss.__name__}()" if isinstance(loss, type) else type(loss).__name__
            raise DTypeError(f"Trainer: loss must be a function or module of outputs and targets, got {got}")
        self.optimizers = {"optimizer": optimizer} if isinstance(optimizer, Optimizer) else _by_name(optimizer)
        for key, value in (("batch_size", batch_size), ("accumulate", accumulate)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ConfigError(f"Trainer: {key} must be a whole number of at least 1, got {value!r}")
        if scheduler is not None and (isinstance(scheduler, type) or not hasattr(scheduler, "step")):
            got = f"the class {scheduler.__name__}" if isinstance(scheduler, type) else type(scheduler).__name__
            raise DTypeError(f"Trainer: scheduler must be a schedule, got {got}; make one: optim.StepLR(optimizer, 10)")
        if not self.optimizers or accumulate < 1 or (accumulate > 1 and len(self.optimizers) > 1):
            raise ConfigError("Trainer: needs an optimizer; accumulate must be at least 1, and 1 with several optimizers")
        classes = isinstance(loss, CrossEntropyLoss | NLLLoss)
        self.metrics = list(metrics) if metrics is not None else [Accuracy()] if classes else []
        for kind, given in ((Metric, self.metrics), (Callback, callbacks)):
            wrong = next((g for g in given if not isinstance(g, kind)), None)
            if wrong is not None:
                got = f"the class {wrong.__name__}; make one" if isinstance(wrong, type) else type(wrong).__name__
                raise DTypeError(f"Trainer: expected a {kind.__name__}, got {got}")
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
        self._done: Any = None  # the loader's place behind the last complete step of the epoch

    def add_callbacks(self, *callbacks: Callback) -> None:
        """Let more callbacks take part; those that look at what the others leave stay behind them."""
        self.callbacks = sorted([*self.callbacks, *callbacks], key=lambda c: c.after_all)

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer; of several the first."""
        return next(iter(self.optimizers.values()))

    def __repr__(self) -> str:
        size = sum(p.size for p in self.model.parameters())
        used = ", ".join(type(o).__name__ for o in self.optimizers.values())
        loss = getattr(self.loss, "__name__", type(self.loss).__name__)
        return f"Trainer({type(self.model).__name__} of {size:,} parameters, {loss}, {used}; {self.epoch} epochs done)"

    # ------------------------------------------------------------------ the loop
    def fit(self, train: Any, epochs: int = 1, validate: Any = None) -> list[dict[str, float]]:
        """Train until this many epochs are done in all; returns the history.

        train, validate: a Dataset, or a DataLoader or other iterable of batches. Data sets are shuffled for training.
        A callback ends it early by setting stop. Raises DataError for data without a batch, GradientError when loss or
        weights are not finite any more.
        """
        if isinstance(epochs, bool) or not isinstance(epochs, int):
            raise ConfigError(f"fit: epochs must be a whole number, got {_shown(epochs)}; {_WRAP}")
        if epochs < 1:
            raise ConfigError(f"fit: epochs must be at least 1, got {epochs}")
        self.train_loader = self._loader(train, shuffle=True)
        checked = None if validate is None else self._loader(validate, shuffle=False)
        self.epochs, self.stop = epochs, False
        self._place()
        try:
            self._tell("on_fit_start")
            while self.epoch < epochs and not self.stop:
                self._epoch(checked)
            self._tell("on_fit_end")
        finally:
            if self.batch:  # stopped or interrupted inside an epoch: the next fit goes on behind the last complete step
                self._pending = {"loader": self._position()}
            for callback in self.callbacks:
                callback.close()
        return self.history

    def _loader(self, data: Any, shuffle: bool) -> Any:
        if is_dataset(data) or (type(self).train_step is Trainer.train_step and holds_samples(data)):
            data = as_dataset(data)
            first = next(self.model.parameters(), None)
            away = None if first is None or first.device == "cpu" else first.device
            return DataLoader(data, self.batch_size, shuffle and isinstance(data, Dataset), device=away)
        if not isinstance(data, Iterable):
            raise ConfigError(f"fit: expected a Dataset or an iterable of batches, got {_shown(data)}; {_WRAP}")
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
        for batches, place in self._chunks():
            for values, samples in self._step(batches):
                for name, value in values.items():
                    self._averages.setdefault(name, Average()).update(value, samples)
            self.batch, self._done = self.batch + len(batches), place
            self._tell("on_batch_end", self.batch - 1, {k: a.compute() for k, a in self._averages.items()})
            if self.stop:
                return
        if not self.batch:
            raise DataError(
                f"fit: the training data gave no batch in epoch {self.epoch + 1}: they are empty, fewer than a batch with "
                "drop_last, or an iterator that is used up after one epoch"
            )
        self.check_finite()
        row: dict[str, Any] = {"epoch": self.epoch + 1, **{k: a.compute() for k, a in self._averages.items()}}
        row |= {m.name: m.compute() for m in self.metrics}
        if checked is not None:
            trained = [dict(vars(m)) for m in self.metrics]  # reset() sets attributes anew, so these stay as they are
            try:
                row |= {f"val_{k}": v for k, v in self._validate(checked).items()}
            except BaseException:  # the epoch goes on here, with what its batches gave
                for metric, held in zip(self.metrics, trained, strict=True):
                    vars(metric).update(held)
                raise
        row |= {"lr": self.optimizer.param_groups[0]["lr"], "seconds": time.perf_counter() - start}
        self.history.append(row)
        self.epoch, self.batch, self._done = self.epoch + 1, 0, None
        if self.scheduler is not None:
            step_schedule(self.scheduler, row, "val_loss" if checked is not None else "loss")
        self._tell("on_epoch_end", row)

    def _validate(self, checked: Any) -> dict[str, Any]:
        self._tell("on_validation_start")
        try:
            return self.evaluate(checked)
        finally:
            self._tell("on_validation_end")

    def _chunks(self) -> Iterator[tuple[list[Any], Any]]:
        """The batches still to come in this epoch, as many together as make one step; and the loader's place behind them.

        The place is taken down with each batch: a loader that is asked for more than an epoch has goes to the next epoch,
        while the last step of this one is still to be made.
        """
        self._done = place = self._place_of(self.train_loader)
        batches = iter(self.train_loader)
        if self.batch and not hasattr(self.train_loader, "load_state_dict"):
            batches = islice(batches, self.batch, None)  # it cannot continue by itself
        while True:
            chunk = []
            for batch in islice(batches, self.accumulate):
                chunk.append(batch)
                place = self._place_of(self.train_loader)
            if not chunk:
                return
            yield chunk, place

    @staticmethod
    def _place_of(loader: Any) -> Any:
        return loader.state_dict() if hasattr(loader, "state_dict") else None

    def check_finite(self) -> None:
        """Raise GradientError if a trained weight is not finite, so that no such weights are taken for good ones."""
        for name, p in self.model.named_parameters():
            if p.requires_grad:
                xp = backend.space_of(p._array)
                if not bool(xp.all(xp.isfinite(p._array))):
                    raise GradientError(
                        f"fit: {name} is not finite after batch {self.batch} of epoch {self.epoch + 1}: a gradient was NaN or "
                        "infinite; lower the learning rate, clip the gradients, or look with dl.anomaly()"
                    )

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
        tensor = isinstance(loss, TensorBase)
        if not tensor or loss.shape != ():
            got = f"shape {loss.shape}" if tensor else f"a {type(loss).__name__}"
            raise DTypeError(f"fit: the loss must be a tensor of one number, got {got}; take its mean(), keep it in tensors")
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
        mode, given = self.model.training, False
        self.model.eval()
        self._measured = used
        try:
            with no_grad():
                for batch in self._loader(data, shuffle=False):
                    values, given = self.evaluate_step(batch), True
                    for name, value in (values if isinstance(values, dict) else {"loss": values}).items():
                        averages.setdefault(name, Average()).update(value, self.samples(batch))
        finally:
            self._measured = self.metrics
            self.model.train(mode)
        if not given:
            raise DataError("evaluate: the data gave no batch: they are empty, or an iterator that is used up")
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
            "machine": arithmetic(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state_dict() at the next fit(). Nothing changes if it does not fit.

        Raises CheckpointError. Bits repeat on the backend, threads and vectors that the state was made with; the next fit()
        warns of others.
        """
        readers: dict[str, Any] = dict.fromkeys(self.state_dict(), _as_it_is)
        readers |= {"epoch": count, "batch": count, "history": listed, "averages": _averages, "machine": mapping}
        found = dict(zip(readers, read_state("Trainer", "a training", state, readers), strict=True))
        epoch, batch, history = found["epoch"], found["batch"], found["history"]
        if len(history) != epoch or not all(isinstance(row, Mapping) for row in history):
            raise CheckpointError(f"Trainer: history of the state must hold a row for each of {epoch} epochs, got {len(history)}")
        parts = self._stateful(state, batch)
        undo: list[tuple[Any, Any]] = []
        what = ""
        try:
            for name, part, held in parts:
                what = name
                undo.append((part, copy.deepcopy(part.state_dict())))
                part.load_state_dict(held)
        except BaseException as error:
            for part, before in reversed(undo):
                with suppress(Exception):  # the error that matters is the first
                    part.load_state_dict(before)
            if isinstance(error, CheckpointError) or not isinstance(error, Exception):
                raise
            raise CheckpointError(f"Trainer: {what} of the state cannot be loaded: {type(error).__name__}: {error}") from error
        self._pending = {key: state[key] for key in ("loader", "generator", "machine")}
        self.epoch, self.batch, self._done = epoch, batch, None
        self.history = [dict(row) for row in history]
        self._averages = found["averages"]

    def _stateful(self, state: Mapping[str, Any], batch: int) -> list[tuple[str, Any, Any]]:
        """(name, what loads it, its state) for all that has a state of its own. Raises CheckpointError if one is missing."""
        parts: list[tuple[str, Any, Any]] = [("model", self.model, state["model"])]
        groups: list[tuple[str, Mapping[str, Any]]] = [
            ("optimizer", self.optimizers), ("generators", self._generators()), ("callbacks", self._lasting()),
        ]  # fmt: skip
        for key, own in (("scheduler", self.scheduler), ("scaler", self.mixed and self.mixed.scaler)):
            if (state[key] is None) != (own is None):
                raise CheckpointError(f"Trainer: one of the state and this trainer has a {key}, the other has none")
            parts += [] if own is None else [(key, own, state[key])]
        for key, named in groups:
            held = state[key]
            if not isinstance(held, Mapping):
                raise CheckpointError(f"Trainer: {key} of the state must be a mapping by name, got {type(held).__name__}")
            if missing := [k for k in named if k not in held]:
                raise CheckpointError(f"Trainer: {key} of the state lacks {', '.join(missing)}")
            parts += [(f"{key} {name}", part, held[name]) for name, part in named.items()]
        if batch:
            held = state["metrics"]
            if not isinstance(held, list | tuple) or len(held) != len(self.metrics):
                n = len(held) if isinstance(held, list | tuple) else type(held).__name__
                raise CheckpointError(f"Trainer: the state has {n} metrics, this trainer {len(self.metrics)}")
            parts += [(m.name, m, value) for m, value in zip(self.metrics, held, strict=True)]
        return [*parts, ("generator", default_generator, state["generator"])]

    def _position(self) -> Any:
        """The place in the training data: the loader's, or the one that the next loader is to get."""
        if self._done is not None:
            return self._done
        if "loader" in self._pending or not hasattr(self.train_loader, "state_dict"):
            return self._pending.get("loader")
        return self.train_loader.state_dict()

    def _place(self) -> None:
        """Put loader and random numbers where a state had them: only now, since making loaders draws."""
        pending = self._pending
        if pending.get("loader") is not None and hasattr(self.train_loader, "load_state_dict"):
            self.train_loader.load_state_dict(pending["loader"])
        if "generator" in pending:
            default_generator.load_state_dict(pending["generator"])
        self._pending, self._done = {}, None
        then, now = pending.get("machine"), arithmetic()
        if then is not None and then != now and self.epoch < self.epochs:
            warnings.warn(
                f"fit: the state was made with {described(then)}, this is {described(now)}: the training goes on, but its last "
                "bits may differ",
                stacklevel=3,
            )

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


_WRAP = "arrays are wrapped: fit(data.ArrayDataset(x, y))"


def _shown(value: Any) -> str:
    """What a value is, for messages."""
    shape = getattr(value, "shape", None)
    return type(value).__name__ if shape is None else f"an array of shape {tuple(shape)}"


def _by_name(optimizers: Any) -> dict[str, Optimizer]:
    """Several optimizers by name. Raises DTypeError."""
    if not isinstance(optimizers, Mapping) or not all(isinstance(o, Optimizer) for o in optimizers.values()):
        got = _shown(optimizers)
        if isinstance(optimizers, Mapping):
            got = f"a dict with {next(_shown(o) for o in optimizers.values() if not isinstance(o, Optimizer))}"
        raise DTypeError(
            f"Trainer: optimizer must be an Optimizer or a dict of them, got {got}; make one: optim.Adam(model.parameters())"
        )
    return dict(optimizers)


def _as_it_is(value: Any) -> Any:
    return value


def _averages(held: Any) -> dict[str, Average]:
    """The averages of a state by name."""
    if isinstance(held, Mapping) and all(
        isinstance(a, list | tuple) and len(a) == 2 and all(isinstance(v, int | float) for v in a) for a in held.values()
    ):
        return {name: Average(*a) for name, a in held.items()}
    raise ValueError("[total, count] by name")


def pair(batch: Any) -> tuple[Any, Any]:
    """Input and target of a batch. Raises ConfigError for one that is something else."""
    if not isinstance(batch, tuple | list) or len(batch) != 2:
        what = f"{len(batch)} parts" if isinstance(batch, tuple | list) else type(batch).__name__
        raise ConfigError(f"Trainer: a batch must be (input, target), got {what}; {_WRAP}; for others write train_step()")
    return batch[0], batch[1]
