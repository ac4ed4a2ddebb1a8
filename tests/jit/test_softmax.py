"""The jitted softmax family against the reference in float64."""

from __future__ import annotations

import array_api_compat.numpy as xp
import numpy as np
import pytest
from numba import njit

from dlengine.kernels.jit import softmax as jit
from dlengine.kernels.jit import softmax_lanes
from dlengine.kernels.jit.machine.compile import interpreted
from dlengine.kernels.jit.machine.compile import jit as compiled
from dlengine.kernels.jit.machine.short_rows import logs_of
from dlengine.kernels.jit.machine.vecmath import exp32
from dlengine.kernels.reference import softmax as reference

SHAPES = [((7, 33), -1), ((7, 33), 0), ((3, 5, 4), 1), ((1, 1), 0), ((5,), 0), ((300, 65), 1), ((3, 512), 1), ((3, 513), 1)]
SHAPES += [((2, 700, 37), 1), ((2, 3, 50, 70), 1), ((9, 5000), 0)]
EMPTY = [((0, 4), 1), ((4, 0), 1), ((4, 0), 0), ((2, 0, 3), 2)]
DTYPES = [np.float32, np.float64]


def wide(*arrays):
    return [a.astype(np.float64) if a.dtype.kind == "f" else a for a in arrays]


def check(got, want, x, factor=8):
    """Absolute errors of a few units in the last place of the largest magnitude that entered."""
    assert got.dtype == x.dtype
    assert got.flags.c_contiguous
    assert got.shape == want.shape
    finite = np.abs(want[np.isfinite(want)])
    scale = max(1.0, finite.max(initial=0))
    np.testing.assert_allclose(got, want, rtol=0, atol=factor * scale * np.finfo(x.dtype).eps)


def every_kernel(x, gy, axis):
    y, z = jit.softmax(x, axis), jit.log_softmax(x, axis)
    return [y, z, jit.softmax_grad(gy, y, axis), jit.log_softmax_grad(gy, z, axis)]


def every_reference(x, gy, axis):
    x, gy = wide(x, gy)
    with np.errstate(divide="ignore"):  # the logarithm of an empty sum
        y, z = reference.softmax(xp, x, axis), reference.log_softmax(xp, x, axis)
    return [y, z, reference.softmax_grad(xp, gy, y, axis), reference.log_softmax_grad(xp, gy, z, axis)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "axis"), SHAPES + EMPTY)
def test_softmax_family(shape, axis, dtype):
    rng = np.random.default_rng(0)
    x, gy = (3 * rng.standard_normal((2, *shape))).astype(dtype)
    before = x.copy()
    n = max(1, shape[axis])
    for got, want in zip(every_kernel(x, gy, axis), every_reference(x, gy, axis), strict=True):
        check(got, want, x, 8 * np.sqrt(n))
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("dtype", DTYPES)
def test_strided_and_read_only(dtype):
    rng = np.random.default_rng(1)
    x, gy = rng.standard_normal((2, 9, 14)).astype(dtype)
    for view in (np.s_[:, ::-1], np.s_[::2, ::3]):
        a, b = x[view], gy[view]
        a.flags.writeable = b.flags.writeable = False
        for got, want in zip(every_kernel(a, b, 1), every_reference(a, b, 1), strict=True):
            check(got, want, x, 16)
    for got, want in zip(every_kernel(x.T, gy.T, 1), every_reference(x.T, gy.T, 1), strict=True):
        check(got, want, x, 16)


