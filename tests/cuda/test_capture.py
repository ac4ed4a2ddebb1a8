"""Captured steps train exactly as the same steps do without, and what cannot be repeated is refused with its reason.

On a machine that is not there: while a step is captured nothing runs and its results hold garbage; a launch of the graph
then repeats, in order and in the same memory, every launch and every array function of the step, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import fake_cupy
import numpy as np
import pytest

import dlengine as dl
from dlengine import nn, optim, training
from dlengine.errors import CaptureError, GradientError
from dlengine.generator import default_generator
from dlengine.kernels.cuda import emulator

pytestmark = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))

Step = Callable[..., Any]


def images(n: int, count: int) -> list[tuple[Any, ...]]:
    rng = np.random.default_rng(0)
    return [
        (
            dl.asarray(rng.standard_normal((n, 1, 8, 8)).astype("float32")),
            dl.asarray(rng.integers(0, 3, n)),
        )
        for _ in range(count)
    ]


def classifier(make: Callable[[], Any], optimizer: Callable[[Any], Any]) -> tuple[Step, Any, Any]:
    dl.manual_seed(1)
    model = make()
    opt = optimizer(model.parameters())

    def step(x: Any, y: Any) -> Any:
        opt.zero_grad()
        loss = nn.CrossEntropyLoss()(model(x), y)
        loss.backward()
        opt.step()
        return loss

    return step, model, opt


def mlp() -> Any:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Dropout(0.4), nn.Linear(16, 3))


def cnn() -> Any:
    return nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout2d(0.3), nn.Flatten(), nn.Linear(27, 3)
    )


OPTIMIZERS = {
    "sgd": lambda p: optim.SGD(p, lr=0.1),
    "momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    "adam": lambda p: optim.Adam(p, lr=0.01),
    "adamw": lambda p: optim.AdamW(p, lr=0.01, amsgrad=True),
}


def everything(model: Any, opt: Any) -> dict[str, Any]:
    """What training changes, bit for bit."""
    state = {k: v.to("cpu").numpy().copy() for k, v in model.state_dict().items()}
    for i, s in opt.state_dict()["state"].items():
        state |= {f"{i}.{k}": v.to("cpu").numpy().copy() if hasattr(v, "shape") else v for k, v in s.items()}
    return {**state, "random": default_generator.state_dict()}


def same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert list(found) == list(expected)
    for key, value in expected.items():
        if isinstance(value, np.ndarray):
            assert found[key].tobytes() == value.tobytes(), key
        else:
            assert found[key] == value, key


def compare(make: Callable[[], tuple[Step, Any, Any]], batches: list[tuple[Any, ...]], each: Any = None) -> Any:
    """Train with and without capture; every loss and everything that training changes must be equal in every bit."""

    def run(captured: bool) -> tuple[list[float], dict[str, Any], Any]:
        step, model, opt = make()
        train = training.capture(step) if captured else step
        losses = []
        for number, batch in enumerate(batches):
            if each is not None:
                each(number, opt)
            losses.append(float(train(*batch).detach()))
        return losses, everything(model, opt), train

    losses, state, _ = run(captured=False)
    found, replayed, train = run(captured=True)
    assert found == losses
    assert len(set(found)) == len(found)  # something happens at each step
    same(replayed, state)
    assert train.replays == len(batches) - 2
    return train


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_mlp_with_dropout(optimizer: str, machine: Any) -> None:
    compare(lambda: classifier(mlp, OPTIMIZERS[optimizer]), images(5, 7))


def test_cnn_with_batch_norm(machine: Any) -> None:
    compare(lambda: classifier(cnn, OPTIMIZERS["adam"]), images(4, 6))


class CharLSTM(nn.Module):
    def __init__(self) -> None:
        self.embedding = nn.Embedding(11, 8)
        self.lstm = nn.LSTM(8, 8)
        self.dropout = nn.Dropout(0.2)
        self.head = nn.Linear(8, 11)

    def forward(self, ids: Any) -> Any:
        return self.head(self.dropout(self.lstm(self.embedding(ids))[0]).reshape((-1, 11 - 3)))


def texts(count: int) -> list[tuple[Any, ...]]:
    rng = np.random.default_rng(0)
    return [(dl.asarray(t[:-1]), dl.asarray(t[1:].reshape(-1))) for t in (rng.integers(0, 11, (7, 3)) for _ in range(count))]


def test_char_lstm_with_clipping(machine: Any) -> None:
    def make() -> tuple[Step, Any, Any]:
        dl.manual_seed(2)
        model = CharLSTM()
        opt = optim.Adam(model.parameters(), lr=0.02)

        def step(ids: Any, labels: Any) -> Any:
            opt.zero_grad()
            loss = nn.CrossEntropyLoss()(model(ids), labels)
            loss.backward()
            optim.clip_grad_norm_(model.parameters(), 0.5)
            opt.step()
            return loss

        return step, model, opt

    compare(make, texts(6))


def test_settings_may_change_between_replays(machine: Any) -> None:
    def schedule(number: int, opt: Any) -> None:
        opt.param_groups[0]["lr"] = 0.1 / (1 + number)
        opt.param_groups[0]["momentum"] = 0.9 - 0.05 * number

    compare(lambda: classifier(mlp, OPTIMIZERS["momentum"]), images(5, 7), schedule)


def test_captured_and_other_steps_take_turns(machine: Any) -> None:
    """The generator and the step count are where they would be, so a step that is not captured goes on from there."""
    batches = images(5, 8)

    def run(captured: bool) -> list[Any]:
        step, model, opt = classifier(mlp, OPTIMIZERS["adam"])
        train = training.capture(step) if captured else step
        losses = []
        for number, batch in enumerate(batches):
            losses.append(float((train if number % 4 != 3 else step)(*batch).detach()))
            losses.append(float(dl.rand(1)[0]))
        return [losses, everything(model, opt)]

    (losses, state), (found, replayed) = run(False), run(True)
    assert found == losses
    same(replayed, state)


CAPTURABLE = (
    "abs add sub mul rmul truediv rtruediv pow neg divide multiply subtract maximum minimum sqrt square equal not_equal eq ne gt "
    "lt ge le where astype ascontiguousarray asarray copy zeros ones full zeros_like ones_like full_like sum mean concat stack "
    "reshape getitem"
).split()
"""Elementwise functions, reductions and copies: CuPy compiles a kernel for each, which a graph takes like ours."""


@pytest.mark.parametrize("make", [mlp, cnn, CharLSTM])
def test_what_the_library_does_in_a_captured_step(make: Any, machine: Any) -> None:
    """Everything that has a kernel of ours is done by it; the rest is what CuPy does with one kernel of its own."""
    step, _, _ = classifier(make, OPTIMIZERS["adam"])
    batches = texts(3) if make is CharLSTM else images(5, 3)
    train = training.capture(step)
    for batch in batches[:2]:
        train(*batch)
    machine.log.clear()
    train(*batches[2])
    by_library = [entry.split()[1] for entry in machine.log if entry.startswith("library ")]
    ours = [entry for entry in machine.log if not entry.startswith("library ")]
    assert not set(by_library) - set(CAPTURABLE)
    assert len(ours) >= 10
    assert len(train._runs._graph.graph.tape) >= len(by_library) + len(ours)


# ---------------------------------------------------------------------- what goes in and comes out
def test_nothing_runs_while_a_step_is_captured(machine: Any) -> None:
    """Otherwise the fake would prove nothing: a forgotten operation would have left its result from the capture."""
    total = dl.zeros((3,))

    def step(x: Any) -> Any:
        total[...] = total + x
        return total * 2.0

    train = training.capture(step, warmup=1)
    for number in range(1, 5):
        assert train(dl.ones((3,))).to("cpu").numpy().tolist() == [2.0 * number] * 3
    assert train.replays == 3
    tape = train._runs._graph.graph.tape
    assert len(tape) == 3  # add, copy, multiply
    total[...] = 0.0
    for work in tape:
        work()
    assert total.to("cpu").numpy().tolist() == [1.0] * 3


def test_inputs_may_come_from_the_host_and_results_are_overwritten(machine: Any) -> None:
    train = training.capture(lambda x, y: {"sum": x + y, "both": (x * 2.0, None)}, warmup=1)
    x, y = np.ones((2, 3), "float32"), dl.ones((2, 3)) * 3.0
    results = [train(dl.asarray(x * n, device="cpu"), y) for n in (1, 2, 3)]
    assert results[1]["sum"] is results[2]["sum"]
    assert results[2]["sum"].to("cpu").numpy().tolist() == (3 * x + 3).tolist()
    assert results[0]["sum"].to("cpu").numpy().tolist() == (x + 3).tolist()  # the first run was an ordinary one
    assert results[2]["both"][0].to("cpu").numpy().tolist() == (6 * x).tolist()
    assert results[2]["both"][1] is None


def test_a_step_without_inputs(machine: Any) -> None:
    count = dl.zeros(())

    def step() -> None:
        count[...] = count + 1.0

    train = training.capture(step)
    for _ in range(5):
        assert train() is None
    assert float(count) == 5


def test_a_replay_counts_as_a_write(machine: Any) -> None:
    step, model, _ = classifier(mlp, OPTIMIZERS["sgd"])
    train = training.capture(step)
    (x, y), *more = images(5, 5)
    for batch in more:
        train(*batch)
    loss = nn.CrossEntropyLoss()(model(x), y)
    train(x, y)
    with pytest.raises(GradientError, match="overwritten in place"):
        loss.backward()


def test_recomputed_dropout(machine: Any) -> None:
    """A checkpoint draws the same numbers again, at each replay others."""

    def make() -> tuple[Step, Any, Any]:
        dl.manual_seed(1)
        model = nn.Sequential(nn.Flatten(), nn.Linear(64, 9), nn.Dropout(0.5), nn.Linear(9, 3))
        opt = optim.Adam(model.parameters(), lr=0.01)

        def step(x: Any, y: Any) -> Any:
            opt.zero_grad()
            loss = nn.CrossEntropyLoss()(dl.checkpoint(model, x), y)
            loss.backward()
            opt.step()
            return loss

        return step, model, opt

    compare(make, images(4, 5))


def test_many_kinds_of_random_numbers(machine: Any) -> None:
    def step(x: Any) -> Any:
        noise = dl.randn(*x.shape) + dl.rand(*x.shape) + dl.bernoulli(0.5, x.shape).astype("float32")
        return dl.alpha_dropout(dl.dropout(x, 0.5, mask_shape=(4, 1)), 0.3) + noise + dl.randn(*x.shape, dtype="float64")

    x = dl.ones((4, 7))

    def run(train: Step) -> list[bytes]:
        dl.manual_seed(9)
        return [train(x).to("cpu").numpy().tobytes() for _ in range(5)]

    expected = run(step)
    assert len(set(expected)) == 5
    assert run(training.capture(step)) == expected


def test_another_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_cupy.installed(monkeypatch, devices=2):
        train = training.capture(lambda x: dl.dropout(x, 0.5) + 1.0)
        x = dl.ones((4, 4), device="cuda:1")
        found = [train(x) for _ in range(4)]
        assert {y.device for y in found} == {"cuda:1"}


@pytest.mark.parametrize("optimizer", ["adam", "momentum"])
def test_settings_that_the_graph_cannot_follow(optimizer: str, machine: Any) -> None:
    step, _, opt = classifier(mlp, OPTIMIZERS[optimizer])
    train = training.capture(step)
    given = images(5, 5)
    for batch in given:
        train(*batch)
    opt.param_groups[0]["momentum"] = 0.0
    next(iter(opt.state.values()))["step"] = 1
    with pytest.raises(CaptureError, match="capture: .* which the captured step .*; capture it again"):
        train(*given[0])
