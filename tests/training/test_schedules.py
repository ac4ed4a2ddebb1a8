"""Schedules set rates: the same whatever was loaded first, or alone, with groups added later, side by side, copied or pickled."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import nn, optim
from dlengine.errors import CheckpointError, ConfigError, DTypeError

MAKERS: dict[str, Callable[[Any], Any]] = {
    "step": lambda o: optim.StepLR(o, 2, 0.5),
    "milestones": lambda o: optim.MultiStepLR(o, [1, 4, 4], 0.3),
    "exponential": lambda o: optim.ExponentialLR(o, 0.8),
    "linear": lambda o: optim.LinearLR(o, 0.1, 0.9, 6),
    "lambda": lambda o: optim.LambdaLR(o, _hyperbola),
    "dann": lambda o: optim.DANNLR(o, 9),
    "cosine": lambda o: optim.CosineAnnealingLR(o, 7, 0.01),
    "restarts": lambda o: optim.CosineAnnealingWarmRestarts(o, 2, 2),
    "one cycle": lambda o: optim.OneCycleLR(o, 0.7, total_steps=20),
    "one cycle each": lambda o: optim.OneCycleLR(o, [0.7, 0.2], total_steps=20, three_phase=True),
    "chained": lambda o: optim.ChainedScheduler([optim.LinearLR(o, 0.2, total_iters=3), optim.StepLR(o, 4, 0.5)]),
    "sequential": lambda o: optim.SequentialLR(o, [optim.LinearLR(o, 0.1), optim.ExponentialLR(o, 0.9)], [3]),
}
EITHER = pytest.mark.parametrize("make", [pytest.param(m, id=name.replace(" ", "-")) for name, m in MAKERS.items()])


def _hyperbola(epoch: int) -> float:
    return 1.0 / (epoch + 1)


def fresh() -> optim.Optimizer:
    a, b = (nn.Parameter(dl.zeros(2)) for _ in range(2))
    return optim.SGD([{"params": [a], "lr": 0.5}, {"params": [b]}], lr=0.1, momentum=0.9)


def follow(optimizer: optim.Optimizer, schedule: Any, steps: int) -> list[Any]:
    found = []
    for _ in range(steps):
        schedule.step()
        found.append([(g["lr"], g["momentum"]) for g in optimizer.param_groups])
    return found


@EITHER
@pytest.mark.parametrize(
    "order", ["optimizer, schedule made, schedule", "optimizer, schedule", "schedule, optimizer", "schedule alone"]
)
def test_rates_go_on_the_same_in_whatever_order_states_are_loaded(make: Callable[[Any], Any], order: str) -> None:
    optimizer = fresh()
    schedule = make(optimizer)
    follow(optimizer, schedule, 5)
    saved = copy.deepcopy((optimizer.state_dict(), schedule.state_dict()))
    rates = schedule.get_last_lr()
    expected = follow(optimizer, schedule, 6)
    optimizer = fresh()
    if order == "optimizer, schedule made, schedule":
        optimizer.load_state_dict(saved[0])
    schedule = make(optimizer)
    for what in order.split(", "):
        if what == "optimizer" and "made" not in order:
            optimizer.load_state_dict(saved[0])
        elif what.startswith("schedule") and what != "schedule made":
            schedule.load_state_dict(saved[1])
    assert schedule.get_last_lr() == rates
    np.testing.assert_allclose(follow(optimizer, schedule, 6), expected, rtol=1e-14)


@EITHER
def test_what_is_there_is_set_and_not_multiplied(make: Callable[[Any], Any]) -> None:
    """Rates that something else has written do not change what the schedule sets."""
    optimizer, other = fresh(), fresh()
    schedule, untouched = make(optimizer), make(other)
    for _ in range(3):
        for group in optimizer.param_groups:
            group["lr"] *= 0.01
        schedule.step()
        untouched.step()
        assert schedule.get_last_lr() == untouched.get_last_lr()


@pytest.mark.parametrize("name", [n for n in MAKERS if n != "one cycle each"])
def test_a_group_added_later_has_its_own_first_rate(name: str) -> None:
    """It gets the factor of the epoch, as one that began with that rate; one cycle gives it its peak."""
    optimizer = fresh()
    schedule = MAKERS[name](optimizer)
    follow(optimizer, schedule, 2)
    optimizer.add_param_group({"params": [nn.Parameter(dl.zeros(3))], "lr": 0.5})
    follow(optimizer, schedule, 3)
    rates = schedule.get_last_lr()
    assert rates[2] == pytest.approx(rates[0], rel=1e-14)
    twin = fresh()
    twin.add_param_group({"params": [nn.Parameter(dl.zeros(3))], "lr": 0.5})
    other = MAKERS[name](twin)
    other.load_state_dict(schedule.state_dict())
    assert other.get_last_lr() == rates


def test_lists_with_one_entry_per_group_refuse_a_group_more() -> None:
    for words, make in (
        ("2 functions, but the optimizer has got group 2", lambda o: optim.LambdaLR(o, [_hyperbola, _hyperbola])),
        ("2 values of max_lr, but the optimizer has got group 2", MAKERS["one cycle each"]),
        ("2 values of min_lr for 3 groups", lambda o: optim.ReduceLROnPlateau(o, min_lr=[0.1, 0.2])),
    ):
        optimizer = fresh()
        schedule = make(optimizer)  # type: ignore[no-untyped-call]
        optimizer.add_param_group({"params": [nn.Parameter(dl.zeros(3))]})
        with pytest.raises(ConfigError, match=words):
            schedule.step(*([1.0] if isinstance(schedule, optim.ReduceLROnPlateau) else []))


@pytest.mark.parametrize("relative", [True, False])
def test_plateau_of_an_accuracy(relative: bool) -> None:
    """In mode max only a rise of more than the threshold counts: 0.80 to 0.83 is one at 0.02, not at 0.05."""
    for threshold, reductions in ((0.02, 0), (0.05, 2)):
        optimizer = fresh()
        kind = "rel" if relative else "abs"
        plateau = optim.ReduceLROnPlateau(
            optimizer, mode="max", factor=0.5, patience=0, threshold=threshold, threshold_mode=kind
        )
        for value in (0.80, 0.83, 0.86 if threshold == 0.02 else 0.80):
            plateau.step(value)
        assert optimizer.param_groups[0]["lr"] == 0.5 * 0.5**reductions


@pytest.mark.parametrize("alone", [True, False])
def test_a_plateau_brings_its_reductions_back(alone: bool) -> None:
    optimizer = fresh()
    plateau = optim.ReduceLROnPlateau(optimizer, factor=0.1, patience=0, min_lr=[0.01, 0.05])
    for value in (1.0, 2.0, 3.0):
        plateau.step(value)
    assert plateau.get_last_lr() == pytest.approx([0.01, 0.05])
    other = fresh()
    later = optim.ReduceLROnPlateau(other, factor=0.1, patience=0, min_lr=[0.01, 0.05])
    later.load_state_dict(plateau.state_dict())
    if not alone:
        other.load_state_dict(optimizer.state_dict())
    assert later.get_last_lr() == plateau.get_last_lr()


def test_schedules_side_by_side_are_the_product_of_their_factors() -> None:
    """As in PyTorch's documentation: two schedules stepped after each other; and a plateau's reductions stay."""
    optimizer = fresh()
    down, steps = optim.ExponentialLR(optimizer, 0.5), optim.MultiStepLR(optimizer, [2], 0.1)
    plateau = optim.ReduceLROnPlateau(optimizer, factor=0.25, patience=0)
    for value in (1.0, 2.0, 0.5):
        down.step()
        steps.step()
        plateau.step(value)
    assert plateau.get_last_lr() == pytest.approx([0.5 * 0.125 * 0.1 * 0.25, 0.1 * 0.125 * 0.1 * 0.25])
    del steps  # what is not used any more has no part in the rate
    down.step()
    assert down.get_last_lr() == pytest.approx([0.5 * 0.0625 * 0.25, 0.1 * 0.0625 * 0.25])


@EITHER
@pytest.mark.parametrize("how", ["deepcopy", "pickle"])
def test_a_copy_goes_on_with_an_optimizer_of_its_own(make: Callable[[Any], Any], how: str) -> None:
    optimizer = fresh()
    schedule = make(optimizer)
    follow(optimizer, schedule, 4)
    pair = (optimizer, schedule)
    twin, other = copy.deepcopy(pair) if how == "deepcopy" else pickle.loads(pickle.dumps(pair))
    before = schedule.get_last_lr()
    assert other.optimizer is twin
    ahead = follow(twin, other, 3)
    assert schedule.get_last_lr() == before
    assert follow(optimizer, schedule, 3) == ahead


@EITHER
def test_a_state_that_does_not_fit_changes_nothing(make: Callable[[Any], Any]) -> None:
    optimizer = fresh()
    schedule = make(optimizer)
    follow(optimizer, schedule, 2)
    good = schedule.state_dict()
    before = copy.deepcopy((optimizer.state_dict(), good))
    for key in good:
        for value in (None, "x", -1, [1.0], [0.1, "x"], [0.1, float("nan")], {}, 1.5):
            with pytest.raises(CheckpointError, match=key):
                schedule.load_state_dict({**good, key: value})
        with pytest.raises(CheckpointError, match=f"it lacks {key}"):
            schedule.load_state_dict({k: v for k, v in good.items() if k != key})
    with pytest.raises(CheckpointError, match="expected a mapping, got list"):
        schedule.load_state_dict([])
    assert (optimizer.state_dict(), schedule.state_dict()) == before


def test_a_cycle_refuses_a_place_beyond_its_end() -> None:
    optimizer = fresh()
    schedule = optim.OneCycleLR(optimizer, 0.5, total_steps=3)
    with pytest.raises(CheckpointError, match="last_epoch 9 .* cycle of 3 steps"):
        schedule.load_state_dict({**schedule.state_dict(), "last_epoch": 9})
    for _ in range(3):
        schedule.step()
    with pytest.raises(ConfigError, match="step 4"):
        schedule.step()
    assert schedule.last_epoch == 3


def test_a_schedule_needs_an_optimizer() -> None:
    for make in (*MAKERS.values(), optim.ReduceLROnPlateau):
        with pytest.raises((DTypeError, AttributeError), match="optimizer"):
            make("adam")
