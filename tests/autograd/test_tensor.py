"""The tensor as its users see it: methods, conversions, indexing, and what goes wrong with a clear message."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine.errors import DeviceError, DTypeError, GradientError, ShapeError

X = np.arange(12.0).reshape(3, 4) - 5.0

METHODS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "sum": (lambda t: t.sum(0), lambda a: a.sum(0)),
    "mean": (lambda t: t.mean(axis=1, keepdims=True), lambda a: a.mean(axis=1, keepdims=True)),
    "prod": (lambda t: t.prod(), lambda a: a.prod()),
    "max": (lambda t: t.max(1), lambda a: a.max(1)),
    "min": (lambda t: t.min(), lambda a: a.min()),
    "argmax": (lambda t: t.argmax(1), lambda a: a.argmax(1)),
    "var": (lambda t: t.var(correction=1), lambda a: a.var(ddof=1)),
    "any": (lambda t: (t > 5).any(axis=0), lambda a: (a > 5).any(axis=0)),
    "abs": (lambda t: t.abs(), np.abs),
    "clip": (lambda t: t.clip(-1, 2), lambda a: a.clip(-1, 2)),
    "pow": (lambda t: t.pow(2), lambda a: a**2),
    "exp": (lambda t: t.exp(), np.exp),
    "relu": (lambda t: t.relu(), lambda a: np.maximum(a, 0)),
    "reshape": (lambda t: t.reshape(2, -1), lambda a: a.reshape(2, -1)),
    "reshape a tuple": (lambda t: t.reshape((4, 3)), lambda a: a.reshape(4, 3)),
    "view": (lambda t: t.view(12), lambda a: a.reshape(12)),
    "flatten": (lambda t: t.flatten(), lambda a: a.reshape(-1)),
    "T": (lambda t: t.T, lambda a: a.T),
    "mT": (lambda t: t.mT, lambda a: a.T),
    "transpose two axes": (lambda t: t.transpose(0, 1), lambda a: a.T),
    "transpose all": (lambda t: t.transpose(), lambda a: a.T),
    "transpose in order": (lambda t: t.transpose((1, 0)), lambda a: a.T),
    "permute_dims": (lambda t: t.permute_dims(1, 0), lambda a: a.T),
    "squeeze": (lambda t: t.unsqueeze(0).squeeze(), lambda a: a),
    "squeeze an axis": (lambda t: t.expand_dims(1).squeeze(1), lambda a: a),
    "flip": (lambda t: t.flip(axis=1), lambda a: a[:, ::-1]),
    "sort": (lambda t: t.sort(descending=True), lambda a: a[:, ::-1]),
    "matmul": (lambda t: t @ t.T, lambda a: a @ a.T),
    "real": (lambda t: t.real, lambda a: a.real),
    "imag": (lambda t: t.imag, lambda a: a.imag),
    "to": (lambda t: t.to("float32").to(dl.float64), lambda a: a),
    "cpu": (lambda t: t.cpu(), lambda a: a),
    "iterating": (lambda t: dl.stack(list(t)), lambda a: a),
    "clone": (lambda t: t.clone(), lambda a: a),
}


@pytest.mark.parametrize("name", METHODS)
def test_method(name: str) -> None:
    mine, theirs = METHODS[name]
    found = mine(dl.asarray(X))
    np.testing.assert_allclose(np.asarray(found), theirs(X))


def test_python_numbers() -> None:
    x = dl.asarray([[2.5]])
    assert (float(x), int(x), complex(x), bool(x), x.item()) == (2.5, 2, 2.5 + 0j, True, 2.5)
    assert [10, 20, 30][dl.asarray(1)] == 20
    assert x.tolist() == [[2.5]]
    assert len(dl.zeros((3, 2))) == 3
    with pytest.raises(TypeError):
        [10, 20][x]
    with pytest.raises(ShapeError, match="one element"):
        float(dl.zeros(2))
    with pytest.raises(TypeError, match="0-d"):
        len(dl.zeros(()))


def test_repr_says_what_is_unusual() -> None:
    assert repr(dl.asarray([1.0, 2.0])) == "tensor([1., 2.])"
    assert "dtype=float64, requires_grad=True" in repr(dl.asarray(X).requires_grad_())


def test_numpy_border() -> None:
    x = dl.asarray(X)
    assert not x.numpy().flags.writeable
    assert x.numpy_copy().flags.writeable
    with pytest.raises(GradientError, match="detach"):
        np.asarray(x.requires_grad_())


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda x: x.T.T if x.ndim == 2 else x.T, ShapeError, "expected a matrix"),
        (lambda x: x.reshape(5, 5), ShapeError, "do not make shape"),
        (lambda x: x.to("cuda:x:y"), (DeviceError, RuntimeError), "cuda"),
        (lambda x: dl.zeros(2, device="gpu"), DeviceError, "unknown device"),
        (lambda x: dl.concat([x, 1]), DTypeError, r"arrays\[1\] must be a tensor"),
        (lambda x: x + [1, 2], DTypeError, "dl.asarray"),
        (lambda x: x["a"], IndexError, "an index holds"),
        (lambda x: dl.exp(x.requires_grad_()).requires_grad_(False), GradientError, "detach"),
        (lambda x: dl.asarray([1]).requires_grad_(), DTypeError, "only floating"),
        (lambda x: dl.zeros_like(np.zeros(2)), DTypeError, "dl.asarray"),
        (lambda x: x.__array_namespace__(api_version="1999.12"), ValueError, "api_version"),
    ],
)
def test_error(call: Callable[[Any], Any], error: Any, match: str) -> None:
    with pytest.raises(error, match=match):
        call(dl.asarray(X[None]))


# ---------------------------------------------------------------------- indexing
KEYS: list[Any] = [
    1, -1, slice(1, None), slice(None, None, -2), (0, 2), (slice(None), 1), None, ..., (..., None, 0), np.array([2, 0, 2]),
    [0, 1], np.int64(2), (np.array([0, 1]), np.array([3, 3])), X > 0, np.array([True, False, True]),
    (slice(1, 3), np.array([0, 0])), (),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(KEYS)))
def test_index_reads_writes_and_differentiates_as_numpy(number: int) -> None:
    key = KEYS[number]
    x = dl.asarray(X)
    as_tensor = tuple(dl.asarray(k) if isinstance(k, np.ndarray) else k for k in key) if isinstance(key, tuple) else key
    as_tensor = dl.asarray(as_tensor) if isinstance(as_tensor, np.ndarray) else as_tensor
    assert np.array_equal(x[as_tensor], X[key])
    assert np.array_equal(x[key], X[key])
    leaf = dl.asarray(X).requires_grad_()
    leaf[as_tensor].sum().backward()
    counts = np.zeros_like(X)
    np.add.at(counts, key, 1.0)
    assert np.array_equal(leaf.grad, counts)
    wanted = X.copy()
    wanted[key] = 7.0
    x[as_tensor] = 7.0
    assert np.array_equal(x, wanted)


def test_an_index_may_be_reused_after_the_forward() -> None:
    leaf, places = dl.asarray(X).requires_grad_(), dl.asarray([0, 1])
    y = leaf[places]
    places[...] = 2
    y.sum().backward()
    assert leaf.grad.sum(axis=1).tolist() == [4.0, 4.0, 0.0]


def test_recorded_write() -> None:
    leaf, value = dl.asarray(X).requires_grad_(), dl.asarray([1.0, 2.0, 3.0, 4.0], dtype=dl.float64).requires_grad_()
    t = leaf * 2
    t[1] = value
    (t * t).sum().backward()
    assert np.array_equal(value.grad, 2 * value.detach())
    assert leaf.grad[1].tolist() == [0.0] * 4
    assert np.array_equal(leaf.grad[0], 8 * X[0])


def test_of_two_values_for_one_element_the_kept_one_gets_the_gradient() -> None:
    x, values = dl.zeros(3).requires_grad_(), dl.asarray([1.0, 2.0, 3.0]).requires_grad_()
    y = dl.set_at(x, values, key=dl.asarray([0, 2, 0]))
    assert y.tolist() == [3.0, 0.0, 2.0]
    y.sum().backward()
    assert values.grad.tolist() == [0.0, 1.0, 1.0]
    assert x.grad.tolist() == [0.0, 1.0, 0.0]


def test_write_that_does_not_fit() -> None:
    x = dl.asarray(X)
    with pytest.raises(ShapeError, match="v \\(3,\\)"):
        x[0] = dl.zeros(3)
    with pytest.raises(DTypeError, match="complex"):
        x[0] = dl.asarray([1j])
    with pytest.raises(DTypeError, match="complex"):
        dl.set_at(x, dl.asarray([1j]), key=0)
    with pytest.raises(IndexError):
        dl.scatter_add(dl.zeros(3), dl.asarray([3]), dl.ones(1))


# ---------------------------------------------------------------------- what the op table cannot say
def test_subgradients() -> None:
    """Ties are split evenly, |x|' and relu' are 0 at 0, a norm's derivative at 0 is 0."""

    def grad(f: Callable[[Any], Any], *values: float) -> Any:
        return dl.grad(lambda x: f(x).sum())(dl.asarray(list(values))).tolist()

    assert grad(lambda x: dl.max(x), 1.0, 3.0, 3.0) == [0.0, 0.5, 0.5]
    assert grad(lambda x: dl.maximum(x, 1.0), 1.0, 2.0, 0.0) == [0.5, 1.0, 0.0]
    assert grad(dl.abs, 0.0, -2.0) == [0.0, -1.0]
    assert grad(dl.relu, 0.0, 2.0) == [0.0, 1.0]
    assert grad(dl.linalg.vector_norm, 0.0, 0.0) == [0.0, 0.0]
    assert grad(lambda x: dl.clip(x, 0.0, 1.0), -1.0, 0.0, 1.0, 2.0) == [0.0, 1.0, 1.0, 0.0]
    assert grad(dl.std, 2.0, 2.0) == [0.0, 0.0]
    assert grad(dl.prod, 0.0, 2.0, 3.0) == [6.0, 0.0, 0.0]
    assert grad(lambda x: dl.pow(x, 2), 0.0) == [0.0]


