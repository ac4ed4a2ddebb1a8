"""A GPU that is not there: as much of CuPy as the engine uses, over NumPy and the emulator, as strict as the real one.

Arrays are no NumPy arrays, host and device never mix, and every array must be on the current device. Copies through a
stream of their own happen as late as is allowed: not before somebody waits for them. While a stream is captured nothing
runs: results hold garbage until the graph is launched, which then does all that was asked for, in order and into the same
memory. What CuPy refuses in a capture is refused here: products (cuBLAS), sorting and whatever looks at device memory.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import ModuleType, SimpleNamespace
from typing import Any

import array_api_compat.numpy as compat
import numpy as np
from fake_cuda import (
    Device,
    Event,
    Graph,
    MemoryPool,
    State,
    Stream,
    current,
    default_pool,
    null,
    refuse,
    state,
    using_allocator,
)  # fmt: skip
from fake_cupy_arrays import change, ndarray, pick, run

from dlengine import backend as backends
from dlengine.kernels.cuda import emulator
from dlengine.kernels.cuda.machine import choice, launch


class Function:
    """A compiled kernel: launches go to the emulator, on the arrays' memory."""

    max_dynamic_shared_size_bytes = 48 << 10
    num_regs = 32

    def __init__(self, function: Any, cooperative: bool, name: str) -> None:
        self.function, self.cooperative, self.name = function, cooperative, name

    def __call__(self, grid: Any, block: Any, args: Any, shared_mem: int = 0) -> None:
        values = [
            pick(a) if isinstance(a, ndarray) else None if kind[0] in "pP" else a
            for a, kind in zip(args, self.function.signature, strict=True)
        ]
        mode = emulator.mode.get()
        options = {"cooperative": self.cooperative, "order": mode.order, "seed": mode.seed}
        state.log.append(self.name)
        change(partial(self.function, grid, block, values, shared_mem, **options), self.name)


class RawModule:
    def __init__(self, code: str, options: Any = (), enable_cooperative_groups: bool = False) -> None:
        dtype = re.search(r"name##_(\w+)", code)
        kernels = re.findall(r"^KERNEL\(\s*(\w+)", code, re.MULTILINE)
        names = tuple(f"{name}_{dtype[1]}" if dtype else name for name in kernels)
        self.module = launch._emulated_module(code, names, False)
        self.cooperative = enable_cooperative_groups

    def get_function(self, name: str) -> Function:
        return Function(self.module.get_function(name), self.cooperative, name)


def scatter_add(out: ndarray, places: Any, values: Any) -> None:
    change(partial(np.add.at, pick(out), pick(places), pick(values)))


def asarray(obj: Any, dtype: Any = None, copy: bool | None = None, **options: Any) -> ndarray:
    """From the host, or the same; from another device by way of the current one."""
    if isinstance(obj, ndarray):
        if obj.device.id == state.device:
            given = obj if dtype is None or np.dtype(dtype) == obj.dtype else obj.astype(dtype)
            return given.copy() if copy and given is obj else given
        return ndarray(obj.host.copy() if dtype is None else obj.host.astype(dtype))
    refuse("a copy from the host")
    array = ndarray(np.array(obj, dtype=dtype))
    (state.allocators[-1] if state.allocators else default_pool).took(array)
    return array


def through(name: str, function: Any) -> Callable[..., Any]:
    def call(*args: Any, **options: Any) -> Any:
        options.pop("device", None)
        return run(function, *args, **options)

    call.__name__ = name
    return call


def usable() -> bool:
    return state.usable


def nvrtc_version() -> tuple[int, int]:
    if state.nvrtc is not None:
        raise state.nvrtc
    return 13, 2


def module(name: str, **members: Any) -> Any:
    made = ModuleType(name)
    made.__dict__.update(members)
    return made


