"""The definitions of the ops that are timed, the same for every framework (fw is with_dlengine or with_torch).

A definition draws its inputs from rng, so that every framework gets the same, and returns a Computation. Its sizes have
letters: N batch, C channels, H height and width, K filters, T time, I input, M rows, D embedding, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

Array = Any
Framework = Any
"""A module with the names of with_dlengine."""


@dataclass
class Computation:
    """A definition in one framework.

    run: what is timed. results: runs a computation that has not run before, and returns the named arrays by which two
    frameworks are compared.
    """

    run: Callable[[], Any]
    results: Callable[[], dict[str, Array]]


def normal(rng: np.random.Generator, *shape: int, scale: float = 1.0) -> Array:
    return (rng.standard_normal(shape) * scale).astype(np.float32)


def differentiated(
    fw: Framework, rng: np.random.Generator, function: Callable[..., Any], *arrays: Array, backward: bool = True,
    dtype: str | None = None,
) -> Computation:  # fmt: skip
    """A function of the arrays: forward and backward from a random cotangent, or forward alone, as for inference."""
    leaves = [fw.leaf(a, dtype) for a in arrays]
    with fw.no_grad():
        shape = tuple(function(*leaves).shape)
    function = fw.compiled(function)
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

    return Computation(both if backward else forward, results)


def tiny_ops(fw: Framework, rng: np.random.Generator, *, H: int, ops: int) -> Computation:
    """y = y * 1.01 + 0.1 many times, on a matrix so small that the time is the overhead of the ops."""

    def chain(y: Any) -> Any:
        for _ in range(ops // 2):
            y = y * 1.01 + 0.1
        return fw.sum(y)

    return differentiated(fw, rng, chain, normal(rng, H, H))


def pointwise_chain(fw: Framework, rng: np.random.Generator, *, elements: int) -> Computation:
    def chain(a: Any, b: Any) -> Any:
        return fw.tanh(a * b + a) * fw.sigmoid(b)

    return differentiated(fw, rng, chain, normal(rng, elements), normal(rng, elements))


class ConvSizes(NamedTuple):
    """A convolution of images (N,C,H,H) with K square filters."""

    N: int
    C: int
    H: int
    K: int
    kernel: int
    stride: int = 1
    padding: int = 0
    groups: int = 1

    @property
    def output(self) -> int:
        """Height and width of the output."""
        return (self.H + 2 * self.padding - self.kernel) // self.stride + 1

    @property
    def products(self) -> int:
        """Multiplications for each element of the output."""
        return self.kernel**2 * (self.C // self.groups)


def conv(
    fw: Framework, rng: np.random.Generator, *, backward: bool = True, dtype: str | None = None, **sizes: int
) -> Computation:
    """A convolution; sizes: see ConvSizes."""
    size = ConvSizes(**sizes)

    def convolved(x: Any, w: Any) -> Any:
        return fw.conv2d(x, w, stride=size.stride, padding=size.padding, groups=size.groups)

    x = normal(rng, size.N, size.C, size.H, size.H)
    w = normal(rng, size.K, size.C // size.groups, size.kernel, size.kernel, scale=size.products**-0.5)
    return differentiated(fw, rng, convolved, x, w, backward=backward, dtype=dtype)


def max_pool(fw: Framework, rng: np.random.Generator, *, N: int, C: int, H: int, kernel: int) -> Computation:
    return differentiated(fw, rng, lambda x: fw.max_pool2d(x, kernel), normal(rng, N, C, H, H))


def batch_norm(fw: Framework, rng: np.random.Generator, *, N: int, C: int, H: int) -> Computation:
    return differentiated(fw, rng, fw.batch_norm, normal(rng, N, C, H, H), 1 + normal(rng, C, scale=0.1), normal(rng, C))


def layer_norm(fw: Framework, rng: np.random.Generator, *, M: int, D: int) -> Computation:
    return differentiated(fw, rng, fw.layer_norm, normal(rng, M, D), 1 + normal(rng, D, scale=0.1), normal(rng, D))


def dropout(fw: Framework, rng: np.random.Generator, *, elements: int, p: float = 0.5) -> Computation:
    return differentiated(fw, rng, lambda x: fw.dropout(x, p), normal(rng, elements))


def lstm(
    fw: Framework, rng: np.random.Generator, *, T: int, N: int, I: int, H: int, layers: int, backward: bool = True
) -> Computation:
    h0, c0 = fw.constant(np.zeros((N, H), np.float32)), fw.constant(np.zeros((N, H), np.float32))
    weights = []
    for layer in range(layers):
        inputs = H if layer else I
        weights += [normal(rng, 4 * H, inputs, scale=inputs**-0.5), normal(rng, 4 * H, H, scale=H**-0.5), normal(rng, 4 * H)]

    def unrolled(x: Any, *w: Any) -> Any:
        return fw.lstm(x, h0, c0, list(zip(w[::3], w[1::3], w[2::3], strict=True)))

    return differentiated(fw, rng, unrolled, normal(rng, T, N, I), *weights, backward=backward)


def gru(fw: Framework, rng: np.random.Generator, *, T: int, N: int, I: int, H: int, backward: bool = True) -> Computation:
    h0 = fw.constant(np.zeros((N, H), np.float32))
    weights = normal(rng, 3 * H, I, scale=I**-0.5), normal(rng, 3 * H, H, scale=H**-0.5), normal(rng, 3 * H), normal(rng, 3 * H)
    return differentiated(fw, rng, lambda x, *w: fw.gru(x, h0, *w), normal(rng, T, N, I), *weights, backward=backward)


def softmax_cross_entropy(fw: Framework, rng: np.random.Generator, *, N: int, V: int) -> Computation:
    labels = fw.constant(rng.integers(0, V, N))
    return differentiated(fw, rng, lambda logits: fw.cross_entropy(logits, labels), normal(rng, N, V))


def embedding(fw: Framework, rng: np.random.Generator, *, V: int, D: int, N: int, T: int) -> Computation:
    ids = fw.constant(rng.integers(0, V, (N, T)))
    return differentiated(fw, rng, lambda weight: fw.embedding(weight, ids), normal(rng, V, D))
