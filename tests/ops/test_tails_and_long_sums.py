"""Functions keep their digits in their tails, and sums by index keep theirs however often an index comes."""

from __future__ import annotations

import math

import numpy as np
import pytest

import dlengine as dl
from dlengine.nn import functional as F


@pytest.mark.parametrize("x", [-3.0, -4.5, -6.0, -9.0, -20.0, -35.0])
def test_gelu_keeps_its_digits_to_the_left(backend, x):
    share = math.erfc(-x / math.sqrt(2)) / 2
    slope = share + x * math.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    t = dl.asarray(np.array(x)).requires_grad_()
    y = F.gelu(t)
    y.backward()
    assert abs(float(y) / (x * share) - 1) < 1e-12
    assert abs(float(t.grad) / slope - 1) < 1e-11
    assert abs(float(F.gelu(dl.asarray(np.float32(x)))) - x * share) <= 1e-5 * abs(x * share) + 1e-37


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("beta", [0.5, 2.0, 30.0])
def test_softplus_of_large_numbers_is_the_number(backend, dtype, beta):
    if backend == "strict" and dtype == "float16":
        pytest.skip("the strict library has no half precision")
    top = float(np.finfo(dtype).max)
    x = dl.asarray(np.array([top, top / 4, -top, np.inf, -np.inf, np.nan]).astype(dtype)).requires_grad_()
    y = F.softplus(x, beta=beta)
    dl.sum(y).backward()
    got = y.detach().numpy_copy().astype("float64")
    assert got[:5].tolist() == [top, float(np.array(top / 4).astype(dtype)), 0, np.inf, 0]
    assert np.isnan(got[5])
    assert x.grad.numpy_copy()[:5].tolist() == [1, 1, 0, 1, 0]


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_one_infinite_example_spoils_its_own_prototype_only(backend, bad):
    support = np.arange(12, dtype="float32").reshape(4, 3)
    support[2, 1] = bad
    x = dl.asarray(support).requires_grad_()
    got = F.prototypes(x, dl.asarray(np.array([1, 0, 2, 1])), 3)
    dl.sum(got[:2]).backward()
    assert np.allclose(got.detach().numpy_copy()[:2], [[3, 4, 5], [4.5, 5.5, 6.5]])
    assert not np.isfinite(float(got[2, 1]))
    assert np.allclose(x.grad.numpy_copy(), np.array([0.5, 1, 0, 0.5])[:, None] * np.ones(3))


def _repeated(call):
    """The largest relative error of rows added up by a call of (updates, ids), where one id comes 40,000 times."""
    rng = np.random.default_rng(2)
    ids = np.where(np.arange(50_000) % 5, 3, rng.integers(0, 900, 50_000))
    updates = (rng.standard_normal((50_000, 2)) + 1).astype("float32")
    want = np.zeros((1000, 2))
    np.add.at(want, ids, updates.astype("float64"))
    got = call(dl.asarray(updates), dl.asarray(ids)).numpy_copy()
    return (np.abs(got - want) / np.maximum(np.abs(want), 1)).max()


def _embedding_gradient(updates, ids):
    weight = dl.zeros((1000, 2)).requires_grad_()
    F.embedding(weight, ids).backward(updates)
    return weight.grad


def _indexing_gradient(updates, ids):
    x = dl.zeros((1000, 2)).requires_grad_()
    x[ids].backward(updates)
    return x.grad


@pytest.mark.backends("numpy", "numba", "cuda", "readonly")
def test_sums_by_index_are_as_exact_as_other_sums(backend):
    assert _repeated(_embedding_gradient) < 2e-6
    if backend != "cuda":  # CuPy adds as its threads come
        assert _repeated(lambda updates, ids: dl.scatter_add(dl.zeros((1000, 2)), ids, updates)) < 2e-7
        assert _repeated(_indexing_gradient) < 2e-7
