"""Bugs planted in our own kernels and launchers: the checked emulator reports each, with file and line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dlengine.kernels import precision
from dlengine.kernels.cuda import conv, emulator, linear, recurrent, softmax
from dlengine.kernels.cuda.emulator import KernelError
from dlengine.kernels.cuda.machine import launch, source
from dlengine.kernels.cuda.recurrence import plan
from dlengine.kernels.geometry import ConvGeometry

pytestmark = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))


def product(word: str) -> Callable[[], Any]:
    def run() -> None:
        a = np.random.default_rng(0).standard_normal((66, 66)).astype("f4")
        with precision.in_force(word):
            linear.matmul(a, a)

    return run


def convolution(variant: str, direction: str) -> Callable[[], Any]:
    def run() -> None:
        stride, high = (1, 7) if variant == "winograd" else (2, 4)
        g = ConvGeometry(2, 20, 20, 1, (7, 6), (3, 3), (stride, 1), (1, 1), (1, 1), (1, 1), (high, 6))
        x, w, gy = (np.ones(shape, "f4") for shape in (g.x_shape, g.w_shape, g.y_shape))
        kernels = conv.VARIANTS[2][variant]
        if direction == "forward":
            kernels.forward(x, w, None, g)
        elif direction == "input":
            kernels.input_grad(gy, w, g)
        else:
            kernels.weight_grad(x, gy, g)

    return run


def network() -> None:
    x, state, w = np.ones((3, 4, 5), "f4"), np.zeros((4, 20), "f4"), np.ones((80, 25), "f4")
    recurrent.lstm(x, state, state, w[:, :5].copy(), w[:, 5:].copy(), None, None, False, False)


def rounded_network() -> None:
    with precision.in_force("high"):
        network()


def rows() -> None:
    softmax.softmax(np.ones((5, 3000), "f4"), 1)


# text in a file of src/, what the bug makes of it, a launch, what is reported
BUGS: dict[str, tuple[str, str, str, Callable[[], Any], str]] = {
    "missing barrier": (
        "gemm.cu",
        "        B::write(shared_b, qb);\n        __syncthreads();",
        "        B::write(shared_b, qb);",
        product("highest"),
        r"(data race on|read of unwritten) shared memory.* at (gemm\.cu|vector\.cuh):",
    ),
    "missing barrier between stages": (
        "gemm_tensor.cu",
        "copies_wait<STAGES - 2>();\n      __syncthreads();",
        "copies_wait<STAGES - 2>();",
        product("high"),
        r"(data race on|read of unwritten) shared memory",
    ),
    "copies waited for too little": (
        "gemm_tensor.cu",
        "copies_wait<STAGES - 2>();",
        "copies_wait<STAGES - 1>();",
        product("high"),
        "read of unwritten shared memory",
    ),
    "a stage begun before all have done with it": (
        "gemm_tensor.cu",
        "      __syncthreads();\n      fetch(part + STAGES - 1);",
        "      fetch(part + STAGES - 1);\n      __syncthreads();",
        product("high"),
        r"(data race on|read of unwritten) shared memory",
    ),
    "missing warp barrier": (
        "gemm_tensor.cu",
        "__syncwarp();\n#pragma unroll 1",
        "\n#pragma unroll 1",
        product("high"),
        r"(data race on|read of unwritten) shared memory",
    ),
    "read one line too many": (
        "gemm.cu",
        "line < (ALONG_K ? size : end)",
        "line <= (ALONG_K ? size : end)",
        product("highest"),
        r"out-of-bounds read .* at gemm\.cu:",
    ),
    "copy one line too many": (
        "gemm_tensor.cu",
        "line < (ALONG_K ? size : end)",
        "line <= (ALONG_K ? size : end)",
        product("high"),
        "out-of-bounds read",
    ),
    "write one row too many": (
        "gemm.cuh",
        "row >= g.m",
        "row > g.m",
        product("high"),
        r"(out-of-bounds write|data race on argument)",
    ),
    "missing barrier in a convolution": (
        "conv_tile.cuh",
        "keep((step + 1) % 2);\n    __syncthreads();",
        "keep((step + 1) % 2);",
        convolution("64x64", "forward"),
        r"(data race on|read of unwritten) shared memory",
    ),
    "pixels above the image": (
        "index.cuh",
        "(unsigned)h < (unsigned)height && ",
        "h < height && ",
        convolution("64x64", "forward"),
        r"out-of-bounds read .* at conv_gemm\.cu:",
    ),
    "a stage of a convolution begun too early": (
        "conv_tensor.cu",
        "      __syncthreads();\n      fetch(step + STAGES - 1);",
        "      fetch(step + STAGES - 1);\n      __syncthreads();",
        convolution("tensor 64", "input"),
        r"(data race on|read of unwritten) shared memory",
    ),
    "copies of pixels waited for too little": (
        "conv_tensor_weight_grad.cu",
        "copies_wait<STAGES - 2>();",
        "copies_wait<STAGES - 1>();",
        convolution("tensor 64", "weight"),
        "read of unwritten shared memory",
    ),
    "planes taken before those before them were read": (
        "conv_winograd.cu",
        "      __syncthreads();  // what was there has been read\n",
        "",
        convolution("winograd", "forward"),
        "data race on shared memory",
    ),
    "sums exchanged while planes are read": (
        "conv_winograd.cu",
        "      __syncthreads();\n#pragma unroll\n      for (int e = 0; e < AT_ONCE; e++)\n#pragma unroll\n        for (int p",
        "#pragma unroll\n      for (int e = 0; e < AT_ONCE; e++)\n#pragma unroll\n        for (int p",
        convolution("winograd", "input"),
        "data race on shared memory",
    ),
    "pixels right of a patch's image": (
        "conv_winograd.cu",
        "within(h + e / 4, v + e % 4, z.source.h, z.source.w)",
        "within(h + e / 4, v + e % 4, z.source.h, z.source.w + 1)",
        convolution("winograd", "forward"),
        r"out-of-bounds read .* at conv_winograd\.cu:",
    ),
    "a tile of states taken too early": (
        "recurrent_plain.cuh",
        "    if (step + 1 < steps) keep((step + 1) % 2);\n    __syncthreads();",
        "    if (step + 1 < steps) keep((step + 1) % 2);",
        network,
        "(data race on|read of unwritten) shared memory",
    ),
    "a tile of states multiplied on tensor cores too early": (
        "recurrent_tensor.cuh",
        "    copies_wait<STAGES - 2>();\n    __syncthreads();",
        "    copies_wait<STAGES - 2>();",
        rounded_network,
        "(data race on|read of unwritten) shared memory",
    ),
    "missing grid sync": (
        "recurrent_loop.cuh", "grid.sync();", ";", network, r"data race on argument .* at (lstm|recurrent_\w+)\.cuh:",
    ),
}


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str, str], None]:
    def change(file: str, right: str, wrong: str) -> None:
        original = (source.FOLDER / file).read_text()
        assert right in original, f"{file} no longer says {right!r}"
        texts: dict[str, str] = {}

        def inlined(name: str, seen: set[str]) -> str:
            text = genuine(name, seen)
            return text.replace(right, wrong) if name == file else text

        genuine = source._inlined
        monkeypatch.setattr(source, "_inlined", inlined)
        monkeypatch.setattr(source, "read", lambda name: texts.setdefault(name, inlined(name, set())))
        monkeypatch.setattr(launch, "_emulated", lambda kernel, dtype, check: emulated(kernel, dtype, check))

    def emulated(kernel: Any, dtype: str, check: bool) -> Any:
        module = emulator.Module(kernel.source(dtype), kernel.exported_names(dtype), check=check)
        return module.get_function(kernel.exported_name(dtype))

    return change


@pytest.mark.parametrize("bug", BUGS)
def test_bug_in_a_kernel_is_reported(bug: str, plant: Callable[[str, str, str], None]) -> None:
    file, right, wrong, run, message = BUGS[bug]
    plant(file, right, wrong)
    with pytest.raises(KernelError, match=message), emulator.checked("random", seed=3):
        run()


@pytest.mark.parametrize("run", [product("highest"), product("high"), network, rows], ids=["gemm", "tensor", "lstm", "softmax"])
def test_without_a_bug_nothing_is_reported(run: Callable[[], Any]) -> None:
    with emulator.checked("random", seed=3):
        run()


def test_wrong_scalar_type_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the launcher converts: CuPy would pass a Python int as 8 bytes, whatever the parameter."""
    right = launch.conversion

    def careless(parameter: Any, dtype: str, structs: Any) -> Any:
        if parameter.c_type == "int" and not parameter.pointer:
            return parameter.name, None, lambda value: value
        return right(parameter, dtype, structs)

    monkeypatch.setattr(launch, "conversion", careless)
    monkeypatch.setattr(launch.Kernel, "_conversions", property(lambda self: {}))  # none that were made before
    monkeypatch.setattr(plan, "limits", lambda x: (6, 0))  # the kernel for one step takes its number
    with pytest.raises(TypeError, match="a scalar of int64 for a parameter of kind i4; CuPy would .* corrupt"):
        network()
