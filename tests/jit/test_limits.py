"""Questions about a few numbers say what NumPy's reductions say."""

from __future__ import annotations

import numpy as np
import pytest

import dlengine as dl
from dlengine.errors import DataError
from dlengine.kernels import jit
from dlengine.ops.loss_checks import FEW_NUMBERS

pytest.importorskip("numba")

from dlengine.kernels.jit import limits

F = dl.nn.functional


@pytest.fixture(autouse=True)
def _numba():
    with dl.use_backend("numba"):
        yield


def layouts(x):
    frozen = x.copy()
    frozen.flags.writeable = False
    return x, frozen, x.astype(x.dtype.newbyteorder()), np.repeat(x, 2)[::2], x[::-1], x.reshape(1, -1, 1)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("n", [1, 7, 64])
def test_within(dtype, n):
    for x in layouts(np.linspace(0.0, 1.0, n).astype(dtype)):
        assert limits.within(x, 0.0, 1.0) is True
        assert limits.within(x, 0.0, 0.999999) is (n == 1)
        assert limits.within(x, 1e-30, 1.0) is False
    for place in {0, n // 2, n - 1}:
        for wrong in (np.nan, np.inf, -np.inf, -1e-6, 1.0000002):
            x = np.full(n, 0.5, dtype)
            x[place] = wrong
            assert all(limits.within(y, 0.0, 1.0) is False for y in layouts(x)), (place, wrong)


@pytest.mark.parametrize("size", [1, 16, FEW_NUMBERS, FEW_NUMBERS + 1])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_losses_look_at_every_number(size, dtype):
    p, most = np.full(size, 0.25, dtype), np.finfo(dtype).max
    assert np.isfinite(F.binary_cross_entropy(dl.asarray(p), dl.asarray(p)).item())
    for ends in (0.0, 1.0):
        F.binary_cross_entropy(dl.asarray(np.full(size, ends, dtype)), dl.asarray(np.full(size, ends, dtype)))
    for place in {0, size - 1}:
        wrong = p.copy()
        for value in (-0.1, 1.1, np.inf):
            wrong[place] = value
            with pytest.raises(DataError, match="target"):
                F.binary_cross_entropy(dl.asarray(p), dl.asarray(wrong))
            with pytest.raises(DataError, match="input"):
                F.binary_cross_entropy(dl.asarray(wrong), dl.asarray(p))
            with pytest.raises(DataError, match="target"):
                F.kl_div(dl.asarray(p), dl.asarray(wrong))
        for value, fine in ((most, True), (-most, True), (np.inf, False), (-np.inf, False), (np.nan, False)):
            wrong[place] = value
            if fine:
                F.l1_loss(dl.asarray(p), dl.asarray(wrong), reduction="none")
            else:
                with pytest.raises(DataError, match="target"):
                    F.l1_loss(dl.asarray(p), dl.asarray(wrong))
        wrong[place] = np.nan
        assert np.isnan(F.binary_cross_entropy(dl.asarray(wrong), dl.asarray(p)).item())


VALUES = {
    "f4": [0.0, -0.0, 1.5, np.nan, np.inf, -np.inf, 1e-45, -2.0, 3.0],
    "f8": [0.0, -0.0, 1.5, np.nan, np.inf, -np.inf, 5e-324, -2.0],
    "i8": [0, 5, -5, 2**63 - 1, -(2**63), 7, 7],
}  # fmt: skip


@pytest.mark.parametrize("dtype", VALUES)
@pytest.mark.parametrize("count", [0, 1, limits.FEW, limits.FEW + 1, 300])
@pytest.mark.parametrize("n", [1, 16, 500])
def test_isin(dtype, count, n):
    rng = np.random.default_rng(n + count)
    x, values = (np.resize(rng.permutation(np.array(VALUES[dtype] + [*range(40, 60)], dtype)), size) for size in (n, count))
    values = rng.permutation(np.where(values == 41, 2, values))
    for y in layouts(x):
        for v in (values, values[::-1], np.repeat(values, 2)[::2], values.reshape(1, -1)):
            before = jit.SET.launches["library:isin"]
            found = dl.isin(dl.asarray(y), dl.asarray(v))
            assert jit.SET.launches["library:isin"] == before + 1, "machine code"
            wanted = np.isin(y, v)
            assert found.dtype == np.bool_
            assert np.array_equal(found.array, wanted)
            assert np.array_equal(dl.isin(dl.asarray(y), dl.asarray(v), invert=True).array, ~wanted)


def test_other_values_are_numpys():
    x = np.arange(6)
    for y, v in ((x, x.astype("f4")), (x.astype("i4"), x.astype("i4")), (x.astype("c8"), x[:2].astype("c8")), (x, 3)):
        found = dl.isin(dl.asarray(y), dl.asarray(v) if isinstance(v, np.ndarray) else v)
        assert np.array_equal(found.array, np.isin(y, v))
    large = np.arange(40_000)
    before = jit.SET.launches["library:isin"]
    assert dl.sum(dl.isin(dl.asarray(large), dl.asarray(large[5:9]))).item() == 4
    assert jit.SET.launches["library:isin"] == before


def test_divergence_of_probabilities_of_zero():
    x = dl.tensor([-np.inf, -1.0, 0.5, np.nan], requires_grad=True)
    t = dl.tensor([0.0, 0.25, 1.0, 0.0], requires_grad=True)
    loss = F.kl_div(x, t, reduction="none")
    np.testing.assert_allclose(loss.tolist(), [0.0, 0.25 * (np.log(0.25) + 1), -0.5, 0.0], rtol=1e-6)
    dl.sum(loss).backward()
    assert x.grad.tolist() == [0.0, -0.25, -1.0, 0.0]
    np.testing.assert_allclose(t.grad.tolist(), [0.0, np.log(0.25) + 2, 0.5, 0.0], rtol=1e-6)
