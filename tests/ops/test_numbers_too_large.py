"""A number that the dtype cannot hold is refused in words, everywhere alike; it never wraps around."""

from __future__ import annotations

import numpy as np
import pytest

import dlengine as dl
from dlengine.errors import DLEngineError, NumberTooLarge


def _write(x):
    x[0] = -1


CALLS = {
    "multiply": lambda x: x * 300,
    "add": lambda x: -1 + x,
    "maximum": lambda x: dl.maximum(x, 256),
    "bitwise_and": lambda x: x & 1000,
    "where": lambda x: dl.where(x > 2, x, 300),
    "where, the other way round": lambda x: dl.where(x > 2, -1, x),
    "set_at": lambda x: dl.set_at(x, 300, key=0),
    "t[k] = v": _write,
    "full": lambda x: dl.full((2,), 300, dtype="uint8"),
    "full_like": lambda x: dl.full_like(x, 300),
    "arange": lambda x: dl.arange(0, 300, dtype="uint8"),
    "arange downwards": lambda x: dl.arange(100, -200, -100, dtype="int8") + dl.arange(3, -3, -1, dtype="uint8"),
    "asarray": lambda x: dl.asarray([300], dtype="uint8"),
    "long": lambda x: x.astype("int64") * 2**70,
}


@pytest.mark.backends("numpy", "numba")
@pytest.mark.parametrize("name", CALLS)
def test_refused_in_words(backend, name):
    x = dl.asarray(np.array([2, 3], "uint8"))
    with pytest.raises(NumberTooLarge, match="astype|dtype") as caught:
        CALLS[name](x)
    assert isinstance(caught.value, DLEngineError)
    assert isinstance(caught.value, OverflowError)
    assert x.numpy_copy().tolist() == [2, 3]


def test_what_fits_is_taken(backend):
    x = dl.asarray(np.array([2, 3], "uint8"))
    assert dl.arange(0, 256, dtype="uint8").numpy_copy()[-1] == 255
    assert dl.arange(127, -129, -1, dtype="int8").numpy_copy()[-1] == -128
    assert dl.arange(300, 0, dtype="uint8").shape == (0,)
    got = dl.where(x > 2, 255, x)
    assert got.dtype == x.dtype
    assert got.numpy_copy().tolist() == [2, 255]
    assert dl.where(x > 2, x, 0.5).numpy_copy().tolist() == [0.5, 3]
    t = dl.asarray(np.array([2.0, 3.0])).requires_grad_()
    dl.sum(dl.where(x > 2, t, 300)).backward()
    assert t.grad.numpy_copy().tolist() == [0, 1]
