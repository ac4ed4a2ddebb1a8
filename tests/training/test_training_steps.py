"""What a training step can be: accumulated, clipped, averaged, in half precision, of two optimizers, through cut time."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import data, io, nn, optim, training
from dlengine.errors import CheckpointError, ConfigError, ShapeError

RNG = np.random.default_rng(1)
X = RNG.standard_normal((50, 4))
Y = (X[:, :1] - 2 * X[:, 1:2]).astype("f8")
DATA = data.ArrayDataset(X, Y)


def linear() -> nn.Module:
    dl.manual_seed(0)
    return nn.Linear(4, 1).double()


def fitted(model: nn.Module, source: Any = DATA, epochs: int = 1, lr: float = 0.05, **options: Any) -> training.Trainer:
    trainer = training.Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr), progress=False, **options)
    trainer.fit(source, epochs)
    return trainer


def values(model: nn.Module) -> Any:
    return np.concatenate([p.numpy_copy().reshape(-1) for p in model.parameters()])


def test_accumulated_batches_are_one_large_batch() -> None:
    """Also the last, shorter ones: 50 samples as 4 x (4 of 4) less the last as (4, 4, 4, 2) and as 3 x 16 + 2."""
    small, large = linear(), linear()
    a = fitted(small, data.DataLoader(DATA, 4), accumulate=4)
    b = fitted(large, data.DataLoader(DATA, 16))
    np.testing.assert_allclose(values(small), values(large), rtol=1e-12)
    assert a.history[0]["loss"] == pytest.approx(b.history[0]["loss"])
    with pytest.raises(ConfigError, match="accumulate"):
        fitted(small, accumulate=0)


def test_clipping_and_averages_take_part_in_a_step() -> None:
    model = linear()
    start = values(model)
    clip = training.ClipGradients(max_norm=1e-3, value=10.0)
    fitted(model, data.DataLoader(DATA, 50), lr=1.0, callbacks=[clip])
    assert np.linalg.norm(values(model) - start) == pytest.approx(1e-3, rel=1e-3)
    assert float(clip.norm) > 0.1
    with pytest.raises(ConfigError, match="max_norm or value"):
        training.ClipGradients()

    model = linear()
    ema = optim.EMA(model.parameters(), 0.5, warmup=False)
    expected, seen = values(model), []

    class Watch(training.Callback):
        def on_step_end(self, trainer: training.Trainer, optimizer: optim.Optimizer) -> None:
            nonlocal expected
            expected = 0.5 * expected + 0.5 * values(model)

        def on_validation_end(self, trainer: training.Trainer) -> None:
            seen.append(values(model))

    trainer = training.Trainer(
        model, nn.MSELoss(), optim.SGD(model.parameters(), 0.05), progress=False,
        callbacks=[Watch(), training.WeightAverage(ema, keep=True)],
    )  # fmt: skip
    history = trainer.fit(DATA, 3, validate=DATA)
    np.testing.assert_allclose(seen[-1], expected)  # the callback before it still sees the average
    np.testing.assert_allclose(values(model), expected)
    assert history[-1]["val_loss"] == pytest.approx(trainer.evaluate(DATA)["loss"])
    trainer.fit(DATA, 4)
    np.testing.assert_allclose(values(model), expected)


def test_time_limit_stops_inside_an_epoch_and_the_next_fit_goes_on() -> None:
    whole = linear()
    fitted(whole, data.DataLoader(DATA, 8, shuffle=True, generator=dl.Generator(1)), epochs=2)
    for source in (data.DataLoader(DATA, 8, shuffle=True, generator=dl.Generator(1)), None):
        model = linear()
        held = source or list(data.DataLoader(DATA, 8, shuffle=True, generator=dl.Generator(1)))
        limit = training.TimeLimit(0.0)
        trainer = fitted(model, held, epochs=2, callbacks=[limit])
        assert (trainer.epoch, trainer.batch, trainer.history) == (0, 1, [])
        limit.seconds = math.inf
        trainer.fit(held, 2)
        assert [row["epoch"] for row in trainer.history] == [1, 2]
        if source is not None:
            np.testing.assert_array_equal(values(model), values(whole))


def test_schedules_by_batch_and_on_a_plateau() -> None:
    model = linear()
    optimizer = optim.SGD(model.parameters(), 0.1)
    warm = training.Schedule(optim.LinearLR(optimizer, 0.1, total_iters=5))
    trainer = training.Trainer(model, nn.MSELoss(), optimizer, callbacks=[warm], batch_size=10, progress=False)
    trainer.fit(DATA, 1)
    assert trainer.history[0]["lr"] == pytest.approx(0.1)
    plateau = optim.ReduceLROnPlateau(optimizer, "max", 0.5, patience=0)
    trainer = training.Trainer(model, nn.MSELoss(), optimizer, scheduler=plateau, progress=False)
    trainer.fit(DATA, 3)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.025)
    late = training.Schedule(optim.ReduceLROnPlateau(optimizer), "epoch")
    with pytest.raises(ConfigError, match="no column 'val_loss'"):
        fitted(model, callbacks=[late])
    with pytest.raises(ConfigError, match="each must be"):
        training.Schedule(plateau, "batch")


# ---------------------------------------------------------------------- several optimizers


class GAN(training.Trainer):
    """A generator of numbers near 4."""

    def train_step(self, batch: Any) -> dict[str, float]:
        (real,) = batch
        fake = self.model.generator(dl.randn(real.shape[0], 1))
        one, zero = dl.ones_like(real), dl.zeros_like(real)
        judged = self.loss(self.model.critic(real), one) + self.loss(self.model.critic(fake.detach()), zero)
        critic = self.update(judged, "critic")
        return {"loss": self.update(self.loss(self.model.critic(fake), one), "generator"), "critic": critic}


def gan() -> GAN:
    dl.manual_seed(0)
    model = nn.Module()
    model.generator = nn.Linear(1, 1)
    model.critic = nn.Sequential(nn.Linear(1, 8), nn.ReLU(), nn.Linear(8, 1))
    optimizers = {name: optim.Adam(getattr(model, name).parameters(), 0.02) for name in ("critic", "generator")}
    return GAN(model, nn.BCEWithLogitsLoss(), optimizers, batch_size=25, progress=False)


def test_two_optimizers_step_in_turns_and_resume(tmp_path: Path) -> None:
    numbers = data.ArrayDataset((RNG.standard_normal((100, 1)) * 0.1 + 4).astype("f4"))
    trainer = gan()
    trainer.fit(numbers, 40)
    assert list(trainer.history[0]) == ["epoch", "loss", "critic", "lr", "seconds"]
    assert float(trainer.model.generator.bias.detach()[0]) > 2
    first = gan()
    first.fit(numbers, 2)
    io.save(tmp_path / "c", first.state_dict())
    second = gan()
    second.load_state_dict(io.load(tmp_path / "c"))
    second.fit(numbers, 40)
    np.testing.assert_array_equal(values(second.model), values(trainer.model))
    state = first.state_dict()
    with pytest.raises(CheckpointError, match="optimizer of the state lacks generator"):
        second.load_state_dict({**state, "optimizer": {"critic": state["optimizer"]["critic"]}})


# ---------------------------------------------------------------------- half precision


def half(enabled: bool | None, **options: Any) -> training.Trainer:
    dl.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.ReLU(), nn.Linear(8, 1))
    mixed = training.MixedPrecision(model, enabled=enabled, **options)
    source = data.ArrayDataset(X.astype("f4"), Y.astype("f4"))
    trainer = training.Trainer(
        model, nn.MSELoss(), optim.SGD(model.parameters(), 0.05), mixed=mixed, progress=False, batch_size=10,
        callbacks=[training.ClipGradients(1.0)],
    )  # fmt: skip
    trainer.fit(source, 3)
    return trainer


def test_mixed_precision_computes_in_half_and_learns_as_well() -> None:
    on, off = half(True, scaler=training.GradScaler(256.0)), half(None)
    assert "float16 on cpu, weights in float32, loss scaled by 256" in on.mixed.describe()  # type: ignore[union-attr]
    assert "off, everything in the model's own dtype" in off.mixed.describe()  # type: ignore[union-attr]
    assert all(p.dtype == np.float32 and isinstance(p, nn.Parameter) for p in on.model.parameters())
    assert on.history[-1]["loss"] == pytest.approx(off.history[-1]["loss"], rel=0.02)
    assert on.history[-1]["loss"] != off.history[-1]["loss"]
    seen = []
    on.model.register_forward_hook(lambda m, a, y: seen.append(y.dtype))
    assert on.forward(dl.asarray(X.astype("f4"))).dtype == np.float32
    assert seen == [np.float16]
    with pytest.raises(ConfigError, match="dtype must be float16"):
        training.MixedPrecision(on.model, "float8")


def test_mixed_precision_in_bfloat16_scales_no_loss() -> None:
    on, off = half(True, dtype="bfloat16"), half(None)
    assert on.mixed is not None
    assert "bfloat16 on cpu, weights in float32, loss as it is" in on.mixed.describe()
    assert on.history[-1]["loss"] == pytest.approx(off.history[-1]["loss"], rel=0.1)
    assert on.history[-1]["loss"] != off.history[-1]["loss"]
    assert on.forward(dl.asarray(X.astype("f4"))).dtype == np.float32
    with on.mixed.halved():
        assert {str(p.dtype) for p in (on.model[0].weight, on.model[1].bias)} == {"bfloat16"}


def test_overflow_leaves_out_the_step_and_lowers_the_scale() -> None:
    p = nn.Parameter(dl.ones(2))
    optimizer = optim.SGD([p], 0.1)
    scaler = training.GradScaler(8.0, growth_interval=2)
    for k, (slope, stepped, factor) in enumerate([(1.0, True, 8.0), (1.0, True, 16.0), (np.inf, False, 8.0), (1.0, True, 8.0)]):
        before = p.numpy_copy()
        optimizer.zero_grad()
        with np.errstate(all="ignore"):
            scaler.scale(dl.sum(p * slope)).backward()
        if k == 1:
            scaler.unscale_(optimizer)
            np.testing.assert_allclose(p.grad.numpy_copy(), 1.0)  # type: ignore[union-attr]
        assert scaler.step(optimizer) is stepped
        np.testing.assert_allclose(p.numpy_copy(), before - 0.1 * stepped, rtol=1e-6)
        scaler.update()
        assert scaler.factor == factor
    other = training.GradScaler()
    other.load_state_dict(scaler.state_dict())
    assert other.state_dict() == {"factor": 8.0, "good": 1, "skipped": 1}
    with pytest.raises(CheckpointError, match="not the state of a scaler"):
        other.load_state_dict({})
    with pytest.raises(ConfigError, match="growth_factor"):
        training.GradScaler(growth_factor=1.0)
    assert float(training.GradScaler(enabled=False).scale(dl.asarray(2.0))) == 2


def test_a_scale_survives_a_checkpoint() -> None:
    a, b = (half(True, scaler=training.GradScaler(factor)) for factor in (64.0, 4.0))
    b.load_state_dict(a.state_dict())
    assert b.mixed.scaler.factor == 64  # type: ignore[union-attr]
    plain = training.Trainer(a.model, a.loss, a.optimizer, progress=False)
    with pytest.raises(CheckpointError, match="scaler"):
        plain.load_state_dict(a.state_dict())


# ---------------------------------------------------------------------- time


class Tagger(nn.Module):
    def __init__(self) -> None:
        self.rnn, self.head = nn.GRU(3, 5), nn.Linear(5, 1)

    def forward(self, x: Any, state: Any = None) -> Any:
        y, state = self.rnn(x, state)
        return self.head(y), state


def test_truncated_backpropagation_carries_the_state_and_cuts_the_gradient() -> None:
    dl.manual_seed(0)
    model, whole = Tagger().double(), Tagger().double()
    whole.load_state_dict(model.state_dict())
    x, y = RNG.standard_normal((7, 6, 3)), RNG.standard_normal((7, 6, 1))
    trainer = training.TruncatedBPTT(model, nn.MSELoss(), optim.SGD(model.parameters(), 0.1), length=3, progress=False)
    trainer.fit([(dl.asarray(x), dl.asarray(y))], 1)
    optimizer, state, losses = optim.SGD(whole.parameters(), 0.1), None, []
    for start, stop in ((0, 3), (3, 6), (6, 7)):
        optimizer.zero_grad()
        outputs, state = whole(dl.asarray(x[start:stop]), state)
        loss = nn.MSELoss()(outputs, dl.asarray(y[start:stop]))
        loss.backward()
        optimizer.step()
        state = state.detach()
        losses += [float(loss.detach())] * (stop - start)
    np.testing.assert_allclose(values(model), values(whole), rtol=1e-12)
    assert trainer.history[0]["loss"] == pytest.approx(np.mean(losses))
    full = trainer.evaluate([(dl.asarray(x), dl.asarray(y))])["loss"]
    assert full == pytest.approx(float(nn.MSELoss()(model(dl.asarray(x))[0], dl.asarray(y)).detach()))
    with pytest.raises(ConfigError, match="length must be"):
        training.TruncatedBPTT(model, nn.MSELoss(), optimizer, length=0, progress=False)
    with pytest.raises(ShapeError, match="steps along axis 0"):
        list(training.segments((dl.ones(3), dl.ones(4)), 2))
    held = training.detach({"h": (nn.Parameter(dl.ones(1)) * 2, None), "c": [dl.ones(1)]})
    assert not held["h"][0].requires_grad
    assert held["h"][1] is None


def gradients_through_time(radius: float, steps: int = 50) -> list[float]:
    """Norms over time of the gradient of the last state of a ReLU network without input."""
    q, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((5, 5)))
    w = nn.Parameter(dl.asarray(np.abs(q) / np.abs(np.linalg.eigvals(np.abs(q))).max() * radius))
    h = dl.asarray(np.ones(5), dtype="float64")
    states = []
    for _ in range(steps):
        h = dl.relu(w @ h)
        states.append(h)
    flow = training.GradientFlow()
    flow.watch(states, f"{radius}")
    dl.sum(h).backward()
    return flow.steps[f"{radius}"]


def test_gradients_vanish_below_and_explode_above_radius_one(tmp_path: Path) -> None:
    flow = training.GradientFlow(every=2)
    for radius in (0.8, 1.0, 1.2):
        norms = flow.steps[f"spectral radius {radius}"] = gradients_through_time(radius)
        assert norms[0] / norms[-2] == pytest.approx(radius**48, rel=0.3)
    fitted(linear(), epochs=4, callbacks=[flow])
    assert [list(record) for record in flow.layers] == [["weight", "bias"]] * 2
    training.plot_gradient_flow(tmp_path / "flow.png", flow, "title")
    training.plot_rate_search(tmp_path / "rate.png", training.RateSearch([1e-3, 1e-2, 1e-1], [1.0, 0.5, 2.0], 1e-3))
    from PIL import Image

    for name in ("flow.png", "rate.png"):
        with Image.open(tmp_path / name) as picture:
            assert np.asarray(picture.convert("L")).std() > 10
    with pytest.raises(ConfigError, match="nothing was recorded"):
        training.plot_gradient_flow(tmp_path / "no.png", training.GradientFlow())


def test_the_rate_finder_suggests_and_leaves_no_trace() -> None:
    def trainer() -> training.Trainer:
        model = linear()
        return training.Trainer(model, nn.MSELoss(), optim.Adam(model.parameters(), 1e-3), batch_size=8, progress=False)

    searched, plain = trainer(), trainer()
    search = training.find_learning_rate(searched, DATA, 1e-5, 1e4, steps=60)
    assert 1e-3 < search.suggestion < 1
    assert len(search.rates) < 60  # it had diverged
    assert search.losses[-1] > 4 * min(search.losses)
    searched.fit(DATA, 1)
    dl.manual_seed(0)
    nn.Linear(4, 1)
    plain.fit(DATA, 1)
    np.testing.assert_array_equal(values(searched.model), values(plain.model))
    with pytest.raises(ConfigError, match="0 < low < high"):
        training.find_learning_rate(plain, DATA, 1.0, 0.1)
    with pytest.raises(ConfigError, match="no batches"):
        training.find_learning_rate(plain, [])


# ---------------------------------------------------------------------- event files


def events(folder: Path) -> list[Any]:
    """Every event in a folder's files, read by their format: length, its checksum, the message, its checksum."""
    proto = pytest.importorskip("tensorboardX.proto.event_pb2")
    found = []
    for path in sorted(folder.glob("*tfevents*")):
        content, place = path.read_bytes(), 0
        while place < len(content):
            length = int.from_bytes(content[place : place + 8], "little")
            found.append(proto.Event.FromString(content[place + 12 : place + 12 + length]))
            place += length + 16
    return found


