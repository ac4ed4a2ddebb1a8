"""Captured steps train exactly as the same steps do without, and what cannot be repeated is refused with its reason.

On a machine that is not there: while a step is captured nothing runs and its results hold garbage; a launch of the graph
then repeats, in order and in the same memory, every launch and every array function of the step, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import fake_cupy
import numpy as np
import pytest

import dlengine as dl
from dlengine import nn, optim, training
from dlengine.errors import CaptureError
from dlengine.kernels.cuda import emulator
from dlengine.nn import functional as F

pytestmark = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))

Step = Callable[..., Any]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with fake_cupy.installed(monkeypatch) as state, dl.use_backend("cuda"):
        yield state


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
    return {**state, "random": dl.Generator.state_dict(dl.manual_seed.__globals__["default_generator"])}


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
