"""The gradient kernels can be differentiated again: torch's autograd reads them and must agree with differences."""

from __future__ import annotations

import numpy as np
import pytest
from reference.test_pool import GEOMETRIES
from reference.test_recurrent import Case
from reference_namespaces import Namespace

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def xp():
    return Namespace(pytest.importorskip("array_api_compat.torch"))


def leaf(*shape, seed=0):
    values = np.random.default_rng(seed).standard_normal(shape)
    return torch.tensor(values, requires_grad=True)


def check(function, *leaves):
    """First derivatives of a function whose text is kernels, against differences."""
    assert torch.autograd.gradcheck(function, leaves, atol=1e-6)


@pytest.mark.parametrize("kernel", ["softmax", "log_softmax"])
def test_softmax(xp, kernel):
    def gradient(gy, x):
        return getattr(xp, f"{kernel}_grad")(gy, getattr(xp, kernel)(x, 1), 1)

    check(gradient, leaf(2, 3), leaf(2, 3, seed=1))


def test_cross_entropy(xp):
    labels = torch.tensor([0, 2, -100, 1])

    def gradient(gloss, x):
        _, p = xp.cross_entropy(x, labels, -100)
        return xp.cross_entropy_grad(gloss, p, labels, -100)

    check(gradient, leaf(4), leaf(4, 3, seed=1))


@pytest.mark.parametrize(("kind", "shape"), [("batch", (3, 4, 2)), ("layer", (3, 4)), ("group", (2, 4, 3))])
def test_norms(xp, kind, shape):
    extra = (2,) if kind == "group" else ()

    def gradient(gy, x, weight):
        _, mean, rstd = getattr(xp, f"{kind}_norm")(x, weight, None, *extra, 1e-5)
        return getattr(xp, f"{kind}_norm_grad")(gy, x, weight, mean, rstd, *extra)

    check(gradient, leaf(*shape), leaf(*shape, seed=1), leaf(4, seed=2))


@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn tanh", "rnn relu"])
@pytest.mark.parametrize("lengths", ["whole", "mixed"])
@pytest.mark.parametrize("reverse", [False, True])
def test_recurrent(xp, kind, lengths, reverse):
    case = Case(kind, lengths, reverse, steps=3 if lengths == "whole" else 5)
    count = None if case.lengths is None else torch.tensor(case.lengths)
    cotangents = [torch.tensor(a, requires_grad=True) for a in (case.gy, *case.gstates)]
    arrays = [torch.tensor(a, requires_grad=True) for a in case.arrays]

    def gradient(*leaves):
        gs, inputs = leaves[: len(cotangents)], leaves[len(cotangents) :]
        residuals = getattr(xp, case.kind)(*inputs, count, reverse, *case.extra, True)[-1]
        results = getattr(xp, f"{case.kind}_grad")(*gs, *inputs, count, reverse, *case.extra, residuals)
        return sum((r * r).sum() for r in results)

    assert torch.autograd.gradcheck(gradient, cotangents + arrays, atol=1e-5, rtol=1e-4, fast_mode=True)


def test_lstm_at_zero(xp):
    """Gates at exactly 0, as with weights and states of zeros, have their ordinary derivatives."""
    weights = [torch.zeros(shape, dtype=torch.float64, requires_grad=True) for shape in ((8, 3), (8, 2), (8,))]
    x, h, c = leaf(2, 2, 3), leaf(2, 2, seed=1), leaf(2, 2, seed=2)
    gy, gh, gc = leaf(2, 2, 2, seed=3), leaf(2, 2, seed=4), leaf(2, 2, seed=5)

    def gradient(*inputs):
        residuals = xp.lstm(*inputs, None, False, True)[-1]
        return xp.lstm_grad(gy.detach(), gh.detach(), gc.detach(), *inputs, None, False, residuals)

    check(gradient, x, h, c, *weights)


def test_max_pool_is_built_without_writing(xp):
    g = GEOMETRIES["overlapping"]
    check(lambda x: xp.max_pool2d(x, g)[0], leaf(*g.x_shape))
