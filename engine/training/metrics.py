"""Metrics: numbers about outputs and targets, gathered batch by batch and weighted by samples."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ShapeError


class Metric:
    """Base: update() with each batch, compute() at the end. name: its column; best: "max" or "min"; scalar: for the log."""

    name: str
    best = "max"

    def reset(self) -> None:
        """Forget everything."""
        raise NotImplementedError

    def update(self, outputs: Any, targets: Any) -> None:
        """Take in one batch, tensors or arrays."""
        raise NotImplementedError

    def compute(self) -> Any:
        """The number over everything taken in."""
        raise NotImplementedError


def host(values: Any) -> np.ndarray[Any, Any]:
    """A NumPy array of a tensor's values."""
    return values.numpy_copy() if hasattr(values, "numpy_copy") else np.asarray(values)


def classes_of(outputs: Any, targets: Any) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Predicted and true classes (M,) from scores (N,V,*S) and labels (N,*S)."""
    scores, labels = host(outputs), host(targets)
    if scores.ndim != labels.ndim + 1:
        raise ShapeError(f"metric: scores must be (N,V,*S) for labels (N,*S), got {scores.shape} and {labels.shape}")
    return scores.argmax(axis=1).reshape(-1), labels.reshape(-1)


class Average:
    """A mean of batch means, each weighted by its number of samples."""

    def __init__(self) -> None:
        self.total, self.count = 0.0, 0

    def update(self, value: float, samples: int) -> None:
        """Take in the mean over some samples."""
        self.total += value * samples
        self.count += samples

    def compute(self) -> float:
        """The mean over all samples; NaN if there were none."""
        return self.total / self.count if self.count else float("nan")


class Accuracy(Metric):
    """The part of samples whose highest score is at their label."""

    name = "accuracy"

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.right = self.count = 0

    def update(self, outputs: Any, targets: Any) -> None:
        predicted, labels = classes_of(outputs, targets)
        self.right += int((predicted == labels).sum())
        self.count += labels.size

    def compute(self) -> float:
        return self.right / self.count if self.count else float("nan")


class ConfusionMatrix(Metric):
    """matrix[i, j]: how many samples of class i were taken for class j."""

    name = "confusion"

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self.reset()

    def reset(self) -> None:
        self.matrix = np.zeros((self.classes, self.classes), dtype=np.int64)

    def update(self, outputs: Any, targets: Any) -> None:
        predicted, labels = classes_of(outputs, targets)
        np.add.at(self.matrix, (labels, predicted), 1)

    def compute(self) -> np.ndarray[Any, Any]:
        return self.matrix.copy()
