"""The CUDA kernel set: our own kernels for CuPy arrays, and for host arrays through the emulator.

Nothing here imports cupy; a launcher does, when it is first given a device array.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..registry import KernelSet, declaration

FLOATS = ("float32", "float64", "float16", "bfloat16")
_ALL = " ".join(FLOATS)

_DTYPES = {
    "activation.*": _ALL,
    "attention.*": _ALL,
    "conv.*": _ALL,
    "dropout.*": _ALL,
    "embedding.*": _ALL,
    "linear.*": _ALL,
    "norm.*": _ALL,
    "optim.*": _ALL,
    "pool.*": _ALL,
    "pool.adaptive_*": "",
    "pool.plane_*": "",
    "random.*": "*",
    "recurrent.*": _ALL,
    "softmax.*": _ALL,
}


class _EmulatedSet(KernelSet):
    """The same launchers; those that make arrays from nothing make them on the host, where the emulator runs them."""

    def load(self, kernel: str) -> Callable[..., Any]:
        function = super().load(kernel)
        if declaration(kernel).arrays:
            return function
        from .machine.launch import on_host

        return on_host(function)


SET = KernelSet("cuda", __name__, _DTYPES)
EMULATED = _EmulatedSet("cuda", __name__, _DTYPES, SET.launches)
