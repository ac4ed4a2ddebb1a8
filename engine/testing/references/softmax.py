"""Softmax from the differences between elements, in extended precision, and its logarithm."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def softmax(x: Any, axis: int = -1) -> Any:
    """Softmax in extended precision from differences: 1 / sum over j of exp(x_j - x_i).

    NaN for a line with NaN or Inf, or of nothing but -Inf.
    """
    lines = np.moveaxis(x.astype(np.longdouble), axis, -1)
    one, other = lines[..., :, None], lines[..., None, :]
    shares = 1 / np.sum(np.exp(np.where(one == other, 0, other - one)), axis=-1)
    top = np.max(lines, axis=-1, keepdims=True, initial=-np.inf)
    return np.moveaxis(np.where(np.isfinite(top), shares, np.nan), -1, axis).astype(np.float64)


def log_softmax(x: Any, axis: int = -1) -> Any:
    """The distance from the largest, less the logarithm of the sum of such exponentials, in extended precision."""
    d = x.astype(np.longdouble)
    d = d - np.max(d, axis=axis, keepdims=True, initial=-np.inf)
    return (d - np.log(np.sum(np.exp(d), axis=axis, keepdims=True))).astype(np.float64)


def masked_softmax(x: Any) -> Any:
    """Softmax of each row; 0 for a row of -Inf."""
    out = np.zeros(x.shape)
    for at in np.ndindex(*x.shape[:-1]):
        if np.any(x[at] != -np.inf):
            out[at] = softmax(x[at])
    return out


def cross_entropy_mean(logits: Any, labels: Any, ignore_index: int = -100) -> Any:
    """The mean cost of the rows whose label counts."""
    counted = np.asarray(labels) != ignore_index
    return np.sum(cross_entropy(logits, labels, ignore_index)) / np.count_nonzero(counted)


def cross_entropy(logits: Any, labels: Any, ignore_index: int = -100, mean: bool = False) -> Any:
    """The logarithm of the label's share, negated, one row after the other; ignored rows cost 0 and count."""
    rows = zip(logits, labels.tolist(), strict=True)
    losses = [0.0 if y == ignore_index else -float(log_softmax(row)[y]) for row, y in rows]
    return np.float64(math.fsum(losses)) / len(losses) if mean else np.asarray(losses, np.float64)
