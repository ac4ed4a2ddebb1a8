"""Training of a chosen network: early stopping on the validation part, the best weights kept, a limit on time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import nn, optim, training
from .._tensor import Tensor
from ..autograd.base import no_grad
from ..data import DataLoader, Dataset
from ..data.host_arrays import HostArray, Rows
from ..data.host_random import integers
from ..data.readers import Samples
from ..data.readers.samples import CLASSIFICATION, GENERATION
from ..generator import Generator
from ..ops.broadcasting import broadcast_to
from ..ops.conversion import asarray
from ..ops.softmax import softmax
from .choice import Choice
from .encoders import Encoder

BATCH = 256
"""Samples that are evaluated together."""


class EncodedDataset(Dataset):
    """Samples encoded batch by batch, and their targets; images may be shifted at random.

    Parameters
    ----------
    samples : Samples
        The samples.
    encoder : Encoder
        What encodes them.
    targets : numpy.ndarray
        Numbers of classes (N,), or targets (N,O).
    shift : int
        Images are shifted by up to so many pixels; what comes in is the value at the edge.
    seed : int
        Seed of the shifts.
    """

    def __init__(self, samples: Samples, encoder: Encoder, targets: HostArray, shift: int = 0, seed: int = 0) -> None:
        self.samples, self.encoder, self.targets, self.shift = samples, encoder, targets, shift
        self.generator = Generator(seed)
        self.whole = None if samples.kind == "images" else encoder.encode(samples)

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Any:
        x, y = self.batch([index])
        return x[0], y[0]

    def batch(self, rows: Rows) -> tuple[HostArray, HostArray]:
        """Several samples as one batch: what the network reads (M,...), and targets (M,...)."""
        index = np.asarray(rows, dtype=np.int64)
        if self.whole is not None:
            return self.whole[index], self.targets[index]
        x = self.encoder.encode(self.samples.take(index))
        if self.shift:
            x = shifted(x, integers(self.generator, -self.shift, self.shift + 1, (len(x), 2)))
        return x, self.targets[index]


def shifted(images: HostArray, offsets: HostArray) -> HostArray:
    """Images (N,C,H,W), each moved by its own rows and columns (N,2); the edges are repeated."""
    height, width = images.shape[2:]
    rows = (np.arange(height) + offsets[:, :1]).clip(0, height - 1)
    columns = (np.arange(width) + offsets[:, 1:]).clip(0, width - 1)
    return np.asarray(
        images[np.arange(len(images))[:, None, None], :, rows[:, :, None], columns[:, None, :]].transpose(0, 3, 1, 2)
    )


class _FitTrainer(training.Trainer):
    """A trainer whose model may give an output for each member of an ensemble in training."""

    def train_step(self, batch: Any) -> float:
        inputs, targets = batch
        outputs = self.forward(inputs)
        if outputs.ndim == targets.ndim + 1 and not isinstance(self.loss, nn.CrossEntropyLoss):
            wide = broadcast_to(targets.reshape((*targets.shape, 1)), outputs.shape)
        elif isinstance(self.loss, nn.CrossEntropyLoss) and outputs.ndim == targets.ndim + 2:
            wide = broadcast_to(targets.reshape((len(targets), 1)), (len(targets), outputs.shape[2]))
        else:
            wide = targets
        value: float = self.update(self.loss(outputs, wide))
        mean = outputs.detach()
        self.measure(mean if wide is targets else mean.mean(axis=2), targets)
        return value


class _KeepBest(training.Callback):
    """Keep the weights of the epoch with the lowest validation loss."""

    def __init__(self) -> None:
        self.best, self.epoch, self.weights = float("inf"), 0, dict[str, Any]()

    def on_epoch_end(self, trainer: training.TrainerView, row: dict[str, float]) -> None:
        if row["val_loss"] < self.best:
            self.best, self.epoch = row["val_loss"], int(row["epoch"])
            self.weights = {name: value.numpy_copy() for name, value in trainer.model.state_dict().items()}


class _Slower(training.Callback):
    """Lower the learning rate when the validation loss has not improved for some epochs."""

    def __init__(self, patience: int) -> None:
        self.patience, self.waited, self.best = patience, 0, float("inf")

    def on_epoch_end(self, trainer: training.TrainerView, row: dict[str, float]) -> None:
        better = row["val_loss"] < self.best
        self.best, self.waited = min(self.best, row["val_loss"]), 0 if better else self.waited + 1
        if self.waited >= self.patience:
            self.waited = 0
            for group in trainer.optimizer.param_groups:
                group["lr"] *= 0.3


def train(
    model: nn.Module, choice: Choice, task: str, parts: Sequence[Dataset], *, until: float | None = None, progress: bool = False
) -> tuple[list[dict[str, float]], str]:
    """Train a model on the first part, stop by the second; returns the history and a line on how it ended.

    The model gets the best weights, or those that it has if there was no time for a single epoch.
    """
    loss = nn.CrossEntropyLoss() if task in (CLASSIFICATION, GENERATION) else nn.SmoothL1Loss()
    optimizer = optim.AdamW(model.parameters(), lr=choice.lr, weight_decay=choice.weight_decay)
    best = _KeepBest()
    callbacks = [best, training.EarlyStopping("val_loss", choice.patience, min_delta=1e-3), _Slower(max(2, choice.patience // 3))]
    start = time.monotonic()
    if until is not None:
        callbacks.append(training.TimeLimit(max(0.1, until - start)))
    trainer = _FitTrainer(
        model,
        loss,
        optimizer,
        callbacks=[*callbacks, training.ClipGradients(5.0)],
        batch_size=choice.batch_size,
        progress=progress,
    )
    train_part = DataLoader(parts[0], choice.batch_size, True, drop_last=len(parts[0]) % choice.batch_size == 1)
    history = trainer.fit(train_part, epochs=choice.epochs, validate=parts[1])
    if not history:  # the model stays as it is after some batches
        return [], f"trained {trainer.batch} batches in {time.monotonic() - start:.0f} s, cut short: no time for an epoch"
    model.load_state_dict({name: asarray(value) for name, value in best.weights.items()})
    late = until is not None and time.monotonic() >= until
    done = "no improvement since" if len(history) < choice.epochs else "all epochs are done"
    why = "cut short: the time is over" if late else done
    return history, f"trained {len(history)} epochs in {time.monotonic() - start:.0f} s, {why}; the best is epoch {best.epoch}"


def outputs_of(model: nn.Module, encoder: Encoder, samples: Samples, batch: int = BATCH) -> HostArray:
    """The outputs of a model in evaluation mode for samples (N,O)."""
    dataset = EncodedDataset(samples, encoder, np.zeros(len(samples)))
    return outputs_for(model, lambda rows: dataset.batch(rows)[0], len(samples), batch)


def outputs_for(model: nn.Module, inputs: Any, n: int, batch: int = BATCH) -> HostArray:
    """The outputs of a model for n inputs, given as a function of their numbers."""
    mode = model.training
    model.eval()
    try:
        with no_grad():
            found = [model(asarray(inputs(np.arange(i, min(i + batch, n))))).numpy_copy() for i in range(0, n, batch)]
    finally:
        model.train(mode)
    return np.concatenate(found) if found else np.empty((0, 1), dtype=np.float32)


def probabilities_of(scores: HostArray, temperature: float) -> HostArray:
    """Probabilities of classes (N,V) of scores."""
    y: Tensor = softmax(asarray(scores.astype(np.float64) / temperature), axis=1)
    return np.asarray(y.numpy_copy())


def temperature_of(scores: HostArray, labels: HostArray) -> float:
    """The number by which scores are divided so that confidences are right on the validation part: the least log loss.

    Source: Guo, Pleiss, Sun and Weinberger, 2017, arXiv:1706.04599.
    """
    from scipy.optimize import minimize_scalar

    def loss(log_t: float) -> float:
        p = probabilities_of(scores, float(np.exp(log_t)))
        return float(-np.log(np.maximum(p[np.arange(len(labels)), labels], 1e-12)).mean())

    found: Any = minimize_scalar(loss, bounds=(-1.5, 2.0), method="bounded")
    return float(np.exp(found.x))
