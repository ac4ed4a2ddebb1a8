"""Programs that once gave a wrong gradient in silence, or could: each must give the right one or raise GradientError."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import nn
from dlengine.autograd.op import op
from dlengine.errors import GradientError


def leaf(*values: float) -> Any:
    return dl.asarray(list(values), dtype=dl.float64).requires_grad_()


def scalar(value: float) -> Any:
    return dl.asarray(value, dtype=dl.float64).requires_grad_()


def same(t: Any, expected: Any) -> None:
    np.testing.assert_allclose(t.numpy_copy(), expected, rtol=1e-12)


# ---------------------------------------------------------------------- .grad and hooks
def test_scalar_gradients_add_up() -> None:
    """The sum of two 0-d arrays is a NumPy scalar, which no op takes."""
    x = scalar(2.0)
    for _ in range(3):
        (x * x).backward()
    same(x.grad * 1, 12.0)


def test_a_hook_on_a_scalar_leaf_gets_a_tensor() -> None:
    x = scalar(2.0)
    x.register_hook(lambda g: g * 2)
    (x * x + x).backward()
    same(x.grad, 10.0)


def test_recorded_gradients_are_not_shared() -> None:
    """Both addends get the same cotangent: clipping one in place must not scale the other."""
    a, b = leaf(1.0), leaf(2.0)
    dl.sum(a + b).backward(create_graph=True)
    with dl.no_grad():
        a.grad *= 0.5
    same(b.grad, [1.0])


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_hook_that_writes_in_place_is_refused(create_graph: bool) -> None:
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    c, d = a * 1, b * 1

    def hook(g: Any) -> None:
        with dl.no_grad():
            g *= 10

    c.register_hook(hook)
    with pytest.raises(GradientError, match="wrote to the gradient in place"):
        ((c + d) * leaf(1.0, 2.0)).backward(leaf(1.0, 1.0).detach(), create_graph=create_graph)


@pytest.mark.parametrize("wrong", [3.0, dl.sum, lambda g: dl.astype(g, dl.float32)])
def test_a_hook_must_return_a_gradient_like_the_one_it_got(wrong: Any) -> None:
    for make in (lambda: leaf(1.0, 2.0), lambda: leaf(1.0, 2.0) * 1):
        a = make()
        a.register_hook(wrong if callable(wrong) else lambda g: wrong)
        with pytest.raises(GradientError, match=r"register_hook: the hook must return .* shape \(2,\) and dtype float64"):
            dl.sum(a * a).backward()


def test_only_what_is_asked_for_is_computed() -> None:
    """gradients() neither calls the hooks of other leaves, whose gradients it knows in part, nor computes those."""
    pulled = []

    @op
    def product(xp: Any, a: Any, b: Any) -> Any:
        return xp.multiply(a, b), (lambda gy: pulled.append("a") or gy * b, lambda gy: pulled.append("b") or gy * a)

    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    b.register_hook(lambda g: pulled.append("hook"))
    same(dl.gradients(dl.sum(product(a, b)), a), [3.0, 4.0])
    assert pulled == ["a"]


# ---------------------------------------------------------------------- writing in place
def test_a_constant_that_becomes_a_result_is_seen_by_older_ops() -> None:
    """create_graph computes with the tensors again, and c is another value by then."""
    x, c = leaf(1.0, 2.0), dl.asarray([5.0, 6.0], dtype=dl.float64)
    y = dl.sum(x * c)
    c[0] = x[0]
    with pytest.raises(GradientError, match="overwritten in place"):
        dl.gradients(y, x, create_graph=True)
    same(dl.gradients(y, x), [5.0, 6.0])
    z = dl.sum(c * c)
    same(dl.gradients(z, x, create_graph=True), [2.0, 0.0])
    c /= x
    same(dl.gradients(dl.sum(c), x), [0.0, -6.0 / 4])


def test_a_list_op_guards_its_output() -> None:
    @op(needs="y")
    def exp_of_sum(xp: Any, xs: Any) -> Any:
        y = xp.exp(xs[0] + xs[1])
        return y, lambda gy: [gy * y, gy * y]

    a, b = leaf(1.0), leaf(2.0)
    y = exp_of_sum([a, b])
    with dl.no_grad():
        y[0] = 0.0
    with pytest.raises(GradientError, match="overwritten in place"):
        y.backward(dl.asarray([1.0], dtype=dl.float64))


def test_writes_through_views_of_views() -> None:
    x = leaf(1.0, 2.0, 3.0, 4.0)
    h = x * 1
    y = dl.sum(h * h)
    part = dl.reshape(h, (2, 2)).detach()[1][:1]
    with dl.no_grad():
        part[0] = 100.0
    with pytest.raises(GradientError, match="multiply"):
        y.backward()


def test_a_tensor_made_of_a_tensor_is_a_view_of_it() -> None:
    x = leaf(1.0, 2.0)
    y = dl.sum(x * x)
    dl.Tensor(x.detach())[0] = 9.0
    with pytest.raises(GradientError, match="overwritten in place"):
        y.backward()
    with pytest.raises(GradientError, match=r"Tensor\(\): this tensor requires a gradient"):
        dl.Tensor(x)


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_target_named_twice_gets_two_gradients(create_graph: bool) -> None:
    x = leaf(1.0, 2.0)
    first, second = dl.gradients(dl.sum(x * x), [x, x], create_graph=create_graph)
    with dl.no_grad():
        first[...] = 7.0
    same(second, [2.0, 4.0])


def test_a_step_between_forward_and_backward() -> None:
    layer = nn.Linear(2, 2)
    x = dl.ones((1, 2)).requires_grad_()
    y = dl.sum(layer(x) * 2)
    optimizer = dl.optim.SGD(layer.parameters(), lr=0.1)
    for p in layer.parameters():
        p.grad = dl.ones(p.shape)
    optimizer.step()
    with pytest.raises(GradientError, match="overwritten in place"):
        y.backward()


def test_recorded_gradients_know_that_they_were_clipped() -> None:
    x = leaf(3.0, 4.0)
    dl.sum(x * x * x).backward(create_graph=True)
    penalty = dl.sum(x.grad * x.grad)
    dl.optim.clip_grad_norm_([x], 1.0)
    with pytest.raises(GradientError, match="overwritten in place"):
        penalty.backward()


# ---------------------------------------------------------------------- checkpoint
def test_checkpoint_of_an_argument_that_is_also_closed_over() -> None:
    w = scalar(3.0)
    dl.checkpoint(lambda a: a * w, w).backward()
    same(w.grad, 6.0)


def test_checkpoint_closes_over_a_tensor_and_what_it_came_from() -> None:
    for create_graph in (False, True):
        w = scalar(3.0)
        h = w * 2
        y = dl.checkpoint(lambda h=h, w=w: h * w)
        same(dl.gradients(y, w, create_graph=create_graph), 12.0)


def test_checkpoints_in_a_row_share_a_weight() -> None:
    """The second one's argument depends on the weight, too: that way must be walked once."""
    w, x = scalar(3.0), scalar(4.0)
    y = dl.checkpoint(lambda a: a * w, dl.checkpoint(lambda a: a * w, x))
    g = dl.gradients(y, w, create_graph=True)
    same(g, 24.0)
    same(dl.gradients(g, w), 8.0)