@pytest.mark.parametrize("dtype", DTYPES)
def test_large_logits(dtype):
    """Shifting all logits by 10,000 changes nothing; far apart ones saturate without overflow."""
    x = np.array([[0.0, 1, 2, -3], [0, 1, 2, -3], [1e4, -1e4, 0, 9999], [-1e4, -1e4, -1e4, -1e4]], dtype)
    x[1] += 1e4
    y, z = jit.softmax(x, 1), jit.log_softmax(x, 1)
    check(y, reference.softmax(xp, x.astype(np.float64), 1), x)
    np.testing.assert_array_equal(y[0], y[1])
    np.testing.assert_allclose(z, reference.log_softmax(xp, x.astype(np.float64), 1), rtol=4 * np.finfo(dtype).eps)
    loss, _ = jit.cross_entropy(x, np.array([0, 0, 1, 2]), -100)
    wanted, _ = reference.cross_entropy(xp, x.astype(np.float64), np.array([0, 0, 1, 2]), -100)
    np.testing.assert_allclose(loss, wanted, rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
def test_nan_and_infinities(dtype):
    inf, nan = np.inf, np.nan
    x = np.array([[0, nan, 1], [inf, 0, 1], [-inf, 0, 1], [-inf, -inf, -inf], [nan, -inf, inf]], dtype)
    x = np.concatenate([x, np.tile(x[:, :1], 40)], axis=1)
    with np.errstate(all="ignore"):
        for name in ("softmax", "log_softmax"):
            got, want = getattr(jit, name)(x, 1), getattr(reference, name)(xp, x.astype(np.float64), 1)
            np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
            np.testing.assert_allclose(got[2], want[2], rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n", "v"), [(1, 1), (7, 10), (130, 65), (0, 5), (3, 1000)])
def test_cross_entropy(n, v, dtype):
    rng = np.random.default_rng(2)
    x, gloss = (3 * rng.standard_normal((n, v))).astype(dtype), rng.standard_normal(n).astype(dtype)
    labels = rng.integers(0, v, n)
    if n > 2:
        labels[1] = -1
    loss, p = jit.cross_entropy(x, labels, -1)
    wanted, wanted_p = reference.cross_entropy(xp, x.astype(np.float64), labels, -1)
    check(loss, wanted, x)
    check(p, wanted_p, x)
    grad = jit.cross_entropy_grad(gloss, p, labels, -1)
    check(grad, reference.cross_entropy_grad(xp, gloss.astype(np.float64), wanted_p, labels, -1), x, 16)
    if n > 2:
        assert loss[1] == 0
        assert not grad[1].any()


def test_cross_entropy_refuses_labels_outside():
    for bad in (5, -2):
        with pytest.raises(IndexError, match="label"):
            jit.cross_entropy(np.zeros((2, 5), np.float32), np.array([0, bad]), -1)


@pytest.mark.parametrize("dtype", DTYPES)
def test_interpreted(dtype):
    rng = np.random.default_rng(3)
    x, gy = rng.standard_normal((2, 5, 17)).astype(dtype)
    labels, gloss = np.array([0, 16, 3, -1, 5]), gy[:, 0]

    def everything():
        loss, p = jit.cross_entropy(x, labels, -1)
        return [*every_kernel(x, gy, 1), loss, p, jit.cross_entropy_grad(gloss, p, labels, -1)]

    with interpreted():
        plain = everything()
    for got, want in zip(plain, everything(), strict=True):
        check(got, want, x)


@compiled(parallel=False)
def _each(x, y):
    for i in range(x.size):
        y[i] = exp32(x[i])


def test_exponential():
    """Two units in the last place over the whole range, exact at its ends, the same when interpreted."""
    ends = [np.inf, -np.inf, np.nan, 0.0, -0.0, 88.72, 88.73, -87.5, -103.9, -104.1, 1e30, -1e30, 1e-30, 3e-41]
    x = np.concatenate([np.array(ends), np.linspace(-120, 120, 30001), np.linspace(-1, 1, 2001)]).astype(np.float32)
    y = np.empty_like(x)
    _each(x, y)
    with np.errstate(all="ignore"):
        want = np.exp(x.astype(np.float64))
        rounded = want.astype(np.float32)
        finite = np.isfinite(rounded)
        error = np.abs(y.astype(np.float64) - want)[finite] / np.spacing(rounded[finite])
    np.testing.assert_array_equal(y[~finite], rounded[~finite])
    assert error.max() <= 2
    some = np.concatenate([x[:14], x[14::301]])
    plain, fast = np.empty_like(some), np.empty_like(some)
    with interpreted():
        _each(some, plain)
    _each(some, fast)
    np.testing.assert_allclose(plain, fast, rtol=3e-7, atol=3e-45)


def test_logarithm_of_sums():
    """To 2 ulp over the whole range; Python's twin and the compiled one agree."""
    x = np.concatenate([np.linspace(1, 3, 4001), np.geomspace(1e-30, 1e30, 4001), [np.nan]]).astype(np.float32)
    y, plain = np.empty_like(x), np.empty_like(x)
    compiled = njit(error_model="numpy")(lambda x, y: jit.log_all(x, y))
    compiled(x, y)
    jit.log_all(x[::40], plain[::40])
    exact = np.log(x.astype(np.float64))
    ulp = np.spacing(np.abs(exact[:-1]).astype(np.float32))
    np.testing.assert_array_equal(plain[::40], y[::40])
    of_rows = np.full(x.size + 1, 7, np.float32)
    _logs(x, of_rows, x.size)
    logs_of(x[::40].copy(), plain, 201)
    np.testing.assert_allclose(plain[:201], of_rows[:-1:40], rtol=3e-7)
    assert of_rows[-1] == 7
    for found in (y, of_rows[:-1]):
        np.testing.assert_array_less(np.abs(found - exact)[:-1], 2 * ulp)
        assert np.isnan(found[-1])


@compiled(parallel=False)
def _logs(x, y, n):
    logs_of(x, y, n)


@pytest.mark.parametrize("dtype", DTYPES)
def test_columns_of_any_strip(monkeypatch, dtype):
    """Along another axis than the last: alike for any strip, threads and layout; columns keep to themselves."""
    rng = np.random.default_rng(6)
    x, gy = (3 * rng.standard_normal((2, 3, 7, 45))).astype(dtype)
    x[1, :, 4] = -np.inf
    x[1, 2, 5], x[2, 3, 44], x[0, 6, 0] = np.nan, np.inf, -np.inf
    with np.errstate(invalid="ignore"):
        wanted = every_kernel(x, gy, 1)
        for y, w in zip(wanted[:2], every_reference(x, gy, 1), strict=False):
            np.testing.assert_allclose(y, w, rtol=0, atol=1e-5 if dtype == np.float32 else 1e-13)
        assert np.isnan(wanted[0]).any(axis=1).sum() == 3
        for strip, threads in ((7, 1), (7 * 19, 2), (1 << 20, 3)):
            monkeypatch.setattr(softmax_lanes, "STRIP", strip)
            monkeypatch.setattr(softmax_lanes, "threads_for", lambda units, ns, threads=threads: threads)
            for y, w in zip(every_kernel(np.asfortranarray(x), gy, -2), wanted, strict=True):
                assert y.tobytes() == w.tobytes()


def test_exponentials_of_float64():
    """At the ends of the range, in all lanes and behind the last one."""
    for n in (1, 3, 8, 21):
        x = np.linspace(-800, 0, n)[:, None] * np.ones(17)
        x[0, 3] = -708.0
        with np.errstate(under="ignore"):
            np.testing.assert_allclose(jit.softmax(x, 0), reference.softmax(xp, x, 0), rtol=3e-15, atol=1e-300)
            np.testing.assert_allclose(jit.softmax(x.T, 1), reference.softmax(xp, x.T, 1), rtol=3e-15, atol=1e-300)
