"""Every optimizer that a captured step may contain trains on the CPU as without; its numbers are those of each step."""

from __future__ import annotations

from typing import Any

import pytest
from cuda.test_capture import same
from cuda.test_capture_optimizers import OPTIMIZERS, STEPS, trained


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_captured_as_without(name: str, dtype: str) -> None:
    losses, state, _ = trained(OPTIMIZERS[name], False, dtype)
    found, replayed, train = trained(OPTIMIZERS[name], True, dtype)
    assert found == losses
    same(replayed, state)
    assert train.replays == STEPS - 4  # two calls of the step itself, two recordings


@pytest.mark.parametrize(("setting", "value"), [("weight_decay", 0.1), ("momentum", 0.0), ("centered", False)])
def test_what_computes_something_else_is_recorded_anew(setting: str, value: float) -> None:
    def each(number: int, opt: Any) -> None:
        if number == 8:
            opt.param_groups[0][setting] = value

    make = OPTIMIZERS["RMSprop" if setting == "weight_decay" else "RMSprop centered"]
    losses, state, _ = trained(make, False, each=each)
    found, replayed, train = trained(make, True, each=each)
    assert found == losses
    same(replayed, state)
    assert train.replays >= STEPS - 8
