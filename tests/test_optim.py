"""Optimizers: ten steps against the formula, and against PyTorch where it is installed; groups, state, schedules."""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import nn, optim
from dlengine.errors import CheckpointError, ConfigError, DTypeError, ShapeError

START = np.linspace(-1, 1, 6).reshape(2, 3)


def gradient(p: Any) -> Any:
    """Of sum(p^4 / 4 + p): written out, so that nothing but the optimizer is under test."""
    return p**3 + 1


def ours(make: Callable[[list[Any]], optim.Optimizer], steps: int = 10) -> Any:
    p = nn.Parameter(dl.asarray(START))
    optimizer = make([p])
    for _ in range(steps):
        optimizer.zero_grad()
        dl.sum(p**4 / 4 + p).backward()
        optimizer.step()
    return p.numpy_copy()


def sgd(lr: float, momentum: float = 0.0, dampening: float = 0.0, weight_decay: float = 0.0, nesterov: bool = False) -> Any:
    p, buffer = START.copy(), None
    for _ in range(10):
        d = gradient(p) + weight_decay * p
        if momentum:
            buffer = d if buffer is None else momentum * buffer + (1 - dampening) * d
            d = d + momentum * buffer if nesterov else buffer
        p = p - lr * d
    return p


def adam(
    lr: float, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0.0, amsgrad: bool = False,
    decoupled: bool = False,
) -> Any:  # fmt: skip
    p = START.copy()
    m, v, top = (np.zeros_like(p) for _ in range(3))
    for t in range(1, 11):
        g = gradient(p)
        if decoupled:
            p = p * (1 - lr * weight_decay)
        else:
            g = g + weight_decay * p
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g * g
        top = np.maximum(top, v)
        square = (top if amsgrad else v) / (1 - betas[1] ** t)
        p = p - lr * m / (1 - betas[0] ** t) / (np.sqrt(square) + eps)
    return p


VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.05, "momentum": 0.9}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    ("Adam", {"lr": 0.1}),
    ("Adam", {"lr": 0.1, "betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.1, "betas": (0.5, 0.6), "amsgrad": True}),
    ("AdamW", {"lr": 0.1}),
    ("AdamW", {"lr": 0.1, "weight_decay": 0.5, "amsgrad": True}),
]


@pytest.mark.parametrize("kernels", ["numpy", "numba"])
@pytest.mark.parametrize(("kind", "settings"), VARIANTS)
def test_ten_steps_follow_the_formula(kind: str, settings: dict[str, Any], kernels: str) -> None:
    if kind == "SGD":
        expected = sgd(**settings)
    else:
        expected = adam(**{"weight_decay": 0.01 if kind == "AdamW" else 0.0} | settings, decoupled=kind == "AdamW")
    with dl.use_backend(kernels):
        found = ours(lambda p: getattr(optim, kind)(p, **settings))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")
@pytest.mark.parametrize(("kind", "settings"), VARIANTS)
def test_ten_steps_agree_with_pytorch(kind: str, settings: dict[str, Any]) -> None:
    import torch

    q = torch.nn.Parameter(torch.from_numpy(START.copy()))
    theirs = getattr(torch.optim, kind)([q], **settings)
    for _ in range(10):
        theirs.zero_grad()
        (q**4 / 4 + q).sum().backward()
        theirs.step()
    np.testing.assert_allclose(ours(lambda p: getattr(optim, kind)(p, **settings)), q.detach().numpy(), rtol=1e-10, atol=1e-10)


def test_groups_have_settings_of_their_own() -> None:
    a, b = nn.Parameter(dl.ones(2)), nn.Parameter(dl.ones(2))
    optimizer = optim.SGD([{"params": [a], "lr": 1.0}, {"params": b}], lr=0.1)
    dl.sum(a + b).backward()
    optimizer.step()
    assert a.numpy_copy().tolist() == [0, 0]
    np.testing.assert_allclose(b.numpy_copy(), 0.9, rtol=1e-6)


def test_parameters_without_gradient_rest_and_closures_are_called() -> None:
    a, b = nn.Parameter(dl.ones(2)), nn.Parameter(dl.ones(2))
    optimizer = optim.Adam([a, b])

    def closure() -> Any:
        optimizer.zero_grad()
        loss = dl.sum(a)
        loss.backward()
        return loss

    with dl.no_grad():
        assert float(optimizer.step(closure).detach()) == 2
    assert b.numpy_copy().tolist() == [1, 1]
    optimizer.zero_grad(set_to_none=False)
    assert a.grad is not None
    assert float(dl.sum(a.grad)) == 0
    assert "2 parameters, lr=0.001" in repr(optimizer)


def test_a_step_invalidates_what_backward_still_needs() -> None:
    p = nn.Parameter(dl.ones(2))
    y = dl.sum(p * p)
    y.backward(retain_graph=True)
    optim.SGD([p], lr=0.1).step()
    with pytest.raises(dl.errors.GradientError):
        y.backward()


def test_state_continues_exactly_and_survives_json_keys() -> None:
    def run(p: Any, optimizer: optim.Optimizer, steps: int) -> None:
        for _ in range(steps):
            optimizer.zero_grad()
            dl.sum(p**4 / 4 + p).backward()
            optimizer.step()

    p = nn.Parameter(dl.asarray(START))
    first = optim.Adam([p], lr=0.1)
    run(p, first, 5)
    state = first.state_dict()
    assert set(state["state"][0]) == {"step", "exp_avg", "exp_avg_sq"}
    assert state["param_groups"][0]["params"] == [0]
    q = nn.Parameter(p.detach().clone())
    second = optim.Adam([q])
    second.load_state_dict({"state": {"0": state["state"][0]}, "param_groups": state["param_groups"]})
    run(p, first, 5)
    run(q, second, 5)
    np.testing.assert_array_equal(p.numpy_copy(), q.numpy_copy())


def test_state_that_does_not_fit_is_refused() -> None:
    optimizer = optim.Adam([nn.Parameter(dl.ones(2))])
    good = optimizer.state_dict()
    for state, words in (
        ({}, "not the state of an optimizer"),
        ({"state": {}, "param_groups": []}, r"groups of \[\] parameters, this optimizer of \[1\]"),
        ({**good, "state": {3: {}}}, "names parameter 3"),
        ({**good, "state": {0: {"exp_avg": dl.ones(3)}}}, r"exp_avg of parameter 0 is \(3,\), expected \(2,\)"),
        ({"state": {}, "param_groups": [{"params": [0]}]}, "lacks the settings lr"),
    ):
        with pytest.raises(CheckpointError, match=words):
            optimizer.load_state_dict(state)


def test_settings_and_parameters_that_make_no_sense() -> None:
    p = nn.Parameter(dl.ones(2))
    for kind, words, call in (
        (ConfigError, "lr must not be negative", lambda: optim.SGD([p], lr=-1.0)),
        (ConfigError, r"betas must be in \[0, 1\)", lambda: optim.Adam([p], betas=(1.0, 0.9))),
        (ConfigError, "nesterov needs momentum", lambda: optim.SGD([p], nesterov=True)),
        (ConfigError, "no parameters", lambda: optim.SGD([])),
        (ConfigError, "occurs twice", lambda: optim.SGD([p, p])),
        (ConfigError, "unknown settings beta", lambda: optim.SGD([{"params": [p], "beta": 1}])),
        (DTypeError, "got one tensor", lambda: optim.SGD(p)),
        (DTypeError, "the result of an op", lambda: optim.SGD([p * 2])),
        (DTypeError, "got int", lambda: optim.SGD([1])),
    ):
        with pytest.raises(kind, match=words):
            call()  # type: ignore[no-untyped-call]
    p.grad = dl.ones(2, dtype="float64")
    with pytest.raises(ShapeError, match="its gradient"):
        optim.SGD([p]).step()


def test_schedules() -> None:
    def rates(make: Callable[[optim.Optimizer], optim.Scheduler], n: int = 5) -> list[float]:
        optimizer = optim.SGD([nn.Parameter(dl.ones(1))], lr=1.0)
        scheduler = make(optimizer)
        found = []
        for _ in range(n):
            found += scheduler.get_last_lr()
            scheduler.step()
        return found

    assert rates(lambda o: optim.StepLR(o, 2, 0.5)) == [1, 1, 0.5, 0.5, 0.25]
    expected = [0.1 + 0.9 * (1 + math.cos(math.pi * i / 4)) / 2 for i in range(5)]
    assert rates(lambda o: optim.CosineAnnealingLR(o, 4, 0.1)) == pytest.approx(expected)
    assert rates(lambda o: optim.LambdaLR(o, lambda e: 1 / (e + 1)), 2) == [1, 0.5]
    optimizer = optim.SGD([nn.Parameter(dl.ones(1))], lr=1.0)
    scheduler = optim.StepLR(optimizer, 1)
    scheduler.load_state_dict({"last_epoch": 2, "base_lrs": [1.0]})
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.01)
    assert scheduler.state_dict() == {"last_epoch": 2, "base_lrs": [1.0]}
    with pytest.raises(ConfigError, match="step_size"):
        optim.StepLR(optimizer, 0)
    with pytest.raises(ConfigError, match="T_max"):
        optim.CosineAnnealingLR(optimizer, 0)