def test_checkpoint_of_one_tensor_in_two_places() -> None:
    w = scalar(3.0)
    g = dl.gradients(dl.checkpoint(lambda a, b: a * b, w, w), w, create_graph=True)
    same(g, 6.0)
    same(dl.gradients(g, w), 2.0)


def test_checkpoint_around_a_gradient() -> None:
    """The inner gradient records, so its ops are not seen as the others are."""
    w, x = scalar(3.0), scalar(4.0)
    dl.checkpoint(lambda a: dl.grad(lambda z: z * z * w)(a), x).backward()
    same(x.grad, 6.0)
    same(w.grad, 8.0)

    def recorded_within(a: Any) -> Any:
        with dl.enable_grad():
            h = w * a
        return h * h

    dl.checkpoint(recorded_within, x.detach()).backward()
    same(w.grad, 8.0 + 2 * 3 * 16)


def test_nested_checkpoints_with_dropout() -> None:
    dropout, x = nn.Dropout(0.5), leaf(*range(1, 65))
    dl.manual_seed(3)
    y = dl.checkpoint(lambda a: dl.checkpoint(lambda b: dropout(b) * dropout(b), a) * dropout(a), x)
    g = dl.gradients(dl.sum(y), x, create_graph=True)
    dl.manual_seed(3)
    plain = dropout(x) * dropout(x) * dropout(x)
    same(y, plain.numpy_copy())
    same(g, dl.gradients(dl.sum(plain), x, retain_graph=True).numpy_copy())
    same(dl.gradients(dl.sum(g), x), dl.gradients(dl.sum(dl.gradients(dl.sum(plain), x, create_graph=True)), x).numpy_copy())


def test_hooks_within_and_around_a_checkpoint_run_once() -> None:
    w, x = scalar(3.0), scalar(4.0)
    w.register_hook(lambda g: g * 10)
    h = x * 1
    h.register_hook(lambda g: g * 10)
    dl.checkpoint(lambda a: a * w * h, h).backward()
    same(w.grad, 160.0)
    same(x.grad, 240.0)


