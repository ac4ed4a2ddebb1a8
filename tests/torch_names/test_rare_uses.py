"""Uses of PyTorch's names that are rare, and that no other test has."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import torch
from dlengine.ops.index import put_at
from dlengine.torch.names.core import own
from dlengine.training import capture


def test_an_empty_index_is_a_view() -> None:
    x = torch.tensor(1.0)
    x[()].add_(1)
    assert x.item() == 2


def test_a_call_between_the_two_modules_is_made() -> None:
    class Doubled(dl.nn.Module):
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            return super().__call__(*args, **kwargs) * 2

    class Network(torch.nn.Module, Doubled):
        def forward(self, x: Any) -> Any:
            return x + 1

    assert Network()(torch.ones(2)).tolist() == [4, 4]


@pytest.mark.parametrize("join", [torch.cat, torch.stack, torch.hstack, torch.vstack])
def test_arrays_are_not_joined_with_tensors(join: Any) -> None:
    with pytest.raises(TypeError):
        join([torch.ones(2), np.ones(2, np.float32)])


def test_floats_win_over_integers_where_they_are_joined() -> None:
    y = torch.cat([torch.ones(2), torch.tensor([1, 2])])
    assert y.dtype == torch.float32
    assert y.tolist() == [1, 1, 1, 2]
    assert torch.stack([torch.tensor([1], dtype=torch.int32), torch.tensor([2], dtype=torch.int64)]).dtype == torch.int64


def test_statistics_that_cannot_be_written() -> None:
    layer = torch.nn.BatchNorm1d(3)
    memory = np.zeros(3, np.float32)
    memory.flags.writeable = False
    layer.running_mean.array = memory
    with pytest.raises(dl.errors.ShapeError, match="read-only"):
        layer(torch.ones(4, 3))


@pytest.mark.parametrize("requires_grad", [False, True])
def test_what_is_scattered_has_a_value_for_every_index(requires_grad: bool) -> None:
    """Too few values were read from behind their memory."""
    x = torch.zeros(4, 6, requires_grad=requires_grad)
    places = torch.zeros(4, 6, dtype=torch.int64)
    for scatter in (x.scatter_add, x.scatter, lambda *given: x.scatter_reduce(*given, "sum")):
        with pytest.raises(RuntimeError, match="no larger size than src"):
            scatter(1, places, torch.ones(4, 1))
    with pytest.raises(IndexError, match="Number of indices"):
        x.index_copy(0, torch.tensor([0, 1]), torch.ones(1, 6))


def test_values_that_are_put_fit_their_index() -> None:
    with dl.use_backend("numba"):
        places, values = dl.zeros((4, 6), dtype="int64"), dl.ones((4, 1))
        with pytest.raises(dl.errors.ShapeError, match="put_at"):
            put_at(values, key=(places, places), shape=(4, 6))


def gradients(y: Any, *leaves: Any) -> list[Any]:
    return [g.tolist() for g in torch.autograd.grad(y.sum(), leaves)]


def test_the_larger_of_two_ignores_nan_and_infinities_stay() -> None:
    """Of equals the first one has the gradient."""
    nan, inf = float("nan"), float("inf")
    a = torch.tensor([1.0, nan, -inf, 2.0, inf]).requires_grad_()
    b = torch.tensor([nan, 3.0, nan, 2.0, 0.0]).requires_grad_()
    assert torch.fmax(a, b).tolist() == [1, 3, -inf, 2, inf]
    assert torch.fmin(a, b).tolist() == [1, 3, -inf, 2, 0]
    assert gradients(torch.fmax(a, b), a, b) == [[1, 0, 1, 1, 1], [0, 1, 0, 0, 0]]
    assert gradients(torch.fmin(a, b), a, b) == [[1, 0, 1, 1, 0], [0, 1, 0, 0, 1]]
    assert torch.fmax(torch.tensor([1, 2]), torch.tensor([nan, 3.0])).tolist() == [1, 3]


def test_what_a_division_leaves() -> None:
    inf = float("inf")
    a = torch.tensor([-7.0, 7.0, 0.0, 1e10, -0.0]).requires_grad_()
    b = torch.tensor([inf, -4.0, 3.0, 3.0, 3.0]).requires_grad_()
    y = torch.fmod(a, b)
    assert y.tolist() == [-7, 3, 0, 1, 0]
    assert torch.signbit(y).tolist() == [True, False, False, False, True]
    assert gradients(torch.fmod(a, b)[1:3], a, b) == [[0, 1, 1, 0, 0], [0, 1, 0, 0, 0]]
    assert torch.fmod(torch.tensor([True, False]), torch.tensor([2, 3])).tolist() == [1, 0]
    assert torch.fmod(torch.tensor([-7, 7]), 4).tolist() == [-3, 3]
    assert torch.fmod(torch.tensor([-128, 127], dtype=torch.int8), torch.tensor([3, 50], dtype=torch.int8)).tolist() == [-2, 27]
    small = torch.tensor([2], dtype=torch.int8)
    for number, want in ((2, torch.int64), (-2, torch.int64), (small, torch.int8), (2.0, torch.float32)):
        y = torch.fmod(torch.tensor([True]), number)
        assert (y.tolist(), y.dtype) == ([1], want)
    a, b = torch.tensor([inf, 2.0, 5.0]).requires_grad_(), torch.tensor([2.0, 0.0, inf]).requires_grad_()
    assert torch.isnan(torch.fmod(a, b)).tolist() == [True, True, False]
    assert gradients(torch.fmod(a, b), a, b) == [[1, 1, 1], [-inf, -inf, 0]]


def test_x_log_y_has_a_derivative_at_zero() -> None:
    x, y = torch.tensor([0.0, 0.0, 2.0]).requires_grad_(), torch.tensor([2.0, 0.0, 1.0]).requires_grad_()
    assert gradients(torch.xlogy(x, y), x, y) == [[pytest.approx(np.log(2)), 0, 0], [0, 0, 2]]
    assert torch.xlogy(torch.zeros(1), torch.tensor([float("inf")])).tolist() == [0]


def test_dtypes_of_mixed_operands() -> None:
    assert torch.gcd(torch.tensor([4], dtype=torch.uint8), torch.tensor(6)).dtype == torch.uint8
    assert torch.lcm(torch.tensor([4], dtype=torch.int32), torch.tensor(6)).dtype == torch.int32
    assert torch.cat([torch.tensor([True]), torch.tensor([2])]).tolist() == [1, 2]
    assert torch.cat([torch.tensor([True]), torch.tensor([2])]).dtype == torch.int64
    assert torch.tensor([True, False]).masked_fill(torch.tensor([True, True]), 0).dtype == torch.bool
    wide = torch.logaddexp2(torch.tensor([0.1], dtype=torch.float64), torch.tensor([0.3]))
    assert wide.item() == pytest.approx(np.logaddexp2(0.1, np.float64(np.float32(0.3))), abs=1e-15)


def test_truth_values_and_several_dots_as_indices() -> None:
    x = torch.arange(4).reshape(2, 2)
    assert x[True].shape == (1, 2, 2)
    assert x[False].shape == (0, 2, 2)
    assert x[..., ...].tolist() == x.tolist()
    assert x[..., 0, ...].tolist() == [0, 2]
    x[True] = 5
    assert x.tolist() == [[5, 5], [5, 5]]


def test_settings_without_a_default_are_asked_for() -> None:
    with pytest.raises(TypeError, match="'value'"):
        torch.nn.functional.threshold(torch.ones(2), 0.5)
    with pytest.raises(TypeError, match="'threshold'"):
        torch.threshold(torch.ones(2))


def test_classes_have_no_mean() -> None:
    some = torch.distributions.Categorical(torch.tensor([[0.2, 0.8]]))
    assert np.isnan(some.mean.tolist() + some.variance.tolist()).all()


@pytest.mark.parametrize("rows", [17, 1025])
def test_sums_of_broadcast_gradients_are_differentiated_again(rows: int) -> None:
    x, b, v = torch.randn(rows, 3), torch.randn(3).requires_grad_(), torch.randn(rows, 3)
    (g,) = torch.autograd.grad((((x + b.reshape(1, 3)) ** 2) * v).sum(), [b], create_graph=True)
    (h,) = torch.autograd.grad(g.sum(), [b])
    np.testing.assert_allclose(h.numpy(), 2 * v.numpy().sum(axis=0), rtol=1e-4, atol=1e-4)


def test_gather_from_a_part_of_the_rows() -> None:
    """An index may have fewer rows than the tensor, not more; and its numbers are places."""
    x = torch.arange(12.0).reshape(3, 4).requires_grad_()
    index = torch.tensor([[3, 0, 0], [1, 1, 2]])
    assert torch.gather(x, 1, index).tolist() == [[3, 0, 0], [5, 5, 6]]
    assert torch.gather(x, 0, torch.tensor([[2, 0]])).tolist() == [[8, 1]]
    assert gradients(torch.gather(x, 1, index), x) == [[[2, 0, 0, 1], [0, 2, 1, 0], [0, 0, 0, 0]]]
    for dim, wrong in ((1, [[4]]), (1, [[-1]]), (1, [[0]] * 4), (0, [[0] * 5])):
        with pytest.raises(RuntimeError):
            torch.gather(x, dim, torch.tensor(wrong))
    with pytest.raises(RuntimeError):
        torch.gather(torch.ones(1, 4), 1, torch.zeros(3, 1, dtype=torch.int64))


PLACED = {
    "gather": lambda x, i: x.gather(0, i),
    "scatter": lambda x, i: x.scatter(0, i, torch.ones(2, 4)),
    "scatter_add": lambda x, i: x.scatter_add(0, i, torch.ones(2, 4)),
    "scatter_add_": lambda x, i: x.clone().scatter_add_(0, i, torch.ones(2, 4)),
    "scatter_reduce": lambda x, i: x.scatter_reduce(0, i, torch.ones(2, 4), reduce="sum"),
    "index_select": lambda x, i: x.index_select(0, i[0]),
}


@pytest.mark.parametrize("name", PLACED)
def test_names_that_take_places_are_captured(name: str) -> None:
    x, i = torch.arange(12.0).reshape(3, 4), torch.tensor([[0, 1, 2, 0], [1, 1, 0, 2]])

    def step(v: Any) -> Any:
        return PLACED[name](own(v), i)

    train = capture(step)
    for n in range(5):
        assert train(x + n).tolist() == PLACED[name](x + n, i).tolist()
    assert train.replays


def test_sums_by_place_do_not_depend_on_earlier_calls() -> None:
    rng = np.random.default_rng(0)
    i, s, z = torch.from_numpy(rng.integers(0, 7, 64)), torch.from_numpy(rng.standard_normal(64).astype("f")), torch.zeros(64)
    first = z.scatter_add(0, i, s)
    for _ in range(300):
        torch.zeros(7).scatter_add(0, torch.tensor([0, 1]), torch.ones(2))
    assert torch.equal(first, z.scatter_add(0, i, s))
    assert torch.equal(first, z.scatter_add(0, i, s.clone().requires_grad_()).detach())


def test_logaddexp2_of_a_number() -> None:
    np.testing.assert_allclose(torch.logaddexp2(torch.ones(2), 2.0).numpy(), np.logaddexp2([1.0, 1.0], 2.0), rtol=1e-6)


def test_distances_of_points_that_coincide_or_lie_far_apart() -> None:
    x = torch.tensor([[1.0, 2.0]], dtype=torch.float64).requires_grad_()
    z = torch.tensor([[1.0, 2.0], [2.0, 2.0]], dtype=torch.float64)
    (g,) = torch.autograd.grad((torch.cdist(x, z) ** 2).sum(), [x], create_graph=True)
    assert g.tolist() == [[-2, 0]]
    (second,) = torch.autograd.grad((g * g).sum(), [x])
    assert second.tolist() == [[-8, 0]]
    for far in (300.0, 1e-4):  # whose squares float16 does not hold
        a = torch.tensor([[far]], dtype=torch.float16)
        assert torch.cdist(a, torch.zeros_like(a)).tolist() == a.tolist()
    assert torch.cdist(torch.ones(2, 0), torch.ones(3, 0), p=float("inf")).tolist() == [[0] * 3] * 2
    with pytest.raises(RuntimeError, match="must agree in M"):
        torch.cdist(torch.ones(2, 3), torch.ones(2, 1))
    with pytest.raises(RuntimeError, match="non-negative p"):
        torch.cdist(torch.ones(2, 3), torch.ones(2, 3), p=-1)


def test_what_is_no_index_along_an_axis() -> None:
    x = torch.zeros(2, 3)
    with pytest.raises(RuntimeError, match="same number of dimensions"):
        torch.scatter(torch.zeros(3, 3), 0, torch.tensor([0, 1, 2]), torch.tensor([1.0, 2, 3]))
    for call in (lambda: torch.gather(x, 2, torch.tensor([[0]])), lambda: torch.scatter_add(x, -3, torch.tensor([[0]]), x)):
        with pytest.raises(IndexError, match="Dimension out of range"):
            call()
    with pytest.raises(RuntimeError, match="int64 for index"):
        torch.gather(x, 0, torch.ones(1, 1))
    i = torch.tensor([[0]])
    for call in (lambda: torch.scatter(x, 1, i, None), lambda: torch.scatter_add(x, 1, i, None)):
        with pytest.raises(TypeError, match="src must be a tensor"):
            call()
    assert torch.gather(torch.zeros(2, 3, dtype=torch.uint8), 0, torch.zeros(0, 3, dtype=torch.int64)).dtype == torch.uint8
