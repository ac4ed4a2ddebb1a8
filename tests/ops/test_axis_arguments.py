"""An axis argument means the same in every op, forward and backward: any integer type, numbers without axes, no wrapping."""

from __future__ import annotations

import numpy as np
import pytest

import dlengine as dl
from dlengine.errors import DLEngineError
from dlengine.nn import functional as F

REDUCTIONS = ("sum", "mean", "var", "std", "max", "min", "prod")


@pytest.mark.parametrize("name", REDUCTIONS)
@pytest.mark.parametrize("axis", [np.int64(1), (np.int32(0), -1), np.int8(-2)])
def test_integers_of_numpy_name_axes_in_both_directions(backend, name, axis):
    values = np.random.default_rng(0).standard_normal((2, 3, 4))
    plain = tuple(int(a) for a in axis) if isinstance(axis, tuple) else int(axis)
    grads = []
    for given in (axis, plain):
        x = dl.asarray(values, copy=True).requires_grad_()
        dl.sum(getattr(dl, name)(x, axis=given) ** 2).backward()
        grads.append(x.grad.numpy_copy())
    assert (grads[0] == grads[1]).all()
    assert grads[0].any()


@pytest.mark.parametrize("axis", [0, -1])
@pytest.mark.parametrize("name", ["prod", "sum", "max"])
def test_a_number_reduced_over_its_only_axis_is_itself(backend, name, axis):
    x = dl.asarray(np.array(-1.5)).requires_grad_()
    y = getattr(dl, name)(x, axis=axis)
    y.backward()
    assert y.shape == ()
    assert float(y) == -1.5
    assert float(x.grad) == 1


def test_a_number_is_in_order(backend):
    x = dl.asarray(np.array(2.5)).requires_grad_()
    y = dl.sort(x)
    y.backward()
    assert y.shape == ()
    assert float(y) == 2.5
    assert float(x.grad) == 1
    for axis in (0, -1):
        order = dl.argsort(x, axis=axis)
        assert order.shape == ()
        assert order.dtype == "int64"
        assert int(order) == 0
    with pytest.raises(DLEngineError):
        dl.argsort(x, axis=1)


@pytest.mark.parametrize("axis", [2, 3, -3, 7])
def test_no_axis_wraps_around(backend, axis):
    x, i = dl.asarray(np.arange(6.0).reshape(2, 3)), dl.asarray(np.array([[0], [1]]))
    for call in (
        lambda: dl.take(x, i[0], axis=axis),
        lambda: dl.take_along_axis(x, i, axis=axis),
        lambda: dl.topk(x, 1, axis=axis),
    ):
        with pytest.raises(DLEngineError, match=str(axis)):
            call()


def test_prelu_of_a_number_is_a_number(backend):
    x, slope = dl.asarray(np.array(-3.0)).requires_grad_(), dl.asarray(np.array([0.25])).requires_grad_()
    y = F.prelu(x, slope)
    y.backward()
    assert y.shape == ()
    assert float(y) == -0.75
    assert float(x.grad) == 0.25
    assert slope.grad.numpy_copy().tolist() == [-3.0]


@pytest.mark.parametrize(
    ("one", "other", "axis"), [((1, 2, 3), (2, 1, 3), -2), ((4, 1), (1, 5), 0), ((5,), (3, 1), 1), ((3,), (2, 3), 1)]
)
def test_cosine_similarity_repeats_axes_before_it_measures_lengths(backend, one, other, axis):
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal(one), rng.standard_normal(other)
    x, y = np.broadcast_arrays(a, b)
    want = (x * y).sum(axis) / np.sqrt((x * x).sum(axis) * (y * y).sum(axis))
    got = F.cosine_similarity(dl.asarray(a), dl.asarray(b), axis=axis).numpy_copy()
    assert got.shape == want.shape
    assert np.allclose(got, want, rtol=1e-12)


@pytest.mark.backends("numpy", "numba")
@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (2, 0, 3), (0, 0)])
def test_matrices_without_elements_have_norm_and_rank_0(backend, shape):
    x = dl.zeros(shape, dtype="float64").requires_grad_()
    assert dl.linalg.matrix_rank(x).numpy_copy().tolist() == np.zeros(shape[:-2], int).tolist()
    for order in ("fro", "nuc", 2, 1, np.inf):
        y = dl.linalg.matrix_norm(x, ord=order)
        assert y.shape == shape[:-2]
        assert not y.detach().numpy_copy().any()
        dl.sum(y).backward()
    with pytest.raises(DLEngineError):
        dl.linalg.matrix_norm(x, ord=-2)


@pytest.mark.backends("numpy")
def test_bernoulli_of_a_tensor_is_told_the_way_out(backend):
    with pytest.raises(DLEngineError, match="one probability"):
        dl.bernoulli(dl.asarray(np.array([0.1, 0.9])))
