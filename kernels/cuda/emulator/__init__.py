"""CUDA kernels on the CPU: the same source text, built by g++ and run from NumPy arrays.

Every CUDA thread is a fiber; blocks run one after another. Plain mode computes; checked mode also reports out-of-bounds
and misaligned accesses, data races, divergent barriers and reads of unwritten shared memory, with kernel and line:

    with emulator.checked():
        y = conv2d(x, w, geometry)          # raises KernelError at the first defect

What it cannot tell: speed, the true register layout of tensor cores, and anything about the driver.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .build import KernelError, available
from .module import Function, Mode, Module, mode

__all__ = ["Function", "KernelError", "Mode", "Module", "available", "checked", "mode"]


@contextmanager
def checked(order: str = "forward", seed: int = 0) -> Iterator[None]:
    """Launch in checked mode inside this context.

    order: in which order the threads of a block take turns: forward, reverse or random (with seed).
    """
    token = mode.set(Mode(check=True, order=order, seed=seed))
    try:
        yield
    finally:
        mode.reset(token)
