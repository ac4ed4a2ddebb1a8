"""Table lookup and its adjoint."""

from __future__ import annotations

import numpy as np
import pytest
from reference_namespaces import NAMESPACES, NUMPY, close, run


@pytest.fixture(params=sorted(NAMESPACES))
def xp(request):
    return NAMESPACES[request.param]


@pytest.mark.parametrize("shape", [(), (5,), (3, 4), (0,), (2, 0, 3)])
def test_rows_and_their_gradient(xp, shape):
    rng = np.random.default_rng(1)
    weight, ids = rng.standard_normal((7, 3)), np.asarray(rng.integers(0, 7, shape))
    gy = rng.standard_normal((*shape, 3))
    assert np.array_equal(run(xp, "embedding", weight, ids), weight[ids])
    expected = np.zeros((7, 3))
    for place in np.ndindex(*shape):
        expected[ids[place]] += gy[place]
    close(run(xp, "embedding_grad", gy, ids, 7), expected)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_gradient_adds_in_float32_and_in_order(dtype):
    rng = np.random.default_rng(1)
    ids, gy = rng.integers(0, 3, 5000), rng.standard_normal((5000, 2)).astype(dtype)
    gradient = NUMPY.embedding_grad(gy, ids, 3)
    assert gradient.dtype == dtype
    assert gradient.flags.c_contiguous
    expected = np.zeros((3, 2), np.float32)
    for i, row in zip(ids, gy, strict=True):
        expected[i] += row
    assert np.array_equal(gradient, expected.astype(dtype))
