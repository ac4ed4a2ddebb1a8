"""Devices: where an array is, where new ones are made, and how much memory a GPU has left."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..errors import BackendUnavailable, DeviceError
from .library import CUPY, gpu_number, library_of, no_cuda
from .namespace import Namespace, namespace_of
from .switch import policy, spaces


def device_of(array: Any) -> str:
    """The device of an array: "cpu", or "cuda:0" for the first GPU."""
    library = library_of(type(array))
    return library.device if library is not CUPY else f"cuda:{array.device.id}"


def default_device() -> str:
    """Where creation functions put new tensors."""
    creation = policy().creation
    return f"cuda:{creation.gpu}" if creation.library is CUPY else "cpu"


def located(device: str) -> str:
    """A device with its number: "cuda" is the GPU of the backend in force, else the first."""
    if device != "cuda":
        return device
    default = default_device()
    return default if default != "cpu" else "cuda:0"


class DeviceMemory(NamedTuple):
    """Bytes of a GPU. used: by arrays. total: kept by the pool for arrays to come, used ones among them. limit: of the pool,
    None if it has none. free, capacity: of the card, for all processes.
    """

    used: int
    total: int
    limit: int | None
    free: int
    capacity: int


def device_memory(device: str = "cuda") -> DeviceMemory:
    """What CuPy's memory pool holds on a GPU, and what is left of it. Raises BackendUnavailable, DeviceError."""
    reason = no_cuda()
    if reason is not None:
        raise BackendUnavailable(f"device {device}: {reason}")
    import cupy

    with cupy.cuda.Device(gpu_number(located(device))) as gpu:
        pool = cupy.get_default_memory_pool()
        free, capacity = gpu.mem_info
        return DeviceMemory(pool.used_bytes(), pool.total_bytes(), pool.get_limit() or None, free, capacity)


def make_current(array: Any) -> None:
    """Let what follows run on the GPU that an array is on: CuPy computes, and puts results, on the current one."""
    array.device.use()


def space_of(array: Any) -> Namespace:
    """The namespace for an array outside of ops; what follows runs on its GPU."""
    found = spaces()[type(array)]
    if found.several:
        make_current(array)
    return found


def _enter(number: int) -> None:
    import cupy

    cupy.cuda.Device(number).use()


def namespace_for(device: str | None = None) -> Namespace:
    """The namespace that creation functions use for a device ("cpu", "cuda", "cuda:1"); None is the default device.

    Where there are several GPUs, the one meant becomes the current one.
    """
    p = policy()
    if device is None:
        found = namespace_of(p.creation.library, p.creation.kernels())
        if found.several:
            _enter(p.creation.gpu)
        return found
    kind = device.split(":")[0] if isinstance(device, str) else device
    if kind == "cpu":
        return namespace_of(p.host.library, p.host.kernels())
    if kind == "cuda":
        reason = no_cuda()
        if reason is not None:
            raise BackendUnavailable(f"device {device}: {reason}")
        found = namespace_of(CUPY, p.device.kernels())
        number = gpu_number(located(device))
        if found.several:
            _enter(number)
        return found
    raise DeviceError(f"unknown device {device!r}; expected 'cpu', 'cuda' or 'cuda:N'")
