"""Activations and their gradients at the infinities are their limits, and a NaN stays a NaN."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine.nn import functional as F

INF = float("inf")
LIMITS: dict[str, tuple[Callable[[Any], Any], float, float, float, float]] = {
    # values at -Inf and Inf, slopes at -Inf and Inf
    "relu": (F.relu, 0, INF, 0, 1),
    "leaky_relu": (F.leaky_relu, -INF, INF, 0.01, 1),
    "elu": (F.elu, -1, INF, 0, 1),
    "selu": (F.selu, -1.7580993408473766, INF, 0, 1.0507009873554805),
    "celu": (lambda x: F.celu(x, alpha=2.0), -2, INF, 0, 1),
    "gelu": (F.gelu, 0, INF, 0, 1),
    "gelu, tanh": (lambda x: F.gelu(x, approximate="tanh"), 0, INF, 0, 1),
    "silu": (F.silu, 0, INF, 0, 1),
    "mish": (F.mish, 0, INF, 0, 1),
    "softplus": (F.softplus, 0, INF, 0, 1),
    "softplus, beta 3": (lambda x: F.softplus(x, beta=3.0), 0, INF, 0, 1),
    "logsigmoid": (F.logsigmoid, -INF, 0, 1, 0),
    "sigmoid": (F.sigmoid, 0, 1, 0, 0),
    "tanh": (dl.tanh, -1, 1, 0, 0),
    "softsign": (F.softsign, -1, 1, 0, 0),
    "tanhshrink": (F.tanhshrink, -INF, INF, 1, 1),
    "hardswish": (F.hardswish, 0, INF, 0, 1),
    "hardsigmoid": (F.hardsigmoid, 0, 1, 0, 0),
    "hardtanh": (F.hardtanh, -1, 1, 0, 0),
    "relu6": (F.relu6, 0, 6, 0, 0),
    "hardshrink": (F.hardshrink, -INF, INF, 1, 1),
    "softshrink": (F.softshrink, -INF, INF, 1, 1),
    "erf": (F.erf, -1, 1, 0, 0),
    "step": (F.step, 0, 1, 0, 0),
}


@pytest.mark.backends("numpy", "numba", "cuda", "strict")
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("name", LIMITS)
def test_values_and_slopes(backend: str, dtype: str, name: str) -> None:
    if dtype == "float16" and backend == "strict":
        pytest.skip("no such dtype")
    f, *want = LIMITS[name]
    x = dl.asarray(np.array([-INF, INF, np.nan], dtype)).requires_grad_()
    y = f(x)
    assert str(y.dtype) == dtype
    y.sum().backward()
    rough = 2e-3 if dtype == "float16" else 1e-6
    assert y.detach().numpy_copy()[:2].astype("f8") == pytest.approx(want[:2], rel=rough)
    assert x.grad.numpy_copy()[:2].astype("f8") == pytest.approx(want[2:], rel=rough)
    assert np.isnan(y.detach().numpy_copy()[2])


@pytest.mark.backends("numpy", "numba", "cuda")
@pytest.mark.parametrize("name", [n for n in LIMITS if n != "step"])
def test_far_out_they_go_there_smoothly(backend: str, name: str) -> None:
    """What keeps the infinities finite changes nothing at large numbers."""
    f, *want = LIMITS[name]
    for size in (90.0, 110.0, 999.0, 1001.0, 1e30):
        x = dl.asarray(np.array([-size, size])).requires_grad_()
        y = f(x)
        y.sum().backward()
        for got, limit, at in zip(y.detach().numpy_copy(), want[:2], (-size, size), strict=True):
            if np.isfinite(limit):
                assert abs(got - limit) < 0.02, (size, got)
            else:
                assert 0.005 < got / at < 1.06, (size, got)
        assert x.grad.numpy_copy() == pytest.approx(want[2:], abs=2e-2)


@pytest.mark.backends("numpy", "numba")
def test_the_slope_of_prelu_learns_nothing_from_infinity(backend: str) -> None:
    x = dl.asarray(np.array([INF, -2.0, 3.0], "f4")).requires_grad_()
    slope = dl.asarray(np.array([0.25], "f4")).requires_grad_()
    y = F.prelu(x, slope)
    y.sum().backward()
    assert y.detach().numpy_copy().tolist() == [INF, -0.5, 3]
    assert float(slope.grad[0]) == -2
    assert x.grad.numpy_copy().tolist() == [1, 0.25, 1]
