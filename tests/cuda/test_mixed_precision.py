"""Mixed precision on a GPU that is not there: launches and waits of a step, and casts that an evaluation need not repeat."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import nn, optim, training
from dlengine.kernels.cuda import emulator

pytestmark = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))


def parameters(count: int, slope: float = 1.0) -> tuple[list[Any], optim.SGD, training.GradScaler]:
    """Parameters that have gradients, scaled by 8."""
    ps = [nn.Parameter(dl.ones((3,))) for _ in range(count)]
    scaler = training.GradScaler(8.0)
    scaler.scale(sum((dl.sum(p * slope) for p in ps), dl.zeros(()))).backward()
    return ps, optim.SGD(ps, lr=0.5), scaler


def test_gradients_are_unscaled_together(machine: Any) -> None:
    """The number of launches does not grow with the number of parameters, and one number is read."""
    counts = []
    for count in (2, 9):
        ps, opt, scaler = parameters(count)
        machine.work.clear()
        before = machine.waits
        scaler.unscale_(opt)
        assert machine.waits - before <= 1
        counts.append(Counter(machine.work).total())
        assert all(p.grad.array.get().tolist() == [1.0] * 3 for p in ps)
        assert scaler.step(opt)
        assert all(p.array.get().tolist() == [0.5] * 3 for p in ps)
    assert counts[0] == counts[1] <= 10, counts


@pytest.mark.parametrize(("slope", "steps"), [(np.inf, False), (np.nan, False), (1e30, True)])
def test_what_is_not_finite_leaves_out_the_step(slope: float, steps: bool, machine: Any) -> None:
    """The squares of 1e30 overflow in float32; the gradient itself does not."""
    ps, opt, scaler = parameters(2, slope)
    with np.errstate(all="ignore"):
        assert scaler.step(opt) is steps
    assert (ps[1].array.get().tolist() == [1.0] * 3) is not steps


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_an_evaluation_casts_each_parameter_once(dtype: str, machine: Any) -> None:
    model = nn.Linear(3, 2)
    mixed = training.MixedPrecision(model, dtype, enabled=True)
    x = dl.ones((4, 3))

    def casts() -> int:
        machine.work.clear()
        with dl.no_grad():
            mixed(x)
        return machine.work.count("astype")

    first = casts()
    assert casts() == first - 2
    with dl.no_grad():
        model.weight.mul_(2.0) if hasattr(model.weight, "mul_") else model.weight.__imul__(2.0)
    assert casts() == first - 1
    y = mixed(x)
    assert y.requires_grad
    y.sum().backward()
    assert model.weight.grad is not None