def test_no_gradient_is_said_not_guessed() -> None:
    x = dl.asarray([3.0, 1.0, 2.0]).requires_grad_()
    with pytest.raises(GradientError, match="unique_values has no derivative"):
        dl.unique_values(x).sum().backward()
    assert dl.argsort(x).requires_grad is False
    assert (x > 1).requires_grad is False
    a = dl.asarray(np.ones((3, 2))).requires_grad_()
    with pytest.raises(GradientError, match="full_matrices"):
        dl.linalg.svd(a).U.sum().backward()
    with pytest.raises(GradientError, match="complete"):
        dl.linalg.qr(a, mode="complete").Q.sum().backward()


def test_inspection_functions() -> None:
    assert dl.can_cast(dl.ones(2), dl.float64)
    assert not dl.can_cast(dl.float64, dl.int8)
    assert dl.broadcast_shapes((3, 1), (4,)) == (3, 4)
    assert math.isclose(float(dl.einsum("i,i->", dl.ones(3), dl.ones(3))), 3.0)
    info = dl.__array_namespace_info__()
    assert info.default_device() in info.devices()
    assert set(info.dtypes(kind=("bool", "unsigned integer"))) == {"bool", "uint8", "uint16", "uint32", "uint64"}
    with pytest.raises(ValueError, match="unknown kind"):
        info.dtypes(kind="text")


