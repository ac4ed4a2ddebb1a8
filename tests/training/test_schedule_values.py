"""Schedules agree with PyTorch's, continue from their state, and leave each other their part."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import vectors_optim as rows
from training.test_optim import SCHEDULES, STORED
from vectors_optim import label

import dlengine as dl
from dlengine import nn, optim
from dlengine.errors import CheckpointError, ConfigError


def two_groups() -> optim.Optimizer:
    a, b = nn.Parameter(dl.ones(1)), nn.Parameter(dl.ones(1))
    return optim.SGD([{"params": [a], "lr": 1.0}, {"params": [b], "lr": 0.4}], lr=0.1, momentum=0.9)


def schedule_of(kind: str, settings: dict[str, Any], optimizer: optim.Optimizer) -> Any:
    if kind == "chained":
        parts = [optim.LinearLR(optimizer, 0.2, total_iters=5), optim.ExponentialLR(optimizer, 0.95)]
        return optim.ChainedScheduler([*parts, optim.MultiStepLR(optimizer, [8, 20])])
    if kind == "sequential":
        warm, down = optim.LinearLR(optimizer, 0.1, total_iters=4), optim.CosineAnnealingLR(optimizer, 10)
        return optim.SequentialLR(optimizer, [warm, down, optim.ExponentialLR(optimizer, 0.8)], [4, 15])
    return getattr(optim, kind)(optimizer, **settings)


@pytest.mark.parametrize(("kind", "settings"), [*SCHEDULES, *(pytest.param(kind, {}, id=kind) for kind in rows.MIXED)])
def test_schedules_agree_with_pytorch_and_resume(kind: str, settings: dict[str, Any]) -> None:
    optimizer = two_groups()
    schedule = schedule_of(kind, settings, optimizer)
    found = []
    for i in range(rows.RATE_STEPS):
        if i == 13:  # go on with another optimizer and schedule
            states = optimizer.state_dict(), schedule.state_dict()
            optimizer = two_groups()
            schedule = schedule_of(kind, settings, optimizer)
            optimizer.load_state_dict(states[0])
            schedule.load_state_dict(states[1])
        found.append([[g["lr"], g["momentum"]] for g in optimizer.param_groups])
        assert schedule.get_last_lr() == [lr for lr, _ in found[-1]]
        schedule.step(*([rows.MEASURED[i]] if kind == "ReduceLROnPlateau" else []))
    np.testing.assert_allclose(found, STORED[label(kind, settings)], rtol=1e-10, atol=1e-12)


def test_schedules_of_functions_and_of_domain_adversarial_training() -> None:
    optimizer = two_groups()
    schedule = optim.LambdaLR(optimizer, [lambda e: 1 / (e + 1), lambda e: 0.5**e])
    schedule.step()
    assert schedule.get_last_lr() == [0.5, 0.2]
    assert optim.lr_scheduler.LambdaLR(two_groups(), lambda e: 2.0).get_last_lr() == [2.0, 0.8]
    ganin = optim.DANNLR(two_groups(), total=4)
    ganin.step()
    assert ganin.get_last_lr()[0] == pytest.approx(1 / (1 + 10 / 4) ** 0.75)
    assert [optim.dann_ramp(p) for p in (0.0, 0.5)] == pytest.approx([0, 2 / (1 + math.exp(-5)) - 1])
    adam = optim.Adam([nn.Parameter(dl.ones(1))])
    cycle = optim.OneCycleLR(adam, 0.1, total_steps=2)
    cycle.step()
    assert adam.param_groups[0]["betas"] == (0.95, 0.999)
    cycle.step()
    with pytest.raises(ConfigError, match="step 3 of a cycle of 2 steps"):
        cycle.step()


def test_schedules_that_make_no_sense() -> None:
    o = two_groups()
    step, cycle = optim.StepLR(o, 1), optim.OneCycleLR(two_groups(), 1.0, total_steps=3)
    for words, call in (
        ("step_size must be an integer of at least 1", lambda: optim.StepLR(o, 0)),
        ("T_max", lambda: optim.CosineAnnealingLR(o, 0)),
        ("T_mult", lambda: optim.CosineAnnealingWarmRestarts(o, 2, 0)),
        ("factors must be between", lambda: optim.LinearLR(o, 0.0)),
        ("1 functions for 2 groups", lambda: optim.LambdaLR(o, [lambda e: 1.0])),
        ("needs total_steps", lambda: optim.OneCycleLR(o, 1.0)),
        ("pct_start", lambda: optim.OneCycleLR(o, 1.0, 5, pct_start=1.0)),
        ("3 values of max_lr", lambda: optim.OneCycleLR(o, [1.0, 1.0, 1.0], 5)),
        ("neither momentum nor betas", lambda: optim.OneCycleLR(optim.Adagrad([nn.Parameter(dl.ones(1))]), 1.0, 5)),
        ("factor < 1", lambda: optim.ReduceLROnPlateau(o, factor=1.0)),
        ("not one-cycle", lambda: optim.ChainedScheduler([cycle])),
        ("2 schedules need 1 rising", lambda: optim.SequentialLR(o, [step, step], [])),
        ("different optimizers", lambda: optim.ChainedScheduler([step, optim.StepLR(two_groups(), 1)])),
    ):
        with pytest.raises(ConfigError, match=words):
            call()  # type: ignore[no-untyped-call]
    for schedule in (step, optim.ReduceLROnPlateau(o)):
        with pytest.raises(CheckpointError, match="not the state of a schedule"):
            schedule.load_state_dict({})
    with pytest.raises(CheckpointError, match="1 groups, this optimizer has 2"):
        step.load_state_dict({"last_epoch": 1, "base_lrs": [1.0], "last_lrs": [1.0]})


def test_schedules_leave_each_other_their_part() -> None:
    """Warm-up by batch and a plateau by epoch; a rate set by hand lasts until the next step."""
    optimizer = two_groups()
    warm, plateau = optim.LinearLR(optimizer, 0.5, total_iters=2), optim.ReduceLROnPlateau(optimizer, factor=0.1, patience=0)
    found = []
    for value in (1.0, 2.0, 3.0):
        warm.step()
        plateau.step(value)
        found.append(optimizer.param_groups[0]["lr"])
    assert found == pytest.approx([0.75, 0.1, 0.01])
    optimizer = two_groups()
    down = optim.ExponentialLR(optimizer, 0.5)
    optimizer.param_groups[1]["lr"] = 8.0
    down.step()
    assert down.get_last_lr() == [0.5, 0.2]
