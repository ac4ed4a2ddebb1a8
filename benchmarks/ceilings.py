"""The measured ceilings of a device: the rates of a copy of memory and of a large matrix product."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

from .clocks import Clock
from .definitions import Framework

PRECISIONS = ("highest", "high", "medium", "bfloat16")


def ceilings(fw: Framework, size: int = 8192, elements: int = 1 << 28, runs: int = 10) -> dict[str, float]:
    """Measure the bytes per second of a copy ("copy") and the operations per second of a product of (size,size) matrices.

    "bfloat16" multiplies matrices of that dtype, the others multiply float32 matrices in that precision. A precision that a
    framework does not have, or that it replaces by another, is left out.
    """
    clock = fw.clock()
    found = {"copy": 2 * 4 * elements / _seconds(clock, fw.copied, fw.constant(np.ones(elements, np.float32)), runs)}
    square = np.random.default_rng(0).standard_normal((size, size), dtype=np.float32)
    for name in PRECISIONS:
        try:
            fw.set_precision("highest" if name == "bfloat16" else name)
            if name != "bfloat16" and fw.precision()["matmul"] != name:
                continue
            a = fw.constant(square, "bfloat16" if name == "bfloat16" else None)
            found[name] = 2 * size**3 / _seconds(clock, lambda matrix: fw.matmul(matrix, matrix), a, runs)
        except (ImportError, TypeError, ValueError, RuntimeError):
            continue
    fw.set_precision("highest")
    return found


def _seconds(clock: Clock, function: Callable[[Any], Any], x: Any, runs: int) -> float:
    """The median of some runs, after one that is not timed."""
    function(x)
    return median(clock(lambda: function(x), runs).seconds)
