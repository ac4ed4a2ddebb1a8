"""Optimizer steps against torch's optimizers."""

from __future__ import annotations

import numpy as np
import pytest
from reference_namespaces import NAMESPACES, NUMPY, close

from dlengine.kernels.settings import AdamSettings, SGDSettings

STEPS, SHAPE = 5, (3, 4)


@pytest.fixture(params=sorted(NAMESPACES))
def xp(request):
    return NAMESPACES[request.param]


def gradients():
    return np.random.default_rng(4).standard_normal((STEPS, *SHAPE))


def by_torch(make):
    torch = pytest.importorskip("torch")
    p = torch.nn.Parameter(torch.ones(SHAPE, dtype=torch.float64))
    optimizer = make(torch.optim, [p])
    for g in gradients():
        p.grad = torch.tensor(g)
        optimizer.step()
    return p.detach().numpy()


@pytest.mark.parametrize(
    ("momentum", "dampening", "nesterov"), [(0.0, 0.0, False), (0.9, 0.0, False), (0.9, 0.3, False), (0.9, 0.0, True)]
)
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_sgd(xp, momentum, dampening, nesterov, weight_decay):
    p = xp.ones(SHAPE, dtype=xp.float64)
    bufs = [xp.full(SHAPE, xp.nan, dtype=xp.float64)] if momentum else None
    for k, g in enumerate(gradients()):
        result = xp.sgd([p], [xp.asarray(g)], bufs, SGDSettings(0.05, momentum, dampening, weight_decay, nesterov, k == 0))
        assert result is None
    expected = by_torch(
        lambda optim, ps: optim.SGD(ps, 0.05, momentum, dampening, weight_decay=weight_decay, nesterov=nesterov)
    )
    close(p, expected, 1e-13)


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("decoupled", [False, True])
@pytest.mark.parametrize("amsgrad", [False, True])
def test_adam(xp, weight_decay, decoupled, amsgrad):
    p = xp.ones(SHAPE, dtype=xp.float64)
    m, v = xp.zeros_like(p), xp.zeros_like(p)
    vmaxs = [xp.zeros_like(p)] if amsgrad else None
    for k, g in enumerate(gradients()):
        xp.adam([p], [xp.asarray(g)], [m], [v], vmaxs, AdamSettings(0.05, 0.9, 0.99, 1e-8, weight_decay, decoupled, k + 1))
    options = {"lr": 0.05, "betas": (0.9, 0.99), "weight_decay": weight_decay, "amsgrad": amsgrad}
    expected = by_torch(lambda optim, ps: (optim.AdamW if decoupled else optim.Adam)(ps, **options))
    close(p, expected, 1e-12)


def test_writes_through_views_and_leaves_gradients_alone():
    base = np.ones((4, 6))
    p, g = base[::2, 1:4], np.ones((2, 3))
    NUMPY.sgd([p], [g], None, SGDSettings(0.5, 0.0, 0.0, 0.0, False, True))
    assert np.array_equal(base[::2, 1:4], np.full((2, 3), 0.5))
    assert base.sum() == 24 - 3
    assert np.array_equal(g, np.ones((2, 3)))


def test_half_precision_is_computed_in_single():
    p, g, m, v = (np.full(3, value, np.float16) for value in (1.0, 1e-3, 0.0, 0.0))
    NUMPY.adam([p], [g], [m], [v], None, AdamSettings(0.01, 0.9, 0.999, 1e-8, 0.0, False, 1))
    assert p.dtype == np.float16
    close(p, np.full(3, 0.99), 1e-3)
    buf = np.zeros(3, np.float16)
    NUMPY.sgd([p], [g], [buf], SGDSettings(0.01, 0.9, 0.0, 0.0, True, True))
    assert np.array_equal(buf, g)


def test_scalars_and_empty_parameters(xp):
    for shape in ((), (0,)):
        p, g = xp.ones(shape, dtype=xp.float64), xp.ones(shape, dtype=xp.float64)
        m, v, buf = (xp.zeros(shape, dtype=xp.float64) for _ in range(3))
        xp.sgd([p], [g], [buf], SGDSettings(0.5, 0.9, 0.0, 0.0, False, True))
        xp.adam([p], [g], [m], [v], None, AdamSettings(0.5, 0.9, 0.99, 1e-8, 0.0, False, 1))
        close(p, np.zeros(shape), 1e-7)


def test_nan_reaches_the_parameter(xp):
    p, m, v, vmax = (xp.zeros(2, dtype=xp.float64) for _ in range(4))
    xp.adam([p], [xp.asarray([xp.nan, 1.0])], [m], [v], [vmax], AdamSettings(0.5, 0.9, 0.99, 1e-8, 0.0, False, 1))
    assert np.array_equal(np.isnan(np.asarray(p)), [True, False])
