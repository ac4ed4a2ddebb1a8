"""Losses element by element and row by row, in Python's own floats, whose sums are exact (math.fsum).

A loss that is a composition in the engine is written here as its definition: over pairs, rows, classes or alignments.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np

_NAN = float("nan")


def _log(x: float) -> float:
    """The logarithm, with -inf at 0 and NaN below."""
    return math.log(x) if x > 0 else -math.inf if x == 0 else _NAN


def _exp(x: float) -> float:
    """The exponential, with inf where it is too large."""
    return math.inf if x > 709.9 else math.exp(x)


def _total(values: Sequence[float]) -> float:
    """The sum of all values, rounded once; NaN and infinity as addition has them."""
    try:
        return math.fsum(values)
    except (OverflowError, ValueError):  # above the largest number, or Inf - Inf
        return float(np.sum(np.asarray(values, np.float64)))


def reduced(values: Any, reduction: str, over: float | None = None) -> Any:
    """All values, their sum, or their sum over their number (or over another divisor)."""
    values = np.asarray(values, np.float64)
    if reduction == "none":
        return values
    total = _total(values.reshape(-1).tolist())
    if reduction == "sum":
        return np.float64(total)
    return np.float64(total) / np.float64(values.size if over is None else over)


def each(f: Callable[..., float], *arrays: Any) -> Any:
    """f of the values at each place of arrays that broadcast."""
    spread = np.broadcast_arrays(*arrays)
    out = np.zeros(spread[0].shape)
    for i in np.ndindex(*out.shape):
        out[i] = f(*[float(a[i]) for a in spread])
    return out


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


def _rows(scores: Any, labels: Any) -> tuple[Any, Any]:
    """Scores (V,), (N,V) or (N,V,*S) as rows (M,V), and as many labels."""
    if scores.ndim == 1:
        return scores[None], np.asarray(labels).reshape(1)
    rows = [scores[(i[0], slice(None), *i[1:])] for i in np.ndindex(*labels.shape)]
    return np.reshape(rows, (len(rows), scores.shape[1])), labels.reshape(-1)


def _log_softmax(row: Any) -> list[float]:
    """Logarithms of the shares of exp(row)."""
    values = [float(v) for v in row]
    top = max(values)
    if math.isnan(sum(values)) or not math.isfinite(top):
        return [_NAN] * len(values)
    total = math.log(math.fsum(math.exp(v - top) for v in values))
    return [v - top - total for v in values]


def nll_loss(scores: Any, labels: Any, weight: Any = None, ignore_index: int = -100, reduction: str = "mean") -> Any:
    """-weight[label] score[label]; the mean is over the weights."""
    rows, flat = _rows(scores, np.asarray(labels))
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
        rows, _ = _rows(scores, np.zeros(places.shape, int))
        wanted, _ = _rows(target, np.zeros(places.shape, int))
        labels = np.zeros(len(rows), int)
        over = float(len(rows))
    else:
        places = target
        rows, labels = _rows(scores, target)
        wanted = np.array([[1.0 if v == k else 0.0 for k in range(classes)] for v in labels]).reshape(len(labels), classes)
        over = math.fsum(0.0 if v == ignore_index else float(weights[v]) for v in labels)
    loss = []
    for row, want, label in zip(rows, wanted, labels, strict=True):
        if target.dtype.kind != "f" and label == ignore_index:
            loss.append(0.0)
            continue
        logs = _log_softmax(row)
        mixed = [(1 - label_smoothing) * float(t) + label_smoothing / classes for t in want]
        terms = [-t * float(w) * v if t else 0.0 for t, w, v in zip(mixed, weights, logs, strict=True)]
        loss.append(_total(terms))
    return reduced(np.reshape(loss, places.shape), reduction, over)


def binary_cross_entropy(p: Any, t: Any, weight: Any = None, reduction: str = "mean") -> Any:
    """-(t log p + (1 - t) log(1 - p)), no logarithm below -100."""

    def loss(p: float, t: float, w: float) -> float:
        return -w * (t * max(_log(p), -100.0) + (1 - t) * max(_log(1 - p), -100.0)) if p == p else _NAN

    return reduced(each(loss, p, t, 1.0 if weight is None else weight), reduction)


def _log_sigmoid(x: float) -> float:
    return x - math.log1p(_exp(x)) if x < 0 else -math.log1p(math.exp(-x)) if x == x else _NAN


def binary_cross_entropy_with_logits(
    x: Any, t: Any, weight: Any = None, reduction: str = "mean", pos_weight: Any = None
) -> Any:
    """-(pos_weight t log sigmoid(x) + (1 - t) log sigmoid(-x))."""

    def loss(x: float, t: float, w: float, p: float) -> float:
        parts = (p * t * _log_sigmoid(x) if t else 0.0, (1 - t) * _log_sigmoid(-x) if t != 1 else 0.0)
        return -w * (parts[0] + parts[1])

    return reduced(each(loss, x, t, 1.0 if weight is None else weight, 1.0 if pos_weight is None else pos_weight), reduction)


def mbe_loss(x: Any, t: Any, reduction: str = "mean") -> Any:
    """t - x."""
    return reduced(each(lambda a, b: b - a, x, t), reduction)


def kl_div(x: Any, t: Any, reduction: str = "mean", log_target: bool = False) -> Any:
    """t (log t - x), 0 where t is 0."""

    def loss(x: float, t: float) -> float:
        p, log_p = (_exp(t), t) if log_target else (t, _log(t))
        return 0.0 if p == 0 else p * (log_p - x)

    losses = each(loss, x, t)
    if reduction == "batchmean":
        return reduced(losses, "mean", max(x.shape[0], 1))
    return reduced(losses, reduction)


def gaussian_nll_loss(
    x: Any, t: Any, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Any:
    """-log of the normal density at t, without log(2 pi) / 2 unless full."""

    def loss(x: float, t: float, v: float) -> float:
        v = max(v, eps)
        constant = math.log(2 * math.pi) if full else 0.0
        return (_log(v) + float(np.float64(x - t) ** 2) / v + constant) / 2

    return reduced(each(loss, x, t, var[..., None] if var.ndim < x.ndim else var), reduction)


def poisson_nll_loss(
    x: Any, t: Any, log_input: bool = True, full: bool = False, eps: float = 1e-8, reduction: str = "mean"
) -> Any:
    """rate - t log rate, and Stirling's log t! for t above 1 if full."""

    def loss(x: float, t: float) -> float:
        main = _exp(x) - t * x if log_input else x - t * _log(x + eps)
        return main + (t * math.log(t) - t + math.log(2 * math.pi * t) / 2 if full and t > 1 else 0.0)

    return reduced(each(loss, x, t), reduction)


