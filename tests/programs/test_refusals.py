"""What cannot be captured is refused with the op and the line, and leaves everything as it was."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from programs.steps import everything
from programs.test_equal_to_eager import equal

import dlengine as dl
from dlengine import nn, optim, training
from dlengine.errors import CaptureError
from dlengine.generator import default_generator

pytestmark = pytest.mark.usefixtures("host")

Step = Callable[..., Any]


def counted() -> Step:
    calls: list[int] = []

    def step(x: Any) -> Any:
        calls.append(1)
        return x * 2.0

    return step


def stateful() -> Step:
    state = {"h": dl.zeros(3)}

    def step(x: Any) -> Any:
        state["h"] = state["h"] * 0.5 + x
        return state["h"].sum()

    return step


def trained(optimizer: Any, after: Any = None) -> Step:
    p = nn.Parameter(dl.ones(3))
    opt = optimizer([p])

    def loss(x: Any) -> Any:
        opt.zero_grad()
        found = (p * x).sum()
        found.backward()
        return found

    def step(x: Any) -> Any:
        opt.step(lambda: loss(x))
        if after is not None:
            after(opt)

    return step


def scheduled() -> Step:
    p = nn.Parameter(dl.ones(3))
    opt = optim.SGD([p], lr=0.1)
    schedule = optim.StepLR(opt, step_size=1, gamma=0.5)

    def step(x: Any) -> Any:
        opt.zero_grad()
        (p * x).sum().backward()
        opt.step()
        schedule.step()

    return step


def iterating() -> Step:
    numbers = iter(range(100))
    return lambda x: x * float(next(numbers))


def scaled() -> Step:
    model = nn.Linear(3, 2)
    mixed = training.MixedPrecision(model, enabled=True)
    opt = optim.SGD(model.parameters(), lr=0.1)

    def step(x: Any) -> Any:
        opt.zero_grad()
        loss = mixed(x[None]).sum()
        mixed.scaler.scale(loss).backward()
        mixed.scaler.step(opt)
        mixed.scaler.update()
        return loss

    return step


LEAF = dl.ones(3).requires_grad_()
COIN = random.Random(0)
STREAM = np.random.default_rng(0)

REFUSALS: dict[str, tuple[Callable[[], Step], str]] = {
    "a look at a number": (lambda: lambda x: x * float(x.sum()), "Python reads a number that changes, at .*test_refusals.py"),
    "item": (lambda: lambda x: x * x.sum().item(), "Python reads a number that changes"),
    "numpy": (lambda: lambda x: x + dl.asarray(np.sin(x.numpy())), "Python reads a number that changes"),
    "NumPy's functions": (lambda: lambda x: dl.asarray(np.exp(x.array)), "NumPy's exp is called on an array of the step"),
    "a number as result": (lambda: lambda x: (x * 2.0, 3.0), "a step returns tensors, got float"),
    "a graph that leaves": (lambda: lambda x: LEAF * x, "would carry its graph out of the step"),
    "a list that grows": (counted, "the step changes calls"),
    "an attribute that is replaced": (stateful, "the step changes state"),
    "an optimizer with numbers of its own": (lambda: trained(optim.LBFGS), "LBFGS computes with numbers of its own"),
    "a schedule": (scheduled, "the step changes schedule"),
    "an iterator": (iterating, "numbers is an iterator"),
    "Python's random": (lambda: lambda x: x * random.random(), "draws from Python's random"),
    "a coin of the user's": (lambda: lambda x: x * COIN.random(), "draws from COIN"),
    "NumPy's random": (lambda: lambda x: x * float(np.random.rand()), "draws from numpy.random"),
    "a stream of NumPy's": (lambda: lambda x: x * float(STREAM.random()), "draws from STREAM"),
    "seeding": (lambda: lambda x: (dl.manual_seed(3), x * dl.rand(3))[1], "a generator is seeded within the step"),
    "a draw for the host": (lambda: lambda x: (default_generator.take(4), x * 1.0)[1], "a draw of random numbers is used where"),
    "computing with what was drawn": (lambda: lambda x: x * (default_generator.take(4)[1] % 7), "random numbers is read"),
    "another backend": (lambda: lambda x: dl.use_backend("numpy")(lambda: x * 2.0)(), "the step switches the backend"),
    "a scaler that counts": (scaled, r"the step changes mixed.scaler|NumPy's isfinite"),
    "what is no tensor": (lambda: lambda x: object(), "a step returns tensors, got object"),
}


def five_calls(train: Any) -> None:
    for i in range(5):
        train(dl.asarray(np.full(3, 0.5 + i, "float32")))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", REFUSALS)
def test_refused_with_the_reason(name: str) -> None:
    make, words = REFUSALS[name]
    step = make()
    train = training.capture(step)
    with pytest.raises(CaptureError, match=words):
        five_calls(train)
    assert train.replays == 0
    assert dl.ones((2,)).sum() == 2.0  # and life goes on
    assert type(LEAF.array) is np.ndarray


def test_the_message_names_op_and_line() -> None:
    @dl.op(needs="")
    def strange(xp: Any, x: Any, /) -> Any:
        return xp.asarray(np.sort(x)), lambda gy: gy

    train = training.capture(lambda x: strange(x), warmup=1)
    x = dl.ones(3)
    train(x)
    with pytest.raises(CaptureError, match=r"NumPy's sort is called .*\(strange\) at .*test_refusals\.py:\d+"):
        train(x)


def test_a_refused_step_has_not_run() -> None:
    dl.manual_seed(1)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2))
    opt = optim.Adam(model.parameters(), lr=0.1)
    seen: list[int] = []

    def step(x: Any) -> Any:
        opt.zero_grad()
        loss = (model(x) ** 2.0).mean()
        loss.backward()
        opt.step()
        seen.append(1)
        return loss

    train = training.capture(step, warmup=1)
    x = dl.asarray(np.random.default_rng(0).standard_normal((5, 3)).astype("float32"))
    train(x)
    before = everything([model, opt])
    with pytest.raises(CaptureError, match="the step changes seen"):
        train(x)
    equal(everything([model, opt]), before)
    assert all(type(p.array) is np.ndarray for p in model.parameters())


def test_a_mask_whose_count_changes_is_recorded_anew() -> None:
    train = training.capture(lambda x: x[x > 0].mean(), warmup=1)
    for i in range(12):
        x = np.random.default_rng(i).standard_normal(40).astype("float32")
        assert float(train(dl.asarray(x))) == pytest.approx(float(x[x > 0].mean()), rel=1e-6)


def test_what_is_recorded_too_often_is_run_as_it_is() -> None:
    turn = [0.0]

    def step(x: Any) -> Any:
        return x * turn[0]

    train = training.capture(step, warmup=1)

    def forty_calls() -> None:
        for i in range(40):
            turn[0] = float(i)
            assert float(train(dl.asarray(2.0))) == 2.0 * i

    with pytest.warns(UserWarning, match="was recorded 16 times and is run as it is"):
        forty_calls()


def test_arguments() -> None:
    with pytest.raises(CaptureError, match="a step takes tensors, numbers, .*, got object; pass what is in it"):
        training.capture(lambda x: x)(object())
    with pytest.raises(CaptureError, match="warmup of at least 1"):
        training.capture(lambda x: x, warmup=0)
    train = training.capture(lambda parts, factor: {"y": parts["a"] * factor + parts["b"][0], "z": None}, warmup=1)
    for i in range(8):
        a, b = dl.asarray(float(i)), dl.asarray(1.0)
        assert float(train({"a": a, "b": [b]}, 2.0 if i < 6 else 3.0)["y"]) == i * (2.0 if i < 6 else 3.0) + 1.0
    assert train.replays == 3


def test_the_same_tensor_is_given_back() -> None:
    p = nn.Parameter(dl.ones(2))
    train = training.capture(lambda x: (x, p), warmup=1)
    for _ in range(5):
        x = dl.ones(3)
        y, q = train(x)
        assert y is x
        assert q is p
