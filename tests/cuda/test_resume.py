"""A training that continues from a checkpoint on a GPU takes the kernels that it began with, whatever is faster by now."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import nn, optim, training
from dlengine.kernels.cuda import emulator
from dlengine.kernels.cuda.machine import choice

pytestmark = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))


def begun(monkeypatch: pytest.MonkeyPatch, best: Any) -> training.Trainer:
    """A trainer in a process of its own, where the timer likes another kernel."""
    answers = choice.TimingCache(None, lambda run: 0.0)
    monkeypatch.setattr(answers, "choose", lambda key, candidates: best(candidates))
    monkeypatch.setattr(choice, "timing_cache", lambda: answers)
    dl.manual_seed(0)
    model = nn.Sequential(nn.Linear(600, 5), nn.ReLU(), nn.Linear(5, 3))
    return training.Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.1), progress=False, batch_size=9)


def test_the_same_kernels_and_bits(machine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    x, y = dl.asarray(rng.standard_normal((18, 600)).astype("float32")), dl.asarray(rng.integers(0, 3, 18))
    data = dl.data.ArrayDataset(x, y)
    whole = begun(monkeypatch, min)
    whole.fit(data, epochs=3)
    first = begun(monkeypatch, min)
    first.fit(data, epochs=1)
    state = first.state_dict()
    assert set(state["machine"]["kernels"].values())
    then = begun(monkeypatch, max)
    then.load_state_dict(state)
    then.fit(data, epochs=3)
    assert choice.timing_cache().chosen.items() >= state["machine"]["kernels"].items()
    for name, p in then.model.state_dict().items():
        assert p.array.get().tobytes() == whole.model.state_dict()[name].array.get().tobytes(), name
    other = begun(monkeypatch, max)
    other.fit(data, epochs=3)
    assert other.history != whole.history  # the kernels do differ
