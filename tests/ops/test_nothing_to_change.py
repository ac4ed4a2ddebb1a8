"""real, conj and positive of what they do not change: the tensor itself."""

from __future__ import annotations

import numpy as np
import pytest

import dlengine as dl
from dlengine import backend as backends
from dlengine.training import capture

SAME = [
    (name, dtype)
    for name in ("real", "conj", "positive")
    for dtype in ("float32", "float64", "float16", "bfloat16", "int8", "uint8", "int64")
]


@pytest.mark.parametrize(("name", "dtype"), [*SAME, ("real", "bool"), ("positive", "complex64")])
@pytest.mark.backends("numpy", "numba", "strict")
def test_the_tensor_itself(backend, name, dtype):
    if backend == "strict" and dtype in ("float16", "bfloat16"):
        pytest.skip("it has no such dtype")
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
    x = dl.astype(dl.asarray([0, 1, 1]), dtype)
    for _ in range(3):  # the first call writes the caller of the others
        assert getattr(dl, name)(x) is x
    assert {"real": lambda: x.real, "conj": lambda: x.conj(), "positive": lambda: +x}[name]() is x


def test_what_changes_is_new():
    x = dl.asarray([1 + 2j])
    assert dl.conj(x).tolist() == [1 - 2j]
    assert dl.real(x).tolist() == [1.0]
    with pytest.raises(dl.errors.DTypeError):
        dl.positive(dl.asarray([True]))
    with pytest.raises(dl.errors.DTypeError):
        dl.conj(dl.asarray([True]))


@pytest.mark.parametrize("name", ["real", "conj", "positive"])
def test_gradients_pass(name):
    x = dl.tensor([1.0, 2.0], requires_grad=True)
    f = getattr(dl, name)
    assert f(x) is x
    (f(x) * f(x) * 3).sum().backward()
    assert x.grad.tolist() == [6.0, 12.0]
    y = x * 2
    assert f(y) is y
    f(y).sum().backward()
    assert x.grad.tolist() == [8.0, 14.0]
    step = capture(lambda t: f(t) + f(t * 2))
    for _ in range(3):
        assert np.array_equal(step(x.detach()).array, [3.0, 6.0])


def test_the_namespace_copies():
    x = np.arange(3.0)
    y = backends.spaces()[np.ndarray].positive(x)
    assert y is not x
    assert not np.shares_memory(x, y)
