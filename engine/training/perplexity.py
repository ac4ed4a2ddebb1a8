"""Metrics of language models: perplexity, and bits per character."""

from __future__ import annotations

from math import exp, log
from typing import Any

import numpy as np

from .metric import Metric, scores_and_labels


class Perplexity(Metric):
    """The exponential of the mean cross-entropy: the number of equally likely words that would be as hard to predict.

    Shape: outputs (N,V,*S), the scores (logits) of V words; targets (N,*S), integers.

    Parameters
    ----------
    ignore_index : int
        A label that is not counted.

    Examples
    --------
    >>> metric = dl.training.Perplexity()
    >>> metric.update(dl.zeros((2, 4)), dl.asarray([0, 3]))
    >>> round(metric.compute(), 6)
    4.0
    """

    name = "perplexity"
    counts = ("total", "count")

    def __init__(self, ignore_index: int = -100) -> None:
        self.ignore_index = ignore_index
        self.reset()

    def reset(self) -> None:
        self.total, self.count = 0.0, 0

    def update(self, outputs: Any, targets: Any) -> None:
        scores, labels = scores_and_labels(outputs, targets, self.ignore_index)
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
    """The mean cross-entropy of characters in bits, the binary logarithm of the perplexity.

    Shape: outputs (N,V,*S), the scores (logits) of V characters; targets (N,*S), integers.

    Parameters
    ----------
    ignore_index : int
        A label that is not counted.

    Examples
    --------
    >>> metric = dl.training.BitsPerChar()
    >>> metric.update(dl.zeros((2, 4)), dl.asarray([0, 3]))
    >>> round(metric.compute(), 6)
    2.0
    """

    name = "bits_per_char"

    def compute(self) -> float:
        return self.total / self.count / log(2) if self.count else float("nan")
