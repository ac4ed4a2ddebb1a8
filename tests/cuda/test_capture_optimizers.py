"""Every optimizer that a captured step may contain trains bit for bit as without, its counts and rates renewed at each replay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from cuda.test_capture import Step, everything, same

import dlengine as dl
from dlengine import nn, optim, training
from dlengine.errors import CaptureError
from dlengine.kernels.cuda import emulator

pytestmark = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))

STEPS = 20
OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "RMSprop": lambda p: optim.RMSprop(p, lr=0.02),
    "RMSprop centered": lambda p: optim.RMSprop(p, lr=0.02, centered=True, momentum=0.9, weight_decay=0.01),
    "Adagrad": lambda p: optim.Adagrad(p, lr=0.1, lr_decay=0.1, weight_decay=0.01),
    "Adadelta": lambda p: optim.Adadelta(p, lr=1.0, maximize=True),
    "Adamax": lambda p: optim.Adamax(p, lr=0.02),
    "NAdam": lambda p: optim.NAdam(p, lr=0.02, weight_decay=0.01, decoupled_weight_decay=True),
    "RAdam": lambda p: optim.RAdam(p, lr=0.02, weight_decay=0.01),  # rectified from the sixth step on
    "Rprop": lambda p: optim.Rprop(p, lr=0.01),
    "ASGD": lambda p: optim.ASGD(p, lr=0.1, t0=5),  # averages from the seventh step on
    "Lion": lambda p: optim.Lion(p, lr=0.01, weight_decay=0.1),
    "two groups": lambda p: optim.RMSprop([{"params": p[:1], "lr": 0.1}, {"params": p[1:], "lr": 0.01}]),
}


def test_all_optimizers_are_here() -> None:
    known = {kind for kind in vars(optim).values() if isinstance(kind, type) and issubclass(kind, optim.Optimizer)}
    capturable = {kind.__name__ for kind in known if kind.replays}
    assert {kind.__name__ for kind in known} - capturable == {"Optimizer", "LBFGS"}
    assert capturable - {"SGD", "Adam", "AdamW"} == {name.split()[0] for name in OPTIMIZERS} - {"two"}


def made(optimizer: Callable[[Any], Any], dtype: str = "float32") -> tuple[Step, Any, Any]:
    dl.manual_seed(1)
    model = nn.Linear(3, 2).to(dtype)
    opt = optimizer(list(model.parameters()))

    def step(x: Any, y: Any) -> Any:
        opt.zero_grad()
        loss = nn.MSELoss()(model(x), y)
        loss.backward()
        opt.step()
        return loss

    return step, model, opt


def trained(optimizer: Callable[[Any], Any], captured: bool, dtype: str = "float32", each: Any = None) -> tuple[Any, Any, Any]:
    step, model, opt = made(optimizer, dtype)
    rate = optim.ExponentialLR(opt, 0.95)
    train: Any = training.capture(step) if captured else step
    rng, losses = np.random.default_rng(0), []
    for number in range(STEPS):
        x, y = (dl.asarray(rng.standard_normal(shape).astype(dtype)) for shape in ((4, 3), (4, 2)))
        if each is not None:
            each(number, opt)
        losses.append(float(train(x, y).detach()))
        rate.step()
    return losses, everything(model, opt), train


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_captured_as_without(name: str, machine: Any) -> None:
    losses, state, _ = trained(OPTIMIZERS[name], False)
    found, replayed, train = trained(OPTIMIZERS[name], True)
    assert found == losses
    assert len(set(found)) == STEPS
    same(replayed, state)
    assert train.replays == STEPS - 2


def test_other_settings_are_read_anew(machine: Any) -> None:
    def each(number: int, opt: Any) -> None:
        opt.param_groups[0]["alpha"] = 0.9 + 0.004 * number
        opt.param_groups[0]["weight_decay"] = 0.01 / (number + 1)

    losses, state, _ = trained(OPTIMIZERS["RMSprop centered"], False, each=each)
    found, replayed, _ = trained(OPTIMIZERS["RMSprop centered"], True, each=each)
    assert found == losses
    same(replayed, state)


@pytest.mark.parametrize(
    ("optimizer", "setting", "value"),
    [("RMSprop", "weight_decay", 0.1), ("RMSprop centered", "momentum", 0.0), ("SGD", "momentum", 0.9)],
)
def test_what_would_compute_something_else_is_refused(optimizer: str, setting: str, value: float, machine: Any) -> None:
    def each(number: int, opt: Any) -> None:
        if number == 5:
            opt.param_groups[0][setting] = value

    make = OPTIMIZERS.get(optimizer, lambda p: optim.SGD(p, lr=0.1))
    with pytest.raises(CaptureError, match=f"{optimizer.split()[0]}: {setting} became {value}.*capture it again"):
        trained(make, True, each=each)


class Home(optim.Optimizer):
    """A user's own, with a number that grows on the host."""

    def __init__(self, params: Any) -> None:
        super().__init__(params, {"lr": 0.1})
        self.steps = 0

    def _update(self, xp: Any, p: Any, g: Any, group: Any, state: Any) -> None:
        self.steps += 1
        p[...] = p - group["lr"] / self.steps * g


@pytest.mark.parametrize(("optimizer", "words"), [(Home, "Home computes with numbers of its own"), (optim.LBFGS, "LBFGS")])
def test_others_are_refused_with_the_line(optimizer: Any, words: str, machine: Any) -> None:
    model = nn.Linear(3, 2)
    opt = optimizer(list(model.parameters()))
    x = dl.ones((4, 3))

    def loss() -> Any:
        opt.zero_grad()
        found = dl.mean(model(x) ** 2)
        found.backward()
        return found

    train = training.capture(lambda: opt.step(loss))
    train()
    train()
    with pytest.raises(CaptureError, match=rf"(?s)cannot be captured: .*{words}.* at .*test_capture_optimizers\.py:\d+"):
        train()
