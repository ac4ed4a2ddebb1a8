"""grad, value_and_grad, vjp, jvp, jacobian, hessian: closed formulas, nesting, and torch.func where it is installed."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine.errors import DTypeError, GradientError, ShapeError
from dlengine.testing import gradcheck

A = np.array([[2.0, -1.0, 0.5], [0.3, 1.5, -0.7]])
X = np.array([0.4, -1.2, 0.9])


def tensor(a: Any) -> Any:
    return dl.asarray(np.asarray(a, dtype=np.float64))


def f(x: Any) -> Any:
    """R^3 -> R^2, curved."""
    return dl.tanh(tensor(A) @ x) * x[:2]


def close(t: Any, expected: Any) -> None:
    np.testing.assert_allclose(t.detach().numpy(), expected, rtol=1e-12, atol=1e-13)


def jacobian_of_f(x: Any) -> Any:
    t = np.tanh(A @ x)
    return (1 - t**2)[:, None] * A * x[:2, None] + np.diag(t) @ np.eye(2, 3)


def test_jacobian_vjp_jvp_agree_with_the_formula() -> None:
    x, v, u = tensor(X), tensor([1.0, -2.0, 0.5]), tensor([0.3, -0.8])
    j = jacobian_of_f(X)
    close(dl.jacobian(f)(x), j)
    y, pull = dl.vjp(f, x)
    close(y, np.tanh(A @ X) * X[:2])
    close(pull(u)[0], u.numpy() @ j)
    close(pull(u)[0], u.numpy() @ j)  # as often as one likes
    y, dy = dl.jvp(f, [x], [v])
    close(dy, j @ v.numpy())
    assert not y.requires_grad
    assert not dy.requires_grad


def test_grad_value_and_grad_and_argnums() -> None:
    def g(a: Any, b: Any, *, scale: float = 1.0) -> Any:
        return (a * a * b).sum() * scale

    a, b = tensor([1.0, 2.0]), tensor([3.0, 4.0])
    close(dl.grad(g)(a, b), [6.0, 16.0])
    ga, gb = dl.grad(g, (0, 1))(a, b, scale=2.0)
    close(ga, [12.0, 32.0])
    close(gb, [2.0, 8.0])
    value, gb = dl.value_and_grad(g, 1)(a, b)
    assert float(value) == 19.0
    close(gb, [1.0, 4.0])
    assert a.grad is None


def test_nested_grads_are_higher_derivatives() -> None:
    def cube(x: Any) -> Any:
        return x * x * x

    x = tensor(2.0)
    close(dl.grad(cube)(x), 12.0)
    close(dl.grad(dl.grad(cube))(x), 12.0)
    close(dl.grad(dl.grad(dl.grad(cube)))(x), 6.0)
    close(dl.grad(lambda a: dl.grad(lambda b: a * a * b * b)(a))(x), 3 * 2 * 4.0)  # d/da (2 a^3)


def test_a_transform_inside_a_recorded_computation() -> None:
    """A gradient penalty: the norm of an inner gradient, differentiated for the weights it closes over."""
    w = tensor([1.0, -2.0, 0.5]).requires_grad_()
    x = tensor(X)

    def score(t: Any) -> Any:
        return (dl.tanh(t * w)).sum()

    g = dl.grad(score)(x)
    (g * g).sum().backward()
    with dl.no_grad():
        assert not dl.grad(score)(x).requires_grad
    gradcheck(lambda t: (dl.grad(lambda s: dl.tanh(s * t).sum())(x) ** 2).sum(), tensor([1.0, -2.0, 0.5]))
    t = np.tanh(X * w.detach().numpy())
    g = (1 - t**2) * w.detach().numpy()
    close(w.grad, 2 * g * ((1 - t**2) - 2 * t * (1 - t**2) * X * w.detach().numpy()))


def test_hessian_of_a_quadratic_and_of_rosenbrock() -> None:
    m = tensor([[2.0, 1.0], [0.5, 3.0]])
    close(dl.hessian(lambda x: (x @ m @ x))(tensor([1.0, 2.0])), m.numpy() + m.numpy().T)

    def rosenbrock(x: Any) -> Any:
        return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2

    x = np.array([0.5, 0.8])
    expected = [[2 - 400 * (x[1] - 3 * x[0] ** 2), -400 * x[0]], [-400 * x[0], 200.0]]
    close(dl.hessian(rosenbrock)(tensor(x)), expected)


def test_shapes_of_jacobian_and_hessian() -> None:
    x = tensor(np.arange(6.0).reshape(2, 3))
    assert dl.jacobian(lambda t: t * t)(x).shape == (2, 3, 2, 3)
    assert dl.jacobian(lambda t: t.sum())(x).shape == (2, 3)
    assert dl.jacobian(lambda t: t[:0])(x).shape == (0, 3, 2, 3)
    assert dl.hessian(lambda t: (t * t * t).sum())(x).shape == (2, 3, 2, 3)
    first, second = dl.jacobian(lambda a, b: a * b, (0, 1))(x, tensor(np.ones(3)))
    assert (first.shape, second.shape) == ((2, 3, 2, 3), (2, 3, 3))


def test_jvp_of_what_does_not_depend_is_zero() -> None:
    y, dy = dl.jvp(lambda x: x * 0.0 + 1.0, [tensor(X)], [tensor(X)])
    close(dy, np.zeros(3))
    y, dy = dl.jvp(lambda x: tensor([5.0]), [tensor(X)], [tensor(X)])
    close(dy, [0.0])


def test_complex_gradients_follow_pytorch() -> None:
    """dL = Re <conj(gradient), dz>: for L = |z|^2 the gradient is 2 z."""
    z = dl.asarray(np.array([1 + 2j, -0.5j])).requires_grad_()
    (dl.real(z * dl.conj(z))).sum().backward()
    close(z.grad, 2 * z.detach().numpy())
    x = tensor([1.0, 2.0]).requires_grad_()
    dl.real(x * (1 + 2j)).sum().backward()
    assert x.grad.dtype == dl.float64
    close(x.grad, [1.0, 1.0])


def test_refusals() -> None:
    with pytest.raises(ShapeError, match="f must return a scalar"):
        dl.grad(lambda x: x)(tensor(X))
    with pytest.raises(DTypeError, match="must be a floating tensor"):
        dl.grad(lambda x: x.sum())(dl.arange(3))
    with pytest.raises(GradientError, match="argnums names argument 1"):
        dl.grad(lambda x: x.sum(), 1)(tensor(X))


def test_gradcheck_finds_wrong_derivatives() -> None:
    from dlengine.autograd.op import op

    @op(name="test_wrong_first")
    def wrong_first(xp: Any, x: Any, /) -> Any:
        return x * x, lambda gy: gy * x * 2.001

    @op(name="test_wrong_one")
    def wrong_one(xp: Any, x: Any, /) -> Any:
        """Only one element of many is wrong."""
        keep = np.ones(x.shape)
        keep.flat[3] = 1.0001
        return x * 1.0, lambda gy: gy * xp.asarray(keep)

    @op(name="test_wrong_second")
    def wrong_second(xp: Any, x: Any, /) -> Any:
        """A gradient that is right, made of a value that cuts the graph."""
        frozen = x.detach() if hasattr(x, "detach") else x
        return x * x, lambda gy: gy * frozen * 2

    x = tensor(np.linspace(0.5, 2, 20))
    with pytest.raises(GradientError, match="first order: along a random direction of argument 0"):
        gradcheck(wrong_first, x)
    with pytest.raises(GradientError, match="first order"):
        gradcheck(wrong_one, x)
    gradcheck(wrong_second, x, order=1)
    with pytest.raises(GradientError, match="second order: along a random direction of argument 0"):
        gradcheck(wrong_second, x)
    gradcheck(dl.tanh, x, order=3)
    gradcheck(lambda a, n: a**n, tensor([1.0, 2.0]), 3)
    with pytest.raises(DTypeError, match="no argument is a floating tensor"):
        gradcheck(dl.abs, dl.arange(3))


def test_against_torch_func() -> None:
    torch = pytest.importorskip("torch")
    func = pytest.importorskip("torch.func")
    x, v = X, np.array([0.2, 1.0, -0.4])
    tx, tv, ta = (torch.tensor(a) for a in (x, v, A))

    def ours(t: Any) -> Any:
        return (dl.exp(tensor(A) @ t) * dl.sin(t[1:])).sum()

    def theirs(t: Any) -> Any:
        return (torch.exp(ta @ t) * torch.sin(t[1:])).sum()

    close(dl.grad(ours)(tensor(x)), func.grad(theirs)(tx).numpy())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own forward mode uses what torch deprecates
        close(dl.hessian(ours)(tensor(x)), func.hessian(theirs)(tx).numpy())
        close(dl.jvp(dl.grad(ours), [tensor(x)], [tensor(v)])[1], func.jvp(func.grad(theirs), (tx,), (tv,))[1].numpy())
    close(dl.jacobian(dl.grad(ours))(tensor(x)), func.jacrev(func.grad(theirs))(tx).numpy())
    _, pull = dl.vjp(dl.grad(ours), tensor(x))
    _, their_pull = func.vjp(func.grad(theirs), tx)
    close(pull(tensor(v))[0], their_pull(tv)[0].numpy())
