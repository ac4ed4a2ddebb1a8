"""Forty steps drawn at random: ops of many kinds on arrays of many shapes, their gradients, writes in place, draws."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from programs.test_equal_to_eager import equal

import dlengine as dl
from dlengine import nn, optim, training
from dlengine.recording import generating

F = nn.functional

ONE: tuple[Callable[[Any], Any], ...] = (
    dl.exp, dl.tanh, dl.sin, F.sigmoid, F.relu, F.gelu, F.softplus, F.silu, dl.square, dl.abs, lambda x: x**3, lambda x: -x,
    lambda x: x * 0.5 + 1.0, lambda x: 1.0 / (2.0 + x * x), lambda x: dl.sqrt(1.0 + dl.abs(x)), lambda x: dl.log(1.0 + x * x),
    lambda x: dl.where(x > 0, x, x * 0.1), lambda x: dl.clip(x, -1.0, 1.0), lambda x: F.softmax(x, axis=-1), lambda x: F.elu(x),
    lambda x: x - x.mean(axis=-1, keepdims=True), lambda x: x / (1.0 + dl.sum(x * x)), lambda x: dl.flip(x, axis=0),
    lambda x: x.reshape((-1,)).reshape(x.shape), lambda x: dl.matrix_transpose(dl.matrix_transpose(x) * 2.0),
    lambda x: dl.concat([x[:1], x[1:] * 2.0]), lambda x: x[:, ::-1], lambda x: dl.broadcast_to(x[:1], x.shape) + x,
    lambda x: dl.roll(x, 1, axis=0), lambda x: F.dropout(x, 0.3, training=True), lambda x: x + dl.randn(*x.shape) * 0.1,
    lambda x: dl.max(x, axis=1, keepdims=True) + x, lambda x: dl.cumulative_sum(x, axis=1), lambda x: F.log_softmax(x, axis=1),
    lambda x: dl.sort(x, axis=1), lambda x: dl.stack([x, x * x]).sum(axis=0), lambda x: F.layer_norm(x, x.shape[-1:]),
    lambda x: x.astype("float64").astype("float32"), lambda x: dl.maximum(x, 0.2), lambda x: dl.std(x, axis=0) * x,
)  # fmt: skip
TWO: tuple[Callable[[Any, Any], Any], ...] = (
    lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / (1.0 + b * b), dl.maximum, dl.minimum,
    lambda a, b: a @ b.mT @ b, lambda a, b: dl.where(a > b, a, b), lambda a, b: a * b[0], lambda a, b: a + b.mean(), dl.atan2,
    lambda a, b: dl.hypot(a, b + 3.0), lambda a, b: a * b[:, :1], lambda a, b: dl.concat([a, b], axis=0)[: a.shape[0]],
    lambda a, b: dl.logaddexp(a, b), lambda a, b: a * (b > 0).astype("float32"),
)  # fmt: skip


def drawn(seed: int) -> tuple[Any, list[Any]]:
    """A step of ten to twenty ops on two parameters, a buffer and an argument."""
    rng = np.random.default_rng(seed)
    rows, columns = (int(n) for n in rng.integers(1, 9, 2))
    shape = (rows, columns + 1)
    parameters = [nn.Parameter(dl.asarray(rng.standard_normal(shape).astype("float32"))) for _ in range(2)]
    buffer = dl.asarray(rng.standard_normal(shape).astype("float32"))
    makers = (lambda p: optim.SGD(p, lr=0.05, momentum=0.9), lambda p: optim.Adam(p, lr=0.05))
    opt = makers[seed % 2](parameters)
    length = int(rng.integers(10, 20))
    plan = [(int(rng.integers(0, 3)), int(rng.integers(0, 1 << 30)), rng.integers(0, 1 << 30, 2)) for _ in range(length)]
    clip = bool(rng.integers(0, 2))

    def step(x: Any) -> Any:
        opt.zero_grad()
        values = [*parameters, buffer, x]
        for kind, which, places in plan:
            a, b = (values[int(p) % len(values)] for p in places)
            values.append(ONE[which % len(ONE)](a) if kind else TWO[which % len(TWO)](a, b))
        loss = dl.mean(dl.tanh(values[-1]) * 1.5) + sum(dl.mean(dl.tanh(v)) for v in values[4:-1:3])
        loss = loss + sum(dl.mean(p * p) for p in parameters) * 0.1
        loss.backward()
        if clip:
            optim.clip_grad_norm_(parameters, 0.3)
        with dl.no_grad():
            buffer[...] = buffer * 0.9 + 0.1 * dl.tanh(values[-1].detach())
            buffer[0] = 0.25
        opt.step()
        return loss, values[-1].detach()

    def change(i: int) -> Any:
        return dl.asarray(np.random.default_rng(1000 * seed + i).standard_normal(shape).astype("float32"))

    return step, [*parameters, buffer, change]


def trace(seed: int, captured: bool, **options: Any) -> list[Any]:
    dl.manual_seed(seed)
    step, (*held, change) = drawn(seed)
    train = training.capture(step, warmup=1, **options) if captured else step
    found = []
    for i in range(6):
        found.append([y.detach().numpy().copy() for y in train(change(i))])
    if captured:
        assert train.replays == 3
    return [found, [t.detach().numpy().copy() for t in held], [t.grad.numpy().copy() for t in held[:2]]]


@pytest.mark.parametrize("seed", range(40))
def test_forty_random_programs(seed: int) -> None:
    """Every other one with fusion too, where there is Numba."""
    fuse = seed % 2 == 1 and dl.backend.BACKENDS["numba"].unavailable() is None
    with dl.use_backend("numba" if fuse else "numpy"):
        expected = trace(seed, captured=False)
        equal(trace(seed, captured=True, fuse=False), expected)
        if fuse:
            with generating("always"):
                equal(trace(seed, captured=True), expected, 2e-4)


def test_transforms_and_decompositions(host: str) -> None:
    def step(x: Any) -> Any:
        spectrum = dl.fft.fft(x)
        back = dl.real(dl.fft.ifft(spectrum * spectrum))
        q, r = dl.linalg.qr(x)
        return back, dl.linalg.inv(x @ x.mT + dl.eye(4)), q @ r, dl.linalg.vector_norm(x)

    train = training.capture(step, warmup=1, fuse=False)
    for i in range(6):
        x = dl.asarray(np.random.default_rng(i).standard_normal((4, 4)).astype("float32"))
        equal([y.numpy_copy() for y in train(x)], [y.numpy_copy() for y in step(x)])
    assert train.replays == 3
