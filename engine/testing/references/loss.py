"""References of losses between predictions and targets, written as their definitions: over pairs, rows or classes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .loss_common import NAN, class_rows, each, exact_sum, log_or_inf, log_sigmoid, log_softmax, reduced


def mse_loss(x: Any, t: Any, reduction: str = "mean") -> Any:
    """(x - t)^2."""
    return reduced(each(lambda a, b: float(np.float64(a - b) ** 2), x, t), reduction)


def l1_loss(x: Any, t: Any, reduction: str = "mean") -> Any:
    """|x - t|."""
    return reduced(each(lambda a, b: math.fabs(a - b), x, t), reduction)


def huber_loss(x: Any, t: Any, reduction: str = "mean", delta: float = 1.0) -> Any:
    """A parabola to delta, a line beyond."""

    def loss(a: float, b: float) -> float:
        d = math.fabs(a - b)
        return d * d / 2 if d <= delta else delta * d - delta * delta / 2

    return reduced(each(loss, x, t), reduction)


def smooth_l1_loss(x: Any, t: Any, reduction: str = "mean", beta: float = 1.0) -> Any:
    """A parabola to beta, a line of slope 1 beyond."""

    def loss(a: float, b: float) -> float:
        d = math.fabs(a - b)
        return d * d / (2 * beta) if d < beta else d - beta / 2

    return reduced(each(loss, x, t), reduction)


def nll_loss(scores: Any, labels: Any, weight: Any = None, ignore_index: int = -100, reduction: str = "mean") -> Any:
    """-weight[label] score[label]; the mean is over the weights."""
    rows, flat = class_rows(scores, np.asarray(labels))
    factor = [0.0 if v == ignore_index else 1.0 if weight is None else float(weight[v]) for v in flat]
    loss = [0.0 if v == ignore_index else -f * float(row[v]) for row, v, f in zip(rows, flat, factor, strict=True)]
    return reduced(np.reshape(loss, np.shape(labels)), reduction, math.fsum(factor))


def cross_entropy(
    scores: Any, target: Any, weight: Any = None, ignore_index: int = -100, reduction: str = "mean", label_smoothing: float = 0.0
) -> Any:
    """The mean of -log softmax under the target's distribution, each class with its weight."""
    target = np.asarray(target)
    classes = scores.shape[0] if scores.ndim == 1 else scores.shape[1]
    weights = np.ones(classes) if weight is None else weight
    if target.dtype.kind == "f":
        places = target[:, 0] if scores.ndim > 1 else target[0]
        rows, _ = class_rows(scores, np.zeros(places.shape, int))
        wanted, _ = class_rows(target, np.zeros(places.shape, int))
        labels = np.zeros(len(rows), int)
        over = float(len(rows))
    else:
        places = target
        rows, labels = class_rows(scores, target)
        wanted = np.array([[1.0 if v == k else 0.0 for k in range(classes)] for v in labels]).reshape(len(labels), classes)
        over = math.fsum(0.0 if v == ignore_index else float(weights[v]) for v in labels)
    loss = []
    for row, want, label in zip(rows, wanted, labels, strict=True):
        if target.dtype.kind != "f" and label == ignore_index:
            loss.append(0.0)
            continue
        logs = log_softmax(row)
        mixed = [(1 - label_smoothing) * float(t) + label_smoothing / classes for t in want]
        terms = [-t * float(w) * v if t else 0.0 for t, w, v in zip(mixed, weights, logs, strict=True)]
        loss.append(exact_sum(terms))
    return reduced(np.reshape(loss, places.shape), reduction, over)


def binary_cross_entropy(p: Any, t: Any, weight: Any = None, reduction: str = "mean") -> Any:
    """-(t log p + (1 - t) log(1 - p)), no logarithm below -100."""

    def loss(p: float, t: float, w: float) -> float:
        return -w * (t * max(log_or_inf(p), -100.0) + (1 - t) * max(log_or_inf(1 - p), -100.0)) if p == p else NAN

    return reduced(each(loss, p, t, 1.0 if weight is None else weight), reduction)


def binary_cross_entropy_with_logits(
    x: Any, t: Any, weight: Any = None, reduction: str = "mean", pos_weight: Any = None
) -> Any:
    """-(pos_weight t log sigmoid(x) + (1 - t) log sigmoid(-x))."""

    def loss(x: float, t: float, w: float, p: float) -> float:
        parts = (p * t * log_sigmoid(x) if t else 0.0, (1 - t) * log_sigmoid(-x) if t != 1 else 0.0)
        return -w * (parts[0] + parts[1])

    return reduced(each(loss, x, t, 1.0 if weight is None else weight, 1.0 if pos_weight is None else pos_weight), reduction)
