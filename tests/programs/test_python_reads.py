"""What the Python code of a captured step reads, and errors that it meets: a replay goes as the step would."""

from __future__ import annotations

import argparse
import dataclasses
import functools
from collections import UserDict
from typing import Any

import numpy as np
import pytest
from programs.comparing import batch, both, classifier
from programs.steps import everything
from programs.test_equal_to_eager import equal

import dlengine as dl
from dlengine import nn, optim, torch, training
from dlengine.errors import LabelError

pytestmark = pytest.mark.usefixtures("host")


def test_a_number_of_the_user() -> None:
    scale = [1.0]

    def make() -> tuple[Any, Any, Any]:
        scale[0] = 1.0

        def step(x: Any, y: Any) -> Any:
            return (x * scale[0]).sum()

        return step, None, []

    def change(i: int, held: Any) -> Any:
        if i == 7:
            scale[0] = 2.0
        return batch(i)

    assert both(make, change).replays == 8


class Annealed:
    """A step that is a method, with a number that changes and one that it does not read."""

    def __init__(self) -> None:
        self.model, self.beta, self.seen = nn.Linear(4, 2), 0.5, 0

    def step(self, x: Any, y: Any) -> Any:
        return self.scaled(self.model(x).detach())

    def scaled(self, x: Any) -> Any:
        return (x * self.beta).sum()


def test_attributes_that_the_step_reads() -> None:
    def make() -> tuple[Any, Any, Any]:
        held = Annealed()
        return held.step, held, []

    def change(i: int, held: Any) -> Any:
        held.seen += 1
        held.beta = 0.5 if i < 7 else 0.25
        return batch(i)

    assert both(make, change).replays == 8


def test_outcomes_of_what_python_reads() -> None:
    def make() -> tuple[Any, Any, Any]:
        p = nn.Parameter(dl.zeros(4))

        def step(x: Any, y: Any) -> Any:
            with dl.no_grad():
                p[...] = p + 1.0
                if (x > 2.0).any():
                    p[...] = p * 0.5
            return p.detach() + x.sum()

        return step, p, []

    train = both(make, lambda i, held: (dl.asarray(np.full(4, 3.0 if i in (6, 9) else 0.0, "float32")), None))
    assert train.replays == 8


def test_a_label_out_of_range_raises_as_it_does_without() -> None:
    found = []
    for captured in (False, True):
        dl.manual_seed(1)
        step, (model, opt), state = classifier()
        train = training.capture(step) if captured else step
        for i in range(6):
            train(*batch(i))
        x, y = batch(6)
        bad = y.numpy_copy()
        bad[4] = 7
        with pytest.raises(LabelError, match=r"label 7 at \[4\] is no class"):
            train(x, dl.asarray(bad))
        after = everything(state)
        train(*batch(7))
        found.append([after, everything(state)])
    equal(found[1], found[0], 1e-5)
    assert train.replays == 2


def test_not_a_number() -> None:
    def change(i: int, held: Any) -> Any:
        x, y = batch(i)
        return (x * float("nan") if i == 8 else x), y

    assert both(classifier, change).replays >= 5  # batch norm looks at its statistics, which are NaN from then on


def test_clipping_of_a_gradient_that_is_not_finite() -> None:
    def make() -> tuple[Any, Any, Any]:
        model = nn.Linear(4, 2)
        opt = optim.SGD(model.parameters(), lr=0.1)

        def step(x: Any, y: Any) -> Any:
            opt.zero_grad()
            loss = model(x).sum()
            loss.backward()
            optim.clip_grad_norm_(model.parameters(), 0.5)
            opt.step()
            return loss

        return step, model, [model]

    def change(i: int, held: Any) -> Any:
        x, y = batch(i)
        return x * (0.0 if i == 6 else 1.0), y

    assert both(make, change).replays == 10


def test_an_error_leaves_all_as_it_was() -> None:
    step, (model, opt), state = classifier()
    wrong = [False]

    def failing(x: Any, y: Any) -> Any:
        loss = step(x, y)
        if wrong[0]:
            raise KeyError("mine")
        return loss

    train = training.capture(failing, fuse=False)
    for i in range(5):
        train(*batch(i))
    wrong[0] = True
    with pytest.raises(KeyError, match="mine"):
        train(*batch(5))
    wrong[0] = False
    arrays = [p.array for p in model.parameters()] + [p.grad.array for p in model.parameters()]
    assert all(type(a) is np.ndarray for a in arrays)
    before = train.replays
    for i in range(6, 12):
        train(*batch(i))
    assert train.replays == before + 6


def test_nested_and_together_with_eager_steps() -> None:
    inner_of: list[Any] = []

    def make() -> tuple[Any, Any, Any]:
        step, held, state = classifier()
        inner = training.capture(step, fuse=False)
        inner_of[:] = [inner]

        def outer(x: Any, y: Any) -> Any:
            return inner(x, y) * 2.0

        return outer, held, state

    both(make, lambda i, held: batch(i))


def test_errors_that_the_step_catches() -> None:
    def make() -> tuple[Any, Any, Any]:
        def step(x: Any, y: Any) -> Any:
            try:
                return dl.linalg.inv(x)
            except dl.errors.LinAlgError:
                return x * 2.0

        return step, None, []

    def change(i: int, held: Any) -> Any:
        return dl.asarray(np.eye(3, dtype="float32") * (0.0 if i % 4 == 1 or i < 3 else 2.0)), None

    assert both(make, change, 20).replays >= 10


