"""Rows in vectors: the last elements of a row, which fill no vector, and what lies behind them."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from dlengine.kernels.jit.machine.vector import VECTOR_BYTES, copy_rows
from dlengine.kernels.jit.machine.views import Rows


@numba.njit
def copied(target, source, pitch, n, rows):
    copy_rows(Rows(target, 1, pitch), Rows(source, 2, pitch), n, rows)


@pytest.mark.parametrize("copy", [copied, copied.py_func], ids=["compiled", "interpreted"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_of_every_length(copy, dtype):
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    pitch, rows = 2 * lanes + 3, 3
    source = np.arange(rows * pitch + 2).astype(dtype)
    for n in range(2 * lanes + 2):
        target, want = np.full(rows * pitch + 1, -1, dtype), np.full(rows * pitch + 1, -1, dtype)
        for r in range(rows):
            want[1 + r * pitch : 1 + r * pitch + n] = source[2 + r * pitch : 2 + r * pitch + n]
        copy(target, source, pitch, n, rows)
        np.testing.assert_array_equal(target, want)
