"""Metrics of regression: mean squared error, mean absolute error, and the coefficient of determination."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import ShapeError
from .metric import HostArray, Metric, host


class MSE(Metric):
    """The mean squared error, the mean of ``(output - target)^2`` over all values.

    Shape: outputs and targets of one shape.

    Examples
    --------
    >>> metric = dl.training.MSE()
    >>> metric.update(dl.asarray([1.0, 2.0]), dl.asarray([2.0, 4.0]))
    >>> metric.compute()
    2.5
    """

    name = "mse"
    counts = ("total", "count")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.total, self.count = 0.0, 0

    def update(self, outputs: Any, targets: Any) -> None:
        y, t = _same_shape(outputs, targets)
        self.total += float(self._error(y - t).sum())
        self.count += t.size

    def compute(self) -> float:
        return self.total / self.count if self.count else float("nan")

    def _error(self, difference: HostArray) -> HostArray:
        """The error of each value."""
        return difference * difference


class MAE(MSE):
    """The mean absolute error, the mean of ``abs(output - target)`` over all values.

    Shape: outputs and targets of one shape.

    Examples
    --------
    >>> metric = dl.training.MAE()
    >>> metric.update(dl.asarray([1.0, 2.0]), dl.asarray([2.0, 4.0]))
    >>> metric.compute()
    1.5
    """

    name = "mae"

    def _error(self, difference: HostArray) -> HostArray:
        return np.abs(difference)


class R2(Metric):
    """The coefficient of determination: ``1 - sum (t - y)^2 / sum (t - mean t)^2``, the explained part of the variance.

    With several columns, their mean. A column of equal targets counts as 1 if the outputs equal them, else as 0.

    Shape: outputs and targets (N,) or (N,D).

    Examples
    --------
    >>> metric = dl.training.R2()
    >>> metric.update(dl.asarray([1.0, 2.0, 3.0, 3.0]), dl.asarray([1.0, 1.0, 3.0, 3.0]))
    >>> metric.compute()
    0.75
    """

    name = "r2"
    counts = ("count", "mean", "spread", "error")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.count, self.mean, self.spread, self.error = 0, np.zeros(1), np.zeros(1), np.zeros(1)

    def update(self, outputs: Any, targets: Any) -> None:
        y, t = (a.reshape(len(a), -1) for a in _same_shape(outputs, targets))
        n = len(t)
        if not n:
            return
        mean = t.mean(axis=0)
        self._add(n, mean, ((t - mean) ** 2).sum(axis=0), ((t - y) ** 2).sum(axis=0))

    def _add(self, n: int, mean: HostArray, spread: HostArray, error: HostArray) -> None:
        """Add what was counted of n samples."""
        # Merged by the formula of Chan, Golub and LeVeque (1979); sums of squares of large values would cancel.
        difference = mean - self.mean
        self.spread = self.spread + spread + difference * difference * (self.count * n / (self.count + n))
        self.mean = self.mean + difference * (n / (self.count + n))
        self.error = self.error + error
        self.count += n

    def merge(self, states: Sequence[Mapping[str, Any]]) -> None:
        self.reset()
        for state in states:
            if state["count"]:
                self._add(*(state[name] for name in self.counts))

    def compute(self) -> float:
        if not self.count:
            return float("nan")
        flat = self.spread == 0
        values = np.where(flat, np.where(self.error == 0, 1.0, 0.0), 1.0 - self.error / np.where(flat, 1.0, self.spread))
        return float(values.mean())


def _same_shape(outputs: Any, targets: Any) -> tuple[HostArray, HostArray]:
    """Outputs and targets as float64 arrays of one shape. Raises ShapeError."""
    y, t = host(outputs).astype(np.float64), host(targets).astype(np.float64)
    if y.shape != t.shape:
        raise ShapeError(f"metric: outputs and targets must have one shape, got {y.shape} and {t.shape}")
    return y, t