def test_attributes_that_are_named_at_run_time() -> None:
    class Held:
        first, second = 1.0, 2.0

    which = ["fir", "st"]

    def make() -> tuple[Any, Any, Any]:
        held = Held()
        return (lambda x, y: x * getattr(held, "".join(which))), held, []

    def change(i: int, held: Any) -> Any:
        held.first = 1.0 if i < 7 else 5.0
        return batch(i)

    assert both(make, change).replays == 8


BETA = 1.0


class Config:
    """Numbers behind an operator."""

    def __init__(self) -> None:
        self._numbers = {"beta": 1.0}

    def __getitem__(self, name: str) -> float:
        return self._numbers[name]


class Callable_:
    def __init__(self) -> None:
        self.factor = 1.0

    def __call__(self, x: Any, y: Any) -> Any:
        return x * self.factor


class Scaled(nn.Module):
    def forward(self, x: Any) -> Any:
        return x * BETA


def namespace() -> tuple[Any, Any, Any]:
    options = argparse.Namespace(beta=1.0)
    return (lambda x, y: x * options.beta), lambda v: setattr(options, "beta", v), []


def operator() -> tuple[Any, Any, Any]:
    config = Config()
    return (lambda x, y: x * config["beta"]), lambda v: config._numbers.update(beta=v), []


def called() -> tuple[Any, Any, Any]:
    step = Callable_()
    return step, lambda v: setattr(step, "factor", v), []


def in_forward() -> tuple[Any, Any, Any]:
    model = Scaled()
    return (lambda x, y: model(x)), lambda v: globals().update(BETA=v), []


def user_dict() -> tuple[Any, Any, Any]:
    numbers = UserDict(beta=1.0)
    return (lambda x, y: x * numbers["beta"]), lambda v: numbers.update(beta=v), []


def default() -> tuple[Any, Any, Any]:
    held = [1.0]

    def scaled(x: Any, factors: Any = held) -> Any:
        return x * factors[0]

    return (lambda x, y: scaled(x)), lambda v: held.__setitem__(0, v), []


def class_attribute() -> tuple[Any, Any, Any]:
    class Settings:
        beta = 1.0

    return (lambda x, y: x * Settings.beta), lambda v: setattr(Settings, "beta", v), []


def prop() -> tuple[Any, Any, Any]:
    class Settings:
        def __init__(self) -> None:
            self._beta = 1.0

        @property
        def beta(self) -> float:
            return self._beta

    settings = Settings()
    return (lambda x, y: x * settings.beta), lambda v: setattr(settings, "_beta", v), []


def dataclass() -> tuple[Any, Any, Any]:
    @dataclasses.dataclass(slots=True)
    class Settings:
        beta: float = 1.0

    settings = Settings()
    return (lambda x, y: x * settings.beta), lambda v: setattr(settings, "beta", v), []


def bound() -> tuple[Any, Any, Any]:
    settings = {"factor": 1.0}
    step = functools.partial(lambda x, y, given: x * given["factor"], given=settings)
    return step, lambda v: settings.update(factor=v), []


def raw_array() -> tuple[Any, Any, Any]:
    numbers = np.ones(3)
    return (lambda x, y: x * float(numbers[1])), lambda v: numbers.__setitem__(1, v), []


def cached() -> tuple[Any, Any, Any]:
    numbers = {"beta": 1.0}

    @functools.cache
    def beta(key: str) -> float:
        return numbers[key]

    def assign(v: float) -> None:
        beta.cache_clear()
        numbers["beta"] = v

    return (lambda x, y: x * beta("beta")), assign, []


READS = (namespace, operator, called, in_forward, user_dict, default, class_attribute, prop, dataclass, bound, raw_array, cached)


@pytest.mark.parametrize("make", READS)
def test_numbers_wherever_they_are(make: Any) -> None:
    def change(i: int, assign: Any) -> Any:
        if i in (0, 7):
            assign(1.0 if i == 0 else 3.0)
        return batch(i)

    assert both(make, change).replays == 8


def test_a_way_that_depends_on_a_tensor() -> None:
    """Each outcome gets a program, in whatever order they come; the longer way two: there are no gradients after the other."""

    def make() -> tuple[Any, Any, Any]:
        model = nn.Linear(4, 2)
        opt = optim.SGD(model.parameters(), lr=0.5)

        def step(x: Any, y: Any) -> Any:
            opt.zero_grad()
            loss = nn.CrossEntropyLoss()(model(x), y)
            if not bool(dl.isfinite(loss)):
                return loss.detach() * 0.0
            loss.backward()
            opt.step()
            return loss

        return step, None, [model, opt]

    def change(i: int, held: Any) -> Any:
        x, y = batch(i)
        return (x * float("inf"), y) if i % 3 == 1 else (x, y)

    train = both(make, change, 18)
    assert train.replays == 18 - 2 - 2 * 3


def test_a_function_of_pytorch_s_kind() -> None:
    """Its backward gets recorded arrays and does not read them."""

    class Square(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return 2 * x * g

    def make() -> tuple[Any, Any, Any]:
        step, (model, opt), state = classifier()

        def squared(x: Any, y: Any) -> Any:
            return step(Square.apply(x), y)

        return squared, (model, opt), state

    assert both(make, lambda i, held: batch(i)).replays == 10
