"""The jitted normalisations against the reference in float64."""

from __future__ import annotations

import array_api_compat.numpy as xp
import numpy as np
import pytest

from dlengine.kernels.jit import norm as jit
from dlengine.kernels.jit.machine import streams
from dlengine.kernels.jit.machine.compile import interpreted
from dlengine.kernels.reference import norm as reference

DTYPES = [np.float32, np.float64]
EPS = 1e-5
SHAPES = [(7, 5), (130, 70), (3, 5, 7), (4, 6, 5, 9), (2, 6, 3, 2, 2), (1, 4, 3), (9, 64, 17)]
EMPTY = [(0, 4, 3), (0, 4), (3, 4, 0)]


def samples(shape, dtype, affine=True):
    rng = np.random.default_rng(0)
    x, gy = (3 * rng.standard_normal(shape) + 1).astype(dtype), rng.standard_normal(shape).astype(dtype)
    weight, bias = rng.standard_normal((2, shape[1])).astype(dtype)
    return x, gy, (weight if affine else None), (bias if affine else None)


def wide(array):
    return None if array is None else array.astype(np.float64)


def run(kernels, kind, x, gy, weight, bias, groups, first=()):
    """Forward and backward of one normalisation, all six results."""
    more = (groups,) if kind == "group_norm" else ()
    y, mean, rstd = getattr(kernels, kind)(*first, x, weight, bias, *more, EPS)
    return [y, mean, rstd, *getattr(kernels, kind + "_grad")(*first, gy, x, weight, mean, rstd, *more)]


def compare(kind, x, gy, weight, bias, groups=1, factor=20):
    with np.errstate(all="ignore"):
        want = run(reference, kind, *map(wide, (x, gy, weight, bias)), groups, (xp,))
    for got, exact in zip(run(jit, kind, x, gy, weight, bias, groups), want, strict=True):
        assert got.dtype == x.dtype
        assert got.shape == exact.shape
        assert got.flags.c_contiguous
        scale = np.abs(exact[np.isfinite(exact)]).max(initial=0)
        np.testing.assert_allclose(got, exact, rtol=0, atol=factor * scale * np.finfo(x.dtype).eps)


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES + EMPTY)
def test_batch_norm(shape, dtype, affine):
    compare("batch_norm", *samples(shape, dtype, affine))


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(7, 5), (130, 70), (1, 33), (300, 257), (0, 4)])
def test_layer_norm(shape, dtype, affine):
    compare("layer_norm", *samples(shape, dtype, affine))


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "groups"), [((3, 6, 7), g) for g in (1, 2, 3)] + [((4, 6, 5, 9), 6), ((0, 4, 3), 2)])
def test_group_norm(shape, groups, dtype, affine):
    compare("group_norm", *samples(shape, dtype, affine), groups)


@pytest.mark.parametrize("dtype", DTYPES)
def test_strided_inputs(dtype):
    x, gy, weight, bias = samples((6, 8, 10), dtype)
    before = x.copy()
    compare("batch_norm", x[::2, ::-1, ::3], gy[::2, ::-1, ::3], weight[::-1], bias)
    compare("group_norm", x.transpose(2, 1, 0), gy.transpose(2, 1, 0), weight, bias, 4)
    compare("layer_norm", x[0].T, gy[0].T, weight, bias)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("dtype", DTYPES)
def test_constant_input_gives_the_bias(dtype):
    """The variance of equal numbers is nothing, however large they are."""
    bias = np.array([1, 2, 3], dtype)
    for value in (0.1, 12345.678, -1e6):
        x = np.full((5, 3, 4), value, dtype)
        for y, _, rstd in (jit.batch_norm(x, None, bias, EPS), jit.group_norm(x, None, bias, 1, EPS)):
            np.testing.assert_allclose(y, np.broadcast_to(bias[:, None], x.shape), atol=1e-3)
            np.testing.assert_allclose(rstd, EPS**-0.5, rtol=1e-6)
        y, _, _ = jit.layer_norm(x.reshape(-1, 3), None, bias, EPS)
        np.testing.assert_allclose(y, np.broadcast_to(bias, y.shape), atol=1e-3)
        y, _, _ = jit.batch_norm(x[:, :, 0], None, bias, EPS)
        np.testing.assert_allclose(y, np.broadcast_to(bias, y.shape), atol=1e-3)


def test_large_mean_keeps_its_digits():
    """A spread of 1 around 10,000: the digits that float32 holds of x are the only ones lost."""
    x = (1e4 + np.random.default_rng(1).standard_normal((64, 3, 50))).astype(np.float32)
    exact = reference.batch_norm(xp, x.astype(np.float64), None, None, EPS)[0]
    np.testing.assert_allclose(jit.batch_norm(x, None, None, EPS)[0], exact, atol=2e-6)
    flat = np.ascontiguousarray(x[:, :, 0])
    exact = reference.batch_norm(xp, flat.astype(np.float64), None, None, EPS)[0]
    np.testing.assert_allclose(jit.batch_norm(flat, None, None, EPS)[0], exact, atol=2e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("shape", [(4, 3, 5), (4, 3)])
def test_nan_stays_in_its_channel(shape, bad):
    x = np.random.default_rng(2).standard_normal(shape).astype(np.float32)
    x[(1, 1, *([0] * (len(shape) - 2)))] = bad
    y, mean, rstd = jit.batch_norm(x, None, None, EPS)
    gx, gw, _ = jit.batch_norm_grad(np.ones_like(x), x, None, mean, rstd)
    assert np.isnan(y[:, 1]).all()
    assert np.isnan(gx[:, 1]).all()
    assert np.isnan(gw[1])
    assert np.isfinite(np.delete(y, 1, axis=1)).all()
    assert np.isfinite(np.delete(gx, 1, axis=1)).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("kind", "shape", "groups"),
    [("batch_norm", (4, 3), 1), ("batch_norm", (2, 3, 5), 1), ("layer_norm", (5, 7), 1), ("group_norm", (2, 6, 3), 2)],
)
def test_interpreted(kind, shape, groups, dtype):
    args = (*samples(shape, dtype), groups)
    with interpreted():
        plain = run(jit, kind, *args)
    for got, want in zip(plain, run(jit, kind, *args), strict=True):
        np.testing.assert_allclose(got, want, rtol=0, atol=20 * np.finfo(dtype).eps * max(1, np.abs(want).max()))


def test_same_bits_for_every_thread_count():
    import numba

    x, gy, weight, bias = samples((100, 256), np.float32)
    before = numba.get_num_threads()
    results = []
    try:
        for threads in (1, before):
            numba.set_num_threads(threads)
            kinds = ("batch_norm", "layer_norm", "group_norm")
            results.append([a for kind in kinds for a in run(jit, kind, x, gy, weight, bias, 4)])
    finally:
        numba.set_num_threads(before)
    for one, many in zip(*results, strict=True):
        np.testing.assert_array_equal(one, many)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(7, 12), (40, 64), (3, 1028), (5, 7)])
def test_results_written_past_the_caches_are_the_same(shape, dtype, monkeypatch):
    given = samples(shape, dtype)
    want = run(jit, "layer_norm", *given, 1)
    monkeypatch.setattr(streams, "LARGE", 0)
    assert streams.is_streamed(want[0], shape[1]) == (shape[1] % 2 == 0)
    for got, expected in zip(run(jit, "layer_norm", *given, 1), want, strict=True):
        np.testing.assert_array_equal(got, expected)
    with interpreted():
        for got, expected in zip(run(jit, "layer_norm", *given, 1), want, strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)
