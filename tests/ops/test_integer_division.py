"""Integers divided by 0 raise on every CPU backend, wherever the 0 stands; floats follow IEEE 754."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine.errors import DivisionByZero, DLEngineError

pytestmark = pytest.mark.backends("numpy", "numba", "cuda")


@pytest.mark.parametrize("op", [operator.floordiv, operator.mod, dl.floor_divide, dl.remainder, dl.fmod])
@pytest.mark.parametrize("dtype", ["int64", "int8", "uint16", "int32"])
def test_integers(backend: str, op: Any, dtype: str) -> None:
    x = dl.asarray(np.array([7, 9], dtype))
    for zero in (0, dl.asarray(np.array([3, 0], dtype)), dl.asarray(np.array(0, dtype))):
        with pytest.raises(ZeroDivisionError, match="an integer divided by 0") as caught:
            op(x, zero)
        assert isinstance(caught.value, DivisionByZero)
        assert isinstance(caught.value, DLEngineError)
    assert op(x, dl.asarray(np.array([2, 5], dtype))).numpy_copy().tolist() in ([3, 1], [1, 4])
    assert op(dl.zeros(0, dtype=dtype), dl.zeros(0, dtype=dtype)).shape == (0,)


def test_a_number_over_integers_and_in_place(backend: str) -> None:
    x = dl.asarray(np.array([2, 0]))
    with pytest.raises(ZeroDivisionError):
        5 // x
    with pytest.raises(ZeroDivisionError):
        5 % x
    with pytest.raises(ZeroDivisionError):
        x //= 0
    assert x.numpy_copy().tolist() == [2, 0]
    assert (x / 0).numpy_copy()[0] == np.inf  # true division gives floats


def test_floats(backend: str) -> None:
    x = dl.asarray(np.array([1.0, -1.0, 0.0], "f4"))
    assert (x // 0.0).numpy_copy()[:2].tolist() == [np.inf, -np.inf]
    assert np.isnan((x // 0.0).numpy_copy()[2])
    assert np.isnan((x % 0.0).numpy_copy()).all()


def test_signs_follow_the_divisor(backend: str) -> None:
    a, b = dl.asarray(np.array([7, -7, 7, -7])), dl.asarray(np.array([2, 2, -2, -2]))
    assert (a // b).numpy_copy().tolist() == [3, -4, -4, 3]
    assert (a % b).numpy_copy().tolist() == [1, 1, -1, -1]


def test_rest_with_the_sign_of_the_dividend(backend: str) -> None:
    x = dl.asarray(np.array([-128, 127, -7, 7], np.int8))
    assert dl.fmod(x, dl.asarray(np.array([3, 50, -4, -4], np.int8))).numpy_copy().tolist() == [-2, 27, -3, 3]
    y = dl.fmod(dl.asarray([-7.5, 7.5, 1e10, -0.0, np.inf, 1.0]), dl.asarray([2.0, -2.0, 3.0, 3.0, 2.0, 0.0])).numpy_copy()
    np.testing.assert_array_equal(y, np.array([-1.5, 1.5, 1.0, -0.0, np.nan, np.nan], np.float32))
    assert np.signbit(y[:4]).tolist() == [True, False, False, True]
