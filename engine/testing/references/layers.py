"""References of layers: stored outputs of PyTorch for those that it has, and an implementation for each of the others.

layers.npz is written by tests/vectors/generate_rows.py: values of all rows one after another, and for each row its name,
where its values begin, and a checksum of the inputs that PyTorch was given.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from . import attention, recurrent, windows
from .linalg import linear

DROPPED = {"Dropout": (), "Dropout1d": (2,), "Dropout2d": (2, 3), "Dropout3d": (2, 3, 4), "AlphaDropout": ()}
"""Layers of dropout, and the axes along which all values are dropped or kept together."""


# ---------------------------------------------------------------------- stored by PyTorch
def flat(values: Any) -> list[Any]:
    """Flatten nested lists and tuples."""
    return [v for part in values for v in flat(part)] if isinstance(values, (list, tuple)) else [values]


def checksum(arrays: Any) -> int:
    """The checksum of inputs and parameters, which shows whether the table has changed."""
    return zlib.crc32(b"".join(np.ascontiguousarray(a).tobytes() for a in flat(arrays) if isinstance(a, np.ndarray)))


@cache
def stored() -> dict[str, Any]:
    """The file's arrays: names, checksums, starts, values."""
    with (files(__name__.rpartition(".")[0]) / "layers.npz").open("rb") as f, np.load(f) as found:
        return dict(found)


def packed(outputs: Sequence[Any]) -> list[float]:
    """Outputs as numbers: how many, then of each its rank (-1: None), its shape and its values."""
    out = [float(len(outputs))]
    for y in outputs:
        if y is None:
            out.append(-1.0)
        else:
            out += [float(y.ndim), *map(float, y.shape), *np.asarray(y, dtype=np.float64).reshape(-1)]
    return out


def unpacked(numbers: Any) -> list[Any]:
    """The inverse of packed."""
    at = 1
    out: list[Any] = []
    for _ in range(int(numbers[0])):
        rank = int(numbers[at])
        at += 1
        if rank < 0:
            out.append(None)
            continue
        shape = tuple(int(n) for n in numbers[at : at + rank])
        at += rank
        size = int(np.prod(shape))
        out.append(numbers[at : at + size].reshape(shape))
        at += size
    return out


def from_pytorch(name: str, arrays: Any) -> list[Any]:
    """The stored outputs of a row; AssertionError if they are those of other inputs."""
    found = stored()
    at = list(found["names"]).index(name)
    if found["checksums"][at] != checksum(arrays):
        raise AssertionError(f"{name}: layers.npz is older than the table; run python tests/vectors/generate_rows.py")
    return unpacked(found["values"][found["starts"][at] : found["starts"][at + 1]])


# ---------------------------------------------------------------------- layers that PyTorch lacks
def _reduced(loss: Any, reduction: str) -> Any:
    return {"none": lambda: loss, "mean": lambda: np.mean(loss), "sum": lambda: np.sum(loss)}[reduction]()


def _cross_entropy(scores: Any, labels: Any) -> Any:
    """-log of the softmax of each row at its label."""
    return np.array([np.log(np.sum(np.exp(s - s[int(k)]))) for s, k in zip(scores, labels, strict=True)])


def _unit(x: Any) -> Any:
    return x / np.sqrt(np.sum(x**2, axis=-1, keepdims=True))


def maxout(x: Any, weight: Any, bias: Any = None, *, pieces: int = 2) -> Any:
    """The largest of each output's pieces, which are neighbours."""
    y = linear(x, weight, bias)
    return np.stack([np.max(y[..., k : k + pieces], axis=-1) for k in range(0, y.shape[-1], pieces)], axis=-1)


def both_ways(net: Callable[..., Any], x: Any, states: int, parameters: Sequence[Any], lengths: Any) -> Any:
    """One layer in both directions from states of zeros; each direction has w_ih, w_hh and the biases b_ih, b_hh."""
    ways = []
    for reverse, (w_ih, w_hh, b_ih, b_hh) in ((False, parameters[:4]), (True, parameters[4:])):
        start = [np.zeros((x.shape[1], w_hh.shape[1]))] * states
        biases = (b_ih, b_hh) if net is recurrent.gru else (b_ih + b_hh,)
        ways.append(net(x, *start, w_ih, w_hh, *biases, np.asarray(lengths), reverse=reverse))
    left, right = ways
    last = [np.stack([a, b]) for a, b in zip(left[1:], right[1:], strict=True)]
    return np.concatenate([left[0], right[0]], axis=-1), *last


