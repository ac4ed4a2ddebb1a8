"""The ops that are timed: one text each, read by every framework (fw is with_dlengine or with_torch).

A body draws its inputs from rng, so that every framework gets the same, and says in sizes' letters how large they are:
N batch, C channels, H height and width, K filters, T time, I input, M rows, D embedding, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = Any
Framework = Any
"""A module with the names of with_dlengine."""


@dataclass
class Body:
    """run: what is timed. results: named arrays by which two frameworks are compared, from a fresh body."""

    run: Callable[[], Any]
    results: Callable[[], dict[str, Array]]


def normal(rng: np.random.Generator, *shape: int, scale: float = 1.0) -> Array:
    return (rng.standard_normal(shape) * scale).astype(np.float32)


def differentiated(
    fw: Framework, rng: np.random.Generator, function: Callable[..., Any], *arrays: Array, backward: bool = True,
    dtype: str | None = None,
) -> Body:  # fmt: skip
    """function of the arrays, forward and backward from a random cotangent; or forward alone, as for inference."""
    leaves = [fw.leaf(a, dtype) for a in arrays]
    with fw.no_grad():
        shape = tuple(function(*leaves).shape)
    cotangent = (fw.constant(normal(rng, *shape), dtype),) if shape else ()

    def forward() -> Any:
        with fw.no_grad():
            return function(*leaves)

    def both() -> Any:
        for leaf in leaves:
            leaf.grad = None
        y = function(*leaves)
        y.backward(*cotangent)
        return y

    def results() -> dict[str, Array]:
        if not backward:
            return {"y": fw.value(forward())}
        y = fw.value(both())
        return {"y": y} | {f"gradient {i}": fw.value(leaf.grad) for i, leaf in enumerate(leaves)}

    return Body(both if backward else forward, results)


def tiny_ops(fw: Framework, rng: np.random.Generator, *, H: int, ops: int) -> Body:
    """y = y * 1.01 + 0.1 over and over, on a matrix so small that only the overhead of an op is seen."""

    def chain(y: Any) -> Any:
        for _ in range(ops // 2):
            y = y * 1.01 + 0.1
        return fw.sum(y)

    return differentiated(fw, rng, chain, normal(rng, H, H))


def pointwise_chain(fw: Framework, rng: np.random.Generator, *, elements: int) -> Body:
    def chain(a: Any, b: Any) -> Any:
        return fw.tanh(a * b + a) * fw.sigmoid(b)

    return differentiated(fw, rng, chain, normal(rng, elements), normal(rng, elements))


def conv(
    fw: Framework, rng: np.random.Generator, *, N: int, C: int, H: int, K: int, kernel: int, stride: int = 1, padding: int = 0,
    groups: int = 1, backward: bool = True, dtype: str | None = None,
) -> Body:  # fmt: skip
    def convolved(x: Any, w: Any) -> Any:
        return fw.conv2d(x, w, stride=stride, padding=padding, groups=groups)

    x = normal(rng, N, C, H, H)
    w = normal(rng, K, C // groups, kernel, kernel, scale=(kernel * kernel * C // groups) ** -0.5)
    return differentiated(fw, rng, convolved, x, w, backward=backward, dtype=dtype)


def max_pool(fw: Framework, rng: np.random.Generator, *, N: int, C: int, H: int, kernel: int) -> Body:
    return differentiated(fw, rng, lambda x: fw.max_pool2d(x, kernel), normal(rng, N, C, H, H))


def batch_norm(fw: Framework, rng: np.random.Generator, *, N: int, C: int, H: int) -> Body:
    return differentiated(fw, rng, fw.batch_norm, normal(rng, N, C, H, H), 1 + normal(rng, C, scale=0.1), normal(rng, C))


def layer_norm(fw: Framework, rng: np.random.Generator, *, M: int, D: int) -> Body:
    return differentiated(fw, rng, fw.layer_norm, normal(rng, M, D), 1 + normal(rng, D, scale=0.1), normal(rng, D))


def dropout(fw: Framework, rng: np.random.Generator, *, elements: int, p: float = 0.5) -> Body:
    return differentiated(fw, rng, lambda x: fw.dropout(x, p), normal(rng, elements))


def lstm(fw: Framework, rng: np.random.Generator, *, T: int, N: int, I: int, H: int, layers: int, backward: bool = True) -> Body:
    h0, c0 = fw.constant(np.zeros((N, H), np.float32)), fw.constant(np.zeros((N, H), np.float32))
    weights = []
    for layer in range(layers):
        inputs = H if layer else I
        weights += [normal(rng, 4 * H, inputs, scale=inputs**-0.5), normal(rng, 4 * H, H, scale=H**-0.5), normal(rng, 4 * H)]

    def unrolled(x: Any, *w: Any) -> Any:
        return fw.lstm(x, h0, c0, list(zip(w[::3], w[1::3], w[2::3], strict=True)))

    return differentiated(fw, rng, unrolled, normal(rng, T, N, I), *weights, backward=backward)


def gru(fw: Framework, rng: np.random.Generator, *, T: int, N: int, I: int, H: int, backward: bool = True) -> Body:
    h0 = fw.constant(np.zeros((N, H), np.float32))
    weights = normal(rng, 3 * H, I, scale=I**-0.5), normal(rng, 3 * H, H, scale=H**-0.5), normal(rng, 3 * H), normal(rng, 3 * H)
    return differentiated(fw, rng, lambda x, *w: fw.gru(x, h0, *w), normal(rng, T, N, I), *weights, backward=backward)


def softmax_cross_entropy(fw: Framework, rng: np.random.Generator, *, N: int, V: int) -> Body:
    labels = fw.constant(rng.integers(0, V, N))
    return differentiated(fw, rng, lambda logits: fw.cross_entropy(logits, labels), normal(rng, N, V))


def embedding(fw: Framework, rng: np.random.Generator, *, V: int, D: int, N: int, T: int) -> Body:
    ids = fw.constant(rng.integers(0, V, (N, T)))
    return differentiated(fw, rng, lambda weight: fw.embedding(weight, ids), normal(rng, V, D))
