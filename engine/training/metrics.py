"""Metrics: numbers about outputs and targets, gathered batch by batch and weighted by samples."""

from __future__ import annotations

from collections.abc import Mapping
from math import exp, log
from typing import Any

import numpy as np

from ..errors import CheckpointError, ConfigError, DTypeError, LabelError, ShapeError
from ..ops.loss import reshaped

Host = np.ndarray[Any, Any]


class Metric:
    """Base: update() with each batch, compute() at the end. name: its column; counts: the attributes that reset() sets."""

    name: str
    counts: tuple[str, ...]

    def reset(self) -> None:
        """Forget everything."""
        raise NotImplementedError

    def update(self, outputs: Any, targets: Any) -> None:
        """Take in one batch, tensors or arrays."""
        raise NotImplementedError

    def compute(self) -> Any:
        """The number over everything taken in; NaN if that was nothing."""
        raise NotImplementedError

    def state_dict(self) -> dict[str, Any]:
        """What has been gathered so far."""
        return {name: getattr(self, name) for name in self.counts}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state_dict(). Raises CheckpointError."""
        kind = type(self).__name__
        if not isinstance(state, Mapping):
            raise CheckpointError(f"{kind}: not the state of a metric: expected a mapping, got {type(state).__name__}")
        missing = [name for name in self.counts if name not in state]
        if missing:
            raise CheckpointError(f"{kind}: the state lacks {', '.join(missing)}")
        found = {name: _like(f"{kind}: {name}", getattr(self, name), state[name]) for name in self.counts}
        for name, value in found.items():
            setattr(self, name, value)


def _like(what: str, own: Any, value: Any) -> Any:
    """A count of a state, if it is of the kind that the metric has: a number, a list of as many, or an array of numbers."""
    if isinstance(own, np.ndarray):
        found = host(value) if hasattr(value, "shape") else None
        if found is None or found.ndim != own.ndim or found.dtype.kind not in "iuf":
            raise CheckpointError(f"{what} of the state must be an array with {own.ndim} axes, got {type(value).__name__}")
        return found.copy()
    if isinstance(own, list):
        if not isinstance(value, list | tuple) or len(value) != len(own):
            raise CheckpointError(f"{what} of the state must be a list of {len(own)}, got {value!r:.60}")
        return [_like(what, mine, v) for mine, v in zip(own, value, strict=True)]
    if isinstance(own, int | float) and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise CheckpointError(f"{what} of the state must be a number, got {value!r:.60}")
    return value


def host(values: Any) -> Host:
    """A NumPy array of a tensor's values."""
    return values.numpy_copy() if hasattr(values, "numpy_copy") else np.asarray(values)


def scores_of(outputs: Any, targets: Any, ignore_index: int) -> tuple[Host, Host]:
    """Scores (M,V) and labels (M,) from scores (N,V,*S) and labels (N,*S), without the labels to ignore.

    Raises ShapeError, DTypeError for labels that are no integers, LabelError for one that is no class.
    """
    scores, labels = host(outputs), host(targets)
    if scores.ndim != labels.ndim + 1 or scores.shape[:1] + scores.shape[2:] != labels.shape:
        told = f"got {scores.shape} and {labels.shape}{reshaped(labels.shape, scores.shape)}"
        raise ShapeError(f"metric: scores must be (N,V,*S) for labels (N,*S), {told}")
    rows, flat = np.moveaxis(scores, 1, -1).reshape(-1, scores.shape[1]), labels.reshape(-1)
    if flat.dtype.kind not in "iub":
        raise DTypeError(f"metric: labels must be integers (class numbers), got {labels.dtype}; use astype(dl.int64)")
    kept = flat != ignore_index
    rows, flat = (rows, flat.astype(np.int64)) if kept.all() else (rows[kept], flat[kept].astype(np.int64))
    _check_classes(flat, rows.shape[1])
    return rows, flat


def _check_classes(labels: Host, classes: int) -> None:
    """Raise LabelError for a label that is no class: NumPy would count a negative one from the end."""
    wrong = labels[(labels < 0) | (labels >= classes)]
    if wrong.size:
        raise LabelError(f"metric: label {wrong[0]} is no class; expected 0 <= label < {classes}, or ignore_index")


class Average:
    """A mean of batch means, each weighted by its number of samples."""

    def __init__(self, total: float = 0.0, count: int = 0) -> None:
        self.total, self.count = total, count

    def update(self, value: float, samples: int) -> None:
        """Take in the mean over some samples."""
        self.total += value * samples
        self.count += samples

    def compute(self) -> float:
        """The mean over all samples; NaN if there were none."""
        return self.total / self.count if self.count else float("nan")

    def state_dict(self) -> list[Any]:
        """What Average(*state) continues from."""
        return [self.total, self.count]


