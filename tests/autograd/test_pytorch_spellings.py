"""PyTorch's spellings in the main namespace mean what they mean there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine.errors import DeviceError, DTypeError, GradientError, ShapeError


@pytest.mark.parametrize("make", [dl.zeros, dl.ones, dl.empty, dl.rand, dl.randn])
def test_sizes_one_by_one_or_as_a_tuple(make: Callable[..., Any]) -> None:
    assert make(2, 3).shape == make((2, 3)).shape == (2, 3)
    assert make(4).shape == (4,)
    x = make(2, 3, requires_grad=True)
    assert x.requires_grad
    assert x.is_leaf


def test_sizes_that_are_not_numbers_are_refused() -> None:
    with pytest.raises(ShapeError, match="one by one or as one tuple"):
        dl.zeros((2, 3), 4)


def test_requires_grad_at_creation() -> None:
    for x in (dl.full((2,), 0.5, requires_grad=True), dl.eye(2, requires_grad=True), dl.arange(3.0, requires_grad=True),
              dl.linspace(0, 1, 3, requires_grad=True)):  # fmt: skip
        (x * x).sum().backward()
        assert x.grad is not None
        np.testing.assert_array_equal(x.grad.numpy_copy(), 2 * x.detach().numpy_copy())
    with pytest.raises(DTypeError, match="floating"):
        dl.arange(3, requires_grad=True)


def test_writing_methods() -> None:
    x = dl.arange(6.0).reshape(2, 3)
    part = x[0]
    assert part.add_(1).mul_(2).sub_(dl.ones(3)).div_(2) is part
    assert x[0].tolist() == [0.5, 1.5, 2.5]
    x.clip_(1, 4).masked_fill_(x.detach() > 3, -1)
    assert x.tolist() == [[1.0, 1.5, 2.5], [3.0, -1.0, -1.0]]
    x.copy_(dl.asarray([1, 2, 3]))
    assert x.tolist() == [[1.0, 2.0, 3.0]] * 2
    assert x.fill_(2).zero_().tolist() == [[0.0] * 3] * 2
    with pytest.raises(ShapeError, match="broadcast to"):
        x.copy_(dl.ones(2))
    with pytest.raises(DTypeError, match="assign to a new name"):
        dl.arange(3).add_(0.5)


def test_writing_methods_follow_the_rules_of_gradients() -> None:
    w = dl.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(GradientError):
        w.mul_(2)
    y = w * 3
    y.mul_(2).masked_fill_(dl.asarray([True, False]), 0.0)
    y.sum().backward()
    assert w.grad is not None
    assert w.grad.tolist() == [0.0, 6.0]
    with dl.no_grad():
        w.sub_(w.grad)
    assert w.tolist() if not w.requires_grad else w.detach().tolist() == [1.0, -4.0]


def test_data_and_memory() -> None:
    w = dl.tensor([1.0, 2.0], requires_grad=True)
    w.data.add_(1)
    assert w.detach().tolist() == [2.0, 3.0]
    w.data = dl.asarray([5.0, 6.0])
    assert (w.requires_grad, w.detach().tolist()) == (True, [5.0, 6.0])
    with pytest.raises(ShapeError, match="data"):
        w.data = dl.ones(3)
    turned = dl.arange(6).reshape(2, 3).mT
    assert turned.contiguous().array.flags.c_contiguous
    assert turned.contiguous().tolist() == turned.tolist()
    assert w.contiguous() is w
    a = np.zeros(2)
    dl.from_numpy(a).add_(1)
    assert a.tolist() == [1, 1]
    with pytest.raises(DTypeError, match="from_numpy"):
        dl.from_numpy([1.0])  # type: ignore[arg-type]


def test_names() -> None:
    assert dl.cat([dl.ones(1), dl.zeros(1)], dim=0).tolist() == [1.0, 0.0]  # type: ignore[call-arg]
    assert (dl.half, dl.float, dl.double) == (dl.float16, dl.float32, dl.float64)
    assert (dl.short, dl.int, dl.long) == (dl.int16, dl.int32, dl.int64)
    assert dl.zeros(1, device=dl.device("cpu")).device == "cpu"
    assert (dl.device("cuda", 1), dl.device("cuda:1")) == ("cuda:1", "cuda:1")
    with pytest.raises(DeviceError, match="mps"):
        dl.device("mps")
