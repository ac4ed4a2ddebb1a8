"""Figures of predictions with confidence intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..data.host_arrays import HostArray
from ..data.host_random import integers
from ..data.readers.samples import CLASSIFICATION
from ..generator import Generator

RESAMPLES = 1000


@dataclass(frozen=True)
class Measured:
    """A figure with its 95 % confidence interval.

    Parameters
    ----------
    name : str
        What was measured.
    value : float
        The figure.
    low, high : float
        The ends of the interval.

    Examples
    --------
    >>> print(dl.fitting.Measured("accuracy", 0.95, 0.9, 0.98))
    accuracy 95.0 % (90.0 to 98.0)
    """

    name: str
    value: float
    low: float
    high: float

    def __str__(self) -> str:
        if self.name.endswith("accuracy"):
            return f"{self.name} {100 * self.value:.1f} % ({100 * self.low:.1f} to {100 * self.high:.1f})"
        return f"{self.name} {self.value:.4g} ({self.low:.4g} to {self.high:.4g})"

    def as_dict(self) -> dict[str, Any]:
        """The figure for JSON.

        Returns
        -------
        dict
            Name, value and interval.
        """
        return {"name": self.name, "value": self.value, "low": self.low, "high": self.high}


def measure(task: str, targets: HostArray, predicted: HostArray, block: int = 1) -> list[Measured]:
    """Figures of predictions: accuracy and balanced accuracy of classes, or the errors of numbers.

    The interval of the accuracy is Wilson's; the others come from 1,000 resamples of the samples, of blocks of neighbours for
    forecasts.

    Parameters
    ----------
    task : {"classification", "regression", "forecasting"}
        The task.
    targets : numpy.ndarray
        True classes or numbers (N,), or (N,h) for forecasts.
    predicted : numpy.ndarray
        What was predicted, in the same shape.
    block : int, default 1
        Samples of a block.

    Returns
    -------
    list of Measured
        The figures.

    References
    ----------
    Wilson, 1927, "Probable inference"; Efron and Tibshirani, 1993, "An introduction to the bootstrap"; Kuensch, 1989.

    Examples
    --------
    >>> truth, said = np.array(["a", "b", "b", "a"]), np.array(["a", "b", "a", "a"])
    >>> print(dl.fitting.measure("classification", truth, said)[0])
    accuracy 75.0 % (30.1 to 95.4)
    """
    if task == CLASSIFICATION:
        right = targets == predicted
        low, high = wilson(int(right.sum()), len(right))
        names, number = np.unique(targets, return_inverse=True)

        def balanced(rows: HostArray) -> float:
            counts = np.bincount(number[rows], minlength=len(names))
            hits = np.bincount(number[rows], weights=right[rows], minlength=len(names))
            return float((hits[counts > 0] / counts[counts > 0]).mean())

        return [Measured("accuracy", float(right.mean()), low, high), _resampled("balanced accuracy", balanced, len(right), 1)]
    wrong = (np.asarray(predicted, dtype=np.float64) - targets).reshape(len(targets), -1)
    total = (np.asarray(targets, dtype=np.float64) - np.mean(targets)).reshape(len(targets), -1)
    found = [
        _resampled("mean absolute error", lambda rows: float(np.abs(wrong[rows]).mean()), len(wrong), block),
        _resampled("root mean squared error", lambda rows: float(np.sqrt((wrong[rows] ** 2).mean())), len(wrong), block),
    ]
    if task != "forecasting" and total.any():

        def r2(rows: HostArray) -> float:
            t = np.asarray(targets, dtype=np.float64)[rows]
            spread = ((t - t.mean()) ** 2).sum()
            return float(1 - (wrong[rows] ** 2).sum() / spread) if spread else 0.0

        found.insert(0, _resampled("R2", r2, len(wrong), block))
    return found


def measure_bits(bits: HostArray) -> Measured:
    """The mean number of bits of a character, from those of M windows (M,T)."""
    means = bits.mean(axis=1)
    return _resampled("bits per character", lambda rows: float(means[rows].mean()), len(means), 1)


def wilson(hits: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """The 95 % interval of a share."""
    if not n:
        return 0.0, 1.0
    p, denominator = hits / n, 1 + z * z / n
    middle = (p + z * z / (2 * n)) / denominator
    half = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / denominator
    return float(max(0.0, middle - half)), float(min(1.0, middle + half))


def _resampled(name: str, figure: Any, n: int, block: int) -> Measured:
    """A figure of all samples, and the middle 95 % of its values on resamples of blocks."""
    block = max(1, min(block, n))
    blocks = -(-n // block)
    starts = integers(Generator(0), 0, n - block + 1, (RESAMPLES, blocks))
    values = [figure((s[:, None] + np.arange(block)).reshape(-1)[:n]) for s in starts]
    low, high = np.quantile(values, [0.025, 0.975])
    return Measured(name, figure(np.arange(n)), float(low), float(high))
