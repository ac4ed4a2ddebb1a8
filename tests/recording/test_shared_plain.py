"""Large arrays in functions that NumPy computes as fast as one thread of generated code: one thread takes them, several share
them."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine.errors import ShapeError
from dlengine.kernels import jit

pytest.importorskip("numba")
from dlengine.kernels.jit.generated import kernel

N = 131_072

OPS = {
    "add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide, "square": np.square, "sqrt": np.sqrt,
    "negative": np.negative, "floor": np.floor, "maximum": np.maximum, "less": np.less, "where": np.where,
}  # fmt: skip


def arrays(name: str, dtype: str, special: bool) -> list[Any]:
    rng = np.random.default_rng(0)
    found = [rng.standard_normal(N).astype(dtype) for _ in range(OPS[name].nin if isinstance(OPS[name], np.ufunc) else 2)]
    for shift, x in enumerate(found):
        if special:
            x[np.arange(12) * 10_007 + shift] = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-42, *[np.nan, np.inf] * 3]
    return [rng.random(N) < 0.5, *found] if name == "where" else found


def with_threads(monkeypatch: pytest.MonkeyPatch, count: int) -> Iterator[None]:
    """So many threads, whatever this process has, and ops that have been read by nobody."""
    monkeypatch.setattr(kernel, "thread_count", lambda units: min(count, max(1, units)))
    for name in OPS:
        getattr(dl, name).op.forget_readings()
    with dl.use_backend("numba"):
        yield
    for name in OPS:
        getattr(dl, name).op.forget_readings()


@pytest.fixture
def two_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield from with_threads(monkeypatch, 2)


@pytest.fixture
def one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield from with_threads(monkeypatch, 1)


@pytest.mark.parametrize("name", OPS)
def test_large_arrays_are_shared_bit_for_bit(two_threads: None, name: str) -> None:
    for dtype in ("float32", "float64"):
        given = arrays(name, dtype, True)
        before = jit.SET.launches[f"generated:{name}"]
        y = getattr(dl, name)(*map(dl.asarray, given)).numpy()
        assert jit.SET.launches[f"generated:{name}"] == before + 1
        with np.errstate(all="ignore"):
            expected = OPS[name](*given)
        assert y.dtype == expected.dtype
        np.testing.assert_array_equal(y, expected)
        if y.dtype.kind == "f":
            sound = ~np.isnan(expected)
            np.testing.assert_array_equal(np.signbit(y)[sound], np.signbit(expected)[sound])


@pytest.mark.parametrize("name", ["add", "multiply"])
def test_small_turned_and_spread_arrays_are_left(two_threads: None, name: str) -> None:
    a, b = (dl.asarray(x) for x in arrays(name, "float32", False))
    op = getattr(dl, name)
    op(a, b)
    before = jit.SET.launches[f"generated:{name}"]
    grid = dl.reshape(a, (256, 512))
    for x, y in ((a[:100], b[:100]), (grid.T, dl.reshape(b, (512, 256))), (a[::2], b[::2])):
        np.testing.assert_array_equal(op(x, y).numpy(), OPS[name](x.numpy(), y.numpy()))
    assert jit.SET.launches[f"generated:{name}"] == before
    np.testing.assert_array_equal(op(grid, b[:512]).numpy(), OPS[name](grid.numpy(), b[:512].numpy()))
    assert jit.SET.launches[f"generated:{name}"] == before + 1


def test_gradients_are_shared(two_threads: None) -> None:
    a, b = (dl.asarray(x).requires_grad_() for x in arrays("multiply", "float32", False))
    seed = np.random.default_rng(2).standard_normal(N).astype("float32")
    dl.multiply(a, b).backward(dl.asarray(seed))
    np.testing.assert_array_equal(a.grad.numpy(), seed * b.detach().numpy())
    np.testing.assert_array_equal(b.grad.numpy(), seed * a.detach().numpy())
    assert jit.SET.launches["generated:multiply_grad"] >= 2


@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "divide", "maximum", "less"])
def test_one_thread_takes_them_too(one_thread: None, name: str) -> None:
    a, b = arrays(name, "float32", True)
    grid, op = a.reshape(256, 512), getattr(dl, name)
    with np.errstate(all="ignore"):
        column, row, few = b[:256, None], b[:512], slice(99)
        for x, y, answered in ((grid, column, 1), (column, grid, 1), (grid, row, 1), (a, b, 1), (a[few], b[few], 0)):
            before = jit.SET.launches[f"generated:{name}"]
            np.testing.assert_array_equal(op(dl.asarray(x), dl.asarray(y)).numpy(), OPS[name](x, y))
            assert jit.SET.launches[f"generated:{name}"] == before + answered


def test_large_arrays_stay_with_generated_code_after_many_calls() -> None:
    x = dl.asarray(arrays("square", "float32", False)[0])
    with dl.use_backend("numba"):
        dl.clip(x, -0.5, 0.5)
        before = jit.SET.launches["generated:clip"]
        for _ in range(200):
            dl.clip(x, -0.5, 0.5)
    assert jit.SET.launches["generated:clip"] == before + 200


@pytest.mark.parametrize("name", ["add", "multiply", "less"])
@pytest.mark.parametrize("shapes", [((130, 1), (150,)), ((1, 130), (150, 1)), ((150,), (40, 4, 1))])
def test_few_numbers_that_broadcast_to_many(one_thread: None, name: str, shapes: Any) -> None:
    """The size of the result counts."""
    for dtype in ("float32", "float64"):
        given = [a[:prod(shape)].reshape(shape) for a, shape in zip(arrays(name, dtype, False), shapes, strict=True)]
        given[0].flat[:4] = np.nan, np.inf, -np.inf, -0.0
        before = jit.SET.launches[f"generated:{name}"]
        y = getattr(dl, name)(*map(dl.asarray, given)).numpy()
        assert jit.SET.launches[f"generated:{name}"] == before + 1
        np.testing.assert_array_equal(y, OPS[name](*given))


def test_few_numbers_that_broadcast_to_few(one_thread: None) -> None:
    a, b = (dl.asarray(x) for x in arrays("add", "float32", False))
    dl.add(a, b)
    before = jit.SET.launches["generated:add"]
    for x, y in ((dl.reshape(a[:100], (100, 1)), b[:100]), (a[:1000], b[0]), (dl.zeros((0, 1)), b[:20_000])):
        np.testing.assert_array_equal(dl.add(x, y).numpy(), x.numpy() + y.numpy())
    assert jit.SET.launches["generated:add"] == before
    with pytest.raises(ShapeError):
        dl.add(a[:20_000], b[:19_999])


def test_slow_functions_of_few_numbers_that_broadcast(one_thread: None) -> None:
    dl.hypot.op.forget_readings()
    a, b = (dl.asarray(x) for x in arrays("add", "float32", False))
    before = jit.SET.launches["generated:hypot"]
    y = dl.hypot(dl.reshape(a[:60], (60, 1)), b[:70])
    assert jit.SET.launches["generated:hypot"] == before + 1
    np.testing.assert_allclose(y.numpy(), np.hypot(a.numpy()[:60, None], b.numpy()[:70]), rtol=1e-6)