def test_a_checkpoint_returns_no_memory_of_its_arguments() -> None:
    x = leaf(1.0, 2.0)
    h = x * 1
    y = dl.checkpoint(lambda a: dl.reshape(a, (2, 1)), h)
    z = dl.sum(h * h)
    with dl.no_grad():
        y[0] = 7.0
    z.backward()
    same(x.grad, [2.0, 4.0])
    w = scalar(2.0)
    dl.checkpoint(lambda: w).backward()
    same(w.grad, 1.0)


def test_a_checkpoint_that_draws_other_numbers_the_second_time() -> None:
    dropout = nn.Dropout(0.5)
    for counts in ((1, 2), (2, 1)):
        layers = [nn.Sequential(*[dropout] * n) for n in counts]

        def f(a: Any, layers: Any = layers) -> Any:
            return layers.pop(0)(a)

        with pytest.raises(GradientError, match="random numbers when it ran again"):
            dl.sum(dl.checkpoint(f, leaf(1.0, 2.0))).backward()


def test_a_checkpoint_without_tensors_or_gradients() -> None:
    same(dl.checkpoint(lambda n: dl.ones(n), 2), [1.0, 1.0])
    assert not dl.checkpoint(lambda a: a * 2, dl.ones(2)).requires_grad
    assert isinstance(dl.checkpoint(lambda a: (a, a * 2), dl.ones(2)), tuple)


def test_a_checkpoint_runs_again_on_its_own_backend() -> None:
    ran = []
    x = leaf(1.0)
    with dl.use_backend("numpy"):
        y = dl.checkpoint(lambda a: ran.append(dl.get_backend()) or a * 2, x)
    with dl.use_backend("auto"):
        y.sum().backward()
    assert ran == ["numpy", "numpy"]


def test_gradients_of_integer_arguments_are_left_alone() -> None:
    weight, ids = leaf(1.0, 2.0, 3.0), dl.asarray([0, 2, 2])
    y = dl.checkpoint(lambda i, w: dl.take(w, i) * 2, ids, weight)
    same(dl.gradients(dl.sum(y), weight), [2.0, 0.0, 4.0])


# ---------------------------------------------------------------------- numbers
def test_half_precision_sums_are_kept_wider() -> None:
    """In float16, 2048 + 1 is 2048: a bias of a large batch would get no more than that."""
    x, b = dl.ones((4096, 3), dtype=dl.float16), dl.zeros(3, dtype=dl.float16).requires_grad_()
    with dl.use_backend("numpy"):
        dl.sum(x + b).backward()
        same(b.grad, [4096.0] * 3)
        same(dl.sum(x, axis=0), [4096.0] * 3)
        same(dl.cumulative_sum(x[:, 0])[-1], 4096.0)
        same(dl.var(x * 300, axis=0), [0.0] * 3)
        assert dl.sum(x, axis=0).dtype == dl.float16


# ---------------------------------------------------------------------- state left behind
def test_an_exception_in_the_middle_of_backward_leaves_no_state() -> None:
    @op
    def breaks(xp: Any, a: Any) -> Any:
        def pull(gy: Any) -> Any:
            raise RuntimeError("broken")

        return a * 1, pull

    a, b = leaf(1.0), leaf(2.0)
    y = dl.sum(breaks(a * 2) + b)
    for create_graph in (False, True):
        with pytest.raises(RuntimeError, match="broken"):
            y.backward(create_graph=create_graph, retain_graph=True)
        assert a.grad is None
        assert b.grad is None
        assert dl.is_grad_enabled()
    (b * b).sum().backward()
    same(b.grad, [4.0])

    def fails(a: Any) -> Any:
        if dl.is_grad_enabled():
            raise RuntimeError("broken")
        return a * 2

    z = dl.checkpoint(fails, b)
    with pytest.raises(RuntimeError, match="broken"):
        z.sum().backward()
    assert nn.Dropout(0.5)(b).shape == (1,)  # draws anew, replays nothing


def test_threads_on_their_own_tensors() -> None:
    failures: list[Any] = []

    def work(seed: int) -> None:
        try:
            rng = np.random.default_rng(seed)
            for _ in range(30):
                a, b = (dl.asarray(rng.normal(size=(8, 8))).requires_grad_() for _ in range(2))
                with dl.use_backend("numpy" if seed % 2 else "auto"):
                    y = dl.sum(dl.tanh(a @ b))
                    g = dl.gradients(y, a, create_graph=seed % 3 == 0)
                t = 1 - np.tanh(a.detach().numpy() @ b.detach().numpy()) ** 2
                np.testing.assert_allclose(g.numpy_copy(), t @ b.detach().numpy().T, rtol=1e-9, atol=1e-12)
        except Exception as e:
            failures.append(e)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures
