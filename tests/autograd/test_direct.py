"""Ops called in every way that Python has, before and after their text was compiled."""

from __future__ import annotations

import numpy as np
import pytest

import dlengine as dl
from dlengine.errors import ArgumentError, DLEngineError


def fresh():
    """An op that nobody has called yet."""

    @dl.op(needs="x")
    def weighted(xp, x, y=None, /, scale=2.0, *, shift=0.0):
        value = x * scale + shift
        return (value if y is None else value + y), (lambda gy: gy * scale, lambda gy: gy)

    return weighted


CALLS = [
    lambda f, x: f(x), lambda f, x: f(x, None), lambda f, x: f(x, x), lambda f, x: f(x, x, 3.0), lambda f, x: f(x, x, 3.0, 1.0),
    lambda f, x: f(x, scale=3.0), lambda f, x: f(x, shift=1.0, scale=3.0), lambda f, x: f(x=x, y=x), lambda f, x: f(x, y=1.0),
]  # fmt: skip


@pytest.mark.parametrize("grad", [False, True])
def test_arguments_arrive_alike_at_every_call(grad):
    x = dl.tensor([1.0, 2.0], requires_grad=grad)
    wanted = [[2, 4], [2, 4], [3, 6], [4, 8], [5, 9], [3, 6], [4, 7], [3, 6], [3, 5]]
    for call, values in zip(CALLS, wanted, strict=True):
        op = fresh()
        for _ in range(3):
            y = call(op, x)
            assert y.tolist() == values
            assert y.requires_grad == grad
            if grad:
                x.grad = None
                y.sum().backward()
                assert x.grad is not None


def test_what_is_wrong_is_said_at_every_call():
    x = dl.ones(3)
    for _ in range(3):
        with pytest.raises(ArgumentError, match="at most"):
            dl.tanh(x, x)
        with pytest.raises(ArgumentError, match="missing"):
            dl.tanh()
        with pytest.raises(DLEngineError, match="no argument 'nothing'"):
            dl.sum(x, nothing=1)
        with pytest.raises(DLEngineError, match="axis"):
            dl.sum(x, axis=5)
        with pytest.raises(DLEngineError):
            dl.tanh("text")
        with pytest.raises(DLEngineError):
            dl.reshape(x)


def test_other_dtypes_go_the_general_way():
    for dtype in ("int32", "bool", "float16", "complex64", "float64"):
        x = dl.asarray(np.ones(3, dtype))
        assert (x * 2).dtype == (np.ones(3, dtype) * 2).dtype
        assert dl.concat([x, x]).dtype == np.dtype(dtype)
    mixed = dl.concat([dl.ones(2), dl.asarray([1, 2])])
    assert mixed.dtype == np.float32
    swapped = dl.asarray(np.ones(3, ">f4"))
    assert dl.exp(swapped).tolist() == pytest.approx([2.7182817] * 3)


def test_lists_are_recorded():
    a, b = dl.tensor([1.0], requires_grad=True), dl.tensor([2.0])
    y = dl.stack([a, b])
    (y * dl.asarray([[3.0], [4.0]])).sum().backward()
    assert a.grad.tolist() == [3.0]
    assert b.grad is None
    with dl.no_grad():
        assert not dl.concat([a, b]).requires_grad
