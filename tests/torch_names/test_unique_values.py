"""unique under PyTorch's name: what is asked for alone is worked out, and NaN equals nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dlengine.torch as own

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(6)
ARRAYS = [
    np.array([np.nan, 1, np.nan, 1], "float32"), np.array(3), np.array([True, False, True]), np.zeros(0, "float32"),
    RNG.integers(0, 9, (4, 5)), RNG.integers(0, 9, (4, 5)).astype("int32")[:, ::-1], RNG.standard_normal((3, 4)),
    RNG.integers(-(1 << 62), 1 << 62, 50), RNG.integers(0, 99, 3000),
]  # fmt: skip


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("counts", [False, True])
def test_as_torch(inverse: bool, counts: bool) -> None:
    for a in ARRAYS:
        mine: Any = own.unique(own.tensor(a), return_inverse=inverse, return_counts=counts)
        theirs: Any = torch.unique(torch.tensor(a.copy()), return_inverse=inverse, return_counts=counts)
        assert isinstance(mine, tuple) == isinstance(theirs, tuple) == (inverse or counts)
        for y, wanted in zip(mine if inverse or counts else [mine], theirs if inverse or counts else [theirs], strict=True):
            assert y.numpy().dtype == wanted.numpy().dtype
            np.testing.assert_array_equal(y.numpy(), wanted.numpy())
