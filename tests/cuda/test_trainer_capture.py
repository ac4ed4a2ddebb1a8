"""Trainer(capture=True) on a GPU: the numbers of an ordinary training, and a host that waits for no step."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import nn, optim, training
from dlengine.errors import ConfigError, GradientError
from dlengine.kernels.cuda import emulator

pytestmark = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))


def data(samples: int, wrong: int | None = None) -> Any:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((samples, 6)).astype("float32")
    if wrong is not None:
        x[wrong] = np.nan
    return dl.data.ArrayDataset(dl.asarray(x), dl.asarray(rng.integers(0, 3, samples)))


def trainer(capture: bool, callbacks: Any = (), **options: Any) -> training.Trainer:
    model = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Dropout(0.2), nn.Linear(5, 3))
    return training.Trainer(
        model, nn.CrossEntropyLoss(), optim.Adam(model.parameters(), lr=0.05), batch_size=4, progress=False, capture=capture,
        callbacks=callbacks, **options,
    )  # fmt: skip


def fitted(capture: bool, samples: Any, callbacks: Any = (), **options: Any) -> training.Trainer:
    dl.manual_seed(3)
    t = trainer(capture, callbacks)
    t.fit(samples, epochs=3, **options)
    return t


def everything(t: training.Trainer) -> dict[str, bytes]:
    return {name: p.array.get().tobytes() for name, p in t.model.state_dict().items()}


@pytest.mark.parametrize("samples", [16, 18])
def test_the_same_numbers(samples: int, machine: Any) -> None:
    """18 samples leave two for the last batch, which is not replayed."""
    plain, captured = (fitted(capture, data(samples), validate=data(8)) for capture in (False, True))
    wanted, found = plain.history, captured.history
    assert captured._captured is not None
    assert captured._captured.replays > 5
    for row, other in zip(wanted, found, strict=True):
        assert {k: v for k, v in row.items() if k != "seconds"} == {k: v for k, v in other.items() if k != "seconds"}
    assert everything(plain) == everything(captured)


class Clipped(training.Callback):
    def on_gradients(self, trainer: Any, optimizer: Any) -> None:
        optim.clip_grad_norm_(trainer.model.parameters(), 0.1)


def test_callbacks_see_the_gradients(machine: Any) -> None:
    plain, captured = (fitted(capture, data(16), [Clipped()]) for capture in (False, True))
    assert everything(plain) == everything(captured)


def test_nobody_waits_within_a_step(machine: Any) -> None:
    t = trainer(True)
    rng = np.random.default_rng(0)
    batch = dl.asarray(rng.standard_normal((4, 6)).astype("float32")), dl.asarray(rng.integers(0, 3, 4))
    for _ in range(4):
        t.train_step(batch)
    machine.waits = 0
    for _ in range(5):
        assert t.train_step(batch) == {}
    assert machine.waits == 0
    assert t._averages["loss"].count == 4 * 8
    t._settle()
    assert t._averages["loss"].count == 4 * 9


def test_a_loss_that_is_not_finite_is_told_a_step_later(machine: Any) -> None:
    with pytest.raises(GradientError, match="the loss became nan in epoch 1"):
        trainer(True).fit(data(16, wrong=9), epochs=1)


class Saved(training.Callback):
    def __init__(self) -> None:
        self.state: Any = None

    def on_batch_end(self, trainer: Any, batch: int, means: Any) -> None:
        if (trainer.epoch, batch) == (1, 1):
            self.state = copy.deepcopy(trainer.state_dict())


def test_a_state_within_an_epoch_continues_with_the_same_bits(machine: Any) -> None:
    saved = Saved()
    whole = fitted(True, data(16), [saved])
    then = trainer(True)
    then.load_state_dict(saved.state)
    then.fit(data(16), epochs=3)
    assert everything(then) == everything(whole)
    rows = [[{k: v for k, v in row.items() if k != "seconds"} for row in t.history] for t in (then, whole)]
    assert rows[0] == rows[1]


def test_accumulated_batches_are_refused(machine: Any) -> None:
    with pytest.raises(ConfigError, match="accumulate=1"):
        trainer(True, accumulate=2)
