"""The jitted pooling kernels against the reference."""

from __future__ import annotations

import numpy as np
import pytest
from reference_namespaces import NUMPY, run

from dlengine.kernels.geometry import PoolGeometry
from dlengine.kernels.jit import pool
from dlengine.kernels.jit.machine.compile import interpreted

DTYPES = (np.float32, np.float64)


def geometry(planes, size, kernel, stride=(1, 1), dilation=(1, 1), low=(0, 0), high=(0, 0), include=True):
    out = tuple(
        (i + a + b - d * (k - 1) - 1) // s + 1
        for i, a, b, d, k, s in zip(size, low, high, dilation, kernel, stride, strict=True)
    )
    return PoolGeometry(*planes, size, kernel, stride, dilation, low, high, low, out, include)


GEOMETRIES = [
    geometry((2, 3), (8, 8), (2, 2), (2, 2)),
    geometry((1, 2), (7, 9), (3, 3), (2, 2), low=(1, 1), high=(1, 1)),
    geometry((2, 1), (7, 9), (3, 2), (1, 3), low=(1, 0), high=(0, 1), include=False),
    geometry((1, 1), (11, 5), (2, 3), (3, 1), dilation=(2, 2)),
    geometry((1, 3), (5, 7), (5, 7)),
    geometry((2, 2), (6, 5), (2, 2), (2, 2), high=(0, 1)),  # what ceil_mode leaves
    geometry((1, 1), (1, 1), (1, 1)),
    geometry((1, 2), (5, 6), (3, 3), (4, 4), dilation=(2, 2), low=(2, 2), high=(2, 2)),
    geometry((2, 3), (5, 2), (3, 5), (2, 2), low=(1, 2), high=(1, 2)),  # windows wider than the plane
    geometry((1, 9), (5, 6), (3, 4), (1, 3), dilation=(1, 3), low=(0, 2), high=(0, 4)),
    geometry((2, 1), (7, 1), (3, 2), (4, 4), low=(1, 0), high=(2, 1)),
    geometry((2, 3), (9, 83), (2, 2), (2, 2)),  # 41 windows a row, and a row and a column that belong to none
]


def agree(x, g):
    rng = np.random.default_rng(1)
    y, index = pool.max_pool2d(x, g)
    expected, places = run(NUMPY, "max_pool2d", x, g)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(index, places)
    assert index.dtype == np.int64
    gy = rng.standard_normal(g.y_shape).astype(x.dtype)
    close = {"rtol": 0, "atol": 30 * np.finfo(x.dtype).eps}
    results = [
        (pool.max_pool2d_scatter(gy, index, g), run(NUMPY, "max_pool2d_scatter", gy, index, g)),
        (pool.max_pool2d_gather(x, index, g), run(NUMPY, "max_pool2d_gather", x, index, g)),
        (pool.avg_pool2d(x, g), run(NUMPY, "avg_pool2d", x, g)),
        (pool.avg_pool2d_input_grad(gy, g), run(NUMPY, "avg_pool2d_input_grad", gy, g)),
    ]
    for ours, theirs in results:
        assert ours.dtype == x.dtype
        assert ours.flags.c_contiguous
        np.testing.assert_allclose(ours, theirs, **close)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("g", GEOMETRIES)
def test_agrees_with_the_reference(g, dtype):
    agree(np.random.default_rng(0).standard_normal(g.x_shape).astype(dtype), g)


@pytest.mark.parametrize("g", GEOMETRIES)
def test_plain_python_agrees_too(g):
    with interpreted():
        agree(np.random.default_rng(0).standard_normal(g.x_shape).astype(np.float32), g)


@pytest.mark.parametrize("dtype", DTYPES)
def test_first_of_equals_and_first_nan_win(dtype):
    g = geometry((1, 1), (4, 6), (2, 3), (1, 2), low=(1, 1), high=(0, 0))
    x = np.random.default_rng(0).integers(0, 2, g.x_shape).astype(dtype)
    agree(x, g)
    x[0, 0, 1, 2:5] = np.nan
    x[0, 0, 2] = np.inf
    x[0, 0, 0, 3] = -np.inf
    y, index = pool.max_pool2d(x, g)
    expected, places = run(NUMPY, "max_pool2d", x, g)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(index, places)
    np.testing.assert_array_equal(pool.avg_pool2d(x, g), run(NUMPY, "avg_pool2d", x, g))
    lowest = np.full(g.x_shape, -np.inf, dtype)
    np.testing.assert_array_equal(pool.max_pool2d(lowest, g)[1], run(NUMPY, "max_pool2d", lowest, g)[1])


def test_takes_any_layout_and_leaves_inputs_alone():
    g = GEOMETRIES[1]
    x = np.random.default_rng(0).standard_normal((*g.x_shape[:2], 18, 7)).astype(np.float32)[:, :, ::2].swapaxes(2, 3)
    before = x.copy()
    agree(x, g)
    np.testing.assert_array_equal(x, before)
    x.flags.writeable = False
    agree(x, g)


def test_nothing_in_nothing_out():
    g = geometry((0, 3), (4, 4), (2, 2), (2, 2))
    agree(np.zeros(g.x_shape, np.float32), g)
