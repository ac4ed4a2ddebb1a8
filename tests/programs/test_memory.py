"""A replay needs no more memory than the step itself."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import nn, optim, training


class Steps(nn.Module):
    """A cell called in a loop, each step of which adds to the gradients of its weights."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.out = nn.LSTMCell(24, 32), nn.Linear(32, 10)

    def forward(self, x: Any) -> Any:
        state = None
        for t in range(x.shape[1]):
            state = self.cell(x[:, t], state)
        return self.out(state[0])


def networks() -> dict[str, Callable[[], tuple[Any, tuple[int, ...]]]]:
    return {
        "mlp": lambda: (nn.Sequential(nn.Linear(100, 200), nn.GELU(), nn.Dropout(0.3), nn.Linear(200, 10)), (200, 100)),
        "cnn": lambda: (
            nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8 * 81, 10)),
            (30, 1, 20, 20),
        ),
        "transformer": lambda: (
            nn.Sequential(nn.TransformerEncoderLayer(32, 2, 64, dropout=0.0, batch_first=True), nn.Flatten(), nn.Linear(640, 10)),
            (16, 20, 32),
        ),
        "steps": lambda: (Steps(), (16, 20, 24)),
    }


def peak(run: Callable[[], Any]) -> int:
    """The bytes that ``run()`` needs: the least of three, since other threads of the process (a test runner's) allocate, too."""
    collects = gc.isenabled()
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        run()  # so that the gradients that are given up are counted, too
        peaks = []
        for _ in range(3):
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            run()
            peaks.append(tracemalloc.get_traced_memory()[1] - before)
        return min(peaks)
    finally:
        tracemalloc.stop()
        if collects:
            gc.enable()


@pytest.mark.parametrize("fuse", [False, True])
@pytest.mark.parametrize("name", networks())
def test_peak(name: str, fuse: bool, host: str) -> None:
    model, shape = networks()[name]()
    opt = optim.Adam(model.parameters(), lr=1e-3)
    rng = np.random.default_rng(0)
    x, y = dl.asarray(rng.standard_normal(shape).astype("float32")), dl.asarray(rng.integers(0, 10, shape[0]))

    def step(x: Any, y: Any) -> Any:
        opt.zero_grad()
        loss = nn.CrossEntropyLoss()(model(x), y)
        loss.backward()
        opt.step()
        return loss

    train = training.capture(step, fuse=fuse)
    for _ in range(6):
        train(x, y)
    assert train.replays == 2
    step(x, y)
    itself = peak(lambda: step(x, y))
    replayed = peak(lambda: train(x, y))
    assert train.replays == 6
    assert replayed <= itself * 1.01 + 2000


@pytest.mark.parametrize("first", [False, True])
def test_an_error_leaves_the_gradients_that_the_step_would_leave(first: bool, host: str) -> None:
    model = nn.Linear(4, 3)
    opt = optim.SGD(model.parameters(), lr=0.1)

    def step(x: Any, y: Any) -> Any:
        if first:
            opt.zero_grad()
        loss = nn.CrossEntropyLoss()(model(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        return loss

    train = training.capture(step)
    x, y = dl.ones((2, 4)), dl.asarray([0, 2])
    for _ in range(6):
        train(x, y)
    replays, before = train.replays, [p.grad.numpy().copy() for p in model.parameters()]
    assert replays
    with pytest.raises(dl.errors.DataError, match="label"):
        train(x, dl.asarray([0, 3]))
    for p, g in zip(model.parameters(), before, strict=True):
        assert p.grad is None if first else np.array_equal(p.grad.numpy(), g)
    train(x, y)
    assert np.isfinite(model.weight.detach().numpy()).all()
    assert np.isfinite(model.weight.grad.numpy()).all()
