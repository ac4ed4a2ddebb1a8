"""Metrics of regression."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ShapeError
from .metrics import Metric, host


class MSE(Metric):
    """The mean of (output - target)^2 over all values."""

    name = "mse"
    counts = ("total", "count")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.total, self.count = 0.0, 0

    def update(self, outputs: Any, targets: Any) -> None:
        y, t = _alike(outputs, targets)
        self.total += float(self._error(y - t).sum())
        self.count += t.size

    def compute(self) -> float:
        return self.total / self.count if self.count else float("nan")

    def _error(self, difference: Any) -> Any:
        return difference * difference


class MAE(MSE):
    """The mean of |output - target| over all values."""

    name = "mae"

    def _error(self, difference: Any) -> Any:
        return np.abs(difference)


class R2(Metric):
    """1 - sum (t - y)^2 / sum (t - mean t)^2: the part of the targets' variance that is explained; over columns the mean.

    outputs, targets: (N,) or (N,D). A column of equal targets counts as 1 if it is met exactly, else as 0.
    """

    name = "r2"
    counts = ("count", "mean", "spread", "error")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.count, self.mean, self.spread, self.error = 0, np.zeros(1), np.zeros(1), np.zeros(1)

    def update(self, outputs: Any, targets: Any) -> None:
        y, t = (a.reshape(len(a), -1) for a in _alike(outputs, targets))
        n = len(t)
        if not n:
            return
        mean = t.mean(axis=0)
        spread = ((t - mean) ** 2).sum(axis=0)
        # Merged as Chan, Golub & LeVeque (1979) do: sums of squares of large values would cancel.
        gap = mean - self.mean
        self.spread = self.spread + spread + gap * gap * (self.count * n / (self.count + n))
        self.mean = self.mean + gap * (n / (self.count + n))
        self.error = self.error + ((t - y) ** 2).sum(axis=0)
        self.count += n

    def compute(self) -> float:
        if not self.count:
            return float("nan")
        flat = self.spread == 0
        values = np.where(flat, np.where(self.error == 0, 1.0, 0.0), 1.0 - self.error / np.where(flat, 1.0, self.spread))
        return float(values.mean())


def _alike(outputs: Any, targets: Any) -> tuple[Any, Any]:
    y, t = host(outputs).astype(np.float64), host(targets).astype(np.float64)
    if y.shape != t.shape:
        raise ShapeError(f"metric: outputs and targets must have one shape, got {y.shape} and {t.shape}")
    return y, t
