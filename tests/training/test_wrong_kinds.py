"""Values of the wrong kind where training and optimization are set up: one error of ours, at once, that says what is wanted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import dlengine as dl
from dlengine import nn, optim, training
from dlengine.errors import DLEngineError, DTypeError

Call = Callable[[], Any]


def model() -> Any:
    return nn.Linear(2, 2)


def optimizer() -> Any:
    return optim.SGD(model().parameters(), lr=0.1)


def trainer(**options: Any) -> Any:
    m = model()
    return training.Trainer(m, nn.CrossEntropyLoss(), optim.SGD(m.parameters()), progress=False, **options)


CASES: dict[str, tuple[str, Call]] = {
    "EMA of a module": (r"EMA: .*got the module Linear; use .parameters\(\)", lambda: optim.EMA(model())),
    "EMA of a set": ("EMA: .*in an order", lambda: optim.EMA(set(model().parameters()))),
    "clip a module": (r"clip: .*got Linear; use .parameters\(\)", lambda: optim.clip_grad_norm_(model(), 1.0)),
    "clip a text": ("clip: .*got str", lambda: optim.clip_grad_value_("weights", 1.0)),
    "momentum": ("SGD: momentum must be a number", lambda: optim.SGD(model().parameters(), momentum="x")),  # type: ignore[arg-type]
    "dampening": ("SGD: dampening must be a number", lambda: optim.SGD(model().parameters(), dampening="x")),  # type: ignore[arg-type]
    "rho": ("Adadelta: rho must be a number", lambda: optim.Adadelta(model().parameters(), rho="x")),  # type: ignore[arg-type]
    "gamma": ("StepLR: gamma must be a number, got 'x'", lambda: optim.StepLR(optimizer(), 1, "x")),  # type: ignore[arg-type]
    "no gamma": ("ExponentialLR: gamma must be a number", lambda: optim.ExponentialLR(optimizer(), None)),  # type: ignore[arg-type]
    "milestones": ("milestones must be a list of epochs, got 3", lambda: optim.MultiStepLR(optimizer(), 3)),  # type: ignore[arg-type]
    "lambda": ("lr_lambda must be a function", lambda: optim.LambdaLR(optimizer(), 0.5)),  # type: ignore[arg-type]
    "eta_min": ("eta_min must be a number", lambda: optim.CosineAnnealingLR(optimizer(), 3, "x")),  # type: ignore[arg-type]
    "restarts": ("eta_min must be a number", lambda: optim.CosineAnnealingWarmRestarts(optimizer(), 3, 1, float("nan"))),
    "max_lr": ("OneCycleLR: max_lr must be a number", lambda: optim.OneCycleLR(optimizer(), "x", 3)),  # type: ignore[arg-type]
    "threshold": ("threshold must be a number", lambda: optim.ReduceLROnPlateau(optimizer(), threshold="x")),  # type: ignore[arg-type]
    "min_lr": ("min_lr must be a number or one", lambda: optim.ReduceLROnPlateau(optimizer(), min_lr=["x"])),  # type: ignore[list-item]
    "a schedule's name": ("scheduler must be a schedule, got str", lambda: trainer(scheduler="step")),
    "a schedule's class": ("got the class StepLR; make one", lambda: trainer(scheduler=optim.StepLR)),
    "accumulate": ("accumulate must be a whole number of at least 1, got 2.5", lambda: trainer(accumulate=2.5)),
    "batch size": ("batch_size must be a whole number of at least 1, got 0", lambda: trainer(batch_size=0)),
    "Schedule": ("Schedule: expected a schedule, got str", lambda: training.Schedule("step")),
    "WeightAverage": ("WeightAverage: expected an EMA, got Linear", lambda: training.WeightAverage(model())),
    "module hook": ("hook: expected a function, got str", lambda: model().register_forward_hook("print")),
    "tensor hook": ("hook: expected a function, got NoneType", lambda: model().weight.register_hook(None)),
    "weight_norm": ("weight_norm: expected a Module, got str", lambda: nn.weight_norm("weight")),  # type: ignore[arg-type]
    "weight_norm axis": ("weight_norm: dim must name an axis", lambda: nn.weight_norm(model(), dim=5)),
    "spectral_norm axis": ("spectral_norm: dim must name an axis", lambda: nn.spectral_norm(model(), dim=-3)),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_refused_in_words(name: str) -> None:
    words, call = CASES[name]
    with pytest.raises(DLEngineError, match=words):
        call()


@pytest.mark.parametrize("target", ["int64", "bool", None, int, 3.5, [1]])
def test_a_module_keeps_its_weights_floating(target: Any) -> None:
    m = model()
    before = m.weight.dtype
    with pytest.raises(DTypeError, match="Linear.to: expected a device or a floating dtype"):
        m.to(target)
    assert m.weight.dtype == before
    for good in ("float64", float, dl.float32, "cpu"):
        m.to(good)
    with pytest.raises(dl.errors.DeviceError, match="unknown device 'nonsense'"):
        m.to("nonsense")