def causal_attention(query: Any, key: Any, value: Any, w_in: Any, b_in: Any, w_out: Any, b_out: Any, *, heads: int) -> Any:
    """Head by head: slices of the projections, attention, side by side again; also the mean of the weights."""
    wide = query.shape[2]
    q, k, v = (
        np.moveaxis(linear(t, w_in[n * wide : (n + 1) * wide], b_in[n * wide : (n + 1) * wide]), 1, 0)
        for n, t in enumerate((query, key, value))
    )
    size = wide // heads
    parts, weights = [], []
    for h in range(heads):
        own_q, own_k, own_v = (t[..., h * size : (h + 1) * size] for t in (q, k, v))
        parts.append(attention.scaled_dot_product_attention(own_q, own_k, own_v, is_causal=True))
        weights.append(attention.attention_weights(own_q, own_k, is_causal=True))
    y = np.moveaxis(np.concatenate(parts, axis=-1), 0, 1)
    return linear(y, w_out, b_out), sum(weights) / heads


def additive(query: Any, key: Any, *rest: Any) -> Any:
    """The projections of query and key, then additive attention. The last arguments are v, and the two weights."""
    *values, v, w_query, w_key = rest
    value, mask = (*values, None, None)[:2]
    return attention.additive_attention(linear(query, w_query), linear(key, w_key), key if value is None else value, v, mask)


