"""The training loop: what it counts, logs, keeps and draws, when it stops, and that it continues exactly."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import data, nn, optim, training
from dlengine.errors import CheckpointError, ConfigError, DataError, GradientError, ShapeError
from dlengine.io import load

RNG = np.random.default_rng(0)
X = RNG.standard_normal((50, 4)).astype("f4")
Y = (X[:, 0] > 0).astype("i8")
DATA = data.ArrayDataset(X, Y)


def trainer(lr: float = 0.05, **settings: Any) -> training.Trainer:
    dl.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 2))
    optimizer = optim.Adam(model.parameters(), lr=lr)
    return training.Trainer(
        model, nn.CrossEntropyLoss(), optimizer, scheduler=optim.StepLR(optimizer, 2), batch_size=16, progress=False, **settings
    )


def test_it_learns_and_keeps_a_history() -> None:
    t = trainer()
    history = t.fit(DATA, epochs=5, validate=DATA)
    assert list(history[0]) == ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "lr", "seconds"]
    assert [row["epoch"] for row in history] == [1, 2, 3, 4, 5]
    assert history[-1]["val_accuracy"] > 0.8
    assert history[2]["lr"] == pytest.approx(0.005)


def test_losses_and_metrics_are_weighted_by_samples() -> None:
    t = trainer()
    t.model.eval()
    whole = float(t.loss(t.model(dl.asarray(X)), dl.asarray(Y)).detach())
    for size in (7, 50):
        found = t.evaluate(data.DataLoader(DATA, size))
        assert found["loss"] == pytest.approx(whole, rel=1e-5)
        predicted = t.model(dl.asarray(X)).numpy_copy().argmax(1)
        assert found["accuracy"] == pytest.approx((predicted == Y).mean())
    assert not t.model.training


def test_metrics() -> None:
    scores, labels = np.eye(3)[[0, 1, 1, 2]], np.array([0, 1, 2, 2])
    accuracy, confusion = training.Accuracy(), training.ConfusionMatrix(3)
    for m in (accuracy, confusion):
        m.update(scores[:3], labels[:3])
        m.update(dl.asarray(scores[3:]), dl.asarray(labels[3:]))
    assert accuracy.compute() == 0.75
    assert confusion.compute().tolist() == [[1, 0, 0], [0, 1, 0], [0, 1, 1]]
    confusion.reset()
    accuracy.reset()
    assert np.isnan(accuracy.compute())
    assert confusion.compute().sum() == 0
    with pytest.raises(ShapeError, match="scores must be"):
        accuracy.update(labels, labels)


def test_log_and_checkpoints(tmp_path: Path) -> None:
    t = trainer(callbacks=[training.CSVLog(tmp_path / "log.csv"), training.Checkpoint(tmp_path, "val_loss")])
    t.fit(DATA, epochs=3, validate=DATA)
    with open(tmp_path / "log.csv") as file:
        rows = list(csv.DictReader(file))
    assert [float(r["loss"]) for r in rows] == [row["loss"] for row in t.history]
    last, best = load(tmp_path / "last.safetensors"), load(tmp_path / "best.safetensors")
    assert last["epoch"] == 3
    assert best["history"][-1]["val_loss"] == min(row["val_loss"] for row in t.history)
    with pytest.raises(ConfigError, match="no column 'f1'; it has epoch"):
        trainer(callbacks=[training.Checkpoint(tmp_path, "f1")]).fit(DATA)


def test_a_resumed_training_ends_bit_equal(tmp_path: Path) -> None:
    whole = trainer()
    whole.fit(DATA, epochs=4)
    first = trainer(callbacks=[training.Checkpoint(tmp_path)])
    first.fit(DATA, epochs=2)
    second = trainer(lr=9.0)
    second.load_state_dict(load(tmp_path / "last.safetensors"))
    dl.rand(5)
    dl.manual_seed(77)
    second.load_state_dict(load(tmp_path / "last.safetensors"))
    second.fit(DATA, epochs=4)
    assert [row["loss"] for row in second.history] == [row["loss"] for row in whole.history]
    for a, b in zip(whole.model.parameters(), second.model.parameters(), strict=True):
        np.testing.assert_array_equal(a.numpy_copy(), b.numpy_copy())


def test_state_that_does_not_fit() -> None:
    t = trainer()
    with pytest.raises(CheckpointError, match="lacks model, optimizer"):
        t.load_state_dict({})
    with pytest.raises(CheckpointError, match="scheduler"):
        t.load_state_dict({**t.state_dict(), "scheduler": None})
    for key, value in (("model", [1]), ("optimizer", 3), ("epoch", "x"), ("generator", {}), ("history", [1])):
        with pytest.raises(CheckpointError):
            t.load_state_dict({**t.state_dict(), key: value})


def test_an_interrupted_fit_goes_on_inside_the_epoch() -> None:
    class Interrupt(training.Callback):
        armed = True

        def on_batch_end(self, trainer: training.Trainer, batch: int, values: dict[str, float]) -> None:
            if self.armed and batch == 1:
                self.armed = False
                raise KeyboardInterrupt

    whole = trainer()
    whole.fit(DATA, epochs=1)
    broken = trainer(callbacks=[Interrupt()])
    with pytest.raises(KeyboardInterrupt):
        broken.fit(DATA, epochs=1)
    broken.fit(DATA, epochs=1)
    assert broken.history[0]["loss"] == whole.history[0]["loss"]


def test_early_stopping() -> None:
    t = trainer(lr=0.0, callbacks=[training.EarlyStopping("val_loss", patience=2)])
    t.fit(DATA, epochs=50, validate=DATA)
    assert len(t.history) == 3
    rising = trainer(lr=0.0, callbacks=[training.EarlyStopping("val_accuracy", patience=1, min_delta=0.5)])
    assert len(rising.fit(DATA, epochs=50, validate=DATA)) == 2
    with pytest.raises(ConfigError, match="patience"):
        training.EarlyStopping(patience=0)


def test_callbacks_are_closed_after_an_error() -> None:
    seen = []

    class Watch(training.Callback):
        def on_batch_end(self, trainer: training.Trainer, batch: int, values: dict[str, float]) -> None:
            seen.append(values["loss"])

        def close(self) -> None:
            seen.append("closed")

    broken = data.ArrayDataset(np.full((20, 4), np.nan, np.float32), Y[:20])
    with pytest.raises(GradientError, match="the loss became nan in epoch 1"):
        trainer(callbacks=[Watch()]).fit(broken)
    assert seen == ["closed"]


def test_what_cannot_be_trained_on() -> None:
    with pytest.raises(ConfigError, match="epochs must be"):
        trainer().fit(DATA, epochs=0)
    with pytest.raises(ConfigError, match="expected a Dataset or an iterable"):
        trainer().fit(3)
    with pytest.raises(ConfigError, match=r"a batch must be \(input, target\)"):
        trainer().fit(data.ArrayDataset(X))
    t = training.Trainer(nn.Linear(4, 1), nn.MSELoss(), optim.SGD([nn.Parameter(dl.ones(1))]), progress=False)
    assert t.metrics == []


@pytest.mark.parametrize("terminal", [False, True])
def test_progress_prints_a_row_per_epoch(terminal: bool) -> None:
    from rich.console import Console

    text = io.StringIO()
    t = trainer(callbacks=[training.Progress(Console(file=text, force_terminal=terminal, width=80, highlight=False))])
    t.fit(DATA, epochs=2, validate=DATA)
    lines = [line for line in text.getvalue().splitlines() if "/2 " in line and "%" in line]
    assert len(lines) == 2
    assert "val accuracy" in text.getvalue()
    if not terminal:
        assert len(text.getvalue().splitlines()) == 3


@pytest.mark.parametrize("names", [("loss",), ("loss", "reconstruction", "divergence"), ("generator_loss", "discriminator_loss")])
def test_a_table_fits_a_screen_of_80_columns(names: tuple[str, ...]) -> None:
    from rich.console import Console

    text = io.StringIO()
    progress = training.Progress(Console(file=text, width=80, highlight=False))
    t = trainer(callbacks=[progress])
    progress.on_fit_start(t)
    values = {**{n: 0.1234 for n in names}, **{f"val_{n}": 12.5 for n in names}}
    t.epochs = 12
    for epoch in (1, 12):
        progress.on_epoch_end(t, {"epoch": epoch, **values, "lr": 0.000773, "seconds": 12.3})
    progress.close()
    *head, first, last = text.getvalue().splitlines()
    assert max(map(len, (*head, first, last))) <= 80
    assert first.split() == ["1/12", *["0.1234"] * len(names), *["12.5000"] * len(names), "0.000773", "12.3"]
    letters = sorted("".join(head).replace(" ", ""))
    assert letters == sorted("".join(("epoch", *values, "lr", "seconds")).replace("_", ""))


def test_pictures(tmp_path: Path) -> None:
    from PIL import Image

    t = trainer()
    t.fit(DATA, epochs=2, validate=DATA)
    training.plot_curves(tmp_path / "curves.png", t.history, "title")
    training.plot_confusion(tmp_path / "confusion.png", [[3, 0], [1, 2]], ["a", "b"])
    for name in ("curves.png", "confusion.png"):
        with Image.open(tmp_path / name) as picture:
            assert np.asarray(picture.convert("L")).std() > 10


def test_a_stream_of_samples_is_trained_on() -> None:
    class Stream(data.IterableDataset):
        def __iter__(self):
            yield from zip(X, Y, strict=True)

    t = trainer()
    t.fit(Stream(), epochs=2, validate=Stream())
    assert t.history[-1]["loss"] < t.history[0]["loss"]
    assert t.history[-1]["val_loss"] > 0


def test_arrays_are_fitted_and_predicted_without_a_data_set() -> None:
    x = np.linspace(-1, 1, 40).reshape(20, 2)  # float64, which becomes the dtype of the model
    y = (x[:, 0] > 0).astype(np.int64)
    model = nn.Linear(2, 2)
    t = training.Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters(), lr=0.1), progress=False)
    history = t.fit(x, y, epochs=30, validate=(x, y))
    assert history[-1]["val_accuracy"] > 0.9
    scores = t.predict(x)
    assert scores.shape == (20, 2)
    assert scores.dtype == np.float32
    assert np.array_equal(scores, t.predict(data.ArrayDataset(x.astype(np.float32), y)))
    assert np.array_equal(scores, t.predict([x[:7].tolist(), x[7:].tolist()][0] + x[7:].tolist()))
    assert (scores.argmax(axis=1) == y).mean() > 0.9
    with pytest.raises(DataError):
        t.predict([])