def test_creation() -> None:
    assert dl.asarray([]).dtype == dl.float32
    assert dl.asarray([dl.asarray(1.5), dl.asarray(2.5)]).tolist() == [1.5, 2.5]
    assert dl.asarray([[1, 2.5], [True, 3]]).dtype == dl.float32
    assert dl.full(2, np.float64(1.5)).dtype == dl.float64
    assert dl.full((2,), 1j).dtype == dl.complex64
    assert dl.linspace(0, 1j, 3).dtype == dl.complex64
    assert dl.arange(3.0).dtype == dl.float32
    assert dl.empty((2, 0)).shape == dl.empty_like(dl.ones((2, 0))).shape
    x = dl.asarray([1.0, 2.0])
    assert dl.asarray(x) is x
    assert dl.asarray(x, copy=True) is not x
    assert dl.asarray(x, dtype=dl.float64, device="cpu").dtype == dl.float64
    with pytest.raises(ValueError, match="another dtype needs a copy"):
        dl.asarray(x, dtype=dl.float64, copy=False)
    with pytest.raises(ValueError, match="cannot be shared"):
        dl.asarray(3, copy=False)
    leaf = dl.asarray(2.0).requires_grad_()
    dl.full((3,), leaf).sum().backward()
    assert leaf.grad.item() == 3.0


def test_differences_with_ends() -> None:
    x = dl.asarray([1.0, 3.0, 6.0])
    assert dl.diff(x, prepend=dl.zeros(1), append=dl.asarray([10.0])).tolist() == [1.0, 2.0, 3.0, 4.0]
    assert dl.diff(x, n=0) is x
    with pytest.raises(ValueError, match="negative"):
        dl.diff(x, n=-1)
    with pytest.raises(DTypeError, match="must be tensors"):
        dl.diff(x, prepend=0.0)


def test_conversions() -> None:
    x = dl.asarray([1.5, -2.5]).requires_grad_()
    y = dl.astype(x, "float64", device="cpu")
    assert y.dtype == dl.float64
    y.sum().backward()
    assert x.grad.dtype == dl.float32
    assert dl.astype(x, dl.int64).tolist() == [1, -2]
    assert x.to_device("cpu") is x
    with pytest.raises(DeviceError, match="unknown device"):
        x.to_device("elsewhere")


def test_writes_that_autograd_cannot_follow() -> None:
    leaf = dl.zeros(3).requires_grad_()
    with pytest.raises(GradientError, match="leaf"):
        leaf[0] = 1.0
    view = (leaf * 1)[1:]
    with pytest.raises(GradientError, match="view"):
        view[0] = leaf[0]
    with pytest.raises(DTypeError, match="assign to a new name"):
        (leaf * 1).__iadd__(dl.ones((2, 3)))
    with dl.no_grad():
        leaf[0] = 1.0
    assert leaf.tolist() == [1.0, 0.0, 0.0]
