"""Every CUDA kernel compiles for every architecture that it lists, without spilling a register."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest

from dlengine.kernels.cuda.machine import compile_check
from dlengine.kernels.cuda.machine.compile_check import CompileError, Kernel, compile_source
from dlengine.kernels.cuda.recurrence import plan

needs_nvrtc = pytest.mark.skipif(compile_check.available() is not None, reason=str(compile_check.available()))


def parameters(checks: Iterable[tuple[Kernel, str, int]]) -> list[Any]:
    """Checks of all kernels of a text together, which one compile makes, for a dtype and an architecture.

    What a quick check stands for (`is_representative`) is slow.
    """
    texts: dict[Any, list[Kernel]] = {}
    for kernel, dtype, arch in checks:
        texts.setdefault((kernel.source(dtype), kernel.options, dtype, arch), []).append(kernel)
    made = []
    for (_, _, dtype, arch), kernels in texts.items():
        marks = [] if any(compile_check.is_representative(k, dtype, arch) for k in kernels) else [pytest.mark.slow]
        name = f"{kernels[0].file.removesuffix('.cu')}-{dtype or 'none'}-sm_{arch}"
        made.append(pytest.param(kernels, dtype, arch, id=name, marks=marks))
    return made


CHECKS = parameters(compile_check.checks())
SHARED_LIMIT = 48 << 10
"""Bytes of static shared memory that a block of any card may have."""


@needs_nvrtc
@pytest.mark.parametrize(("kernels", "dtype", "arch"), CHECKS)
def test_compiles(kernels: list[Kernel], dtype: str, arch: int) -> None:
    for kernel in kernels:
        used = compile_check.check(kernel, dtype, arch)
        assert used.kernel == kernel.exported_name(dtype)
        assert 0 < used.registers * kernel.threads <= 1 << 16, used
        assert used.shared <= SHARED_LIMIT, used
        assert used.stack == 0, used
        if uses_tensor_cores(kernel, dtype):
            check_machine_code(kernel, dtype, arch)


def uses_tensor_cores(kernel: Kernel, dtype: str) -> bool:
    return '"mma.cuh"' in kernel.source(dtype)


def check_machine_code(kernel: Kernel, dtype: str, arch: int) -> None:
    """HMMA multiplies, LDGSTS copies past the registers; STL and LDL would be registers that went to memory."""
    if reason := compile_check.no_disassembler():
        pytest.skip(reason)
    found = compile_check.instructions(kernel, dtype, arch)
    assert found["HMMA"] > 0, kernel
    assert found["LDGSTS"] > 0, kernel
    assert found["STL"] + found["LDL"] == 0, kernel
    if arch == compile_check.QUICK:  # registers of b that are no neighbours would be moved before each product
        loop = compile_check.among_products(kernel, dtype, arch)
        assert loop["MOV"] <= loop["HMMA"] // 8, kernel
    if kernel.file == "recurrent_tensor.cu":
        check_recurrent_tile(kernel, found)


def check_recurrent_tile(kernel: Kernel, found: Counter[str]) -> None:
    """A product for each gate of each step of a tile; the weights of two steps are read at once."""
    tf32 = kernel.constants["NUMBERS"] == "TF32"
    steps = plan.TENSOR_DEPTH // (8 if tf32 else 16)
    gates = {"lstm_forward": 4, "gru_forward": 3}.get(kernel.name, 1)
    assert found["HMMA"] == steps * gates
    assert found["LDSM"] == steps // 2 * gates + (steps if tf32 else 0)


def test_every_file_of_the_set_is_checked() -> None:
    from dlengine.kernels.cuda.machine.source import FOLDER, kernel_signatures

    checked = {(kernel.file, kernel.name) for kernel, _, _ in compile_check.checks()}
    assert checked == {(path.name, name) for path in FOLDER.glob("*.cu") for name in kernel_signatures(path.name)}


def test_each_text_is_compiled_once() -> None:
    found = [(kernels[0].source(dtype), kernels[0].options, arch) for kernels, dtype, arch in (c.values for c in CHECKS)]
    assert len(found) == len(set(found))
    assert sum(len(c.values[0]) for c in CHECKS) == len(list(compile_check.checks()))


def test_every_text_is_checked_quickly() -> None:
    """In each dtype, with all constants, for one architecture at least, and for each of those that its text asks about."""
    quick = [(kernel, c.values[1]) for c in CHECKS if not c.marks for kernel in c.values[0]]
    texts = {(kernel.file, kernel.name, dtype) for kernel, dtype, _ in compile_check.checks()}
    assert {(kernel.file, kernel.name, dtype) for kernel, dtype in quick} == texts
    assert {id(kernel) for kernel, _ in quick} == {id(kernel) for kernel, _, _ in compile_check.checks()}
    asked = {
        int(number) // 10
        for kernel, dtype, _ in compile_check.checks()
        for number in re.findall(r"__CUDA_ARCH__\D+(\d+)", kernel.source(dtype))
    }
    assert asked <= {80}
    assert all(min(k.architectures) >= 80 for k, dtype, _ in compile_check.checks() if "__CUDA_ARCH__" in k.source(dtype))


@needs_nvrtc
def test_shared_memory_is_reported() -> None:
    body = "__shared__ int s[100]; s[threadIdx.x] = *x; __syncthreads(); *x = s[9];"
    source = f'extern "C" __global__ void k(int *x) {{ {body} }}'
    assert compile_source(source, 80)["k"].shared == 400


@needs_nvrtc
def test_spill_is_an_error() -> None:
    source = """extern "C" __global__ void __launch_bounds__(1024, 2) k(float *x) {
      float v[64];
      for (int i = 0; i < 64; i++) v[i] = x[i * 1024 + threadIdx.x];
      __syncthreads();
      for (int i = 0; i < 64; i++) x[(63 - i) * 1024 + threadIdx.x] = v[i] * v[(i + 7) % 64];
    }"""
    with pytest.raises(CompileError, match="spill"):
        compile_source(source, 80)


@needs_nvrtc
def test_error_names_file_and_line() -> None:
    with pytest.raises(CompileError, match=r"conv\.cu\(7\): error: identifier \"nothing\" is undefined"):
        compile_source('#line 7 "conv.cu"\nextern "C" __global__ void k(int *x) { *x = nothing; }', 75)


def test_absent_compiler_gets_its_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    compile_check.available.cache_clear()
    monkeypatch.setattr(compile_check, "_find", lambda path: None)
    try:
        assert "pip install nvidia-cuda-nvrtc" in str(compile_check.available())
        with pytest.raises(CompileError, match="NVRTC is not installed"):
            compile_source("", 75)
        monkeypatch.setattr(compile_check, "_find", lambda path: None if "include" in path else path)
        compile_check.available.cache_clear()
        assert "headers" in str(compile_check.available())
    finally:
        compile_check.available.cache_clear()


def test_the_compiler_s_own_libraries_are_loaded_before_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """NVRTC of CUDA 13.0 has no run path to them."""
    for name in ("libnvrtc.so.13", "libnvrtc-builtins.so.13.0"):
        (tmp_path / name).touch()
    loaded: list[str] = []

    def load(path: str, **options: Any) -> Any:
        loaded.append(Path(path).name)
        return MagicMock()

    monkeypatch.setattr(compile_check, "_find", lambda path: tmp_path / "libnvrtc.so.13")
    monkeypatch.setattr(compile_check.ctypes, "CDLL", load)
    compile_check._load.__wrapped__()
    assert loaded == ["libnvrtc-builtins.so.13.0", "libnvrtc.so.13"]
