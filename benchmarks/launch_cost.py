"""What a launch costs the host before CuPy is called: python -m dlengine.benchmarks.launch_cost [FILE].

No card is needed: the arrays have CuPy's attributes and nothing else, and the compiled kernel is a function that returns at once.
What is timed is checking, converting and counting: the best of many short runs, less what calling that function costs.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from dlengine.kernels.cuda import activation, norm
from dlengine.kernels.cuda.convolution import simt
from dlengine.kernels.cuda.machine import gemm, launch
from dlengine.kernels.geometry import ConvGeometry

ROUNDS, CALLS = 200, 200


class _Device:
    """A device that is current already."""

    __slots__ = ("id",)

    def __init__(self) -> None:
        self.id = 0

    def __enter__(self) -> _Device:
        return self

    def __exit__(self, *error: object) -> None:
        pass


class _Array:
    """What a launch asks of an array."""

    __slots__ = ("data", "device", "dtype", "flags")

    def __init__(self, dtype: str = "float32") -> None:
        self.dtype, self.device = np.dtype(dtype), _DEVICE
        self.flags, self.data = SimpleNamespace(c_contiguous=True), SimpleNamespace(ptr=4096, device_id=0)


_DEVICE = _Device()


def _nothing(grid: Any, block: Any, arguments: Any, **options: Any) -> None:
    """A compiled kernel."""


def _launch(kernel: launch.Kernel, arguments: tuple[Any, ...]) -> None:
    kernel[8](*arguments)


def _best(call: Callable[[], object]) -> float:
    """Microseconds of a call, the best of ROUNDS."""
    best = float("inf")
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        for _ in range(CALLS):
            call()
        best = min(best, time.perf_counter() - begun)
    return best / CALLS * 1e6


def launches() -> dict[str, tuple[launch.Kernel, tuple[Any, ...]]]:
    """Kernels of few and of many parameters, with arguments for each."""
    x = _Array()
    pair = (1, 1)
    g = ConvGeometry(1, 8, 8, 1, (5, 5), (3, 3), pair, pair, (0, 0), (0, 0), (3, 3))
    shape = gemm.GemmShape(1, 64, 64, 64, 1, 64, 1, 1, 16, 16)
    return {
        "relu, 4 parameters": (activation._relu, (x, x, 1000, 1.0)),
        "conv2d_gemm, 6 parameters": (simt.VARIANTS[2]["64x64"].kernels["forward"], (x, x, x, x, g, 8)),
        "gemm, 6 parameters": (gemm.SMALL.kernels["nt"], (x, x, x, None, x, shape)),
        "channel_sums, 14 parameters": (norm._sums, (x, x, x, x, x, 8, 8, 64, 0, 1, 1, 1, 64, 1)),
    }


def measure() -> dict[str, float]:
    """Microseconds of each launch."""
    held = launch._compiled, launch._require_listed, launch.device_library
    launch._compiled = cache(lambda kernel, dtype: _nothing)
    launch._require_listed = cache(lambda kernel, device: None)
    launch.device_library = lambda: SimpleNamespace(cuda=SimpleNamespace(runtime=SimpleNamespace(getDevice=lambda: 0)))
    try:
        bare = _best(lambda: _nothing((8,), (256,), ()))
        return {name: round(_best(partial(_launch, kernel, a)) - bare, 2) for name, (kernel, a) in launches().items()}
    finally:
        launch._compiled, launch._require_listed, launch.device_library = held
        for kernel, _ in launches().values():
            kernel.entries.clear()


def main() -> None:
    """Print the times and write them to a file."""
    found = {"what": "microseconds of one launch before CuPy is called", "python": sys.version.split()[0], "launches": measure()}
    text = json.dumps(found, indent=2)
    print(text)
    for file in sys.argv[1:]:
        Path(file).write_text(text + "\n")


if __name__ == "__main__":
    main()
