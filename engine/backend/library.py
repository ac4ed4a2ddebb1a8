"""Array libraries: which there are, which one made an array, and what is missing where one cannot be used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from dlengine.kernels.graph_capture import NotCapturable
from dlengine.kernels.late import imported

from ..errors import DeviceError, DTypeError
from . import shims


@dataclass(eq=False)
class Library:
    """An array library: its array API module (imported on first use), array type, device, and the shims it has."""

    name: str
    module: str
    device: str
    shims: dict[str, Callable[..., Any]] = field(default_factory=dict)
    native_dtypes: bool = True

    def load(self) -> Any:
        return imported(self.module)

    def meet(self) -> None:
        """Its arrays meet a policy for the first time: those that cannot be computed with raise here."""

    @property
    def ours(self) -> bool:
        """Whether kernels of ours run on its arrays."""
        return self is NUMPY or self is CUPY

    def array_type(self) -> Any:
        """The class of its arrays, where kernels of ours run on them; None elsewhere."""
        return np.ndarray if self is NUMPY else getattr(import_module("cupy"), "ndarray", None) if self is CUPY else None


class Unrecorded(NotCapturable):
    """An array that a step which is recorded has not met yet. recorder: the one that is to take it up."""

    def __init__(self, recorder: Any) -> None:
        super().__init__("a tensor's own array is used before the step has computed with the tensor; pass it to the step")
        self.recorder = recorder


NUMPY = Library("numpy", "array_api_compat.numpy", "cpu", shims.NUMPY)
CUPY = Library("cupy", "array_api_compat.cupy", "cuda", shims.CUPY)
LIBRARIES: dict[type, Library] = {np.ndarray: NUMPY}


def library_of(kind: type) -> Library:
    if kind not in LIBRARIES:
        if kind.__module__.split(".")[0] != "cupy":
            raise DTypeError(f"{kind.__module__}.{kind.__name__} is not an array that dlengine computes on; use dl.asarray")
        LIBRARIES[kind] = CUPY
    return LIBRARIES[kind]


def known(dtype: Any) -> Any:
    """A dtype, also if it is the name of bfloat16, which NumPy knows only once the package ml_dtypes is imported."""
    if not isinstance(dtype, str) or dtype != "bfloat16":
        return dtype
    try:
        import ml_dtypes
    except ImportError as error:
        raise DTypeError("bfloat16 needs the package ml_dtypes; mend: pip install ml_dtypes") from error
    return np.dtype(ml_dtypes.bfloat16)


def no_numba() -> str | None:
    """Why Numba cannot be used here, or None. One that is installed may refuse the installed NumPy, so it is imported."""
    return _broken_numba() if find_spec("numba") else "numba is not installed; mend: pip install numba"


@cache
def _broken_numba() -> str | None:
    try:
        import_module("numba")
    except Exception as error:
        return f"numba cannot be imported ({type(error).__name__}: {error}); mend: pip install --upgrade numba"
    return None


def no_cuda() -> str | None:
    from dlengine.kernels.cuda.machine.probe import probe

    return probe()


def no_emulator() -> str | None:
    from dlengine.kernels.cuda import emulator

    return emulator.available()


def gpu_count() -> int:
    """How many GPUs there are."""
    if no_cuda() is not None:
        return 0
    import cupy

    return int(cupy.cuda.runtime.getDeviceCount())


def gpu_number(device: str) -> int:
    """The number in "cuda:N". Raises DeviceError if there is no such GPU."""
    number, count = device.split(":")[1], gpu_count()
    if not number.isdecimal() or int(number) >= count:
        there = "the only GPU is cuda:0" if count == 1 else f"there are cuda:0 ... cuda:{count - 1}"
        raise DeviceError(f"unknown device {device!r}; {there}")
    return int(number)
