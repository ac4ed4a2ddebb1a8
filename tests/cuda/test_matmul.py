"""Which product answers: ours on the emulator and under capture, else the fastest, the library's included; and its precision."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import fake_cupy
import numpy as np
import pytest

import dlengine as dl
from dlengine.kernels import precision
from dlengine.kernels.cuda import emulator, linear
from dlengine.kernels.cuda.machine import gemm

pytestmark = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with fake_cupy.installed(monkeypatch):
        yield sys.modules["cupy"]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str]]]:
    """Each choice: its heuristic, and its candidates, of which the last is taken."""
    record = []

    def last(kernel: str, candidates: dict[str, Callable[[], Any]], heuristic: str, x: Any, *shape: object) -> str:
        record.append((heuristic, list(candidates)))
        return list(candidates)[-1]

    monkeypatch.setattr(gemm, "autotune", last)
    return record


def test_on_a_card_the_library_is_a_candidate(gpu: Any, asked: list[Any]) -> None:
    a, b = (np.random.default_rng(0).standard_normal((40, 40)).astype("f4") for _ in range(2))
    c = linear.matmul(gpu.asarray(a), gpu.asarray(b))
    assert asked == [("small", ["large", "small", "library"])]
    np.testing.assert_allclose(c.get(), a @ b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("shape", [(40, 30), (2, 3, 30), (30,)])
def test_linear_by_the_library_and_on_the_emulator(shape: tuple[int, ...], with_bias: bool, gpu: Any, asked: list[Any]) -> None:
    rng = np.random.default_rng(0)
    x, w, b = (rng.standard_normal(s).astype("f4") for s in (shape, (20, 30), (20,)))
    bias = b if with_bias else None
    want = x @ w.T + (b if with_bias else 0)
    theirs = linear.linear(gpu.asarray(x), gpu.asarray(w), gpu.asarray(b) if with_bias else None)
    assert asked[0][1][-1] == "library"
    np.testing.assert_allclose(theirs.get(), want, rtol=1e-4, atol=1e-4)
    ours = linear.linear(x, w, bias)
    assert "library" not in asked[1][1]
    np.testing.assert_allclose(ours, want, rtol=1e-4, atol=1e-4)


def test_under_capture_it_is_not(gpu: Any, asked: list[Any]) -> None:
    a = gpu.asarray(np.eye(20, dtype="f4"))
    stream = gpu.cuda.Stream(non_blocking=True)
    with stream:
        stream.begin_capture()
        c = linear.matmul(a, a)
        graph = stream.end_capture()
        graph.launch(stream)
    stream.synchronize()
    assert asked == [("small", ["large", "small"])]
    np.testing.assert_array_equal(c.get(), np.eye(20))


def test_on_the_emulator_there_is_no_library(asked: list[Any]) -> None:
    linear.matmul(np.ones((3, 600), "f2"), np.ones((600, 3), "f2"))
    assert asked == [("tensor_small_split", ["tensor_large", "tensor_large_split", "tensor_small", "tensor_small_split"])]


@pytest.mark.parametrize(("word", "expected"), [("highest", []), ("high", [7, 1]), ("medium", [6, 1])])
def test_precision_of_the_library(
    word: str, expected: list[int], gpu: Any, asked: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """CuPy keeps what cuBLAS may round float32 to in one place for the whole process: it is put back at once."""
    log: list[int] = []
    settings: Any = ModuleType("settings")
    settings.COMPUTE_TYPE_TF32, settings.COMPUTE_TYPE_BF16 = 7, 6
    settings.get_compute_type = lambda dtype: 1
    settings.set_compute_type = lambda dtype, kind: log.append(kind)
    monkeypatch.setitem(sys.modules, "cupy._core._routines_linalg", settings)
    a = gpu.asarray(np.ones((8, 8), "f4"))
    with precision.in_force(word):
        linear.matmul(a, a)
        linear.matmul(a.astype("f2"), a.astype("f2"))
    assert log == expected


@pytest.mark.parametrize(("word", "unit"), [("highest", 2.0**-23), ("high", 2.0**-10), ("medium", 2.0**-7)])
def test_ops_obey_the_precision(word: str, unit: float) -> None:
    """Values and gradients of matmul and of the recurrent layer's products, through the engine."""
    rng = np.random.default_rng(0)
    x, w = (rng.standard_normal(shape).astype("f4") for shape in ((30, 20), (20, 25)))
    with dl.use_backend("cuda", emulate=True), dl.use_matmul_precision(word):
        a, b = (dl.asarray(v) for v in (x, w))
        a.requires_grad = b.requires_grad = True
        y = dl.matmul(a, b)
        gy = rng.standard_normal(y.shape).astype("f4")
        dl.sum(y * dl.asarray(gy)).backward()
    pairs = [(y.detach().numpy(), x, w), (a.grad.numpy(), gy, w.T), (b.grad.numpy(), x.T, gy)]
    for found, left, right in pairs:
        exact, size = left.astype("f8") @ right.astype("f8"), abs(left.astype("f8")) @ abs(right.astype("f8"))
        error = abs(found - exact) / size
        assert error.max() <= unit + 30 * 2.0**-24
        assert error.max() > unit / 64
