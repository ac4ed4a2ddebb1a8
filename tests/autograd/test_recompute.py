"""checkpoint: the same gradients from less memory, with the same random numbers, reaching every leaf that f used."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine.errors import DTypeError
from dlengine.testing import gradcheck


def leaf(*shape: int, seed: int = 0) -> Any:
    return dl.asarray(np.random.default_rng(seed).standard_normal(shape)).requires_grad_()


def test_same_value_and_gradients_as_without() -> None:
    x, w, b = leaf(5, 4), leaf(4, 3, seed=1), leaf(3, seed=2)

    def layer(t: Any, scale: float) -> Any:
        return dl.tanh(t @ w + b) * scale

    y = dl.checkpoint(layer, x, 2.0)
    (y * y).sum().backward()
    found = [t.grad.numpy().copy() for t in (x, w, b)]
    for t in (x, w, b):
        t.grad = None
    y = layer(x, 2.0)
    (y * y).sum().backward()
    for got, t in zip(found, (x, w, b), strict=True):
        np.testing.assert_allclose(got, t.grad.numpy(), rtol=1e-14)


def test_random_numbers_are_replayed_and_the_stream_goes_on() -> None:
    x = leaf(64)
    dl.manual_seed(3)
    y = dl.checkpoint(lambda t: dl.dropout(t, 0.5) * dl.dropout(t, 0.5), x)
    after = dl.rand(4).numpy().tolist()
    y.sum().backward()
    assert dl.rand(4).numpy().tolist() != after, "the recomputation must not rewind what others draw"
    kept = y.detach().numpy() != 0
    np.testing.assert_allclose(x.grad.numpy(), np.where(kept, 8 * x.detach().numpy(), 0.0), rtol=1e-14)
    dl.manual_seed(3)
    plain = dl.dropout(x, 0.5) * dl.dropout(x, 0.5)
    np.testing.assert_array_equal(plain.detach().numpy(), y.detach().numpy())
    assert dl.rand(4).numpy().tolist() == after


def test_several_outputs_of_which_one_is_used() -> None:
    x = leaf(3)
    a, b = dl.checkpoint(lambda t: (t * t, dl.exp(t)), x)
    assert a.requires_grad
    b.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.exp(x.detach().numpy()))


def test_nested_and_second_order() -> None:
    w = leaf(3, seed=4)

    def inner(t: Any) -> Any:
        return dl.tanh(t * w)

    def outer(t: Any) -> Any:
        return dl.checkpoint(inner, dl.checkpoint(inner, t)).sum()

    gradcheck(outer, leaf(3))
    x = leaf(3)
    (g,) = dl.gradients(outer(x), [x], create_graph=True)
    (g * g).sum().backward()
    with_checkpoint = (x.grad.numpy().copy(), w.grad.numpy().copy())
    x.grad = w.grad = None
    (g,) = dl.gradients(inner(inner(x)).sum(), [x], create_graph=True)
    (g * g).sum().backward()
    np.testing.assert_allclose(with_checkpoint[0], x.grad.numpy(), rtol=1e-12)
    np.testing.assert_allclose(with_checkpoint[1], w.grad.numpy(), rtol=1e-12)


def test_function_runs_twice_only_if_differentiated() -> None:
    runs = []

    def f(t: Any) -> Any:
        runs.append(dl.is_grad_enabled())
        return t * 2

    with dl.no_grad():
        dl.checkpoint(f, leaf(2))
    assert runs == [False]
    runs.clear()
    y = dl.checkpoint(f, leaf(2))
    assert runs == [False]
    y.sum().backward()
    assert runs == [False, True]


def test_what_f_may_return() -> None:
    with pytest.raises(DTypeError, match="f must return a tensor or a tuple of tensors"):
        dl.checkpoint(lambda t: 3.0, leaf(2))


def test_integer_arguments_pass_through() -> None:
    x, ids = leaf(5, 2), dl.asarray([4, 0, 4])
    dl.checkpoint(dl.embedding, x, ids).sum().backward()
    assert x.grad.numpy()[:, 0].tolist() == [1.0, 0.0, 0.0, 0.0, 2.0]