def gaussian_kl(mean: Any, log_var: Any, reduction: str = "mean") -> Any:
    """The integral of log(q / p) under q = N(mean, exp(log_var)), p = N(0, 1), summed over the last axis."""
    one = each(lambda m, s: (_exp(s) + m * m - 1 - s) / 2, mean, log_var)
    out = np.zeros(one.shape[:-1])
    for i in np.ndindex(*out.shape):
        out[i] = _total(one[i].tolist())
    return reduced(out, reduction)


def hinge_loss(x: Any, t: Any, margin: float = 1.0, reduction: str = "mean") -> Any:
    """How far t x is below the margin."""
    return reduced(each(lambda a, b: np.maximum(0.0, margin - a * b), x, t), reduction)


def soft_margin_loss(x: Any, t: Any, reduction: str = "mean") -> Any:
    """log(1 + exp(-t x))."""
    return reduced(each(lambda a, b: -_log_sigmoid(a * b), x, t), reduction)


def hinge_embedding_loss(x: Any, t: Any, margin: float = 1.0, reduction: str = "mean") -> Any:
    """x for a pair that belongs together, what is missing to the margin for another."""
    return reduced(each(lambda a, b: a if b > 0 else float(np.maximum(0.0, margin - a)), x, t), reduction)


def margin_ranking_loss(a: Any, b: Any, t: Any, margin: float = 0.0, reduction: str = "mean") -> Any:
    """What the difference in the wanted direction lacks of the margin."""
    return reduced(each(lambda x, y, s: float(np.maximum(0.0, s * (y - x) + margin)), a, b, t), reduction)


def multi_margin_loss(
    scores: Any, labels: Any, p: int = 1, margin: float = 1.0, weight: Any = None, reduction: str = "mean", average: bool = True
) -> Any:
    """For each wrong class what the right one's lead lacks of the margin."""
    rows, flat = _rows(scores, np.asarray(labels))
    loss = []
    for row, y in zip(rows, flat, strict=True):
        lacks = [np.maximum(0.0, margin - np.float64(row[y]) + s) ** p for k, s in enumerate(row) if k != y]
        loss.append(_total(lacks) / (len(row) if average else 1) * (1.0 if weight is None else float(weight[y])))
    return reduced(np.reshape(loss, np.shape(labels)), reduction)


