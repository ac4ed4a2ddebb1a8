"""The fused optimizer steps against the reference in float64, over several steps."""

from __future__ import annotations

import array_api_compat.numpy as xp
import numpy as np
import pytest

from dlengine.kernels.jit import optim as jit
from dlengine.kernels.jit.machine.compile import interpreted
from dlengine.kernels.reference import optim as reference
from dlengine.kernels.settings import AdamSettings, SGDSettings

DTYPES = [np.float32, np.float64]
SHAPES = [(37,), (3, 5, 7), (), (0, 3), (40_000,)]
# momentum, dampening, weight_decay, nesterov
SGD = [
    (0.0, 0.0, 0.0, False),
    (0.0, 0.0, 0.1, False),
    (0.9, 0.0, 0.0, False),
    (0.9, 0.3, 0.1, False),
    (0.9, 0.0, 0.1, True),
]
# amsgrad, weight_decay, decoupled
ADAM = [(False, 0.0, False), (False, 0.1, False), (False, 0.1, True), (True, 0.0, False), (True, 0.1, True)]


def run(kernels, first, make, steps, options):
    """Parameter and state after a few steps from the same start."""
    rng = np.random.default_rng(0)
    p = make(rng)
    if len(options) == 4:
        momentum, *more = options
        state = [make(rng)] if momentum else []
        for k in range(steps):
            kernels.sgd(*first, [p], [make(rng)], state if momentum else None, SGDSettings(0.1, momentum, *more, k == 0))
    else:
        amsgrad, *more = options
        state = [np.zeros_like(p) for _ in range(2 + amsgrad)]
        for k in range(steps):
            m, v, *largest = [[a] for a in state]
            kernels.adam(*first, [p], [make(rng)], m, v, *(largest or [None]), AdamSettings(0.1, 0.9, 0.99, 1e-8, *more, k + 1))
    return [p, *state]


def compare(shape, dtype, options, view=None, steps=4):
    def make(rng, kind=dtype):
        a = rng.standard_normal(shape).astype(dtype).astype(kind)
        return np.asarray(a) if view is None else a[view]

    got = run(jit, (), make, steps, options)
    want = run(reference, (xp,), lambda rng: make(rng, np.float64), steps, options)
    for a, b in zip(got, want, strict=True):
        assert a.dtype == dtype
        np.testing.assert_allclose(a, b, rtol=0, atol=40 * np.finfo(dtype).eps * max(1, np.abs(b).max(initial=0)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("options", SGD + ADAM)
def test_steps(options, shape, dtype):
    compare(shape, dtype, options)


@pytest.mark.parametrize("options", SGD + ADAM)
def test_views_are_updated_in_place(options):
    for view in (np.s_[::2, ::-3], np.s_[:, 2:5]):
        compare((6, 10), np.float32, options, view)
    whole = np.ones((4, 4), np.float32)
    jit.sgd([whole[:, ::2]], [np.ones((4, 2), np.float32)], None, SGDSettings(1.0, 0.0, 0.0, 0.0, False, True))
    np.testing.assert_array_equal(whole, np.tile([0, 1], (4, 2)))


@pytest.mark.parametrize("options", SGD + ADAM)
def test_interpreted(options):
    with interpreted():
        compare((5, 3), np.float32, options)


def test_nan_gradient_reaches_the_parameter():
    p, g = np.ones(5, np.float32), np.array([0, np.nan, 1, np.inf, 0], np.float32)
    m, v, largest = np.zeros((3, 5), np.float32)
    jit.adam([p], [g], [m], [v], [largest], AdamSettings(0.1, 0.9, 0.99, 1e-8, 0.0, False, 1))
    np.testing.assert_array_equal(np.isnan(p), [False, True, False, True, False])
    assert np.isnan(largest[1])


def test_garbage_in_a_new_buffer_is_not_read():
    p, buf = np.ones(3, np.float32), np.full(3, np.nan, np.float32)
    jit.sgd([p], [np.ones(3, np.float32)], [buf], SGDSettings(0.5, 0.9, 0.0, 0.0, True, True))
    np.testing.assert_allclose(p, 1 - 0.5 * 1.9, rtol=1e-6)
    np.testing.assert_array_equal(buf, 1)
