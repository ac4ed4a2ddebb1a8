"""Recording and walking back: chains, sharing, ownership of .grad, modes, hooks, anomaly, what is refused."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine.autograd.base import TensorBase
from dlengine.autograd.op import op
from dlengine.errors import DTypeError, GradientError, ShapeError


def leaf(*values: float) -> Any:
    return dl.asarray(list(values), dtype=dl.float64).requires_grad_()


def values(t: Any) -> list[float]:
    return t.detach().numpy().tolist()


def test_a_hundred_thousand_ops() -> None:
    """The walk is no recursion, and neither is freeing the graph."""
    x = y = leaf(1.0)
    for _ in range(100_000):
        y = y + 1e-5
    y.sum().backward()
    assert values(x.grad) == [1.0]
    del y
    a = b = leaf(0.5)
    for _ in range(3_000):
        b = b * 1.0001
    (g,) = dl.gradients(b.sum(), [a], create_graph=True)
    (h,) = dl.gradients((g * a * a).sum(), [a])
    np.testing.assert_allclose(values(h), 1.0001**3000, rtol=1e-9)


def test_gradients_accumulate_over_uses_and_calls() -> None:
    x = leaf(2.0, 3.0)
    y = x * x + x
    (y + y).sum().backward()
    assert values(x.grad) == [10.0, 14.0]
    (3 * x).sum().backward()
    assert values(x.grad) == [13.0, 17.0]


def test_broadcast_and_promoted_inputs_get_gradients_of_their_own_shape_and_dtype() -> None:
    x = dl.ones((3, 1), dtype=dl.float32).requires_grad_()
    b = dl.ones((4,), dtype=dl.float64).requires_grad_()
    y = x * b
    assert (y.shape, y.dtype) == ((3, 4), dl.float64)
    y.sum().backward()
    assert (x.grad.shape, x.grad.dtype) == ((3, 1), dl.float32)
    assert (b.grad.shape, b.grad.dtype) == ((4,), dl.float64)
    assert values(b.grad) == [3.0] * 4


# ---------------------------------------------------------------------- .grad belongs to its leaf
def test_a_reshaped_gradient_is_copied_only_if_something_else_sees_it() -> None:
    seen: list[Any] = []

    @op(name="test_reshaped")
    def reshaped(xp: Any, x: Any, /, *, keep: Any) -> Any:
        def pull(gy: Any) -> Any:
            flat = np.full(4, 2.0)
            seen.append(flat.__array_interface__["data"][0])
            keep(flat)
            return flat.reshape(2, 2)

        return x * 1.0, pull

    held: list[Any] = []
    for keep, same in ((lambda flat: None, True), (held.append, False), (lambda flat: held.append(flat[1:]), False)):
        x = dl.ones((2, 2), dtype=dl.float64).requires_grad_()
        reshaped(x, keep=keep).sum().backward()
        assert (x.grad.array.__array_interface__["data"][0] == seen[-1]) is same
        assert x.grad.array.tolist() == [[2.0, 2.0], [2.0, 2.0]]


@pytest.mark.parametrize(
    "f",
    [
        lambda x, y: x + y,
        lambda x, y: (x + y) + (x + y),
        lambda x, y: dl.reshape(x, (4,))[::-1] + dl.permute_dims(y, (0,)),
        lambda x, y: dl.concat([x, y]),
        lambda x, y: dl.broadcast_to(x, (3, 4)) - y,
    ],
    ids=["add", "shared", "views", "concat", "broadcast"],
)
def test_writing_to_a_grad_touches_nothing_else(f: Any) -> None:
    x, y = leaf(1.0, 2.0, 3.0, 4.0), leaf(5.0, 6.0, 7.0, 8.0)
    out = f(x, y)
    cotangent = dl.ones(out.shape, dtype=out.dtype)
    before = [np.array(a.array) for a in (x, y, out, cotangent)]
    out.backward(cotangent, retain_graph=True)
    kept = values(y.grad)
    x.grad *= 0.0
    x.grad += 99.0
    assert values(y.grad) == kept
    for t, old in zip((x, y, out, cotangent), before, strict=True):
        np.testing.assert_array_equal(t.array, old)
    assert not any(np.shares_memory(x.grad.array, t.array) for t in (x, y, y.grad, out, cotangent))
    y.grad = None
    out.backward(cotangent)
    assert values(y.grad) == kept


def test_grad_is_not_the_cotangent_and_not_another_leafs() -> None:
    x, y = leaf(1.0), leaf(2.0)
    g = dl.ones((1,), dtype=dl.float64)
    (x + y).backward(g)
    arrays = [x.grad.array, y.grad.array, g.array]
    assert not any(np.shares_memory(a, b) for i, a in enumerate(arrays) for b in arrays[:i])


def test_grad_of_the_wrong_shape_is_refused() -> None:
    x = leaf(1.0, 2.0)
    with pytest.raises(ShapeError, match="grad: expected None or a tensor of shape"):
        x.grad = dl.zeros((3,))


# ---------------------------------------------------------------------- once, twice, inside
def test_a_second_backward_needs_retain_graph() -> None:
    x = leaf(2.0)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert values(x.grad) == [8.0]
    with pytest.raises(GradientError, match=r"sum: its saved values are gone.*retain_graph=True"):
        y.backward()


def test_backward_inside_backward() -> None:
    """An op whose pullback differentiates something of its own, and a hook that walks another graph."""
    inner = leaf(3.0)

    @op(name="test_reentrant")
    def text(xp: Any, x: Any, /) -> Any:
        def pull(gy: Any) -> Any:
            with dl.enable_grad():
                (inner * inner).sum().backward()
            return gy * 2

        return x * 2, pull

    x = leaf(1.0)
    y = text(x) * 3

    def hook(g: Any) -> None:
        with dl.enable_grad():  # a plain walk records nothing, so neither do its hooks
            (inner * 5).sum().backward()

    y.register_hook(hook)
    y.sum().backward()
    assert values(x.grad) == [6.0]
    assert values(inner.grad) == [11.0]


def test_threads_record_and_walk_their_own_graphs() -> None:
    found: dict[int, list[float]] = {}

    def work(n: int) -> None:
        x = leaf(float(n))
        with dl.no_grad() if n % 2 else dl.enable_grad():
            pass
        y = x
        for _ in range(200):
            y = y * 1.0 + 0.0
        (y * y).sum().backward()
        found[n] = values(x.grad)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert found == {n: [2.0 * n] for n in range(4)}


def test_gradients_of_intermediates_and_of_several_outputs() -> None:
    x = leaf(1.0, 2.0)
    h = x * 3
    y, z = (h * h).sum(), h.sum()
    gh, gx = dl.gradients([y, z], [h, x], retain_graph=True)
    assert values(gh) == [7.0, 13.0]
    assert values(gx) == [21.0, 39.0]
    assert x.grad is None
    unrelated = leaf(5.0)
    assert values(dl.gradients(y, unrelated)) == [0.0]


def test_what_cannot_be_differentiated_says_so() -> None:
    x = leaf(1.0, 2.0)
    with pytest.raises(GradientError, match="does not depend on a tensor that requires a gradient"):
        dl.ones(()).backward()
    with pytest.raises(ShapeError, match="give the gradient of what follows it"):
        (x * 2).backward()
    with pytest.raises(DTypeError, match="gradient must be a tensor"):
        (x * 2).backward(np.ones(2))
    with pytest.raises(ShapeError, match="expected those of y"):
        (x * 2).backward(dl.ones((3,), dtype=dl.float64))
    with pytest.raises(ShapeError, match="expected those of y"):
        (x * 2).backward(dl.ones((2,), dtype=dl.float32))
    with pytest.raises(GradientError, match=r"xs\[0\] does not require a gradient"):
        dl.gradients(x.sum(), dl.ones((2,)))
    with pytest.raises(DTypeError, match="only floating tensors have gradients"):
        dl.arange(3).requires_grad_()
    with pytest.raises(GradientError, match="result of an op"):
        (x * 2).requires_grad_(False)


def test_bare_arrays_are_refused_with_the_way_out() -> None:
    with pytest.raises(DTypeError, match=r"expected a tensor.*numpy.ndarray; make a tensor of it: dl.asarray"):
        dl.exp(np.ones(2))
    with pytest.raises(DTypeError, match="dl.asarray"):
        leaf(1.0) + np.ones(1)
    with pytest.raises(TypeError):
        np.ones(1) + leaf(1.0)
    assert values(leaf(1.0) * np.float32(2)) == [2.0]


# ---------------------------------------------------------------------- modes
def test_no_grad_as_block_and_decorator() -> None:
    x = leaf(1.0)

    @dl.no_grad()
    def double(t: Any) -> Any:
        assert not dl.is_grad_enabled()
        with dl.enable_grad():
            assert (t * 1).requires_grad
        return t * 2

    assert not double(x).requires_grad
    assert dl.is_grad_enabled()
    with pytest.raises(ZeroDivisionError), dl.no_grad():
        raise ZeroDivisionError
    assert (x * 2).requires_grad
    once = dl.no_grad()
    with once, once:
        assert not (x * 2).requires_grad
    assert (x * 2).requires_grad


def test_detach_shares_memory_and_stops_the_gradient() -> None:
    x = leaf(2.0)
    y = x * x
    assert y.detach().array is y.array
    (y.detach() * x).sum().backward()
    assert values(x.grad) == [4.0]
    assert y.detach().is_leaf
    assert not y.detach().requires_grad


def test_inference_keeps_no_graph() -> None:
    x = dl.ones((3,))
    assert (x * 2 + 1).node is None
    with dl.no_grad():
        assert (leaf(1.0) * 2).node is None


# ---------------------------------------------------------------------- hooks
def test_hooks_see_change_and_leave() -> None:
    x = leaf(1.0)
    h = x * 2
    seen: list[list[float]] = []
    remove = h.register_hook(lambda g: seen.append(values(g)))
    h.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: g + 1)
    (h * 3).sum().backward(retain_graph=True)
    assert seen == [[3.0]]
    assert values(x.grad) == [61.0]
    remove()
    remove()
    x.grad = None
    (h * 3).sum().backward()
    assert seen == [[3.0]]
    assert values(x.grad) == [61.0]
    with pytest.raises(GradientError, match="register_hook"):
        dl.ones((2,)).register_hook(print)


def test_hooks_stay_differentiable_with_create_graph() -> None:
    x = leaf(3.0)
    y = x * x
    y.register_hook(lambda g: g * x)
    (g,) = dl.gradients(y.sum(), [x], create_graph=True)
    assert values(g) == [18.0]
    assert values(dl.gradients(g.sum(), x)) == [12.0]


# ---------------------------------------------------------------------- anomaly
def test_anomaly_names_the_op_and_the_line() -> None:
    x = leaf(-1.0, 4.0)
    dl.log(x)  # whose call is text of its own from the second time on
    with dl.anomaly(), pytest.raises(GradientError, match=r"anomaly: log made a NaN.*test_autograd.py:\d+: .*dl\.log\(x\)"):
        dl.log(x)
    zero = leaf(0.0)
    with dl.anomaly():
        y = dl.sqrt(zero) * 0.0
        with pytest.raises(GradientError, match=r"anomaly: the gradient of sqrt is NaN.*test_autograd.py"):
            y.sum().backward()
    dl.log(x)


def test_several_outputs_and_missing_cotangents() -> None:
    """An output that nothing uses contributes nothing; integer outputs never require a gradient."""
    x = leaf(3.0, 1.0, 2.0)
    top, index = dl.topk(x, 2)
    assert not index.requires_grad
    top.sum().backward()
    assert values(x.grad) == [1.0, 0.0, 1.0]
    q = dl.asarray(np.random.default_rng(0).standard_normal((4, 3))).requires_grad_()
    _, r = dl.linalg.qr(q)
    (r * r).sum().backward()
    np.testing.assert_allclose(q.grad.numpy(), 2 * q.detach().numpy(), rtol=1e-12)  # |R|^2 = |Q R|^2


def test_ops_take_arrays_by_name_and_say_what_is_missing() -> None:
    x = leaf(1.0)
    with pytest.raises(TypeError, match="add: the argument 'x2' is missing"):
        dl.add(x)
    with pytest.raises(TypeError, match="add: expected at most 2 arguments, got 3"):
        dl.add(x, x, x)


def test_a_pullback_of_the_wrong_shape_names_its_op() -> None:
    @op(name="test_wrong_shape")
    def text(xp: Any, x: Any, /) -> Any:
        return xp.sum(x), lambda gy: xp.ones((2, 7), dtype=x.dtype)

    with pytest.raises(GradientError, match=r"test_wrong_shape: its gradient of shape \(2, 7\) cannot be summed"):
        text(leaf(1.0, 2.0)).backward()


def test_tensors_are_hashed_by_identity() -> None:
    x, y = leaf(1.0), leaf(1.0)
    assert len({x, y, x}) == 2
    assert isinstance(x, TensorBase)


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_derivative_that_is_zero_everywhere_gives_a_gradient_of_zeros(create_graph: bool) -> None:
    x, w = (dl.asarray(np.array(v, "float32")).requires_grad_() for v in ([0.0, -1.5, np.inf], [2.0, 1.0, 3.0]))
    y = dl.sum(dl.floor(x * w)) + dl.sum(dl.exp(x) ** 0) + dl.sum(w)
    y.backward(create_graph=create_graph)
    np.testing.assert_array_equal(x.grad.numpy_copy(), [0.0, 0.0, 0.0])
    np.testing.assert_array_equal(w.grad.numpy_copy(), [1.0, 1.0, 1.0])
    assert x.grad.dtype == np.float32