class Accuracy(Metric):
    """The part of samples whose label is among the k highest scores; of equal scores the first counts as the highest.

    Labels equal to ignore_index count nowhere. The column is "accuracy", or "top3_accuracy" for k = 3.
    """

    counts = ("right", "count")

    def __init__(self, k: int = 1, ignore_index: int = -100) -> None:
        if k < 1:
            raise ConfigError(f"Accuracy: k must be at least 1, got {k}")
        self.k, self.ignore_index = k, ignore_index
        self.name = "accuracy" if k == 1 else f"top{k}_accuracy"
        self.reset()

    def reset(self) -> None:
        self.right = self.count = 0

    def update(self, outputs: Any, targets: Any) -> None:
        scores, labels = scores_of(outputs, targets, self.ignore_index)
        if self.k == 1:
            if labels.size:
                best = scores.argmax(axis=1)  # NumPy takes NaN for the highest, which is right for no label
                self.right += int(((best == labels) & ~np.isnan(scores[np.arange(len(best)), best])).sum())
        else:
            own = np.take_along_axis(scores, labels[:, None], axis=1)
            before = (scores > own) | ((scores == own) & (np.arange(scores.shape[1]) < labels[:, None]))
            self.right += int(((before.sum(axis=1) < self.k) & ~np.isnan(own[:, 0])).sum())
        self.count += labels.size

    def compute(self) -> float:
        return self.right / self.count if self.count else float("nan")


class ConfusionMatrix(Metric):
    """matrix[i, j]: how many samples of class i were taken for class j."""

    name = "confusion"
    counts = ("matrix",)

    def __init__(self, classes: int, ignore_index: int = -100) -> None:
        self.classes, self.ignore_index = classes, ignore_index
        self.reset()

    def reset(self) -> None:
        self.matrix = np.zeros((self.classes, self.classes), dtype=np.int64)

    def update(self, outputs: Any, targets: Any) -> None:
        scores, labels = scores_of(outputs, targets, self.ignore_index)
        if scores.shape[1] > self.classes:
            given = f"{scores.shape[1]} classes, it was made for {self.classes}"
            raise ShapeError(f"{type(self).__name__}: the scores are of {given}")
        if labels.size:
            np.add.at(self.matrix, (labels, scores.argmax(axis=1)), 1)

    def compute(self) -> Any:
        return self.matrix.copy()


class Precision(ConfusionMatrix):
    """Of the samples taken for a class, the part that is of it: TP / (TP + FP).

    average: "macro", the mean over the classes; "micro", all samples together; "weighted", by the samples of each class;
    None, an array with a value per class. A class with nothing to divide by has 0.
    """

    name = "precision"

    def __init__(self, classes: int, average: str | None = "macro", ignore_index: int = -100) -> None:
        if average not in ("macro", "micro", "weighted", None):
            raise ConfigError(f"{type(self).__name__}: average must be macro, micro, weighted or None, got {average!r}")
        self.average = average
        super().__init__(classes, ignore_index)

    def compute(self) -> Any:
        right, taken, true = np.diag(self.matrix), self.matrix.sum(axis=0), self.matrix.sum(axis=1)
        if not true.sum():
            return float("nan")
        if self.average == "micro":
            return float(self._ratio(right.sum(), taken.sum(), true.sum()))
        values = self._ratio(right, taken, true)
        if self.average is None:
            return values
        return float((values * true).sum() / true.sum()) if self.average == "weighted" else float(values.mean())

    def _ratio(self, right: Any, taken: Any, true: Any) -> Any:
        return right / np.maximum(taken, 1)


class Recall(Precision):
    """Of the samples of a class, the part that was found: TP / (TP + FN). average: as in Precision."""

    name = "recall"

    def _ratio(self, right: Any, taken: Any, true: Any) -> Any:
        return right / np.maximum(true, 1)


class F1(Precision):
    """The harmonic mean of precision and recall: 2 TP / (2 TP + FP + FN). average: as in Precision."""

    name = "f1"

    def _ratio(self, right: Any, taken: Any, true: Any) -> Any:
        return 2 * right / np.maximum(taken + true, 1)


class Perplexity(Metric):
    """exp of the mean cross-entropy of labels (N,*S) under scores (N,V,*S): among how many words the model still wavers."""

    name = "perplexity"
    counts = ("total", "count")

    def __init__(self, ignore_index: int = -100) -> None:
        self.ignore_index = ignore_index
        self.reset()

    def reset(self) -> None:
        self.total, self.count = 0.0, 0

    def update(self, outputs: Any, targets: Any) -> None:
        scores, labels = scores_of(outputs, targets, self.ignore_index)
        if not labels.size:
            return
        shifted = scores.astype(np.float64) - scores.max(axis=1, keepdims=True)
        own = np.take_along_axis(shifted, labels[:, None].astype(np.int64), axis=1)[:, 0]
        self.total += float((np.log(np.exp(shifted).sum(axis=1)) - own).sum())
        self.count += labels.size

    def compute(self) -> float:
        if not self.count:
            return float("nan")
        mean = self.total / self.count
        return exp(mean) if mean < 709 else float("inf")


class BitsPerChar(Perplexity):
    """The mean cross-entropy of characters in bits: log2 of the perplexity."""

    name = "bits_per_char"

    def compute(self) -> float:
        return self.total / self.count / log(2) if self.count else float("nan")