def positional(x: Any) -> Any:
    """x + sin and cos of t / 10000^(2 i / E) at the even and odd features; the table is float32."""
    steps, width = x.shape[0], x.shape[2]
    angle = np.array([[t / 10000.0 ** (2 * (i // 2) / width) for i in range(width)] for t in range(steps)])
    table = np.where(np.arange(width) % 2 == 0, np.sin(angle), np.cos(angle)).astype(np.float32)
    return x + table[:, None].astype(np.float64)


def contrastive(x1: Any, x2: Any, t: Any, *, margin: float | None, reduction: str) -> Any:
    """t d^2 + (1 - t) max(0, margin - d)^2, or t d - (1 - t) d."""
    d = np.sqrt(np.sum((x1 - x2) ** 2, axis=1))
    if margin is None:
        return _reduced(np.where(t == 1, d, -d), reduction)
    return _reduced(np.where(t == 1, d**2, np.maximum(margin - d, 0) ** 2), reduction)


def info_nce(query: Any, positive: Any, negatives: Any = None, *, temperature: float = 0.1, reduction: str) -> Any:
    """-log of the positive's share of exp(cos / temperature) among all candidates."""
    losses = []
    for n in range(len(query)):
        others = [p for m, p in enumerate(positive) if m != n] if negatives is None else list(negatives)
        scores = np.array([np.sum(_unit(query[n]) * _unit(c)) / temperature for c in [positive[n], *others]])
        losses.append(_cross_entropy(scores[None], [0])[0])
    return _reduced(np.array(losses), reduction)


def prototypical(support: Any, labels: Any, query: Any, wanted: Any, *, ways: int, reduction: str) -> Any:
    """Cross-entropy of minus the squared distances to the classes' means."""
    centres = [np.mean(support[labels == k], axis=0) for k in range(ways)]
    scores = np.array([[-np.sum((q - c) ** 2) for c in centres] for q in query])
    return _reduced(_cross_entropy(scores, wanted), reduction)


def multi_margin(s: Any, y: Any, *, reduction: str) -> Any:
    """sum over the wrong classes j of max(0, 1 + s_j - s_y)."""
    losses = [sum(max(0.0, 1 + r[j] - r[k]) for j in range(len(r)) if j != k) for r, k in zip(s, y, strict=True)]
    return _reduced(np.array(losses), reduction)


def residual(x: Any, weight: Any, bias: Any, shortcut: Any = None) -> Any:
    """x, or its product with the shortcut's weight, plus an affine map of x."""
    return linear(x, weight, bias) + (x if shortcut is None else linear(x, shortcut))


TEXTS: dict[str, Callable[..., Any]] = {
    "Maxout": lambda row, *a: maxout(*a, pieces=row.args[2] if len(row.args) > 2 else 2),
    "Perceptron": lambda row, x, w, b: np.where(linear(x, w, b) >= 0, 1.0, 0.0),
    "Conv2d": lambda row, x, w, b: windows.conv(x, w, b, padding=row.settings["padding"]),
    "MinPool1d": lambda row, x: windows.min_pool(x, kernel_size=row.args[0], **row.settings),
    "MinPool2d": lambda row, x: windows.min_pool(x, kernel_size=row.args[0], **row.settings),
    "MinPool3d": lambda row, x: windows.min_pool(x, kernel_size=row.args[0], **row.settings),
    "GlobalAvgPool": lambda row, x: windows.adaptive_avg_pool(x, 1)[..., 0, 0],
    "GlobalMaxPool": lambda row, x: windows.adaptive_max_pool(x, 1)[..., 0, 0],
    "Step": lambda row, x: np.where(x >= 0, 1.0, 0.0),
    "GradientReversal": lambda row, x: x,
    "RNN": lambda row, x, *p: both_ways(recurrent.rnn, x, 1, p, row.call["lengths"]),
    "LSTM": lambda row, x, *p: both_ways(recurrent.lstm, x, 2, p, row.call["lengths"]),
    "GRU": lambda row, x, *p: both_ways(recurrent.gru, x, 1, p, row.call["lengths"]),
    "MultiHeadAttention": lambda row, *a: causal_attention(*a, heads=row.args[1]),
    "AdditiveAttention": lambda row, *a: additive(*a),
    "PositionalEncoding": lambda row, x: positional(x),
    "Residual": lambda row, *a: residual(*a),
    "ActivityPenalty": lambda row, x: x,
    "MultiTaskLoss": lambda row, *losses: sum(w * v for w, v in zip(row.args, losses, strict=True)),
    "MBELoss": lambda row, x, t: _reduced(t - x, row.settings["reduction"]),
    "HingeLoss": lambda row, x, t: _reduced(np.where(t * x < 1, 1 - t * x, 0), row.settings["reduction"]),
    "MultiMarginLoss": lambda row, s, y: multi_margin(s, y, reduction=row.settings["reduction"]),
    "ContrastiveLoss": lambda row, *a: contrastive(*a, **row.settings),
    "InfoNCELoss": lambda row, *a: info_nce(*a, **row.settings),
    "PrototypicalLoss": lambda row, *a: prototypical(*a, **row.settings),
}
"""The references of layers that PyTorch lacks: functions of the row, its inputs and its parameters."""


def reference(rows: Sequence[Any]) -> Callable[..., Any]:
    """The reference of a layer's rows: stored vectors where PyTorch has the layer, else an implementation here."""

    def give(*arrays: Any, number: int) -> Any:
        row = rows[number]
        return from_pytorch(row.id, arrays) if row.peer else TEXTS[row.name](row, *arrays)

    return give


# ---------------------------------------------------------------------- noise
def dropped(rows: Sequence[Any]) -> Callable[..., Any]:
    """What must hold after dropout: each value is dropped or scaled, channels as a whole, and both kinds occur."""

    def pairs(outputs: Sequence[Any], x: Any, number: int) -> list[tuple[Any, Any]]:
        name, p = rows[number].name, rows[number].args[0]
        (y,) = outputs
        if name == "AlphaDropout":
            low = -1.7580993408473766  # SELU's limit
            scale = (1 - p + p * (1 - p) * low**2) ** -0.5  # makes the variance 1 again, given mean 0 and variance 1
            kept, gone = (x - p * low) * scale, np.full_like(x, (1 - p) * low * scale)
        else:
            kept, gone = x / (1 - p), np.zeros_like(x)
        lost = np.abs(y - gone) < np.abs(y - kept)
        share = np.mean(lost)
        same = np.all(lost == np.max(lost, axis=DROPPED[name], keepdims=True)) if DROPPED[name] else True
        return [(y, np.where(lost, gone, kept)), (bool(same), True), (bool(0 < share < 0.75), True)]

    return pairs


def noisy(rows: Sequence[Any]) -> Callable[..., Any]:
    """What must hold after Gaussian noise: it is not 0, differs from value to value, and is at most 5 deviations large."""

    def pairs(outputs: Sequence[Any], x: Any, number: int) -> list[tuple[Any, Any]]:
        noise = (outputs[0] - x) / rows[number].args[0]
        spread = float(np.sqrt(np.mean(noise**2)))
        return [
            (bool(np.max(np.abs(noise)) < 5), True),
            (len(np.unique(noise)), noise.size),
            (bool(0.5 < spread < 1.6), True),
        ]

    return pairs
