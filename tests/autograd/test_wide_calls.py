"""Large arrays: what answers elementwise ops from tensors to tensor by generated code gives what their definitions give."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import backend
from dlengine.autograd import small
from dlengine.autograd.op import OPS
from dlengine.kernels import jit
from dlengine.recording import generating

numba = pytest.importorskip("numba")

N = 140_001
ONE = "abs atanh elu exp floor hardshrink isnan log negative reciprocal sqrt square tanh sinh".split()
TWO = "add atan2 divide equal hypot less maximum minimum multiply subtract".split()


@pytest.fixture(autouse=True)
def on_numba() -> Iterator[None]:
    with dl.use_backend("numba"):
        yield
    for name in (*ONE, *TWO):
        OPS[name].op.unbind()


def numbers(seed: int, dtype: str = "float32", n: int = N) -> Any:
    x = np.random.default_rng(seed).uniform(-1, 1, n)
    x[:8] = np.roll([0.0, -0.0, np.nan, np.inf, -np.inf, 1e-40, 0.5, -0.5], seed)
    return dl.asarray(x.astype(dtype))


def widened(name: str, *given: Any) -> Any:
    """An op that has answered calls of large arrays, and what answers them now."""
    op = OPS[name].op
    op.unbind()
    op.forget_readings()  # other tests may have used up how many there can be
    for x in given:
        OPS[name](*x)
    op.wide = None
    small.bind(op, backend.policy(), backend.spaces()[np.ndarray])
    assert op.policy is not None
    assert op.wide is not None
    return op.wide


def bits(x: Any) -> Any:
    return x.array.view(f"u{x.array.itemsize}")


@pytest.mark.parametrize("name", [*ONE, *TWO])
def test_bits_of_the_definition(name: str) -> None:
    given = [[numbers(seed, dtype) for seed in range(1 if name in ONE else 2)] for dtype in ("float32", "float64")]
    expected = [OPS[name](*x) for x in given]
    wide = widened(name, *given)
    for x, y in zip(given, expected, strict=True):
        for threads in (1, numba.config.NUMBA_NUM_THREADS):
            numba.set_num_threads(threads)
            before = jit.SET.launches[f"generated:{name}"]
            found = wide(*x)
            assert (found.array.dtype, found.array.shape, found.needs_grad) == (y.array.dtype, y.array.shape, False)
            np.testing.assert_array_equal(bits(found), bits(y))
            assert jit.SET.launches[f"generated:{name}"] == before + 1


def test_the_op_asks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    x, asked = numbers(0), []
    wide = widened("exp", [x])
    monkeypatch.setattr(OPS["exp"].op, "wide", lambda x: asked.append(x) or wide(x))
    y = dl.exp(x)
    assert asked == [x]
    dl.exp(dl.asarray([1.0, 2.0]))
    assert len(asked) == 1
    with generating("off"):
        np.testing.assert_allclose(dl.exp(x).array, y.array, rtol=1e-6)
    assert len(asked) == 1
    z = numbers(0)
    z.requires_grad_()
    dl.exp(z).sum().backward()
    assert len(asked) == 1


def test_large_arrays_after_small_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """An op whose small calls have been bound looks again once large arrays were computed."""
    op, x = OPS["sqrt"].op, numbers(1)
    op.forget_readings()
    tiny = dl.asarray([0.5])
    for _ in range(80):
        dl.sqrt(tiny)
    assert op.policy is not None
    assert op.wide is None
    for _ in range(op.waits):
        dl.sqrt(x)
    assert op.wide is not None
    monkeypatch.setattr(op, "text", None)  # the definition is not asked
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(dl.sqrt(x).array, np.sqrt(x.array))


def test_other_calls_are_left() -> None:
    x, y = numbers(0), numbers(1)
    wide = widened("add", [x, y])
    few, whole = dl.asarray(np.ones(40_000, "float32")), dl.asarray(np.arange(N))
    needed = numbers(2)
    needed.requires_grad_()
    for given in (
        (few, few), (x, few), (x, 2.0), (2.0, x), (x, y[::1, None]), (x[::2], y[::2]), (whole, whole), (x, whole), (needed, x),
        (x, needed), (x, numbers(1, "float64")), (None, x), (x, [1.0]), (x.array, y.array),
    ):  # fmt: skip
        assert wide(*given) is None, given
    assert wide(x, y) is not None


def test_references() -> None:
    x = numbers(0)
    wide = widened("exp", [x])
    before = sys.getrefcount(x.array), sys.getrefcount(x.array.dtype), sys.getrefcount(2)
    for _ in range(50):
        wide(x)
        wide(x[::2])
    after = sys.getrefcount(x.array), sys.getrefcount(x.array.dtype), sys.getrefcount(2)
    assert all(abs(a - b) < 20 for a, b in zip(after, before, strict=True)), [before, after]
    y, of_numpy = wide(x), dl.asarray(np.ones(3))
    assert sys.getrefcount(y.array) == sys.getrefcount(of_numpy.array)
    assert y.array.flags.owndata
