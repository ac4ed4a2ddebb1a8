"""Shapes, axes and indices drawn at random: values are NumPy's, gradients have the shapes and sums they must have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import dlengine as dl

QUICK = settings(max_examples=60, deadline=None, derandomize=True)
SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)


def drawn(shape: tuple[int, ...], seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal(shape)


def tensor(a: Any) -> Any:
    return dl.asarray(a).requires_grad_()


def pulled(y: Any, *leaves: Any) -> list[Any]:
    """The gradients along a random cotangent, and that cotangent first."""
    u = drawn(y.shape, 9)
    return [u, *(g.numpy() for g in dl.gradients([y], list(leaves), [dl.asarray(u)]))]


@QUICK
@given(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, min_side=0, max_side=4))
def test_broadcasting(shapes: Any) -> None:
    a, b = (drawn(s, i) for i, s in enumerate(shapes.input_shapes))
    x, y = tensor(a), tensor(b)
    z = x * y
    np.testing.assert_array_equal(z.detach().numpy(), a * b)
    u, ga, gb = pulled(z, x, y)
    for g, other, own in ((ga, b, a), (gb, a, b)):
        assert g.shape == own.shape
        np.testing.assert_allclose(np.sum(g * own), np.sum(u * other * own), atol=1e-10)


@QUICK
@given(st.data())
def test_sums_over_axes(data: Any) -> None:
    shape = data.draw(SHAPES)
    rank = len(shape)
    axis = data.draw(st.one_of(st.none(), st.lists(st.integers(0, rank - 1), unique=True).map(tuple)) if rank else st.none())
    keep = data.draw(st.booleans())
    a = drawn(shape)
    x = tensor(a)
    y = dl.sum(x, axis=axis, keepdims=keep)
    np.testing.assert_allclose(y.detach().numpy(), np.sum(a, axis=axis, keepdims=keep), atol=1e-12)
    u, g = pulled(y, x)
    np.testing.assert_allclose(np.sum(g * a), np.sum(u * np.sum(a, axis=axis, keepdims=keep)), atol=1e-10)


@QUICK
@given(st.data())
def test_basic_and_integer_indices(data: Any) -> None:
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=5))
    if data.draw(st.booleans()):
        key = data.draw(hnp.basic_indices(shape, allow_newaxis=True))
    else:
        rows = st.integers(-shape[0], shape[0] - 1)
        key = data.draw(hnp.arrays(np.int64, hnp.array_shapes(max_dims=2, max_side=4), elements=rows))
    a = drawn(shape)
    x = tensor(a)
    y = x[dl.asarray(key) if isinstance(key, np.ndarray) else key]
    np.testing.assert_array_equal(y.detach().numpy(), a[key])
    u, g = pulled(y, x)
    want = np.zeros(shape)
    np.add.at(want, key, u)
    np.testing.assert_allclose(g, want, atol=1e-12)
    new = drawn(np.shape(a[key]), 5)
    written = dl.asarray(a)
    written[dl.asarray(key) if isinstance(key, np.ndarray) else key] = dl.asarray(new)
    b = a.copy()
    b[key] = new
    np.testing.assert_array_equal(written.numpy(), b)


@QUICK
@given(st.data())
def test_matrix_products(data: Any) -> None:
    batch = data.draw(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=2, min_side=0, max_side=3))
    m, k, n = (data.draw(st.integers(0, 4)) for _ in range(3))
    a, b = drawn((*batch.input_shapes[0], m, k)), drawn((*batch.input_shapes[1], k, n), 1)
    x, y = tensor(a), tensor(b)
    z = x @ y
    np.testing.assert_allclose(z.detach().numpy(), a @ b, atol=1e-12)
    u, ga, gb = pulled(z, x, y)
    assert (ga.shape, gb.shape) == (a.shape, b.shape)
    np.testing.assert_allclose([np.sum(ga * a), np.sum(gb * b)], np.sum(u * (a @ b)), atol=1e-9)


@QUICK
@given(st.data())
def test_moving_axes_and_joining(data: Any) -> None:
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=4))
    order = data.draw(st.permutations(range(len(shape))))
    a = drawn(shape)
    x = tensor(a)
    turned = dl.permute_dims(x, tuple(order))
    flat = dl.reshape(turned, (-1,) if a.size else (0,))
    axis = data.draw(st.integers(0, len(shape) - 1))
    y = dl.concat([turned, turned * 2], axis=axis)
    b = np.transpose(a, order)
    np.testing.assert_array_equal(flat.detach().numpy(), b.reshape(-1))
    np.testing.assert_array_equal(y.detach().numpy(), np.concatenate([b, 2 * b], axis))
    u, g = pulled(y, x)
    first, second = np.split(u, 2, axis)
    np.testing.assert_allclose(g, np.transpose(first + 2 * second, np.argsort(order)), atol=1e-12)


@pytest.mark.parametrize("padding", [(-3, 3), (3, -3), (-1, 4), (-2, 1), (0, -2)])
def test_a_border_may_cut_off_all_there_is(padding: tuple[int, int]) -> None:
    x = dl.asarray([1.0, 2.0]).requires_grad_()
    wide = np.zeros(12)
    wide[5:7] = 1, 2
    y = dl.pad(x, [padding])
    np.testing.assert_array_equal(y.numpy_copy(), wide[5 - padding[0] : 7 + padding[1]])
    y.sum().backward()
    inside = np.arange(2)
    np.testing.assert_array_equal(x.grad.numpy_copy(), (inside >= -padding[0]) & (inside < 2 + padding[1]))
