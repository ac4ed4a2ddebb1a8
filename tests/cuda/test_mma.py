"""The tensor-core and copy instructions of mma.cuh: what their emulator twins compute, and that the real ones are emitted."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from dlengine.kernels.cuda import emulator
from dlengine.kernels.cuda.emulator import KernelError, Module
from dlengine.kernels.cuda.machine import compile_check, source

needs_emulator = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))
needs_nvrtc = pytest.mark.skipif(compile_check.available() is not None, reason=str(compile_check.available()))
MODES = pytest.mark.parametrize("check", [False, True], ids=["plain", "checked"])
KERNELS = Path(__file__).parents[1].joinpath("mma_kernels.cu").read_text()
NAMES = [*re.findall(r"^TILE\((\w+)", KERNELS, re.M), *re.findall(r"__global__ void (\w+)\((?!const unsigned\* a)", KERNELS)]


def text(bug: int = 0) -> str:
    return f'#define BUG {bug}\n{source.read("mma.cuh")}\n#line 1 "mma_kernels.cu"\n{KERNELS}'


@cache
def module(check: bool, bug: int = 0) -> Module:
    return Module(text(bug), NAMES, check=check)


def run(name: str, *arguments: Any, check: bool, bug: int = 0, threads: int = 32) -> None:
    module(check, bug).get_function(name)((1,), (threads,), arguments)


def tf32(x: Any) -> Any:
    """To 10 bits of fraction, ties away."""
    return ((x.astype("f4").view("u4") + 0x1000) & 0xFFFFE000).view("f4")


@needs_emulator
@MODES
@pytest.mark.parametrize(("name", "dtype"), [("tf32", "float32"), ("f16", "float16"), ("bf16", "bfloat16")])
def test_one_tile(name: str, dtype: str, check: bool) -> None:
    """In words: the same code loads the operands of all three."""
    per_word = 4 // np.dtype(dtype).itemsize
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((n, 8 * per_word)).astype(dtype) for n in (16, 8))
    if name == "tf32":
        a, b = tf32(a), tf32(b)
    d = np.full((16, 8), np.nan, "f4")
    run(f"tile_{name}", a.view("u4"), b.view("u4"), d, check=check)
    np.testing.assert_allclose(d, a.astype("f8") @ b.astype("f8").T, rtol=1e-5, atol=1e-5)


@needs_emulator
def test_low_bits_of_tf32_are_ignored() -> None:
    a, b = np.ones((16, 8), "f4"), np.ones((8, 8), "f4")
    d = np.empty((16, 8), "f4")
    run("tile_tf32", (a.view("u4") + 0x1FFF), b.view("u4"), d, check=False)
    np.testing.assert_array_equal(d, 8)


@needs_emulator
@MODES
def test_rounding(check: bool) -> None:
    x = np.random.default_rng(1).standard_normal(32).astype("f4")
    x[:6] = 1 + 2.0**-11, -1 - 2.0**-11, np.inf, -np.inf, 0.0, 1 + 2.0**-9
    out = [np.zeros(32, "u4") for _ in range(3)]
    run("rounded", x, *out, check=check)
    np.testing.assert_array_equal(out[0].view("f4")[4:], tf32(x)[4:])
    np.testing.assert_array_equal(out[0].view("f4")[:4], [1 + 2.0**-10, -1 - 2.0**-10, np.inf, -np.inf])  # ties away
    for words, dtype in ((out[1], "float16"), (out[2], "bfloat16")):
        np.testing.assert_array_equal(words.view(dtype).reshape(32, 2)[:, 0], x.astype(dtype))
        np.testing.assert_array_equal(words.view(dtype).reshape(32, 2)[:, 1], np.roll(x, -1).astype(dtype))


@needs_emulator
def test_rounding_keeps_nan() -> None:
    x, out = np.full(32, np.nan, "f4"), [np.zeros(32, "u4") for _ in range(3)]
    run("rounded", x, *out, check=False)
    assert np.isnan(out[0].view("f4")).all()
    assert np.isnan(out[1].view("f2")).all()
    assert np.isnan(out[2].view(ml_dtypes.bfloat16).astype("f4")).all()


@needs_emulator
@MODES
def test_matrices(check: bool) -> None:
    x = np.arange(32 * 8, dtype="u2").reshape(4, 8, 8)
    plain, transposed = (np.zeros((4, 32), "u4") for _ in range(2))
    run("matrices", x.view("u4"), plain, transposed, check=check)
    np.testing.assert_array_equal(plain.view("u2").reshape(4, 8, 8), x)
    np.testing.assert_array_equal(transposed.view("u2").reshape(4, 8, 8), x.swapaxes(1, 2))


@needs_emulator
@MODES
@pytest.mark.parametrize("valid", [64, 41, 0])
def test_copies_with_zero_fill(valid: int, check: bool) -> None:
    x = np.random.default_rng(2).standard_normal((5, 64)).astype("f4")
    y = np.full((5, 64), np.nan, "f4")
    run("reverse", x, y, np.int32(5), np.int32(valid), check=check, threads=64)
    x[:, valid:] = 0
    np.testing.assert_array_equal(y, x[:, ::-1])


@needs_emulator
@pytest.mark.parametrize(
    ("name", "bug", "message"),
    [
        ("matrices", 1, "read of unwritten shared memory|data race on shared memory"),
        ("reverse", 1, "read of unwritten shared memory"),
        ("reverse", 2, "data race on shared memory|read of unwritten shared memory"),
    ],
)
def test_planted_bug_is_reported(name: str, bug: int, message: str) -> None:
    words = np.zeros((4, 32), "u4")
    x = np.zeros((5, 64), "f4")
    arguments: tuple[Any, ...] = (
        (words, words.copy(), words.copy()) if name == "matrices" else (x, x.copy(), np.int32(5), np.int32(64))
    )
    with pytest.raises(KernelError, match=message):
        run(name, *arguments, check=True, bug=bug, threads=32 if name == "matrices" else 64)


@needs_nvrtc
@pytest.mark.parametrize("arch", [75, 80, 90, 100, 120])
def test_compiles(arch: int) -> None:
    """On sm_75 to a trap."""
    used = compile_check.compile_source(text(), arch)
    assert set(used) == set(NAMES)
    assert all(r.stack == 0 for r in used.values())
