"""Norms, and what is divided by them: no overflow, no underflow, and derivatives of first and second order at 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import nn, optim
from dlengine.nn import functional as F
from dlengine.optim.clip import grad_norm

pytestmark = pytest.mark.backends("numpy", "numba", "cuda")
ORDS = [1, 2, 3, 0.5, 0.05, 7.5, -1, -2, np.inf, -np.inf, 0]


def by_hand(x: Any, ord: float) -> float:
    size = np.abs(np.asarray(x)).astype("longdouble")
    if ord == 0:
        return float((size != 0).sum())
    if np.isinf(ord):
        return float(size.max() if ord > 0 else size.min())
    with np.errstate(divide="ignore"):
        return float((size**ord).sum() ** (1 / np.longdouble(ord)))


@pytest.mark.parametrize("ord", ORDS)
@pytest.mark.parametrize(
    ("dtype", "sizes"), [("float32", (1e-38, 1e-20, 1.0, 1e20, 1e37)), ("float64", (1e-300, 1e-170, 1e170, 1e300))]
)
def test_every_norm_at_every_size(backend: str, ord: float, dtype: str, sizes: tuple[float, ...]) -> None:
    if ord == 0.05:
        sizes = sizes[1:-1]  # the norm itself is 3^20 times as large
    for size in sizes:
        x = (np.array([3.0, -4.0, 1.5]) * size).astype(dtype)
        t = dl.asarray(x).requires_grad_()
        y = dl.linalg.vector_norm(t, ord=ord)
        assert float(y) == pytest.approx(by_hand(x, ord), rel=1e-4 if ord == 0.05 else 3e-6, abs=0), (ord, size)
        if ord:
            y.backward()
            g = t.grad.numpy_copy()
            assert np.isfinite(g).all()
            assert float(np.sum(g.astype("f8") * (x / size))) == pytest.approx(by_hand(x, ord) / size, rel=1e-4)  # Euler


def test_axes_and_kept_axes(backend: str) -> None:
    x = np.random.default_rng(0).standard_normal((3, 4, 5))
    for ord in (2, 3, np.inf, 1):
        for axis in (0, (0, 2), (-1, 1), None):
            for keep in (False, True):
                y = dl.linalg.vector_norm(dl.asarray(x), axis=axis, keepdims=keep, ord=ord).numpy_copy()
                axes = tuple(range(3)) if axis is None else axis
                size = np.abs(x)
                want = size.max(axes, keepdims=keep) if np.isinf(ord) else (size**ord).sum(axes, keepdims=keep) ** (1 / ord)
                assert np.allclose(y, want, rtol=1e-12)
                assert y.shape == want.shape


def zeros(n: int) -> Any:
    return dl.asarray(np.zeros(n))


AT_ZERO: dict[str, tuple[Callable[[Any], Any], int]] = {
    "vector_norm": (dl.linalg.vector_norm, 3),
    "vector_norm of one": (dl.linalg.vector_norm, 1),
    "vector_norm, ord 3": (lambda x: dl.linalg.vector_norm(x, ord=3), 3),
    "vector_norm, ord 1": (lambda x: dl.linalg.vector_norm(x, ord=1), 3),
    "vector_norm, ord inf": (lambda x: dl.linalg.vector_norm(x, ord=np.inf), 3),
    "matrix_norm": (lambda x: dl.linalg.matrix_norm(dl.reshape(x, (2, 2))), 4),
    "std": (dl.std, 4),
    "hypot": (lambda x: dl.hypot(x[0], x[1]), 2),
    "atan2": (lambda x: dl.atan2(x[0], x[1]), 2),
    "abs": (lambda x: dl.sum(dl.abs(x)), 2),
    "pairwise_distance": (lambda x: dl.sum(F.pairwise_distance(x[None], x[None] * 0, eps=0.0)), 3),
    "contrastive_loss": (lambda x: F.contrastive_loss(x[None], x[None] * 0, dl.zeros(1)), 3),
    "triplet_margin_loss": (lambda x: F.triplet_margin_loss(x[None], x[None] * 0, x[None] * 0, eps=0.0), 3),
}


@pytest.mark.parametrize("name", AT_ZERO)
def test_all_derivatives_at_zero_are_zero(backend: str, name: str) -> None:
    f, n = AT_ZERO[name]
    assert (dl.grad(f)(zeros(n)).numpy_copy() == 0).all()
    assert (dl.hessian(f)(zeros(n)).numpy_copy() == 0).all()


@pytest.mark.backends("numpy", "numba")
def test_one_coordinate_that_is_zero(backend: str) -> None:
    for p in (0.5, 1.0, 1.5, 2.0, 3.0, np.inf):
        a = dl.asarray(np.array([[0.0, 2.0]])).requires_grad_()
        F.pairwise_distance(a, dl.zeros((1, 2), dtype="float64"), p=p, eps=0.0).sum().backward()
        assert a.grad.numpy_copy().tolist() == [[0, 1]], p
    h = dl.hessian(lambda x: dl.linalg.vector_norm(x, ord=3))(dl.asarray(np.array([0.0, 2.0]))).numpy_copy()
    assert np.isfinite(h).all()
    # away from 0 the second derivative is that of the formula: (I - u u^T) / |x|
    x = np.array([3.0, 4.0])
    h = dl.hessian(dl.linalg.vector_norm)(dl.asarray(x)).numpy_copy()
    assert np.allclose(h, (np.eye(2) - np.outer(x, x) / 25) / 5, atol=1e-12)


def test_complex_signs_and_norms_at_zero(backend: str) -> None:
    z = dl.asarray(np.zeros(2, "complex128")).requires_grad_()
    (g,) = dl.gradients([dl.sum(dl.abs(z)) + dl.linalg.vector_norm(z)], [z])
    assert (g.numpy_copy() == 0).all()


@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
def test_what_is_divided_by_a_norm(backend: str, size: float) -> None:
    x = np.array([[3.0, 4.0, 0.0], [-5.0, 0.0, 12.0]])
    y = np.array([[4.0, 3.0, 0.0], [5.0, 0.0, -12.0]])
    a = dl.asarray((x * size).astype("f4")).requires_grad_()
    b = dl.asarray((y * size).astype("f4"))
    unit = F.normalize(a, eps=1e-38)
    assert np.allclose(unit.detach().numpy_copy(), x / np.linalg.norm(x, axis=1, keepdims=True), rtol=1e-6)
    cos = F.cosine_similarity(a, b, eps=1e-38)
    assert np.allclose(cos.detach().numpy_copy(), [24 / 25, -1], rtol=1e-6)
    (dl.sum(cos) + dl.sum(unit)).backward()
    assert np.isfinite(a.grad.numpy_copy()).all()
    if size >= 1:
        distance = F.pairwise_distance(a, b, eps=0.0).detach().numpy_copy().astype("f8")
        assert np.allclose(distance / size, [np.sqrt(2), 26], rtol=1e-5)
        loss = F.cosine_embedding_loss(a, b, dl.asarray(np.array([1.0, -1.0], "f4")), reduction="none")
        assert np.allclose(loss.detach().numpy_copy(), [1 / 25, 0], atol=1e-6)


@pytest.mark.parametrize("p", [2.0, 1.0, 3.0, np.inf])
@pytest.mark.parametrize(("size", "dtype"), [(1e20, "float32"), (5e37, "float32"), (1e-30, "float32"), (1e200, "float64")])
def test_clipping_gradients_of_any_size(backend: str, p: float, size: float, dtype: str) -> None:
    values = [np.array([3.0, -4.0]), np.array([[1.0], [2.0]])]
    parameters = []
    for v in values:
        parameters.append(nn.Parameter(np.zeros(v.shape, dtype)))
        parameters[-1].grad = dl.asarray((v * size).astype(dtype))
    norm = by_hand([3.0, 4.0, 1.0, 2.0], p)
    found = float(optim.clip_grad_norm_(parameters, 1.0, p))
    if size * norm < float(np.finfo(dtype).max):
        assert found == pytest.approx(size * norm, rel=1e-5)
    if size > 1:
        for v, q in zip(values, parameters, strict=True):
            assert np.allclose(q.grad.numpy_copy(), v / norm, rtol=1e-4), (q.grad.numpy_copy(), v / norm)
    else:
        assert np.allclose(parameters[0].grad.numpy_copy() / size, values[0])


def test_a_norm_that_is_none_stays_none(backend: str) -> None:
    assert float(dl.linalg.vector_norm(dl.asarray(np.array([np.inf, 1.0])))) == np.inf
    assert np.isnan(float(dl.linalg.vector_norm(dl.asarray(np.array([np.nan, np.inf])))))
    assert float(grad_norm([np.array([np.inf, 1.0], "f4")])) == np.inf
    assert np.isnan(float(grad_norm([np.array([np.nan, 1.0], "f4")])))
    assert float(dl.linalg.vector_norm(dl.zeros(0))) == 0
