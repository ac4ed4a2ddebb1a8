"""References of losses with a margin."""

from __future__ import annotations

from typing import Any

import numpy as np

from .loss_common import class_rows, each, exact_sum, log_sigmoid, reduced


def hinge_loss(x: Any, t: Any, margin: float = 1.0, reduction: str = "mean") -> Any:
    """max(0, margin - t x)."""
    return reduced(each(lambda a, b: np.maximum(0.0, margin - a * b), x, t), reduction)


def soft_margin_loss(x: Any, t: Any, reduction: str = "mean") -> Any:
    """log(1 + exp(-t x))."""
    return reduced(each(lambda a, b: -log_sigmoid(a * b), x, t), reduction)


def hinge_embedding_loss(x: Any, t: Any, margin: float = 1.0, reduction: str = "mean") -> Any:
    """x for a similar pair, max(0, margin - x) for another."""
    return reduced(each(lambda a, b: a if b > 0 else float(np.maximum(0.0, margin - a)), x, t), reduction)


def margin_ranking_loss(a: Any, b: Any, t: Any, margin: float = 0.0, reduction: str = "mean") -> Any:
    """max(0, margin - t (a - b))."""
    return reduced(each(lambda x, y, s: float(np.maximum(0.0, s * (y - x) + margin)), a, b, t), reduction)


def multi_margin_loss(
    scores: Any, labels: Any, p: int = 1, margin: float = 1.0, weight: Any = None, reduction: str = "mean", average: bool = True
) -> Any:
    """The sum over the wrong classes of max(0, margin - score of the right class + score)^p."""
    rows, flat = class_rows(scores, np.asarray(labels))
    loss = []
    for row, y in zip(rows, flat, strict=True):
        lacks = [np.maximum(0.0, margin - np.float64(row[y]) + s) ** p for k, s in enumerate(row) if k != y]
        loss.append(exact_sum(lacks) / (len(row) if average else 1) * (1.0 if weight is None else float(weight[y])))
    return reduced(np.reshape(loss, np.shape(labels)), reduction)
