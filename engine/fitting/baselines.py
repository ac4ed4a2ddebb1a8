"""Simple models that a network has to surpass: the most frequent class, the mean, logistic and linear regression, naive Bayes."""

from __future__ import annotations

import math
import time
from contextlib import suppress
from typing import Any

import numpy as np

from ..data.host_arrays import HostArray
from ..data.readers import Samples
from ..data.readers.samples import CLASSIFICATION
from .encoders import Encoder

MOST_ROWS = 5_000
MOST_FEATURES = 1_000


class _Late(Exception):
    """The time is over."""


def baseline(train: Samples, test: Samples, encoder: Encoder, seconds: float | None = None) -> dict[str, HostArray]:
    """What simple models predict for test samples.

    Parameters
    ----------
    train : Samples
        The training part.
    test : Samples
        The samples to predict.
    encoder : Encoder
        The encoder that was fitted on the training part.
    seconds : float, optional
        The most seconds for the search of the weights of logistic regression.

    Returns
    -------
    dict
        Predicted classes or numbers (N,) by the name of the model.

    Examples
    --------
    >>> samples = dl.data.samples_of_arrays(np.arange(40.0)[:, None], [0] * 10 + [1] * 30)
    >>> found = dl.fitting.baseline(samples, samples, dl.fitting.encoder_for(samples))
    >>> sorted(found), (found["logistic regression"] == samples.targets).mean() > 0.9
    (['logistic regression', 'most frequent class'], np.True_)
    """
    part = train.take(spread(len(train)))
    targets: Any = part.targets
    if train.task == CLASSIFICATION:
        classes, labels = np.unique(targets, return_inverse=True)
        most = classes[np.bincount(labels).argmax()]
        found = {"most frequent class": np.full(len(test), most)}
        if train.kind == "texts":
            found["naive Bayes"] = classes[_bayes(encoder.encode(part), labels, encoder.encode(test), len(classes))]
        else:
            x, y = _features(encoder, part), _features(encoder, test)
            found["logistic regression"] = classes[_logistic(x, labels, y, len(classes), seconds)]
        return found
    found = {"mean": np.full(len(test), targets.mean())}
    if train.kind != "texts":
        found["linear regression"] = _linear(_features(encoder, part), targets, _features(encoder, test))
    return found


def spread(n: int) -> HostArray:
    """The rows that simple models learn from: all, or MOST_ROWS of them, evenly spread."""
    return np.arange(n) if n <= MOST_ROWS else np.linspace(0, n - 1, MOST_ROWS).astype(np.int64)


def _features(encoder: Encoder, samples: Samples) -> HostArray:
    """Short vectors (N,F), float64, in batches."""
    parts = [
        encoder.features(encoder.encode(samples.take(np.arange(i, min(i + 512, len(samples))))))
        for i in range(0, len(samples), 512)
    ]
    return np.concatenate(parts)[:, :MOST_FEATURES].astype(np.float64) if parts else np.empty((0, 1))


def _moments(x: HostArray) -> tuple[HostArray, HostArray]:
    """Mean and deviation of each column; a deviation of 0 counts as 1."""
    std = x.std(axis=0)
    return x.mean(axis=0), np.where(std > 1e-9, std, 1.0)


def _scale(x: HostArray, y: HostArray) -> tuple[HostArray, HostArray]:
    """Both with the mean and deviation of the first, and a column of ones."""
    mean, std = _moments(x)
    return tuple(np.hstack([(a - mean) / std, np.ones((len(a), 1))]) for a in (x, y))  # type: ignore[return-value]


def _logistic(x: HostArray, labels: HostArray, test: HostArray, classes: int, seconds: float | None) -> HostArray:
    """Classes by logistic regression with a penalty on the squared weights."""
    from scipy.optimize import minimize

    late, best = math.inf if seconds is None else time.monotonic() + seconds, list[tuple[float, HostArray]]()

    x, test = _scale(x, test)
    truth = np.eye(classes)[labels]

    def loss(flat: HostArray) -> tuple[float, HostArray]:
        w = flat.reshape(x.shape[1], classes)
        scores = x @ w
        scores -= scores.max(axis=1, keepdims=True)
        p = np.exp(scores)
        total = p.sum(axis=1, keepdims=True)
        value = (np.log(total[:, 0]) - (scores * truth).sum(axis=1)).sum() + 0.5 * (w[:-1] ** 2).sum()
        gradient = x.T @ (p / total - truth)
        gradient[:-1] += w[:-1]
        if not best or value < best[0][0]:
            best[:] = [(float(value), flat.copy())]
        if time.monotonic() > late:
            raise _Late
        return float(value) / len(x), gradient.reshape(-1) / len(x)

    with suppress(_Late):
        minimize(loss, np.zeros(x.shape[1] * classes), jac=True, method="L-BFGS-B", options={"maxiter": 200})
    return np.asarray((test @ best[0][1].reshape(x.shape[1], classes)).argmax(axis=1))


def _linear(x: HostArray, targets: HostArray, test: HostArray) -> HostArray:
    """Numbers by linear regression with a small penalty on the squared weights."""
    weights, bias = linear_map(x, targets)
    return np.asarray(test @ weights + bias)


def linear_map(x: HostArray, targets: HostArray) -> tuple[HostArray, float]:
    """Weights (F,) and bias of linear regression with a small penalty on the squares of the weights of scaled features.

    x: (N,F), targets: (N,), both float64.
    """
    mean, std = _moments(x)
    scaled = (x - mean) / std
    middle = float(targets.mean())
    weights = np.linalg.solve(scaled.T @ scaled + np.eye(x.shape[1]), scaled.T @ (targets - middle)) / std
    return weights, middle - float(mean @ weights)


def _bayes(tokens: HostArray, labels: HostArray, test: HostArray, classes: int) -> HostArray:
    """Classes by multinomial naive Bayes over the tokens of texts, each counted once a text."""
    size = int(max(tokens.max(initial=0), test.max(initial=0))) + 1
    counts = np.ones((classes, size))
    for k in range(classes):
        counts[k] += np.bincount(tokens[labels == k].reshape(-1), minlength=size)
    counts[:, 0] = 1.0
    logs = np.log(counts / counts.sum(axis=1, keepdims=True))
    logs[:, 0] = 0.0
    prior = np.log(np.bincount(labels, minlength=classes) / len(labels))
    return np.array([int((logs[:, row].sum(axis=1) + prior).argmax()) for row in test], dtype=np.int64)
