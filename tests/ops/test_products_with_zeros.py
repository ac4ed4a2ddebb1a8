"""The gradient of a product over any axes, however they are named, with none, one or more zeros; first and second order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dlengine as dl

pytestmark = pytest.mark.backends("numpy", "numba")
X = np.random.default_rng(0).standard_normal((2, 3, 4))
X[0, 1, 2] = X[1, 0, 0] = X[1, 0, 3] = 0
AXES = [None, 0, -1, -3, (0,), (-1,), (0, 1), (-1, 0), (1, -1), (2, 0, 1), (-3, -2, -1), ()]


def rest(x: Any, axes: tuple[int, ...], at: tuple[int, ...]) -> float:
    """The product of all elements that share a result with one, but for itself."""
    place = tuple(slice(None) if i in axes else at[i] for i in range(x.ndim))
    others = np.ones_like(x, bool)
    others[at] = False
    return float(np.prod(np.where(others, x, 1)[place]))


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("keepdims", [False, True])
def test_every_way_to_name_axes(backend: str, axis: Any, keepdims: bool) -> None:
    x = dl.asarray(X).requires_grad_()
    y = dl.prod(x, axis=axis, keepdims=keepdims)
    assert np.allclose(y.detach().numpy_copy(), np.prod(X, axis=axis, keepdims=keepdims))
    (g,) = dl.gradients([dl.sum(y)], [x])
    axes = tuple(range(3)) if axis is None else tuple(a % 3 for a in ((axis,) if isinstance(axis, int) else axis))
    want = np.array([rest(X, axes, at) for at in np.ndindex(X.shape)]).reshape(X.shape)
    assert np.allclose(g.numpy_copy(), want)


@pytest.mark.parametrize("value", [0.0, 3.0])
@pytest.mark.parametrize("axis", [None, ()])
def test_without_axes(backend: str, value: float, axis: Any) -> None:
    x = dl.asarray(np.array(value)).requires_grad_()
    (g,) = dl.gradients([dl.prod(x, axis=axis)], [x])
    assert float(g) == 1
    assert float(dl.hessian(lambda t: dl.prod(t, axis=axis))(dl.asarray(np.array(value)))) == 0


@pytest.mark.parametrize("zeros", [0, 1, 2, 3])
def test_second_order(backend: str, zeros: int) -> None:
    x = np.array([2.0, 3.0, 5.0, 7.0])
    x[:zeros] = 0
    h = dl.hessian(dl.prod)(dl.asarray(x)).numpy_copy()
    for i in range(4):
        for j in range(4):
            assert h[i, j] == pytest.approx(0 if i == j else np.prod(np.delete(x, [i, j])))
    g = dl.grad(lambda t: dl.sum(dl.cumulative_prod(t)))(dl.asarray(x)).numpy_copy()
    want = [sum(np.prod(np.delete(x[: n + 1], i)) for n in range(i, 4)) for i in range(4)]
    assert np.allclose(g, want)


def test_nothing_to_multiply(backend: str) -> None:
    x = dl.zeros((3, 0)).requires_grad_()
    y = dl.prod(x, axis=-1)
    assert y.detach().numpy_copy().tolist() == [1, 1, 1]
    (g,) = dl.gradients([dl.sum(y)], [x])
    assert g.shape == (3, 0)
