"""Every CUDA kernel compiles for every architecture that it lists, without spilling a register."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest

from dlengine.kernels.cuda.machine import compile_check
from dlengine.kernels.cuda.machine.compile_check import CompileError, compile_source

needs_nvrtc = pytest.mark.skipif(compile_check.available() is not None, reason=str(compile_check.available()))


def parameter(kernel: compile_check.Kernel, dtype: str, arch: int, name: str = "") -> Any:
    """A check, in one group with those of the same source: with --dist loadgroup one process compiles it, once for all.

    What a quick check stands for (`is_representative`) is slow.
    """
    source = hashlib.sha256(kernel.source(dtype).encode()).hexdigest()[:16]
    marks = [pytest.mark.xdist_group(f"{source}-{arch}-{'-'.join(kernel.options)}")]
    if not compile_check.is_representative(kernel, dtype, arch):
        marks.append(pytest.mark.slow)
    return pytest.param(kernel, dtype, arch, id=f"{kernel.exported_name(dtype)}-sm_{arch}{name}", marks=marks)


CHECKS = [parameter(*check) for check in compile_check.checks()]
SHARED_LIMIT = 48 << 10
"""Bytes of static shared memory that a block of any card may have."""


@needs_nvrtc
@pytest.mark.parametrize(("kernel", "dtype", "arch"), CHECKS)
def test_compiles(kernel: compile_check.Kernel, dtype: str, arch: int) -> None:
    used = compile_check.check(kernel, dtype, arch)
    assert used.kernel == kernel.exported_name(dtype)
    assert 0 < used.registers * kernel.threads <= 1 << 16
    assert used.shared <= SHARED_LIMIT
    assert used.stack == 0


def test_every_file_of_the_set_is_checked() -> None:
    from dlengine.kernels.cuda.machine.source import FOLDER, kernel_signatures

    checked = {(kernel.file, kernel.name) for kernel, _, _ in compile_check.checks()}
    assert checked == {(path.name, name) for path in FOLDER.glob("*.cu") for name in kernel_signatures(path.name)}


def test_every_text_is_checked_quickly() -> None:
    """In each dtype, with all constants, for one architecture at least, and for each of those that its text asks about."""
    quick = [c.values for c in CHECKS if not [m for m in c.marks if m.name == "slow"]]
    texts = {(kernel.file, kernel.name, dtype) for kernel, dtype, _ in compile_check.checks()}
    assert {(kernel.file, kernel.name, dtype) for kernel, dtype, _ in quick} == texts
    assert {id(kernel) for kernel, _, _ in quick} == {id(kernel) for kernel, _, _ in compile_check.checks()}
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
