"""Metrics of classification: accuracy, confusion matrix, precision, recall and F1."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ConfigError, ShapeError
from .metric import HostArray, Metric, scores_and_labels


class Accuracy(Metric):
    """The fraction of samples whose label is among the ``k`` highest scores.

    Of equal scores, that of the lower class counts as higher. The column is ``"accuracy"``, or ``"top3_accuracy"`` for ``k = 3``.

    Shape: outputs (N,V,*S), the scores of V classes; targets (N,*S), integers.

    Parameters
    ----------
    k : int
        How many of the highest scores count.
    ignore_index : int
        A label that is not counted.

    Examples
    --------
    >>> metric = dl.training.Accuracy()
    >>> metric.update(dl.asarray([[2.0, 1.0], [0.0, 3.0], [5.0, 4.0], [1.0, 0.0]]), dl.asarray([0, 1, 1, 0]))
    >>> metric.compute()
    0.75
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
        scores, labels = scores_and_labels(outputs, targets, self.ignore_index)
        if self.k == 1:
            if labels.size:
                best = scores.argmax(axis=1)  # the place of a NaN if there is one; such a sample counts as wrong
                self.right += int(((best == labels) & ~np.isnan(scores[np.arange(len(best)), best])).sum())
        else:
            own = np.take_along_axis(scores, labels[:, None], axis=1)
            before = (scores > own) | ((scores == own) & (np.arange(scores.shape[1]) < labels[:, None]))
            self.right += int(((before.sum(axis=1) < self.k) & ~np.isnan(own[:, 0])).sum())
        self.count += labels.size

    def compute(self) -> float:
        return self.right / self.count if self.count else float("nan")


class ConfusionMatrix(Metric):
    """How many samples of class ``i`` were classified as ``j``, in ``matrix[i, j]``.

    ``compute`` returns an int64 array of shape (classes, classes).

    Shape: outputs (N,V,*S), the scores of V classes; targets (N,*S), integers.

    Parameters
    ----------
    classes : int
        The number of classes.
    ignore_index : int
        A label that is not counted.

    Examples
    --------
    >>> metric = dl.training.ConfusionMatrix(2)
    >>> metric.update(dl.asarray([[2.0, 1.0], [0.0, 3.0], [5.0, 4.0]]), dl.asarray([0, 1, 1]))
    >>> metric.compute()
    array([[1, 0],
           [1, 1]])
    """

    name = "confusion"
    counts = ("matrix",)

    def __init__(self, classes: int, ignore_index: int = -100) -> None:
        self.classes, self.ignore_index = classes, ignore_index
        self.reset()

    def reset(self) -> None:
        self.matrix = np.zeros((self.classes, self.classes), dtype=np.int64)

    def update(self, outputs: Any, targets: Any) -> None:
        scores, labels = scores_and_labels(outputs, targets, self.ignore_index)
        if scores.shape[1] > self.classes:
            given = f"{scores.shape[1]} classes, it was made for {self.classes}"
            raise ShapeError(f"{type(self).__name__}: the scores are of {given}")
        if labels.size:
            np.add.at(self.matrix, (labels, scores.argmax(axis=1)), 1)

    def compute(self) -> Any:
        return self.matrix.copy()


class Precision(ConfusionMatrix):
    """The fraction of the samples classified as a class that belong to it: ``TP / (TP + FP)``.

    A class without such samples has the value 0.

    Shape: outputs (N,V,*S), the scores of V classes; targets (N,*S), integers.

    Parameters
    ----------
    classes : int
        The number of classes.
    average : str or None
        "macro", the mean over the classes; "micro", over all samples together; "weighted", the mean weighted by the samples of
        each class; None, an array with a value per class.
    ignore_index : int
        A label that is not counted.

    Examples
    --------
    >>> metric = dl.training.Precision(2, average=None)
    >>> metric.update(dl.asarray([[2.0, 1.0], [0.0, 3.0], [5.0, 4.0]]), dl.asarray([0, 1, 1]))
    >>> metric.compute()
    array([0.5, 1. ])
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

    def _ratio(self, right: HostArray, taken: HostArray, true: HostArray) -> HostArray:
        """The metric of the counts TP, TP + FP and TP + FN."""
        return right / np.maximum(taken, 1)


class Recall(Precision):
    """The fraction of the samples of a class that were classified as such: ``TP / (TP + FN)``.

    A class without samples has the value 0.

    Shape: outputs (N,V,*S), the scores of V classes; targets (N,*S), integers.

    Parameters
    ----------
    classes : int
        The number of classes.
    average : str or None
        "macro", "micro", "weighted" or None, as in ``Precision``.
    ignore_index : int
        A label that is not counted.

    Examples
    --------
    >>> metric = dl.training.Recall(2, average=None)
    >>> metric.update(dl.asarray([[2.0, 1.0], [0.0, 3.0], [5.0, 4.0]]), dl.asarray([0, 1, 1]))
    >>> metric.compute()
    array([1. , 0.5])
    """

    name = "recall"

    def _ratio(self, right: HostArray, taken: HostArray, true: HostArray) -> HostArray:
        return right / np.maximum(true, 1)


class F1(Precision):
    """The harmonic mean of precision and recall: ``2 TP / (2 TP + FP + FN)``.

    Shape: outputs (N,V,*S), the scores of V classes; targets (N,*S), integers.

    Parameters
    ----------
    classes : int
        The number of classes.
    average : str or None
        "macro", "micro", "weighted" or None, as in ``Precision``.
    ignore_index : int
        A label that is not counted.

    Examples
    --------
    >>> metric = dl.training.F1(2, average="micro")
    >>> metric.update(dl.asarray([[2.0, 1.0], [0.0, 3.0], [5.0, 4.0], [1.0, 0.0]]), dl.asarray([0, 1, 1, 0]))
    >>> metric.compute()
    0.75
    """

    name = "f1"

    def _ratio(self, right: HostArray, taken: HostArray, true: HostArray) -> HostArray:
        ratio: HostArray = 2 * right / np.maximum(taken + true, 1)
        return ratio
