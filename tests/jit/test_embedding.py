"""The jitted table lookup and its adjoint against the reference."""

from __future__ import annotations

from contextlib import nullcontext

import array_api_compat.numpy as numpy_namespace
import numpy as np
import pytest

from dlengine.kernels.jit import embedding as jit
from dlengine.kernels.jit.machine.compile import interpreted
from dlengine.kernels.reference import embedding as reference

DTYPES = [np.float32, np.float64]


class Namespace:
    """NumPy with the one function that the reference needs beyond the standard."""

    def __getattr__(self, name):
        return getattr(numpy_namespace, name)

    @staticmethod
    def scatter_add(x, indices, updates):
        out = x.copy()
        np.add.at(out, indices, updates)
        return out


xp = Namespace()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("ids_type", [np.int64, np.int32, np.uint8])
@pytest.mark.parametrize(("rows", "width", "shape"), [(10, 7, (3, 5)), (200, 33, (500,)), (1, 1, ()), (9, 0, (4,))])
def test_lookup_and_gradient(rows, width, shape, ids_type, dtype):
    rng = np.random.default_rng(0)
    weight, ids = rng.standard_normal((rows, width)).astype(dtype), rng.integers(0, rows, shape).astype(ids_type)
    gy = rng.standard_normal((*shape, width)).astype(dtype)
    y = jit.embedding(weight, ids)
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, reference.embedding(xp, weight, ids))
    grad = jit.embedding_grad(gy, ids, rows)
    want = reference.embedding_grad(xp, gy.astype(np.float64), ids, rows)
    assert grad.dtype == dtype
    np.testing.assert_allclose(grad, want, rtol=0, atol=np.finfo(dtype).eps * np.abs(want).max(initial=0))


@pytest.mark.parametrize("shape", [(0,), (3, 0)])
def test_no_ids(shape):
    weight, ids = np.ones((4, 3), np.float32), np.zeros(shape, np.int64)
    assert jit.embedding(weight, ids).shape == (*shape, 3)
    np.testing.assert_array_equal(jit.embedding_grad(np.ones((*shape, 3), np.float32), ids, 4), np.zeros((4, 3)))


def test_empty_table():
    assert jit.embedding_grad(np.ones((0, 3), np.float32), np.zeros(0, np.int64), 0).shape == (0, 3)


def test_strided_inputs():
    rng = np.random.default_rng(1)
    weight, gy = rng.standard_normal((2, 12, 10)).astype(np.float32)
    ids = np.arange(12)[::-2] % 5
    np.testing.assert_array_equal(jit.embedding(weight.T, ids), weight.T[ids])
    got = jit.embedding_grad(gy[::2, ::-1], ids, 12)
    np.testing.assert_allclose(got, reference.embedding_grad(xp, gy[::2, ::-1], ids, 12), rtol=1e-6)


def test_many_times_the_same_row():
    """A frequent word: the sum of 100,000 float32 gradients is right to the last place."""
    gy = np.random.default_rng(2).random((100_000, 3), np.float32)
    got = jit.embedding_grad(gy, np.full(100_000, 2), 4)
    np.testing.assert_allclose(got[2], gy.astype(np.float64).sum(0), rtol=1e-7)
    assert not got[[0, 1, 3]].any()


def test_nan_reaches_its_row_only():
    gy = np.ones((3, 2), np.float32)
    gy[1, 0] = np.nan
    got = jit.embedding_grad(gy, np.array([0, 1, 1]), 3)
    assert np.isnan(got[1, 0])
    assert np.isfinite(got).sum() == 5


@pytest.mark.parametrize("bad", [-1, 5])
def test_ids_outside_are_refused(bad):
    with pytest.raises(IndexError, match="embedding"):
        jit.embedding(np.ones((5, 2), np.float32), np.array([0, bad]))
    with pytest.raises(IndexError, match="embedding"):
        jit.embedding_grad(np.ones((2, 2), np.float32), np.array([0, bad]), 5)


def test_interpreted():
    rng = np.random.default_rng(3)
    weight, ids = rng.standard_normal((6, 4)).astype(np.float32), rng.integers(0, 6, (3, 3))
    gy = rng.standard_normal((3, 3, 4)).astype(np.float32)
    with interpreted():
        y, grad = jit.embedding(weight, ids), jit.embedding_grad(gy, ids, 6)
    np.testing.assert_array_equal(y, jit.embedding(weight, ids))
    np.testing.assert_array_equal(grad, jit.embedding_grad(gy, ids, 6))


@pytest.mark.parametrize("plain", [False, True], ids=["compiled", "interpreted"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
def test_a_row_is_the_sum_in_the_order_of_its_ids_in_float64(dtype, plain):
    """To the last bit, for rows that come up never, once, twice ... ten times."""
    rng = np.random.default_rng(3)
    ids = rng.permutation(np.repeat(np.arange(11), np.arange(11)))
    gy = (rng.standard_normal((ids.size, 21)) * 10.0 ** rng.integers(-6, 6, (ids.size, 1))).astype(dtype)
    want = np.zeros((11, 21))
    for place, row in enumerate(ids):
        want[row] += gy[place]
    with interpreted() if plain else nullcontext():
        np.testing.assert_array_equal(jit.embedding_grad(gy, ids, 11), want.astype(dtype), strict=True)


@pytest.mark.parametrize("width", [8, 40])
def test_threads_share_rows(monkeypatch, width):
    monkeypatch.setattr(jit, "thread_count", lambda units: 2)
    rng = np.random.default_rng(3)
    for rows in (11, 5000):  # a table in the cache and one beyond it
        weight, ids = rng.standard_normal((rows, width)).astype(np.float32), rng.integers(0, rows, (30, 7))
        np.testing.assert_array_equal(jit.embedding(weight, ids), weight[ids])
        for wrong in (rows, -1):
            ids[29, 6] = wrong
            with pytest.raises(IndexError, match=f"the table has rows 0 ... {rows - 1}"):
                jit.embedding(weight, ids)
