"""Arguments given by name to a captured step."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import training
from dlengine.errors import CaptureError

pytestmark = pytest.mark.usefixtures("host")


def scaled(x: Any, *, by: Any = 1.0, plus: Any = None) -> Any:
    y = x * by
    return y if plus is None else y + plus["b"]


def test_as_in_the_function_itself() -> None:
    train = training.capture(scaled, warmup=1)
    for i in range(6):
        x, b = dl.asarray([float(i), 2.0]), dl.asarray([1.0, float(i)])
        for given in ({}, {"by": 0.5}, {"by": b}, {"plus": {"b": b}}, {"by": x, "plus": {"b": b}}):
            np.testing.assert_array_equal(train(x, **given).numpy(), scaled(x, **given).numpy())
            np.testing.assert_array_equal(train(x=x, **given).numpy(), scaled(x, **given).numpy())
    assert train.replays == 60 - 1 - 2 * 10
    assert "us  name" in train.report(x=dl.ones(2), by=0.5)


def test_the_order_of_names_does_not_mix_tensors_up() -> None:
    train = training.capture(lambda a, b: a - b, warmup=1)
    one, two = dl.ones(2), dl.full(2, 2.0)
    for _ in range(4):
        assert train(a=one, b=two).numpy().tolist() == [-1.0, -1.0]
        assert train(b=two, a=one).numpy().tolist() == [-1.0, -1.0]
        assert train(a=two, b=one).numpy().tolist() == [1.0, 1.0]


def test_gradients_of_an_argument_given_by_name() -> None:
    def step(x: Any) -> Any:
        y = (x * x).sum()
        y.backward()
        return y.detach()

    train = training.capture(step, warmup=1)
    for i in range(5):
        x = dl.asarray([1.0, float(i)]).requires_grad_()
        train(x=x)
        assert x.grad.numpy().tolist() == [2.0, 2.0 * i]


def test_a_wrong_name_is_the_function_s_own_error() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'c'"):
        training.capture(scaled)(dl.ones(2), c=1)


def test_foreign_random_numbers_are_refused_at_the_op_that_uses_them() -> None:
    def step(x: Any) -> Any:
        y = x * 2.0
        return y + random.random()

    train = training.capture(step, warmup=1)
    train(dl.ones(2))
    line = step.__code__.co_firstlineno + 2
    with pytest.raises(CaptureError, match=rf"draws from Python's random.*\(add\) at .*test_named_arguments.py:{line}$"):
        train(dl.ones(2))


def test_a_result_that_is_no_tensor_is_refused_with_the_step() -> None:
    def step(x: Any) -> Any:
        return x.numpy()

    line = step.__code__.co_firstlineno
    with pytest.raises(CaptureError, match=rf"got ndarray.*\(the step at .*test_named_arguments.py:{line}\)"):
        training.capture(step)(dl.ones(2))
