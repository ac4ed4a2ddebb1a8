"""Every row of the op table on every backend, values and gradients, against the oracle: see dlengine.testing.parity."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from dlengine.testing import Case, check, rows
from dlengine.testing.oracle import Oracle
from dlengine.testing.parity import dtypes_of


@lru_cache(maxsize=8)
def oracle(name: str, dtype: str) -> Oracle:
    """What the backends of a row, which are tested one after another, are compared with."""
    (row,) = rows(name)
    return Oracle(row, dtype)


def test_parity(row: Case, backend: str) -> None:
    for dtype in dtypes_of(row, backend):
        cell = check(row, backend, dtype, oracle=oracle(row.name, dtype))
        if not cell.ok:
            pytest.fail(f"{row.name} on {backend} in {dtype}: {cell.message}", pytrace=False)


@pytest.mark.slow
@pytest.mark.backends("cuda")
def test_parity_with_every_access_watched(row: Case, backend: str) -> None:
    """The emulator reports races, out-of-bounds accesses, divergent barriers and reads of what nobody wrote."""
    if backend != "cuda-emulate":
        pytest.skip("only the emulator watches")
    cell = check(row, backend, "float32", checked=True)
    if not cell.ok:
        pytest.fail(f"{row.name}: {cell.message}", pytrace=False)


@pytest.mark.backends("numpy", "numba", "cuda")
def test_same_twice(row: Case, backend: str) -> None:
    """The same call gives the same bits: no result depends on the order in which threads finish."""
    from dlengine.testing import calls

    for number, sample in enumerate(row.samples):
        arrays = Oracle(row, "float32").arrays(number)
        first, second = (calls.run(row, sample, arrays, "float32") for _ in range(2))
        for a, b in zip(first.outputs + first.grads, second.outputs + second.grads, strict=True):
            assert np.array_equal(a, b, equal_nan=getattr(a, "dtype", np.dtype("U1")).kind in "fc"), f"sample {number}"
