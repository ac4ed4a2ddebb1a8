"""How many launches a training step makes on a GPU, library functions and copies among them: counted on one that is not there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import nn, optim
from dlengine.benchmarks import models, networks, steps, with_dlengine
from dlengine.kernels.cuda import emulator

pytestmark = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))


def three_layers(rng: np.random.Generator) -> Callable[[], Any]:
    model = steps.initialised(
        with_dlengine, rng, nn.Sequential(nn.Linear(8, 9), nn.ReLU(), nn.Linear(9, 7), nn.ReLU(), nn.Linear(7, 5))
    )
    optimizer, loss = optim.Adam(model.parameters()), nn.CrossEntropyLoss()
    x, y = dl.asarray(rng.standard_normal((4, 8)).astype("float32")), dl.asarray(rng.integers(0, 5, 4))
    return steps.trained(with_dlengine, list(model.named_parameters()), optimizer, lambda: loss(model(x), y)).run


def cnn(rng: np.random.Generator) -> Callable[[], Any]:
    return steps.cnn(with_dlengine, rng, N=2, H=8, K=4, hidden=8).run


def char_lstm(rng: np.random.Generator) -> Callable[[], Any]:
    """With clipped gradients."""
    model = steps.initialised(with_dlengine, rng, models.char_lstm(with_dlengine, H=8, layers=2, V=7))
    text = rng.integers(0, 7, (4, 3))
    ids, labels = dl.asarray(text[:-1]), dl.asarray(text[1:].reshape(-1))
    optimizer, loss = optim.Adam(model.parameters()), nn.CrossEntropyLoss()

    def step() -> None:
        optimizer.zero_grad()
        loss(model(ids), labels).backward()
        optim.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return step


def resnet20(rng: np.random.Generator) -> Callable[[], Any]:
    return networks.resnet(with_dlengine, rng, N=2, H=8, width=4, blocks=3).run


@pytest.mark.parametrize(("make", "most"), [(three_layers, 24), (cnn, 36), (char_lstm, 45), (resnet20, 260)])
def test_launches_of_a_step(make: Callable[[np.random.Generator], Callable[[], Any]], most: int, machine: Any) -> None:
    step = make(np.random.default_rng(0))
    step()
    step()  # what is made once is there
    machine.work.clear()
    step()
    counts = Counter(machine.work)
    assert 10 < counts.total() <= most, counts.most_common()
    assert not {"astype", "copy", "sum"} & set(counts) or make is char_lstm, counts
