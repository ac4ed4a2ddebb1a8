"""The copies of rows by whole vectors: every length from nothing to some vectors, nothing written past the row, nothing read."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from dlengine.kernels.jit.convolution.pack import take
from dlengine.kernels.jit.machine.vector import copy_rows, copy_rows_plus
from dlengine.kernels.jit.machine.views import Rows, Tail

LENGTHS = [-1, *range(40)]


@numba.njit  # type: ignore[untyped-decorator]  # Numba is untyped
def _copied(target, source, n, rows, pitch):
    copy_rows(Rows(target, 3, pitch), Rows(source, 1, pitch + 2), n, rows)


@numba.njit  # type: ignore[untyped-decorator]
def _raised(target, source, n, rows, pitch, constant):
    copy_rows_plus(Rows(target, 3, pitch), Rows(source, 1, pitch + 2), n, rows, Tail(constant, 0))


@numba.njit  # type: ignore[untyped-decorator]
def _taken(target, source, n, start, stride):
    take(target, 3, source, start, n, stride)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_of_every_length(dtype: str) -> None:
    source = np.arange(400, dtype=dtype)
    for n in LENGTHS:
        pitch, rows = 45, 3
        expected = np.full(400, -1.0, dtype)
        for r in range(rows if n > 0 else 0):
            expected[3 + r * pitch : 3 + r * pitch + n] = source[1 + r * (pitch + 2) :][:n]
        found = np.full(400, -1.0, dtype)
        _copied(found, source, n, rows, pitch)
        np.testing.assert_array_equal(found, expected, f"{n} elements")
        expected[expected >= 0] += 2
        found[:] = -1
        _raised(found, source, n, rows, pitch, np.full(1, 2, dtype))
        np.testing.assert_array_equal(found, expected, f"{n} elements, plus a constant")


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_elements_some_steps_apart(dtype: str, stride: int) -> None:
    for n in LENGTHS:
        source = np.arange(5 + max(0, (n - 1) * stride + 1), dtype=dtype)
        expected, found = np.full(50, -1.0, dtype), np.full(50, -1.0, dtype)
        if n > 0:
            expected[3 : 3 + n] = source[5::stride]
        _taken(found, source, n, 5, stride)
        np.testing.assert_array_equal(found, expected, f"{n} elements")
