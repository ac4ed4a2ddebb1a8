"""Figures of predictions with confidence intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..data.host_arrays import HostArray
from ..data.host_random import integers, permutation
from ..data.readers.samples import CLASSIFICATION
from ..generator import Generator

RESAMPLES, MOST_GROUPS = 1000, 1000
"""Resamples for an interval, and the most groups of samples that they are drawn from."""


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
        value, low, high = (f"{v:,.0f}" if 1e4 <= abs(v) < 1e15 else f"{v:.4g}" for v in (self.value, self.low, self.high))
        return f"{self.name} {value} ({low} to {high})"

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

    The interval of the accuracy is Wilson's; the others come from 1,000 resamples of the samples (in at most 1,000 random
    groups), or of blocks of neighbours for forecasts.

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
        group, groups = _groups(len(right))
        sums = np.zeros((groups, 2 * len(names)))  # of each class: how many there are, and how many of them are right
        np.add.at(sums, (group, number), 1.0)
        np.add.at(sums, (group, len(names) + number), right.astype(np.float64))

        def balanced(totals: HostArray) -> HostArray:
            counts, hits = np.split(totals, 2, axis=1)
            share = np.divide(hits, counts, out=np.zeros_like(hits), where=counts > 0)
            return np.asarray(share.sum(axis=1) / (counts > 0).sum(axis=1))

        mean = _resampled("balanced accuracy", balanced, (sums.sum(axis=0), sums, groups))
        return [Measured("accuracy", float(right.mean()), low, high), mean]
    truth = np.asarray(targets, dtype=np.float64).reshape(len(targets), -1)
    wrong = np.asarray(predicted, dtype=np.float64).reshape(truth.shape) - truth
    middle = truth - truth.mean()
    columns = [np.ones(len(wrong)), *(part.mean(axis=1) for part in (np.abs(wrong), wrong**2, middle, middle**2))]
    drawn = _block_sums(np.stack(columns, axis=1), block)
    found = [
        _resampled("mean absolute error", lambda t: t[:, 1] / t[:, 0], drawn),
        _resampled("root mean squared error", lambda t: np.sqrt(t[:, 2] / t[:, 0]), drawn),
    ]
    if task != "forecasting" and middle.any():

        def r2(totals: HostArray) -> HostArray:
            n, _, squared, first, second = totals.T
            spread = second - first**2 / n
            return np.where(spread > 1e-12 * second, 1 - squared / np.where(spread > 0, spread, 1.0), 0.0)

        found.insert(0, _resampled("R2", r2, drawn))
    return found


def measure_bits(bits: HostArray) -> Measured:
    """The mean number of bits of a character, from those of M windows (M,T)."""
    sums = _block_sums(np.stack([np.ones(len(bits)), bits.mean(axis=1)], axis=1), 1)
    return _resampled("bits per character", lambda t: t[:, 1] / t[:, 0], sums)


def wilson(hits: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """The 95 % interval of a share."""
    if not n:
        return 0.0, 1.0
    p, denominator = hits / n, 1 + z * z / n
    middle = (p + z * z / (2 * n)) / denominator
    half = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / denominator
    return float(max(0.0, middle - half)), float(min(1.0, middle + half))


def _groups(n: int) -> tuple[HostArray, int]:
    """The group of each of n samples, one for each as long as there are not too many, and the number of groups."""
    if n <= MOST_GROUPS:
        return np.arange(n), n
    return permutation(Generator(0), n) % MOST_GROUPS, MOST_GROUPS


Sums = tuple[HostArray, HostArray, int]


def _block_sums(columns: HostArray, block: int) -> Sums:
    """Sums of columns (n,k): of all rows (k), of blocks or groups of rows (g,k), and how many of these make a resample."""
    n, block = len(columns), max(1, min(block, len(columns)))
    total = columns.sum(axis=0)
    if block == 1:
        group, groups = _groups(n)
        sums = np.zeros((groups, columns.shape[1]))
        np.add.at(sums, group, columns)
        return total, sums, groups
    running = np.concatenate([np.zeros((1, columns.shape[1])), np.cumsum(columns, axis=0)])
    starts = np.unique(np.linspace(0, n - block, min(MOST_GROUPS, n - block + 1)).astype(np.int64))
    return total, running[starts + block] - running[starts], -(-n // block)


def _resampled(name: str, figure: Callable[[HostArray], HostArray], drawn: Sums) -> Measured:
    """A figure of the sums of all rows, and the middle 95 % of its values on resamples."""
    total, sums, picks = drawn
    places = integers(Generator(0), 0, len(sums), (RESAMPLES, picks)) + len(sums) * np.arange(RESAMPLES)[:, None]
    times = np.bincount(places.reshape(-1), minlength=RESAMPLES * len(sums)).reshape(RESAMPLES, len(sums))
    low, high = np.quantile(figure(times.astype(np.float64) @ sums), [0.025, 0.975])
    return Measured(name, float(figure(total[None])[0]), float(low), float(high))
