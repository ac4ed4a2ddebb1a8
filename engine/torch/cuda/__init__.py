"""torch.cuda: the GPU of the backend in force, if there is one."""

from __future__ import annotations

import time
from collections import namedtuple
from typing import Any

from ... import backend
from ..names.core import refuse
from ..names.creation import TYPED
from ..names.modes import manual_seed as manual_seed
from ..names.modes import seed as seed
from ..names.places import cuda_available
from . import amp as amp

globals().update(TYPED)
manual_seed_all, seed_all = manual_seed, seed
OutOfMemoryError = MemoryError
Properties = namedtuple("Properties", ["name", "major", "minor", "total_memory", "multi_processor_count"])


def _emulated() -> bool:
    return "emulate" in backend.get_backend()


def is_available() -> bool:
    """Whether the backend in force computes on a GPU."""
    return cuda_available() and not _emulated()


def device_count() -> int:
    """How many GPUs there are; 0 unless the backend computes on one."""
    if not is_available():
        return 0
    import cupy

    return int(cupy.cuda.runtime.getDeviceCount())


def _needed(name: str) -> Any:
    if not is_available():
        raise RuntimeError(f"torch.cuda.{name}: no GPU: the backend in force is {backend.get_backend()}")
    import cupy

    return cupy


def current_device() -> int:
    """The number of the GPU in use."""
    return int(_needed("current_device").cuda.Device().id)


def set_device(device: Any) -> None:
    """Use a GPU; nothing where there is none, since PyTorch's programs guard this themselves."""
    if is_available():
        import cupy

        cupy.cuda.Device(int(getattr(device, "index", device) or 0)).use()


def synchronize(device: Any = None) -> None:
    """Wait for the GPU."""
    if is_available():
        import cupy

        cupy.cuda.Device().synchronize()


def empty_cache() -> None:
    """Give free memory back to the system."""
    if is_available():
        import cupy

        cupy.get_default_memory_pool().free_all_blocks()


def get_device_properties(device: Any = None) -> Properties:
    """Name, capability and memory of a GPU."""
    cupy = _needed("get_device_properties")
    found = cupy.cuda.runtime.getDeviceProperties(int(getattr(device, "index", device) or 0))
    return Properties(
        found["name"].decode(), found["major"], found["minor"], found["totalGlobalMem"], found["multiProcessorCount"]
    )


def get_device_name(device: Any = None) -> str:
    """The name of a GPU."""
    return get_device_properties(device).name  # type: ignore[no-any-return]


def get_device_capability(device: Any = None) -> tuple[int, int]:
    """The compute capability of a GPU."""
    found = get_device_properties(device)
    return found.major, found.minor


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """Free and total memory."""
    return _needed("mem_get_info").cuda.runtime.memGetInfo()  # type: ignore[no-any-return]


def memory_allocated(device: Any = None) -> int:
    """Bytes in use; 0 without a GPU."""
    if not is_available():
        return 0
    import cupy

    return int(cupy.get_default_memory_pool().used_bytes())


def memory_reserved(device: Any = None) -> int:
    """Bytes taken from the system; 0 without a GPU."""
    if not is_available():
        return 0
    import cupy

    return int(cupy.get_default_memory_pool().total_bytes())


max_memory_allocated = max_memory_reserved = memory_cached = memory_reserved


def reset_peak_memory_stats(device: Any = None) -> None:
    """Accepted: peaks are those of the pool."""


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether bfloat16 can be computed with."""
    return is_available()


def is_initialized() -> bool:
    """Whether the GPU is in use."""
    return is_available()


def init() -> None:
    """Nothing has to be done."""


def get_rng_state(device: Any = None) -> Any:
    """The state of the default generator."""
    from ..names.modes import get_rng_state as state

    return state()


class Event:
    """A point in time, on the CPU where there is no GPU."""

    def __init__(self, enable_timing: bool = False, **_: Any) -> None:
        self._at = 0.0

    def record(self, stream: Any = None) -> None:
        """Note the time."""
        synchronize()
        self._at = time.perf_counter()

    def synchronize(self) -> None:
        """Nothing is left to wait for."""

    def elapsed_time(self, end: Any) -> float:
        """Milliseconds until another event."""
        return (end._at - self._at) * 1e3


def _absent(name: str) -> Any:
    def call(*_: Any, **__: Any) -> Any:
        raise refuse(f"cuda.{name}", "streams and graphs are dlengine's own; see dlengine.training")

    return call


Stream, current_stream, stream, CUDAGraph, graph = map(_absent, ("Stream", "current_stream", "stream", "CUDAGraph", "graph"))


class device:  # noqa: N801 - PyTorch's name
    """Use a GPU inside a block."""

    def __init__(self, device: Any) -> None:
        self._device = device

    def __enter__(self) -> None:
        set_device(self._device)

    def __exit__(self, *exc: object) -> None:
        """The GPU stays in use."""
