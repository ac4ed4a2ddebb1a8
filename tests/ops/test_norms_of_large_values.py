"""Normalisation of values whose squares leave float32, or that lie far from 0: statistics, values and gradients are right.

The oracle is the formula in float64, its gradient by the chain rule.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import nn
from dlengine.nn import functional as F

pytestmark = pytest.mark.backends("numpy", "numba", "cuda")
ROWS = np.random.default_rng(0).standard_normal((4, 6, 10))
KINDS: dict[str, tuple[Callable[[Any], Any], tuple[int, ...], bool]] = {
    # the axes that share statistics, and whether the mean is taken off
    "layer_norm": (lambda x: F.layer_norm(x, 10), (2,), True),
    "layer_norm of two axes": (lambda x: F.layer_norm(x, (6, 10)), (1, 2), True),
    "batch_norm": (lambda x: F.batch_norm(x)[0], (0, 2), True),
    "instance_norm": (F.instance_norm, (2,), True),
    "group_norm": (lambda x: dl.reshape(F.group_norm(dl.reshape(x, (4, 6, 10)), 1), (4, 6, 10)), (1, 2), True),
    "rms_norm": (lambda x: F.rms_norm(x, 10, eps=1e-5), (2,), False),
}


def normalised(x: Any, axes: tuple[int, ...], centred: bool, gy: Any) -> tuple[Any, Any]:
    """Value and gradient in float64."""
    d = x - x.mean(axes, keepdims=True) if centred else x
    r = 1 / np.sqrt((d * d).mean(axes, keepdims=True) + 1e-5)
    y = d * r
    gx = gy - y * (gy * y).mean(axes, keepdims=True)
    return y, r * (gx - gy.mean(axes, keepdims=True) if centred else gx)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e18, 1e25, 1e30, 1e37])
@pytest.mark.parametrize("name", KINDS)
def test_any_size(backend: str, name: str, scale: float) -> None:
    f, axes, centred = KINDS[name]
    x = dl.asarray((ROWS * scale).astype("f4")).requires_grad_()
    gy = np.random.default_rng(1).standard_normal(ROWS.shape).astype("f4")
    y = f(x)
    want, slope = normalised(np.asarray(x.detach().numpy_copy(), "f8"), axes, centred, gy.astype("f8"))
    assert str(y.dtype) == "float32"
    assert np.abs(y.detach().numpy_copy() - want).max() < 2e-4
    dl.sum(y * dl.asarray(gy)).backward()
    assert np.abs(x.grad.numpy_copy() - slope).max() < 1e-3 * np.abs(slope).max() + 1e-38


@pytest.mark.parametrize("layer", [nn.BatchNorm1d, nn.InstanceNorm1d])
@pytest.mark.parametrize(("offset", "spread"), [(65536.0, 0.1), (1e5, 1.0), (-3e6, 20.0)])
def test_inference_far_from_zero_subtracts_first(backend: str, layer: Any, offset: float, spread: float) -> None:
    m = layer(3, affine=True, track_running_stats=True).eval()
    mean = np.array([offset, 2 * offset, -offset], "f4")
    with dl.no_grad():
        m.running_mean[...] = dl.asarray(mean)
        m.running_var[...] = spread**2
        m.weight[...] = dl.asarray(np.array([1.0, -2.0, 0.5], "f4"))
        m.bias[...] = 0.25
    x = (mean[None, :, None] + spread * ROWS[:, :3]).astype("f4")
    y = m(dl.asarray(x)).detach().numpy_copy()
    want = (x.astype("f8") - mean[:, None]) / np.sqrt(spread**2 + 1e-5) * np.array([1, -2, 0.5])[:, None] + 0.25
    assert np.abs(y - want).max() < 1e-5 * np.abs(want).max()


def test_what_is_not_finite_is_not_hidden(backend: str) -> None:
    x = ROWS[0].astype("f4")
    x[0, 0], x[1, 0] = np.inf, np.nan
    y = F.layer_norm(dl.asarray(x), 10).numpy_copy()
    assert np.isnan(y[:2]).any(axis=1).all()
    assert np.isfinite(y[2:]).all()


@pytest.mark.parametrize("rows", [1, 64, 65])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_one_row_that_squares_cannot_hold(backend: str, dtype: str, rows: int) -> None:
    """Among few rows and among more, wherever it is."""
    tiny, huge = (1e-35, 3e38) if dtype == "f4" else (1e-305, 1e308)
    for place in {0, rows // 2, rows - 1}:
        for value in (tiny, huge / 2, np.nan, np.inf, 0.0):
            x = np.full((rows, 2), 3.0, dtype)
            x[place] = value
            found = dl.linalg.vector_norm(dl.asarray(x), axis=-1).numpy_copy()
            assert found.shape == (rows,)
            expected = np.full(rows, np.sqrt(18))
            expected[place] = value * np.sqrt(2)
            np.testing.assert_allclose(found, expected, rtol=1e-6)
            assert dl.linalg.vector_norm(dl.asarray(x.T), axis=0).shape == (rows,)