PLAIN = {"isdtype", "finfo", "iinfo", "result_type", "can_cast", "broadcast_shapes"}
functions = {
    name: value if name in PLAIN or isinstance(value, type) or not callable(value) else through(name, value)
    for name, value in vars(compat).items()
    if not name.startswith("_") and not isinstance(value, ModuleType)
}
functions |= {"asarray": asarray, "ndarray": ndarray}
namespace = module("array_api_compat.cupy", **functions)
runtime = SimpleNamespace(
    getDeviceCount=lambda: state.devices,
    getDeviceProperties=lambda number: {"name": b"NVIDIA Fake", "major": 9, "minor": 0},
    driverGetVersion=lambda: state.driver,
    getDevice=lambda: state.device,
    runtimeGetVersion=lambda: 13020,
)
nvtx = SimpleNamespace(
    RangePush=lambda message, *more: state.log.append(f"push {message}"), RangePop=lambda: state.log.append("pop")
)
Stream.null = null  # type: ignore[attr-defined]
cuda = SimpleNamespace(
    Device=Device, Stream=Stream, Event=Event, Graph=Graph, MemoryPool=MemoryPool, using_allocator=using_allocator,
    get_current_stream=current, runtime=runtime, nvtx=nvtx, nvrtc=SimpleNamespace(getVersion=nvrtc_version),
)  # fmt: skip
numpy_names = ("ascontiguousarray", "copyto", "array", "uint64", "int64", "float32", "float64", "empty", "argsort", "arange")
cupy = module(
    "cupy",
    **functions,
    **{n: through(n, getattr(np, n)) for n in numpy_names if n not in functions},
)
cupy.__dict__.update(
    cuda=cuda, ndarray=ndarray, RawModule=RawModule, is_available=usable, asarray=asarray,
    array=lambda obj, dtype=None, copy=True, order="K": asarray(obj, dtype, copy), empty=through("empty", np.empty),
    argsort=through("argsort", np.argsort), zeros=through("zeros", np.zeros),
    get_default_memory_pool=lambda: default_pool, uint64=np.uint64,
)  # fmt: skip


def empty_pinned(shape: Any, dtype: Any = float) -> Any:
    return np.empty(shape, dtype)


def _special(name: str) -> Any:
    from dlengine.backend.shims import NUMPY

    return through(name, NUMPY[name])


special = module("cupyx.scipy.special", erf=_special("erf"), erfc=_special("erfc"))
stride_tricks = module("cupy.lib.stride_tricks", as_strided=through("as_strided", np.lib.stride_tricks.as_strided))
cupyx = module("cupyx", scatter_add=scatter_add, empty_pinned=empty_pinned, scipy=SimpleNamespace(special=special))
MODULES = {
    "cupy": cupy,
    "cupy.lib": module("cupy.lib", stride_tricks=stride_tricks),
    "cupy.lib.stride_tricks": stride_tricks,
    "cupyx": cupyx,
    "cupyx.scipy": cupyx.scipy,
    "cupyx.scipy.special": special,
    "array_api_compat.cupy": namespace,
}


def _forget() -> None:
    for memory in (launch._compiled, launch._require_listed, launch._limits, choice.card):
        memory.cache_clear()
    for key in [key for key in backends.NAMESPACES if key[0] is backends.CUPY]:
        del backends.NAMESPACES[key]
    backends.library.LIBRARIES.pop(ndarray, None)
    for policy in backends.switch.default_policy:
        policy.spaces.pop(ndarray, None)


@contextmanager
def installed(monkeypatch: Any, devices: int = 1) -> Iterator[State]:
    """This machine in place of CuPy."""
    state.__init__()  # type: ignore[misc]
    state.devices = devices
    for name, made in MODULES.items():
        monkeypatch.setitem(sys.modules, name, made)
    _forget()
    timings = choice.TimingCache(None, lambda run: 0.0)  # nothing is measured here, and nothing kept
    monkeypatch.setattr(choice, "timing_cache", lambda: timings)
    try:
        yield state
    finally:
        state.device = 0
        _forget()
