"""Sums over leading axes are as exact as sums over trailing ones: reductions, gradients of what was broadcast, running sums."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import nn
from dlengine.backend import sums as exact

pytestmark = pytest.mark.backends("numpy", "numba")
ROWS = 300_000
TIGHT = 5e-7
"""NumPy's own sums of so many positive rows are off by 2e-6 at least."""


def ones_and_more(*shape: int) -> Any:
    return (np.random.default_rng(0).random(shape) + 1).astype("float32")


def error(got: Any, want: Any) -> float:
    got = np.asarray(got.detach().numpy_copy() if hasattr(got, "detach") else got, "f8")
    assert got.shape == want.shape
    return float(np.max(np.abs(got - want) / np.abs(want)))


@pytest.mark.parametrize("columns", [1, 2, 7, 600])
def test_reductions_over_rows(backend: str, columns: int) -> None:
    x = ones_and_more(ROWS if columns < 100 else 20_000, columns)
    t, wide = dl.asarray(x), x.astype("f8")
    assert error(dl.sum(t, axis=0), wide.sum(0)) < TIGHT
    assert error(dl.mean(t, axis=0), wide.mean(0)) < TIGHT
    assert error(dl.var(t, axis=0), wide.var(0)) < 4 * TIGHT
    assert error(dl.std(t, axis=0, correction=1), wide.std(0, ddof=1)) < 4 * TIGHT
    assert error(dl.logsumexp(t, axis=0), np.log(np.exp(wide).sum(0))) < TIGHT


def test_more_axes_than_one_and_other_layouts(backend: str) -> None:
    x = ones_and_more(60, 70, 80, 3)
    for layout in (x, np.asfortranarray(x), x[::-1], np.repeat(x, 2, axis=3)[..., ::2], x.transpose(2, 0, 3, 1)):
        t, wide = dl.asarray(layout, copy=False), layout.astype("f8")
        for axes in ((0,), (0, 1), (1, 2), (0, 1, 2), (0, 2, 3)):
            assert error(dl.sum(t, axis=axes, keepdims=True), wide.sum(axes, keepdims=True)) < TIGHT, (layout.strides, axes)


def test_gradients_of_what_was_broadcast_over_rows(backend: str) -> None:
    g = ones_and_more(ROWS, 3)
    b = dl.zeros(3).requires_grad_()
    dl.sum((dl.asarray(np.zeros((ROWS, 3), "f4")) + b) * dl.asarray(g)).backward()
    assert error(b.grad, g.astype("f8").sum(0)) < TIGHT
    layer = nn.Linear(2, 3)
    dl.sum(layer(dl.zeros((ROWS, 2))) * dl.asarray(g)).backward()
    assert error(layer.bias.grad, g.astype("f8").sum(0)) < TIGHT


@pytest.mark.parametrize("dtype", ["float32", "complex64"])
def test_running_sums(backend: str, dtype: str) -> None:
    x = ones_and_more(ROWS).astype(dtype)
    wide = np.cumsum(x.astype("complex128" if dtype[0] == "c" else "f8"))
    got = dl.cumulative_sum(dl.asarray(x))
    assert str(got.dtype) == dtype
    assert np.max(np.abs(got.numpy_copy() - wide) / np.abs(wide)) < TIGHT
    near_one = (1 + 1e-5 * np.random.default_rng(0).standard_normal(100_000)).astype("f4")
    product = dl.cumulative_prod(dl.asarray(near_one))
    assert error(product, np.cumprod(near_one.astype("f8"))) < TIGHT


def test_the_same_numbers_and_edges_as_numpy() -> None:
    """Against float64, for every set of axes of small and large arrays, with infinities, NaN and nothing to add."""
    rng = np.random.default_rng(1)
    for shape in ((2000, 3), (7, 300, 5), (33, 1, 77), (129, 9), (3, 0, 500), (0, 2000)):
        x = rng.standard_normal(shape)
        for count in range(1, len(shape) + 1):
            for axes in combinations(range(len(shape)), count):
                y = exact.total(x.astype("f4"), axes)
                assert y.shape == x.sum(axes).shape
                assert np.allclose(y, x.sum(axes), atol=1e-3), (shape, axes)
    x = np.ones((5000, 4), "f4")
    x[7, 0], x[8, 1], x[9, 1], x[10, 2] = np.inf, np.inf, -np.inf, np.nan
    with np.errstate(invalid="ignore"):
        y = exact.total(x, (0,))
    assert y[0] == np.inf
    assert np.isnan(y[1:3]).all()
    assert y[3] == 5000


@pytest.mark.parametrize("name", ["sum", "cumulative_sum", "prod", "cumulative_prod"])
@pytest.mark.parametrize(("dtype", "wanted"), [("float32", "float64"), ("float16", "float64"), ("float16", "float32")])
def test_a_dtype_that_is_asked_for(backend: str, name: str, dtype: str, wanted: str) -> None:
    """Of large arrays, too; to NumPy, the dtype float64 equals None."""
    for rows in (4, 4000):
        x = dl.asarray(np.full(rows, 1 + 2**-9, dtype))
        for asked in (wanted, np.dtype(wanted)):
            y = getattr(dl, name)(x, axis=0, dtype=asked)
            assert str(y.dtype) == wanted
    y = dl.sum(dl.asarray(np.full((4000, 3), 1 + 2**-20, "f4")), axis=0, dtype=np.dtype("float64"))
    assert y.numpy_copy().tolist() == [4000 * (1 + 2**-20)] * 3
