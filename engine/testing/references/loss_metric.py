"""References of losses of embeddings, and of the distances they use."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .loss import cross_entropy
from .loss_common import NAN, each, exact_sum, reduced


def _distance(a: Any, b: Any, p: float, eps: float = 0.0) -> float:
    """The p-norm of a - b + eps, computed from values divided by the largest."""
    d = [math.fabs(float(x) - float(y) + eps) for x, y in zip(a, b, strict=True)]
    if any(v != v for v in d):
        return NAN
    top = max(d, default=0.0)
    if p == math.inf or top == 0.0 or math.isinf(top):
        return top
    return float(top * math.fsum((v / top) ** p for v in d) ** (1 / p))


def pairwise_distance(a: Any, b: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Any:
    """The p-norm of each row's difference, eps added to it."""
    out = np.array([_distance(x, y, p, eps) for x, y in zip(a, b, strict=True)])
    return out[:, None] if keepdim else out


def cosine_similarity(a: Any, b: Any, axis: int = 1, eps: float = 1e-8) -> Any:
    """The cosine of the angle between vectors along an axis."""
    a, b = np.broadcast_arrays(a, b)
    a, b = np.moveaxis(a, axis, -1), np.moveaxis(b, axis, -1)
    out = np.zeros(a.shape[:-1])
    for i in np.ndindex(*out.shape):
        out[i] = _cosine(a[i], b[i], eps)
    return out


def _cosine(a: Any, b: Any, eps: float) -> float:
    """The cosine of the angle between two vectors."""
    zero = np.zeros(len(a))
    x, y = max(_distance(a, zero, 2), eps), max(_distance(b, zero, 2), eps)
    return exact_sum([float(u) / x * (float(v) / y) for u, v in zip(a, b, strict=True)])


def normalize(x: Any, p: float = 2.0, eps: float = 1e-12, axis: int = -1) -> Any:
    """Each vector along an axis divided by its p-norm."""
    x = np.moveaxis(x, axis, -1)
    out = np.zeros(x.shape)
    for i in np.ndindex(*x.shape[:-1]):
        out[i] = x[i] / max(_distance(x[i], np.zeros(x.shape[-1]), p), eps)
    return np.moveaxis(out, -1, axis)


def squared_distances(x: Any, y: Any) -> Any:
    """|x_i - y_j|^2."""
    distances = [exact_sum([np.float64(u - v) ** 2 for u, v in zip(a, b, strict=True)]) for a in x for b in y]
    return np.array(distances).reshape(len(x), len(y))


def contrastive_loss(a: Any, b: Any, t: Any, margin: float | None = 1.0, reduction: str = "mean") -> Any:
    """t d^2 + (1 - t) max(0, margin - d)^2; without a margin t d - (1 - t) d."""

    def loss(d: float, t: float) -> float:
        if margin is None:
            return t * d - (1 - t) * d
        return float(t * np.float64(d) ** 2 + (1 - t) * np.maximum(0.0, margin - d) ** 2)

    return reduced(each(loss, pairwise_distance(a, b, eps=0.0), t), reduction)


def triplet_margin_loss(
    a: Any, near: Any, far: Any, margin: float = 1.0, p: float = 2.0, eps: float = 1e-6, swap: bool = False,
    reduction: str = "mean",
) -> Any:  # fmt: skip
    """max(0, margin + distance of the positive - distance of the negative)."""
    loss = []
    for x, y, z in zip(a, near, far, strict=True):
        away = _distance(x, z, p, eps)
        if swap:
            away = float(np.minimum(away, _distance(y, z, p, eps)))
        loss.append(np.maximum(0.0, margin + _distance(x, y, p, eps) - away))
    return reduced(loss, reduction)


def cosine_embedding_loss(a: Any, b: Any, t: Any, margin: float = 0.0, reduction: str = "mean") -> Any:
    """1 - cos for a pair, cos beyond the margin for others; 1e-12 is added to both squared lengths."""
    loss = []
    for x, y, s in zip(a, b, t, strict=True):
        lengths = [math.fsum(float(v) ** 2 for v in u) + 1e-12 for u in (x, y)]
        cos = math.fsum(float(u) * float(v) for u, v in zip(x, y, strict=True)) / math.sqrt(lengths[0] * lengths[1])
        loss.append(1 - cos if s > 0 else float(np.maximum(0.0, cos - margin)))
    return reduced(loss, reduction)


def info_nce_loss(
    query: Any, positive: Any, negatives: Any = None, temperature: float = 0.1, reduction: str = "mean"
) -> Any:
    """-log of the positive's part of the sum over the candidates of exp(cosine / temperature)."""
    loss = []
    for i, q in enumerate(query):
        others = [p for j, p in enumerate(positive) if j != i] if negatives is None else list(negatives)
        weights = [math.exp(_cosine(q, c, 1e-12) / temperature) for c in [positive[i], *others]]
        loss.append(-math.log(weights[0] / math.fsum(weights)))
    return reduced(loss, reduction)


def prototypes(support: Any, labels: Any, ways: int) -> Any:
    """The mean of each class's rows."""
    return np.stack([np.mean([x for x, y in zip(support, labels, strict=True) if y == k], axis=0) for k in range(ways)])


def prototypical_loss(support: Any, labels: Any, query: Any, query_labels: Any, ways: int, reduction: str = "mean") -> Any:
    """-log of the right prototype's part of the sum of exp(-squared distance)."""
    centres = prototypes(support, labels, ways)
    return cross_entropy(-squared_distances(query, centres), query_labels, reduction=reduction)
