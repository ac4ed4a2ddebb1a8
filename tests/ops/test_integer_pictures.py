"""Bytes, integers and booleans where floats are expected: pictures as they come from files give what their values mean."""

from __future__ import annotations

import numpy as np
import pytest

import dlengine as dl
from dlengine.nn import functional as F

DTYPES = ("uint8", "uint16", "int8", "int64", "bool")
PICTURES = np.random.default_rng(0).integers(0, 12, (2, 3, 7, 6))


def _same(call, dtype, *arrays):
    """call gives for a dtype what it gives for float64."""
    arrays = [a % 2 if dtype == "bool" else a for a in arrays]
    want = call(*(dl.asarray(a.astype("float64")) for a in arrays)).numpy_copy()
    got = call(*(dl.asarray(a.astype(dtype)) for a in arrays)).numpy_copy()
    assert got.shape == want.shape
    assert np.allclose(got.astype("float64"), want, rtol=1e-5, atol=1e-5)


@pytest.mark.backends("numpy", "numba", "cuda")
@pytest.mark.parametrize("dtype", DTYPES)
def test_pools_and_resizing(backend, dtype):
    _same(lambda x: F.min_pool2d(x, 3, 2, 1), dtype, PICTURES)
    _same(lambda x: F.min_pool1d(x[0], 2), dtype, PICTURES)
    _same(lambda x: F.max_pool2d(x, (2, 3), padding=1), dtype, PICTURES)
    for mode in ("bilinear", "bicubic", "area"):
        _same(lambda x, mode=mode: F.interpolate(x, size=(4, 9), mode=mode), dtype, PICTURES)
    nearest = F.interpolate(dl.asarray(PICTURES.astype(dtype)), size=(3, 12))
    assert nearest.dtype == dtype  # labels stay labels


@pytest.mark.backends("numpy", "numba", "cuda")
@pytest.mark.parametrize("dtype", ["uint8", "int8", "bool"])
def test_norms_and_activations(backend, dtype):
    _same(lambda x: F.rms_norm(x, 6), dtype, PICTURES)
    _same(F.logsigmoid, dtype, PICTURES)


@pytest.mark.backends("numpy")
@pytest.mark.parametrize("dtype", ["uint8", "uint32", "bool"])
@pytest.mark.parametrize(
    "loss",
    [F.mse_loss, F.l1_loss, F.huber_loss, F.smooth_l1_loss, F.mbe_loss, F.poisson_nll_loss, F.pairwise_distance,
     F.cosine_similarity, F.squared_distances],
)  # fmt: skip
def test_differences_do_not_wrap_around(backend, loss, dtype):
    _same(loss, dtype, PICTURES[0, 0], PICTURES[1, 2])


@pytest.mark.backends("numpy")
def test_distances_of_bytes(backend):
    one, two, three = (PICTURES[0, c] for c in range(3))
    _same(F.triplet_margin_loss, "uint8", one, two, three)
    _same(lambda a, b: F.contrastive_loss(a, b, dl.asarray(np.array([0, 1, 1, 0, 1, 0, 1]))), "uint8", one, two)


@pytest.mark.backends("numpy", "numba", "cuda")
def test_half_precision_is_resized_in_single(backend):
    x = np.random.default_rng(1).uniform(0.5, 1, (1, 1, 1, 4096))
    got = float(F.interpolate(dl.asarray(x, dtype="float16"), size=(1, 1), mode="area")[0, 0, 0, 0])
    assert abs(got - x.astype("float16").astype("float64").mean()) < 1e-3


@pytest.mark.backends("numpy", "numba", "cuda")
def test_norms_take_no_eps_at_all(backend):
    x = np.random.default_rng(2).standard_normal((4, 6)).astype("float32")
    centred = x - x.mean(1, keepdims=True)
    want = centred / x.std(1, keepdims=True)
    assert np.allclose(F.layer_norm(dl.asarray(x), 6, eps=0.0).numpy_copy(), want, atol=1e-5)
    assert np.allclose(F.group_norm(dl.asarray(x), 1, eps=0.0).numpy_copy(), want, atol=1e-5)
    want = (x - x.mean(0)) / x.std(0)
    assert np.allclose(F.batch_norm(dl.asarray(x), eps=0.0)[0].numpy_copy(), want, atol=1e-5)
