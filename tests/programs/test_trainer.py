"""Trainer(capture=True) trains as it does without."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from programs.test_equal_to_eager import equal

import dlengine as dl
from dlengine import nn, optim, training
from dlengine.errors import ConfigError, GradientError

pytestmark = pytest.mark.usefixtures("host")


def data(n: int = 50) -> Any:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, 6)).astype("float32")
    return dl.data.ArrayDataset(dl.asarray(x), dl.asarray((x[:, 0] > 0).astype("int64")))


def fitted(capture: bool, optimizer: Any = optim.Adam, **options: Any) -> Any:
    dl.manual_seed(5)
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.GELU(), nn.Dropout(0.2), nn.Linear(8, 2))
    opt = optimizer(model.parameters(), lr=0.05)
    trainer = training.Trainer(
        model, nn.CrossEntropyLoss(), opt, progress=False, batch_size=8, capture=capture,
        scheduler=optim.StepLR(opt, step_size=1, gamma=0.9), callbacks=[training.ClipGradients(0.5)], **options,
    )  # fmt: skip
    history = trainer.fit(data(), epochs=4, validate=data(20))
    for row in history:
        row.pop("seconds")
    return history, [v.numpy().copy() for v in model.state_dict().values()], trainer


@pytest.mark.parametrize("optimizer", [optim.Adam, optim.RMSprop])
@pytest.mark.parametrize("accumulate", [1, 3])
def test_as_without(optimizer: Any, accumulate: int) -> None:
    history, state, _ = fitted(False, optimizer, accumulate=accumulate)
    found, replayed, trainer = fitted(True, optimizer, accumulate=accumulate)
    assert [sorted(row) for row in found] == [sorted(row) for row in history]
    assert [row["accuracy"] for row in found] == [row["accuracy"] for row in history]
    equal(replayed, state, 1e-4)
    assert trainer._captured.replays > 10


def test_a_loss_that_is_not_finite() -> None:
    model = nn.Linear(6, 2)
    trainer = training.Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=0.1), progress=False, capture=True)
    batches = [(dl.ones((4, 6)), dl.ones((4, 2)))] * 8
    trainer.fit(batches, epochs=1)
    before = [p.numpy().copy() for p in (model.weight.detach(), model.bias.detach(), model.weight.grad)]
    with pytest.raises(GradientError, match="fit: the loss became nan in epoch 2"):
        trainer.fit([(dl.ones((4, 6)) * float("nan"), dl.ones((4, 2)))], epochs=2)
    equal([p.numpy().copy() for p in (model.weight.detach(), model.bias.detach(), model.weight.grad)], before)


def test_what_does_not_go_together() -> None:
    class Own(training.Trainer):
        def train_step(self, batch: Any) -> float:
            return 0.0

    model = nn.Linear(2, 2)
    opt = optim.SGD(model.parameters())
    with pytest.raises(ConfigError, match=r"captures the trainer's own train_step\(\), which Own overrides"):
        Own(model, nn.MSELoss(), opt, capture=True)
    with pytest.raises(ConfigError, match="mixed precision do not go together"):
        training.Trainer(model, nn.MSELoss(), opt, mixed=training.MixedPrecision(model, enabled=True), capture=True)


def test_report_and_pictures() -> None:
    _, _, trainer = fitted(True)
    text = trainer._captured.report()
    assert "calls recorded" in text
    assert "replays" in text
    assert "cross_entropy" in text
    x, y = (dl.asarray(a) for a in data()[:8])
    trainer.optimizer.zero_grad()
    timed = trainer._captured.report(x, y, 1.0)
    assert any(line.split()[-2:] == ["in", "all"] and float(line.split()[2]) > 0 for line in timed.splitlines())
    picture = trainer._captured.draw("svg")
    assert picture.startswith("<svg")
    assert "float32 (8, 2)" in picture
    assert "cross_entropy" in trainer._captured.draw()
