"""What the compiler made of the kernels for tensor cores: machine instructions, read without a GPU."""

from __future__ import annotations

from collections import Counter

import pytest
from cuda.test_compile import uses_tensor_cores

from dlengine.kernels.cuda.machine import compile_check, gemm
from dlengine.kernels.cuda.machine.compile_check import CompileError

REASON = compile_check.available() or compile_check.no_disassembler()
needs_disassembler = pytest.mark.skipif(REASON is not None, reason=str(REASON))
@needs_disassembler
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_fragments_lie_as_products_want_them(dtype: str) -> None:
    """Registers of b that are no neighbours would be moved before each product; a warp of 64 x 64 loads little for each."""
    found = compile_check.instructions(gemm.TENSOR_LARGE.kernels["nt"], dtype, 90)
    assert found["HMMA"] == 64
    assert found["LDSM"] == 16
    assert found["MOV"] <= 2.5 * found["HMMA"]


def test_tensor_kernels_list_only_cards_that_have_them() -> None:
    tensor = [check for check in compile_check.checks() if uses_tensor_cores(*check[:2])]
    assert {arch for _, _, arch in tensor} == {80, 90, 100, 120}
    assert {dtype for _, dtype, _ in tensor} >= {"float32", "float16", "bfloat16"}


@needs_disassembler
def test_the_count_is_of_instructions() -> None:
    source = 'extern "C" __global__ void k(float* x) { x[threadIdx.x] = x[threadIdx.x] * x[0] + 1.f; }'
    found = Counter(compile_check._disassemble(source, 80, ())["k"])
    assert found["FFMA"] == 1
    assert found["STG"] == 1
    assert found["LDG"] == 2
    assert found["EXIT"] == 1


@needs_disassembler
def test_spill_would_show() -> None:
    """An array indexed at run time lies in local memory."""
    source = """extern "C" __global__ void k(float* x, int i) {
      float v[32] = {};
      for (int j = 0; j < i; j++) v[j * 7 % 32] += x[j];
      x[0] = v[i % 32];
    }"""
    found = Counter(compile_check._disassemble(source, 80, ())["k"])
    assert found["STL"] > 0
    assert found["LDL"] > 0


def test_absent_disassembler_gets_its_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    compile_check.no_disassembler.cache_clear()
    monkeypatch.setattr(compile_check, "_find", lambda path: None)
    try:
        assert "pip install nvidia-cuda-nvdisasm" in str(compile_check.no_disassembler())
        with pytest.raises(CompileError, match="nvdisasm is not installed"):
            compile_check._disassemble("", 80, ("-none",))
    finally:
        compile_check.no_disassembler.cache_clear()