@pytest.mark.parametrize("library", ["tensorboardX", "tensorboard"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_event_files(library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip(library)
    from importlib.util import find_spec

    only: Callable[[str], Any] = lambda name: find_spec(name) if name == library else None  # noqa: E731
    monkeypatch.setattr("dlengine.training.tensorboard.find_spec", only)
    log = training.TensorBoard(tmp_path, histograms=library == "tensorboardX")
    trainer = training.Trainer(
        linear(), nn.MSELoss(), optim.SGD([nn.Parameter(dl.ones(1))]), metrics=[training.MAE()], callbacks=[log], progress=False
    )
    history = trainer.fit(DATA, 2, validate=DATA)
    shown = {(v.tag, e.step): v.simple_value for e in events(tmp_path) for v in e.summary.value if v.HasField("simple_value")}
    for row in history:
        for column, tag in (("loss", "loss/train"), ("val_mae", "mae/validation"), ("lr", "lr")):
            assert shown[tag, row["epoch"]] == pytest.approx(row[column], rel=1e-6)
    assert any(e.HasField("session_log") for e in events(tmp_path))
    monkeypatch.setattr("dlengine.training.tensorboard.find_spec", lambda name: None)
    with pytest.raises(dl.errors.BackendUnavailable, match="pip install tensorboardX"):
        training.TensorBoard(tmp_path)
