"""What a launch costs the host before CuPy is called: python -m dlengine.benchmarks.launch_cost [FILE].

No card is needed: the arrays have CuPy's attributes and nothing else, and the compiled kernel is a function that returns at once.
What is timed: the launch object, the checks of each array's class, dtype, order, alignment and device, the conversion of each
number and geometry, the grid, and the count. Not: CuPy's own call, and what a launcher does before, as allocating or planning.
The best of many short runs, less what calling that function costs. An optimizer's launch is listed apart: its table holds four
addresses of each of 65 parameters, which are read anew, since a step may have replaced an array.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from functools import cache, lru_cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from dlengine.environment import processor
from dlengine.kernels.cuda import activation, norm, optim, recurrent
from dlengine.kernels.cuda.convolution import simt
from dlengine.kernels.cuda.machine import gemm, launch, table
from dlengine.kernels.cuda.recurrence.plan import RecurrentPlan
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

    __slots__ = ("data", "device", "dtype", "flags", "size")

    def __init__(self, dtype: str = "float32") -> None:
        self.dtype, self.device, self.size = np.dtype(dtype), _DEVICE, 1000
        self.flags, self.data = SimpleNamespace(c_contiguous=True), SimpleNamespace(ptr=4096, device_id=0)


_DEVICE = _Device()


def _nothing(grid: Any, block: Any, arguments: Any, **options: Any) -> None:
    """A compiled kernel."""


_nothing.max_dynamic_shared_size_bytes = 227 << 10  # type: ignore[attr-defined]


def _launch(kernel: launch.Kernel, grid: Any, arguments: tuple[Any, ...]) -> None:
    kernel[grid](*arguments)


def _update(ps: list[_Array]) -> None:
    """The launch of Adam, with the table that is made for it."""
    made = table.PointerTable([ps, ps, ps, ps], (0, 2, 3))
    optim._adam[made.chunks](made, made.tensors, made.columns, made.chunks, *[0.5] * 8, None)


def _best(call: Callable[[], object]) -> float:
    """Microseconds of a call, the best of ROUNDS."""
    best = float("inf")
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        for _ in range(CALLS):
            call()
        best = min(best, time.perf_counter() - begun)
    return best / CALLS * 1e6


def launches() -> dict[str, tuple[launch.Kernel, Any, tuple[Any, ...]]]:
    """Kernels of few and of many parameters, with a grid and arguments for each."""
    x = _Array()
    pair = (1, 1)
    g = ConvGeometry(1, 8, 8, 1, (5, 5), (3, 3), pair, pair, (0, 0), (0, 0), (3, 3))
    shape = gemm.GemmShape(1, 64, 64, 64, 1, 64, 1, 1, 16, 16)
    plan = RecurrentPlan(35, 64, 256, False, True, 8, 32, 1, 128, 1, 1028)
    return {
        "relu, 4 parameters": (activation._relu, 8, (x, x, 1000, 1.0)),
        "conv2d_gemm, 6 parameters": (simt.VARIANTS[2]["64x64"].kernels["forward"], 8, (x, x, x, x, g, 8)),
        "gemm, 6 parameters": (gemm.SMALL.kernels["nt"], 8, (x, x, x, None, x, shape)),
        "channel_sums, 14 parameters": (norm._sums, 8, (x, x, x, x, x, 8, 8, 64, 0, 1, 1, 1, 64, 1)),
        "lstm_forward, 12 parameters, cooperative": (recurrent._lstm, (32, 90_000), (x, x, None, x, x, x, x, x, x, x, x, plan)),
    }


def measure() -> dict[str, float]:
    """Microseconds of each launch."""
    held = launch._compiled, launch._require_listed, launch.device_library, table._copied
    launch._compiled = cache(lambda kernel, dtype: _nothing)
    launch._require_listed = cache(lambda kernel, device: None)
    launch.device_library = lambda: SimpleNamespace(cuda=SimpleNamespace(runtime=SimpleNamespace(getDevice=lambda: 0)))
    table._copied = lru_cache(lambda sizes, pointers, device: _Array("int64"))
    ps = [_Array() for _ in range(65)]
    try:
        bare = _best(lambda: _nothing((8,), (256,), ()))
        calls = {name: partial(_launch, *given) for name, given in launches().items()}
        calls["adam, a table of 65 parameters"] = partial(_update, ps)
        return {name: round(_best(call) - bare, 2) for name, call in calls.items()}
    finally:
        launch._compiled, launch._require_listed, launch.device_library, table._copied = held
        for kernel, *_ in launches().values():
            kernel.entries.clear()


def main() -> None:
    """Print the times and write them to a file."""
    found = {
        "what": "microseconds of one launch before CuPy is called: checks, conversions, grid, count; no allocation, no planning",
        "date": time.strftime("%Y-%m-%d"), "processor": processor(), "python": sys.version.split()[0], "launches": measure(),
    }  # fmt: skip
    text = json.dumps(found, indent=2)
    print(text)
    for file in sys.argv[1:]:
        Path(file).write_text(text + "\n")


if __name__ == "__main__":
    main()
