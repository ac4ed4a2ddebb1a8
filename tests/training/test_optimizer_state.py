"""An optimizer's state follows its parameters to another dtype, is loaded whole or not at all, and is copied whole."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import nn, optim
from dlengine.errors import CheckpointError, ConfigError, DTypeError

SETTINGS: dict[str, dict[str, Any]] = {
    "SGD": {"momentum": 0.9},
    "Adam": {"amsgrad": True},
    "AdamW": {},
    "Adagrad": {},
    "Adadelta": {},
    "RMSprop": {"momentum": 0.5, "centered": True},
    "NAdam": {},
    "RAdam": {},
    "Lion": {},
    "Adamax": {},
    "ASGD": {"t0": 1.0},
    "Rprop": {},
    "LBFGS": {"max_iter": 3},
}
KINDS = pytest.mark.parametrize("kind", SETTINGS)


def begun(kind: str, steps: int = 2) -> tuple[nn.Module, optim.Optimizer]:
    """A small network after some steps."""
    dl.manual_seed(3)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2, bias=False))
    optimizer = getattr(optim, kind)(model.parameters(), lr=0.05, **SETTINGS[kind])
    go_on(model, optimizer, steps)
    return model, optimizer


def go_on(model: nn.Module, optimizer: optim.Optimizer, steps: int) -> None:
    dtype = next(model.parameters()).dtype
    x = dl.asarray(np.linspace(-1, 1, 15).reshape(5, 3), dtype=dtype)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = ((model(x) - 0.3) ** 2).mean()
        loss.backward()
        return loss

    for _ in range(steps):
        optimizer.step(closure)


def arrays(value: Any) -> list[Any]:
    """Every tensor in a state."""
    if isinstance(value, dict | list | tuple):
        return [t for v in (value.values() if isinstance(value, dict) else value) for t in arrays(v)]
    return [value] if hasattr(value, "numpy_copy") else []


def same(one: Any, other: Any) -> None:
    for a, b in zip(arrays(one), arrays(other), strict=True):
        np.testing.assert_array_equal(a.numpy_copy(), b.numpy_copy())


@KINDS
@pytest.mark.backends("numpy", "numba", "cuda", "strict")
def test_state_follows_the_model_to_another_dtype_and_back(kind: str, backend: str) -> None:
    """Steps in float64 from a float32 state are those of an optimizer that was given this state in float64."""
    model, optimizer = begun(kind)
    model.double()
    twin = copy.deepcopy(model)
    other = getattr(optim, kind)(twin.parameters(), lr=0.05, **SETTINGS[kind])
    other.load_state_dict(optimizer.state_dict())
    go_on(model, optimizer, 2)
    go_on(twin, other, 2)
    assert {str(a.dtype) for a in arrays(optimizer.state_dict()["state"])} == {"float64"}
    same(model.state_dict(), twin.state_dict())
    same(optimizer.state_dict()["state"], other.state_dict()["state"])
    model.float()
    go_on(model, optimizer, 1)
    assert {str(a.dtype) for a in arrays(optimizer.state_dict()["state"])} == {"float32"}


@pytest.mark.parametrize("kind", ["SGD", "Adam", "RMSprop"])
@pytest.mark.backends("numpy", "numba", "cuda")
def test_state_follows_the_model_to_half_precision(kind: str, backend: str) -> None:
    model, optimizer = begun(kind)
    model.to("float16")
    for p in model.parameters():
        p.grad = dl.ones(p.shape, dtype="float16")
    optimizer.step()
    assert {str(a.dtype) for a in arrays(optimizer.state_dict()["state"])} == {"float16"}


def test_an_average_of_weights_follows_too() -> None:
    model, _ = begun("SGD")
    ema = optim.EMA(model.parameters(), 0.5, warmup=False)
    model.double()
    with dl.no_grad():
        for p in model.parameters():
            p += 1e-12
    ema.update()
    assert {str(a.dtype) for a in ema.average} == {"float64"}
    with ema.applied():
        assert {str(p.dtype) for p in model.parameters()} == {"float64"}


@KINDS
def test_a_state_takes_the_dtype_of_the_parameters_on_load(kind: str) -> None:
    _, optimizer = begun(kind)
    model, other = begun(kind, 0)
    model.double()
    other.load_state_dict(optimizer.state_dict())
    assert {str(a.dtype) for a in arrays(other.state_dict()["state"])} == {"float64"}


def damages(state: dict[str, Any]) -> list[tuple[str, Any]]:
    """States that do not fit, each with what the message must name."""
    found: list[tuple[str, Any]] = [
        ("state and param_groups", {}),
        ("got list", []),
        ("param_groups", {**state, "param_groups": "x"}),
        ("param_groups", {**state, "param_groups": [1]}),
        ("params", {**state, "param_groups": [{**state["param_groups"][0], "params": 3}]}),
        ("mapping by parameter number", {**state, "state": [1]}),
        ("parameter x", {**state, "state": {"x": {}}}),
        ("parameter 7", {**state, "state": {7: {}}}),
        ("state of parameter 0", {**state, "state": {0: 4}}),
        ("lacks the settings lr", {**state, "param_groups": [{"params": state["param_groups"][0]["params"]}]}),
    ]
    group = state["param_groups"][0]
    for key in group:
        if key != "params":
            values = (None, "x", [], -1.0, {}, float("nan")) if key == "lr" else ({}, object())
            found += [(key, {**state, "param_groups": [{**group, key: value}]}) for value in values]
    entries = state["state"][0]
    for key, value in entries.items():
        wrong = ["x", {}, dl.ones(7)] if hasattr(value, "shape") else ["x", {}, float("nan"), dl.ones(7)]
        wrong = [1.5, "x", {}] if isinstance(value, list) else wrong
        found += [(key, {**state, "state": {**state["state"], 0: {**entries, key: w}}}) for w in wrong]
    needless = {k: v for k, v in list(entries.items())[1:]}
    if needless and next(iter(entries)) not in ("max_exp_avg_sq",):
        found.append((f"lacks {next(iter(entries))}", {**state, "state": {**state["state"], 0: needless}}))
    found.append(("moment_of_inertia", {**state, "state": {**state["state"], 0: {**entries, "moment_of_inertia": 1.0}}}))
    return found


@KINDS
def test_a_state_that_does_not_fit_changes_nothing_and_says_what(kind: str) -> None:
    model, optimizer = begun(kind)
    good = copy.deepcopy(optimizer.state_dict())
    for words, damaged in damages(copy.deepcopy(optimizer.state_dict())):
        with pytest.raises(CheckpointError, match=words):
            optimizer.load_state_dict(damaged)
        now = optimizer.state_dict()
        assert now["param_groups"] == good["param_groups"]
        same(now["state"], good["state"])
    go_on(model, optimizer, 1)


def test_the_state_of_another_optimizer_is_refused() -> None:
    _, adam = begun("Adam")
    _, sgd = begun("SGD")
    state = {**adam.state_dict(), "param_groups": sgd.state_dict()["param_groups"]}
    with pytest.raises(CheckpointError, match="parameter 0 holds step, exp_avg.*expected momentum_buffer"):
        sgd.load_state_dict(state)


def test_states_are_matched_by_the_numbers_that_groups_name() -> None:
    """As in PyTorch: the numbers are names, and their order in the groups counts."""
    model, optimizer = begun("Adam")
    state = optimizer.state_dict()
    renamed = {
        "state": {n + 10: s for n, s in state["state"].items()},
        "param_groups": [{**g, "params": [n + 10 for n in g["params"]]} for g in state["param_groups"]],
    }
    other = optim.Adam(model.parameters())
    other.load_state_dict(renamed)
    same(other.state_dict()["state"], state["state"])


@KINDS
@pytest.mark.parametrize("how", ["deepcopy", "pickle"])
def test_a_copy_with_its_model_goes_on_alike(kind: str, how: str) -> None:
    pair = begun(kind)
    model, optimizer = copy.deepcopy(pair) if how == "deepcopy" else pickle.loads(pickle.dumps(pair))
    before = copy.deepcopy(pair[0].state_dict())
    go_on(model, optimizer, 2)
    same(pair[0].state_dict(), before)
    go_on(*pair, 2)
    same(pair[0].state_dict(), model.state_dict())
    same(pair[1].state_dict()["state"], optimizer.state_dict()["state"])


def test_what_is_no_sequence_of_parameters_is_refused_in_words() -> None:
    p, q = nn.Parameter(dl.ones(1)), nn.Parameter(dl.ones(2))
    for error, words, params in (
        (DTypeError, "in an order, .*got a set", {p, q}),
        (DTypeError, "in an order, .*got a set", [{"params": frozenset((p, q))}]),
        (DTypeError, r"got the module Linear; use .parameters\(\)", nn.Linear(2, 2)),
        (DTypeError, r"got the module ReLU", [{"params": nn.ReLU()}]),
        (DTypeError, "got str", "adam"),
        (DTypeError, "got NoneType", None),
        (DTypeError, r"use \[group\]", {"params": [p]}),
        (DTypeError, "leaf tensor, got tuple", [("weight", p)]),
        (ConfigError, "a group must be a dict with 'params', got lr", [{"lr": 1.0}]),
    ):
        for kind in ("SGD", "Adam", "Lion", "LBFGS"):
            with pytest.raises(error, match=words):
                getattr(optim, kind)(params)
    for words, settings in (("lr must be a number", {"lr": "big"}), ("betas must be two numbers", {"betas": 0.9})):
        with pytest.raises(ConfigError, match=words):
            optim.Adam([p], **settings)
    ordered = {"a": p, "b": q}
    assert len(optim.SGD(ordered.values()).param_groups[0]["params"]) == 2
