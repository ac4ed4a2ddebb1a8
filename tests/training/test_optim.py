"""Optimizers and schedules: PyTorch's numbers step by step, live and stored; formulas where PyTorch has none; groups, state."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import vectors_optim as rows
from vectors_optim import START, label

import dlengine as dl
from dlengine import nn, optim
from dlengine.errors import CheckpointError, ConfigError, DTypeError, GradientError, ShapeError

VECTORS = Path(__file__).parents[1] / "vectors"
STORED = np.load(VECTORS / "optim.npz")
OPTIMIZERS = [pytest.param(kind, settings, id=label(kind, settings)) for kind, settings in rows.OPTIMIZERS]
SCHEDULES = [pytest.param(kind, settings, id=label(kind, settings)) for kind, settings in rows.SCHEDULES]


def closure_of(p: Any, optimizer: optim.Optimizer) -> Callable[[], Any]:
    def closure() -> Any:
        optimizer.zero_grad()
        loss = rows.loss(p)
        loss.backward()
        return loss

    return closure


def trajectory(make: Callable[[list[Any]], optim.Optimizer], start: Any = START, steps: int = rows.STEPS) -> Any:
    p = nn.Parameter(dl.asarray(start))
    optimizer = make([p])
    found = []
    for _ in range(steps):
        optimizer.step(closure_of(p, optimizer))
        found.append(p.numpy_copy())
    return np.stack(found)


@pytest.mark.parametrize("kernels", ["numpy", "numba", "strict"])
@pytest.mark.parametrize(("kind", "settings"), OPTIMIZERS)
def test_ten_steps_agree_with_pytorch(kind: str, settings: dict[str, Any], kernels: str) -> None:
    with dl.use_backend(kernels):
        found = trajectory(lambda p: getattr(optim, kind)(p, **settings))
    np.testing.assert_allclose(found, STORED[label(kind, settings)], rtol=1e-10, atol=1e-10)


@pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")
def test_the_stored_vectors_are_what_pytorch_does() -> None:
    spec = importlib.util.spec_from_file_location("generate_optim", VECTORS / "generate_optim.py")
    assert spec is not None
    assert spec.loader is not None
    generator = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generator)
    live = generator.vectors()
    assert sorted(live) == sorted(STORED)
    for name, values in live.items():
        np.testing.assert_allclose(values, STORED[name], rtol=1e-10, atol=1e-10, err_msg=name)


def test_lion_follows_its_formula() -> None:
    p, m = START.copy(), np.zeros_like(START)
    expected = []
    for _ in range(rows.STEPS):
        g = p**3 + 1 + 0.6 * p
        step = np.sign(0.8 * m + 0.2 * g)
        p = (1 - 0.05 * 0.1) * p - 0.05 * step
        m = 0.95 * m + 0.05 * g
        expected.append(p)
    found = trajectory(lambda ps: optim.Lion(ps, lr=0.05, betas=(0.8, 0.95), weight_decay=0.1))
    np.testing.assert_allclose(found, expected, rtol=1e-13)


KINDS = ["SGD", "Adam", "AdamW", "Adagrad", "Adadelta", "RMSprop", "NAdam", "RAdam", "Lion", "Adamax", "ASGD", "Rprop", "LBFGS"]


@pytest.mark.parametrize("kind", KINDS)
def test_state_continues_exactly(kind: str, tmp_path: Path) -> None:
    """Also through a file, and for 0-d parameters next to others."""
    settings: dict[str, Any] = {"SGD": {"momentum": 0.9}, "LBFGS": {"max_iter": 3}}.get(kind, {})
    a, b = nn.Parameter(dl.asarray(START)), nn.Parameter(dl.asarray(0.5, dtype="float64"))

    def step(p: Any, q: Any, optimizer: optim.Optimizer) -> None:
        def closure() -> Any:
            optimizer.zero_grad()
            loss = rows.loss(p) + rows.loss(q)
            loss.backward()
            return loss

        optimizer.step(closure)

    first = getattr(optim, kind)([a, b], lr=0.1, **settings)
    for _ in range(3):
        step(a, b, first)
    dl.io.save(tmp_path / "state", first.state_dict())
    c, d = nn.Parameter(a.detach().clone()), nn.Parameter(b.detach().clone())
    second = getattr(optim, kind)([c, d], lr=7.0, **settings)
    second.load_state_dict(dl.io.load(tmp_path / "state"))
    for _ in range(3):
        step(a, b, first)
        step(c, d, second)
    np.testing.assert_array_equal(a.numpy_copy(), c.numpy_copy())
    np.testing.assert_array_equal(b.numpy_copy(), d.numpy_copy())


@pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")
@pytest.mark.parametrize("kind", [k for k in KINDS if k != "Lion"])
def test_a_state_of_pytorch_continues_here(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    def values(x: Any) -> Any:
        if isinstance(x, dict):
            return {k: values(v) for k, v in x.items()}
        if isinstance(x, list):
            return [values(v) for v in x]
        return x.numpy().copy() if isinstance(x, torch.Tensor) else x

    monkeypatch.setattr("torch.get_default_dtype", lambda: torch.float64)  # NAdam keeps its product of momenta in it
    settings: dict[str, Any] = {"SGD": {"momentum": 0.9}, "Adam": {"amsgrad": True}}.get(kind, {})
    q = torch.nn.Parameter(torch.from_numpy(START.copy()))
    theirs = getattr(torch.optim, kind)([q], lr=0.1, **settings)

    def closure() -> Any:
        theirs.zero_grad()
        loss = rows.loss(q)
        loss.backward()
        return loss

    theirs.step(closure)
    state = theirs.state_dict()
    p = nn.Parameter(dl.asarray(q.detach().numpy().copy()))
    ours = getattr(optim, kind)([p], **settings)
    ours.load_state_dict(values(state))
    for _ in range(3):
        theirs.step(closure)
        ours.step(closure_of(p, ours))
    within = 1e-7 if kind == "ASGD" else 1e-10  # whose rate PyTorch keeps in float32
    np.testing.assert_allclose(p.numpy_copy(), q.detach().numpy(), rtol=within, atol=within / 100)
    kept = {k for k, v in theirs.state_dict()["state"][0].items() if v is not None}
    assert set(ours.state_dict()["state"][0]) == kept


@pytest.mark.parametrize("kind", KINDS[3:-1])
def test_half_precision_is_computed_in_single(kind: str) -> None:
    start = START.astype(np.float16)
    found = trajectory(lambda ps: getattr(optim, kind)(ps), start)
    assert found.dtype == np.float16
    expected = trajectory(lambda ps: getattr(optim, kind)(ps), start.astype(np.float64))
    np.testing.assert_allclose(found, expected, atol=0.02)


def test_lbfgs_solves_what_gradient_descent_does_not() -> None:
    """Rosenbrock's valley, and a start from where the full step overflows."""
    for start, lr in (([-1.2, 1.0], 1.0), ([1.5, -1.0], 1e6)):
        p = nn.Parameter(dl.asarray(start, dtype="float64"))
        optimizer = optim.LBFGS([p], lr=lr, max_iter=200, tolerance_change=1e-14, line_search_fn="strong_wolfe")

        def closure(p: Any = p, optimizer: Any = optimizer) -> Any:
            optimizer.zero_grad()
            loss = (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2
            loss.backward()
            return loss

        for _ in range(3):
            optimizer.step(closure)
        np.testing.assert_allclose(p.numpy_copy(), [1, 1], atol=1e-5)
    p = nn.Parameter(dl.ones(2))
    with pytest.raises(ConfigError, match="needs a closure"):
        optim.LBFGS([p]).step()
    with pytest.raises(ConfigError, match="strong_wolfe"):
        optim.LBFGS([p], line_search_fn="armijo")
    with pytest.raises(ConfigError, match="one group"):
        optim.LBFGS([{"params": [p]}, {"params": [nn.Parameter(dl.ones(1))]}])


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


def test_state_that_does_not_fit_is_refused() -> None:
    optimizer = optim.Adam([nn.Parameter(dl.ones(2))])
    good, long = optimizer.state_dict(), {"step": 1, "exp_avg": dl.ones(3), "exp_avg_sq": dl.ones(3)}
    for state, words in (
        ({}, "not the state of an optimizer"),
        ({"state": {}, "param_groups": []}, r"groups of \[\] parameters, this optimizer of \[1\]"),
        ({**good, "state": {3: {}}}, "names parameter 3"),
        ({**good, "state": {0: long}}, r"exp_avg of parameter 0 is \(3,\), expected \(2,\)"),
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


def gradients(*values: Any) -> list[Any]:
    found = []
    for value in values:
        p = nn.Parameter(dl.zeros(np.shape(value)))
        p.grad = dl.asarray(value)
        found.append(p)
    return [*found, nn.Parameter(dl.ones(2))]


@pytest.mark.parametrize("kernels", ["numpy", "strict"])
@pytest.mark.parametrize("norm_type", [2.0, 1.0, 3.0, math.inf])
def test_clipping_by_norm(norm_type: float, kernels: str) -> None:
    with dl.use_backend(kernels):
        clip_by_norm(norm_type)


def clip_by_norm(norm_type: float) -> None:
    whole = np.array([3.0, -4.0, 12.0, 0.0])
    norm = np.abs(whole).max() if norm_type == math.inf else (np.abs(whole) ** norm_type).sum() ** (1 / norm_type)
    for most in (6.5, 100.0):
        ps = gradients([3.0, -4.0], [[12.0], [0.0]])
        total = optim.clip_grad_norm_(ps, most, norm_type)
        assert float(total) == pytest.approx(norm)
        found = np.concatenate([p.grad.numpy_copy().reshape(-1) for p in ps[:2]])
        np.testing.assert_allclose(found, whole * min(1.0, most / (norm + 1e-6)), rtol=1e-6)


def test_clipping_refuses_and_bounds() -> None:
    ps = gradients([1.0, np.inf])
    with pytest.raises(GradientError, match="the norm of the gradients is inf"):
        optim.clip_grad_norm_(ps, 1.0, error_if_nonfinite=True)
    with pytest.raises(ConfigError, match="max_norm"):
        optim.clip_grad_norm_(ps, -1.0)
    assert float(optim.clip_grad_norm_([nn.Parameter(dl.ones(1))], 1.0)) == 0
    ps = gradients([0.5, -3.0, np.nan, np.inf])
    optim.clip_grad_value_(ps, 2.0)
    np.testing.assert_array_equal(ps[0].grad.numpy_copy(), np.array([0.5, -2.0, np.nan, 2.0], np.float32))
    with pytest.raises(ConfigError, match="clip_value"):
        optim.clip_grad_value_(ps, -1.0)


def test_average_of_the_weights() -> None:
    p = nn.Parameter(dl.zeros(2, dtype="float64"))
    ema, plain = optim.EMA([p], 0.5, warmup=False), optim.EMA([p], 0.999)
    expected = growing = 0.0
    for n in range(5):
        with dl.no_grad():
            p[...] = float(n + 1)
        ema.update()
        plain.update()
        expected = 0.5 * expected + 0.5 * (n + 1)
        d = min(0.999, (1 + n) / (10 + n))
        growing = d * growing + (1 - d) * (n + 1)
    for average, value in ((ema, expected), (plain, growing)):
        with average.applied():
            np.testing.assert_allclose(p.numpy_copy(), value, rtol=1e-12)
        assert p.numpy_copy().tolist() == [5, 5]
    other = optim.EMA([nn.Parameter(dl.zeros(2, dtype="float64"))])
    other.load_state_dict(ema.state_dict())
    assert other.average[0].numpy_copy().tolist() == ema.average[0].numpy_copy().tolist()
    for state, words in (({}, "not the state"), ({**ema.state_dict(), "average": [dl.ones(3)]}, r"shapes \[\(3,\)\]")):
        with pytest.raises(CheckpointError, match=words):
            other.load_state_dict(state)
    with pytest.raises(ConfigError, match="decay"):
        optim.EMA([p], 1.0)
    with pytest.raises(ConfigError, match="at least one"):
        optim.EMA([])