def _distance(a: Any, b: Any, p: float, eps: float = 0.0) -> float:
    """The p-norm of a - b + eps, taken of values divided by their largest."""
    d = [math.fabs(float(x) - float(y) + eps) for x, y in zip(a, b, strict=True)]
    if any(v != v for v in d):
        return _NAN
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
    zero = np.zeros(len(a))
    x, y = max(_distance(a, zero, 2), eps), max(_distance(b, zero, 2), eps)
    return _total([float(u) / x * (float(v) / y) for u, v in zip(a, b, strict=True)])


def normalize(x: Any, p: float = 2.0, eps: float = 1e-12, axis: int = -1) -> Any:
    """Each vector along an axis divided by its p-norm."""
    x = np.moveaxis(x, axis, -1)
    out = np.zeros(x.shape)
    for i in np.ndindex(*x.shape[:-1]):
        out[i] = x[i] / max(_distance(x[i], np.zeros(x.shape[-1]), p), eps)
    return np.moveaxis(out, -1, axis)


def squared_distances(x: Any, y: Any) -> Any:
    """|x_i - y_j|^2."""
    return np.array([[_total([np.float64(u - v) ** 2 for u, v in zip(a, b, strict=True)]) for b in y] for a in x])


def contrastive_loss(a: Any, b: Any, t: Any, margin: float | None = 1.0, reduction: str = "mean") -> Any:
    """d^2 of pairs, the square of what is missing to the margin of others; without a margin d of pairs less d of others."""

    def loss(d: float, t: float) -> float:
        if margin is None:
            return t * d - (1 - t) * d
        return float(t * np.float64(d) ** 2 + (1 - t) * np.maximum(0.0, margin - d) ** 2)

    return reduced(each(loss, pairwise_distance(a, b, eps=0.0), t), reduction)


def triplet_margin_loss(
    a: Any, near: Any, far: Any, margin: float = 1.0, p: float = 2.0, eps: float = 1e-6, swap: bool = False,
    reduction: str = "mean",
) -> Any:  # fmt: skip
    """What the negative's distance, beyond the positive's, lacks of the margin."""
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
    """-log of the positive's share among the candidates, by exp(cosine / temperature)."""
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
    """-log of the share of the right prototype, by exp(-squared distance)."""
    centres = prototypes(support, labels, ways)
    return cross_entropy(-squared_distances(query, centres), query_labels, reduction=reduction)


def ctc_loss(
    logs: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: int = 0, reduction: str = "mean",
    zero_infinity: bool = False,
) -> Any:  # fmt: skip
    """-log of the sum of the probabilities of every path that spells the target, path by path."""
    targets = np.asarray(targets)
    starts = np.cumsum([0, *target_lengths])
    loss = []
    for n, (steps, count) in enumerate(zip(input_lengths, target_lengths, strict=True)):
        wanted = targets[starts[n] : starts[n + 1]] if targets.ndim == 1 else targets[n, :count]
        paths = [
            _exp(_total([float(logs[t, n, v]) for t, v in enumerate(path)]))
            for path in product(range(logs.shape[2]), repeat=int(steps))
            if _spelt(path, blank) == wanted.tolist()
        ]
        cost = -_log(_total(paths))
        loss.append(0.0 if zero_infinity and math.isinf(cost) else cost)
    if reduction == "mean":
        return reduced([v / max(c, 1) for v, c in zip(loss, target_lengths, strict=True)], "mean")
    return reduced(loss, reduction)


def _spelt(path: Sequence[int], blank: int) -> list[int]:
    """A path without repetitions and blanks."""
    return [v for i, v in enumerate(path) if v != blank and (i == 0 or path[i - 1] != v)]


def _values(tensors: Any) -> list[float]:
    many = tensors if isinstance(tensors, list) else [tensors]
    return [float(v) for t in many for v in np.asarray(t).reshape(-1)]


def l2_penalty(tensors: Any) -> Any:
    """The sum of all squares."""
    return np.float64(_total([float(np.float64(v) ** 2) for v in _values(tensors)]))


def l1_penalty(tensors: Any) -> Any:
    """The sum of all absolute values."""
    return np.float64(_total([math.fabs(v) for v in _values(tensors)]))


def elastic_penalty(tensors: Any, beta: float = 1.0) -> Any:
    """beta times the squares plus the absolute values."""
    return np.float64(beta * float(l2_penalty(tensors)) + float(l1_penalty(tensors)))


def weighted_sum(losses: Any, weights: Sequence[float]) -> Any:
    """The sum of losses times weights."""
    return np.float64(_total([float(a) * w for a, w in zip(losses, weights, strict=True)]))
