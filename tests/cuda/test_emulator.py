"""The CUDA emulator computes what CUDA defines; checked, it reports every bug planted in emulator_kernels.cu."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlengine.kernels.cuda import emulator
from dlengine.kernels.cuda.emulator import KernelError, Module, build

needs_emulator = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))

TEXT = Path(__file__).parents[1].joinpath("emulator_kernels.cu").read_text()
NAMES = re.findall(r"__global__ void (\w+)\(", TEXT)
MODES = pytest.mark.parametrize("check", [False, True], ids=["plain", "checked"])
ORDERS = pytest.mark.parametrize("order", ["forward", "reverse", "random"])
f32, i32 = np.float32, np.int32


@cache
def module(check: bool, bug: int = 0) -> Module:
    return Module(f'#define BUG {bug}\n#line 1 "kernels.cu"\n{TEXT}', NAMES, check=check)


def normal(*shape: int) -> Any:
    return np.random.default_rng(sum(shape)).standard_normal(shape, f32)


def matmul(check: bool, bug: int = 0, dtype: Any = f32, integer: Callable[[int], Any] = i32, **how: Any) -> Any:
    a, b, c = normal(37, 53).astype(dtype), normal(53, 45), np.full((37, 45), np.nan, f32)
    sizes = [integer(n) for n in (37, 45, 53)]
    module(check, bug).get_function("matmul")((3, 3), (16, 16), (a, b, c, *sizes), **how)
    return a @ b, c


def async_reverse(check: bool, bug: int = 0, shared_mem: int = 512) -> Any:
    x, y = normal(512), np.full(512, np.nan, f32)
    module(check, bug).get_function("async_reverse")((1,), (64,), (x, y, i32(512)), shared_mem=shared_mem)
    return 2 * x.reshape(-1, 64)[:, ::-1].reshape(-1), y


def recurrence(check: bool, bug: int = 0, cooperative: bool = True) -> Any:
    steps, size = 5, 90
    w, h = normal(size, size) * f32(0.1), np.zeros((steps + 1, size), f32)
    h[0] = normal(size)
    expected = h.copy()
    for s in range(steps):
        expected[s + 1] = np.tanh(w @ expected[s])
    function = module(check, bug).get_function("recurrence")
    function((3,), (32,), (w, h, i32(steps), i32(size)), cooperative=cooperative)
    return expected, h


@needs_emulator
@MODES
@ORDERS
def test_matmul_through_shared_memory(check: bool, order: str) -> None:
    expected, found = matmul(check, order=order, seed=1)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@needs_emulator
@MODES
def test_shuffles_and_atomics(check: bool) -> None:
    x, row, total = normal(5, 1000), np.empty(5, f32), np.zeros(1, f32)
    module(check).get_function("row_sum")((5,), (256,), (x, row, total, i32(1000)))
    np.testing.assert_allclose(row, x.sum(1), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(total[0], x.sum(), rtol=1e-3)


@needs_emulator
@MODES
def test_asynchronous_copies(check: bool) -> None:
    expected, found = async_reverse(check)
    np.testing.assert_array_equal(found, expected)


@needs_emulator
@MODES
def test_grid_barrier(check: bool) -> None:
    expected, found = recurrence(check)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@needs_emulator
@MODES
def test_votes_and_byte_arrays(check: bool) -> None:
    x = np.random.default_rng(0).integers(0, 5, 60).astype(np.uint8)
    count, small = np.zeros(5, i32), np.zeros(1, i32)
    module(check).get_function("histogram")((1,), (64,), (x, count, small, i32(60)))
    np.testing.assert_array_equal(count, np.bincount(x, minlength=5))
    assert small[0] == np.count_nonzero(x < 2)


@needs_emulator
@MODES
def test_vectors_and_warp_barrier(check: bool) -> None:
    x = normal(32, 4)
    y = np.empty_like(x)
    wide = np.dtype((np.void, 16))  # one element a float4
    module(check).get_function("warp_swap")((1,), (32,), (x.view(wide), y.view(wide)))
    np.testing.assert_array_equal(y, x.reshape(16, 2, 4)[:, ::-1].reshape(32, 4))


@needs_emulator
@MODES
def test_struct_and_null_pointer(check: bool) -> None:
    s = np.array((10, (2.0, 3.0)), [("n", "i4"), ("by", "f4", 2)])
    x = np.ones(10, f32)
    module(check).get_function("scale")((1,), (32,), (x, None, s))
    np.testing.assert_array_equal(x, np.tile([2, 3], 5))


PLANTED: dict[str, tuple[str, Callable[[], Any]]] = {
    "missing barrier": ("data race on shared memory", lambda: matmul(True, 1)),
    "read past the end": ("out-of-bounds read", lambda: matmul(True, 2)),
    "divergent barrier": ("divergent __syncthreads", lambda: matmul(True, 3)),
    "wrong dtype": ("array of float64 for a pointer to f4", lambda: matmul(True, dtype=np.float64)),
    "Python int for int": ("corrupt", lambda: matmul(True, integer=int)),
    "copy waited for too little": ("read of unwritten shared memory", lambda: async_reverse(True, 1)),
    "too little dynamic shared memory": ("out-of-bounds", lambda: async_reverse(True, shared_mem=256)),
    "missing grid barrier": ("data race on argument 1", lambda: recurrence(True, 1)),
    "not cooperative": ("not launched cooperatively", lambda: recurrence(True, cooperative=False)),
}


@needs_emulator
@pytest.mark.parametrize("bug", PLANTED)
def test_planted_bug_is_reported(bug: str) -> None:
    message, launch = PLANTED[bug]
    with pytest.raises((KernelError, TypeError), match=message):
        launch()


@needs_emulator
def test_report_names_kernel_and_line() -> None:
    line = next(n for n, text in enumerate(TEXT.splitlines(), 1) if "BUG == 2" in text)
    with pytest.raises(KernelError, match=rf"kernels\.cu:{line} \[kernel matmul, block \(\d,\d,\d\), thread \(\d+,\d+,\d\)\]"):
        matmul(True, 2)


@needs_emulator
def test_missing_atomic_is_a_race() -> None:
    x, count, small = np.zeros(60, np.uint8), np.zeros(5, i32), np.zeros(1, i32)
    with pytest.raises(KernelError, match="data race on argument 1, element 0"):
        module(True, 1).get_function("histogram")((1,), (64,), (x, count, small, i32(60)))


@needs_emulator
def test_missing_warp_barrier_is_a_race() -> None:
    wide = np.zeros((32, 4), f32).view(np.dtype((np.void, 16)))
    with pytest.raises(KernelError, match="shared memory"):
        module(True, 1).get_function("warp_swap")((1,), (32,), (wide, wide.copy()))


@needs_emulator
def test_failed_launch_changes_no_array() -> None:
    h = np.ones((6, 90), f32)
    with pytest.raises(KernelError):
        module(True, 1).get_function("recurrence")((3,), (32,), (normal(90, 90), h, i32(5), i32(90)), cooperative=True)
    np.testing.assert_array_equal(h, 1)


@needs_emulator
@pytest.mark.parametrize(
    ("grid", "block", "shared_mem", "message"),
    [
        ((0,), (32,), 0, "empty"),
        ((1,), (2048,), 0, "too large"),
        ((1, 1 << 17), (1,), 0, "65535"),
        ((1,), (1,), 1 << 20, "shared"),
    ],
)
def test_impossible_launch_is_refused(grid: Any, block: Any, shared_mem: int, message: str) -> None:
    x = np.zeros(1, f32)
    with pytest.raises(KernelError, match=f"invalid launch.*{message}"):
        module(False).get_function("async_reverse")(grid, block, (x, x, i32(1)), shared_mem=shared_mem)


@needs_emulator
def test_wrong_arguments_are_refused() -> None:
    function = module(False).get_function("async_reverse")
    x = np.zeros(1, f32)
    with pytest.raises(TypeError, match="2 arguments for a kernel of 3 parameters"):
        function((1,), (1,), (x, x))
    with pytest.raises(TypeError, match="pointer parameter needs an array, got float"):
        function((1,), (1,), (1.0, x, i32(1)))
    read_only = x.copy()
    read_only.flags.writeable = False
    with pytest.raises(TypeError, match="read-only"):
        function((1,), (1,), (x, read_only, i32(1)))
    with pytest.raises(TypeError, match="scalar of float64"):
        function((1,), (1,), (read_only, x, 1.0))
    with pytest.raises(TypeError, match="scalar of bool"):
        function((1,), (1,), (read_only, x, True))


@needs_emulator
def test_source_that_does_not_compile_says_where() -> None:
    with pytest.raises(KernelError, match="kernel.cu:2"):
        Module('extern "C" __global__ void k(int *x) {\n  *x = nothing;\n}', ["k"])


@needs_emulator
def test_launches_from_several_threads() -> None:
    results: list[Any] = []
    threads = [threading.Thread(target=lambda: results.append(matmul(False))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    for expected, found in results:
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@needs_emulator
def test_deadlock_names_lines() -> None:
    body = "\n  if (threadIdx.x < 16) __syncwarp();\n  else __syncthreads();\n  *x = 0;\n"
    source = f'extern "C" __global__ void k(int *x) {{{body}}}'
    with pytest.raises(
        KernelError, match=r"deadlock.*from thread 0: warp operation line 2; from thread 16: __syncthreads line 3"
    ):
        Module(source, ["k"]).get_function("k")((1,), (32,), (np.zeros(1, i32),))


@pytest.fixture
def forget() -> Any:
    emulator.available.cache_clear()
    yield
    emulator.available.cache_clear()


@pytest.mark.usefixtures("forget")
def test_other_systems_get_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build.platform, "machine", lambda: "arm64")
    assert "Linux x86-64 only" in str(emulator.available())
    with pytest.raises(KernelError, match="Linux x86-64 only"):
        Module("", [])


@pytest.mark.usefixtures("forget")
def test_missing_compiler_gets_its_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build.sys, "platform", "linux")
    monkeypatch.setattr(build.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(build.shutil, "which", lambda name: None)
    assert "apt install g++" in str(emulator.available())


@pytest.mark.usefixtures("forget")
def test_old_compiler_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build.sys, "platform", "linux")
    monkeypatch.setattr(build.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(build.shutil, "which", lambda name: name)
    done = subprocess.CompletedProcess([], 0, stdout="9.4.0\n", stderr="")
    monkeypatch.setattr(build.subprocess, "run", lambda *a, **k: done)
    assert "this is 9.4.0" in str(emulator.available())


@needs_emulator
def test_without_binutils_lines_become_offsets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build.shutil, "which", lambda name: None)
    with pytest.raises(KernelError, match=r"at 0x[0-9a-f]+ \[kernel matmul"):
        matmul(True, 2)
