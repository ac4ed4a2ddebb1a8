"""A GPU that is not there: as much of CuPy as the engine uses, over NumPy and the emulator, as strict as the real one.

Arrays are no NumPy arrays, host and device never mix, and every array must be on the current device. Copies through a
stream of their own happen as late as is allowed: not before somebody waits for them. While a stream is captured nothing
runs: results hold garbage until the graph is launched, which then does all that was asked for, in order and into the same
memory. What CuPy refuses in a capture is refused here: products (cuBLAS), sorting and whatever looks at device memory.
"""

from __future__ import annotations

import re
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from operator import getitem, setitem
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import array_api_compat.numpy as compat
import numpy as np

from dlengine import backend as backends
from dlengine.kernels.cuda import choice, emulator, launch

PRODUCTS = {"matmul", "tensordot", "vecdot", "dot", "einsum"}
LOOKS = {"nonzero", "unique_all", "unique_counts", "unique_inverse", "unique_values", "argsort", "sort", "searchsorted", "isin"}


class State:
    """What the machine remembers."""

    def __init__(self) -> None:
        self.devices = 1
        self.device = 0
        self.streams: list[Any] = []
        self.allocators: list[Any] = []
        self.log: list[str] = []
        self.usable, self.driver, self.nvrtc = True, 13020, None


state = State()


class CUDARuntimeError(RuntimeError):
    pass


class Device:
    def __init__(self, number: int | None = None) -> None:
        self.id = state.device if number is None else int(number)
        self._before: list[int] = []

    def __enter__(self) -> Device:
        self._before.append(state.device)
        self.use()
        return self

    def __exit__(self, *error: object) -> None:
        state.device = self._before.pop()

    def use(self) -> None:
        if not 0 <= self.id < state.devices:
            raise CUDARuntimeError("cudaErrorInvalidDevice: invalid device ordinal")
        state.device = self.id

    def synchronize(self) -> None:
        for stream in list(Stream.alive):
            stream.flush()

    mem_info = (100 << 30, 140 << 30)
    attributes = {"MultiProcessorCount": 6, "MaxSharedMemoryPerBlockOptin": 64 << 10}  # noqa: RUF012


class MemoryPool:
    def __init__(self) -> None:
        self.used = 0
        self.held = 0

    def malloc(self, size: int) -> None: ...

    def took(self, array: Any) -> None:
        self.used += array.nbytes
        self.held = max(self.held, self.used)
        weakref.finalize(array, self._gave, array.nbytes)

    def _gave(self, size: int) -> None:
        self.used -= size

    def used_bytes(self) -> int:
        return self.used

    def total_bytes(self) -> int:
        return self.held

    def get_limit(self) -> int:
        return 0

    def free_all_blocks(self) -> None:
        self.held = self.used


default_pool = MemoryPool()


@contextmanager
def using_allocator(malloc: Any) -> Iterator[None]:
    state.allocators.append(malloc.__self__)
    try:
        yield
    finally:
        state.allocators.pop()


class Stream:
    alive: Any = weakref.WeakSet()

    def __init__(self, null: bool = False, non_blocking: bool = False) -> None:
        self.queue: list[Callable[[], None]] = []
        self.done = 0
        self.tape: list[Callable[[], None]] | None = None
        Stream.alive.add(self)

    def __enter__(self) -> Stream:
        state.streams.append(self)
        return self

    def __exit__(self, *error: object) -> None:
        state.streams.pop()

    def flush(self, upto: int | None = None) -> None:
        while self.queue and (upto is None or self.done < upto):
            self.queue.pop(0)()
            self.done += 1

    def later(self, work: Callable[[], None]) -> None:
        self.queue.append(work)

    def synchronize(self) -> None:
        if self.tape is not None:
            raise CUDARuntimeError("cudaErrorStreamCaptureUnsupported: operation not permitted when stream is capturing")
        self.flush()

    def record(self, event: Event | None = None) -> Event:
        event = event or Event()
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        event.reach()

    def begin_capture(self, mode: Any = None) -> None:
        if self is null:
            raise RuntimeError("cannot capture on the default (legacy) stream")
        self.flush()
        self.tape = []

    def is_capturing(self) -> bool:
        return self.tape is not None

    def end_capture(self) -> Graph:
        tape, self.tape = self.tape, None
        if tape is None:
            raise CUDARuntimeError("cudaErrorIllegalState")
        return Graph(tape)


class Event:
    def __init__(self, block: bool = False, disable_timing: bool = False, interprocess: bool = False) -> None:
        self.stream: Stream | None = None
        self.place = 0

    def record(self, stream: Stream | None = None) -> None:
        self.stream = stream or current()
        self.place = self.stream.done + len(self.stream.queue)

    def reach(self) -> None:
        if self.stream is not None:
            self.stream.flush(self.place)

    def synchronize(self) -> None:
        self.reach()


class Graph:
    def __init__(self, tape: list[Callable[[], None]]) -> None:
        self.tape = tape

    def upload(self, stream: Any = None) -> None: ...

    def launch(self, stream: Stream | None = None) -> None:
        (stream or current()).flush()
        for work in self.tape:
            work()


null = Stream()


def current() -> Stream:
    return state.streams[-1] if state.streams else null


def refuse(what: str, kind: type[Exception] = RuntimeError) -> None:
    if current().is_capturing():
        raise kind(f"{what} is not supported during stream capture")


def spoil(host: Any) -> None:
    if host.size:
        host.view(np.uint8 if host.ndim else host.dtype)[...] = 0xFF if host.ndim else host.dtype.type(1)


def pick(value: Any) -> Any:
    """A value with the NumPy arrays behind its arrays."""
    if isinstance(value, ndarray):
        if value.device.id != state.device:
            raise ValueError(f"array device must be same as the current device: {value.device.id} and {state.device}")
        return value.host
    if isinstance(value, np.ndarray):
        raise TypeError("Unsupported type <class 'numpy.ndarray'>")
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return type(value)(pick(v) for v in value)
    return value


def roots(value: Any) -> list[Any]:
    if isinstance(value, (list, tuple)):
        return [a for v in value for a in roots(v)]
    return [value] if isinstance(value, ndarray) else []


def run(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """A NumPy function on arrays of this machine."""
    stream = current()
    stream.flush()
    name = getattr(function, "__name__", "")
    if name in PRODUCTS:
        refuse("cuBLAS", NotImplementedError)
    if name in LOOKS:
        refuse(name)
    given = [*roots(args), *roots(list(options.values()))]
    work = silent(partial(function, *pick(args), **{k: pick(v) for k, v in options.items()}))
    result = work()
    fresh: list[Any] = []
    out = wrapped(result, given, fresh)
    if stream.is_capturing() and fresh and name != "empty":
        if not state.allocators:
            raise RuntimeError("memory of a graph must come from a pool of its own")
        hosts = [array.host for array in fresh]
        state.log.append(f"library {name}")

        def again() -> None:
            for old, new in zip(hosts, arrays_of(work()), strict=True):
                old[...] = new

        stream.tape.append(again)  # type: ignore[union-attr]
        for array in fresh:
            spoil(array.host)
    return out


def arrays_of(value: Any) -> list[Any]:
    if isinstance(value, (list, tuple)):
        return [a for v in value for a in arrays_of(v)]
    return [value] if isinstance(value, (np.ndarray, np.generic)) else []


def wrapped(value: Any, given: list[Any], fresh: list[Any]) -> Any:
    if isinstance(value, (list, tuple)):
        parts = [wrapped(v, given, fresh) for v in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if isinstance(value, np.generic):
        value = np.asarray(value)
    if not isinstance(value, np.ndarray):
        return value
    for source in given:
        if value is source.host:
            return source
        if np.may_share_memory(value, source.host):
            return ndarray(value, source.base if source.base is not None else source)
    array = ndarray(value)
    (state.allocators[-1] if state.allocators else default_pool).took(array)
    fresh.append(array)
    return array


def change(work: Callable[[], None]) -> None:
    """Something that writes into an array: now, or at each replay. It holds memory, but no array: no graph does."""
    stream = current()
    stream.flush()
    if stream.tape is not None:
        stream.tape.append(work)
    else:
        work()


def silent(work: Callable[[], Any]) -> Callable[[], Any]:
    def call() -> Any:
        with np.errstate(all="ignore"):
            return work()

    return call


class ndarray:  # noqa: N801 - CuPy's name
    """An array in the memory of a device."""

    __array_priority__ = 100
    __array_ufunc__ = None

    def __init__(self, host: Any, base: Any = None) -> None:
        self.host, self.base, self.device = host, base, Device()
        self.mem = SimpleNamespace(size=host.nbytes)
        if base is not None:
            self.device = base.device

    dtype = property(lambda self: self.host.dtype)
    shape = property(lambda self: self.host.shape)
    ndim = property(lambda self: self.host.ndim)
    size = property(lambda self: self.host.size)
    itemsize = property(lambda self: self.host.itemsize)
    nbytes = property(lambda self: self.host.nbytes)
    strides = property(lambda self: self.host.strides)
    flags = property(lambda self: SimpleNamespace(c_contiguous=self.host.flags.c_contiguous))
    data = property(lambda self: SimpleNamespace(ptr=self.host.ctypes.data, mem=(self if self.base is None else self.base).mem))
    T = property(lambda self: run(lambda a: a.T, self))
    mT = property(lambda self: run(lambda a: a.mT, self))
    __cuda_array_interface__ = property(lambda self: {"version": 3})

    def __array__(self, *args: Any, **options: Any) -> Any:
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()`")

    def __dlpack__(self, **options: Any) -> Any:
        raise BufferError("not here")

    def __array_namespace__(self, **options: Any) -> Any:
        return namespace

    def get(self, stream: Any = None) -> Any:
        refuse("a copy to the host")
        current().flush()
        return self.host.copy()

    def set(self, values: Any, stream: Stream | None = None) -> None:
        """Copy from the host: asynchronous, and late, if the stream says so."""
        if not isinstance(values, np.ndarray):
            raise TypeError("Only numpy.ndarray can be set to cupy.ndarray")
        if (values.dtype, values.shape) != (self.dtype, self.shape):
            raise ValueError("shape or dtype mismatch")
        if (stream or current()).is_capturing():
            raise RuntimeError("a copy from the host is not supported during stream capture")

        def work() -> None:
            self.host[...] = values

        (current() if stream is None else stream).later(work)
        if stream is None:
            current().flush()

    def item(self) -> Any:
        return self.get().item()

    def tolist(self) -> Any:
        return self.get().tolist()

    def __float__(self) -> float:
        return float(self.get())

    def __int__(self) -> int:
        return int(self.get())

    def __index__(self) -> int:
        return self.get().__index__()

    def __bool__(self) -> bool:
        return bool(self.get())

    def __len__(self) -> int:
        return len(self.host)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, key: Any) -> Any:
        if any(a.dtype == bool for a in roots((key,) if not isinstance(key, tuple) else key)):
            refuse("indexing by a mask")
        return run(getitem, self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        change(silent(partial(setitem, pick(self), pick(key), pick(value))))

    def fill(self, value: Any) -> None:
        self[...] = value


def method(name: str) -> Callable[..., Any]:
    def function(a: Any, *more: Any, **options: Any) -> Any:
        return getattr(a, name)(*more, **options)

    def call(self: ndarray, *args: Any, **options: Any) -> Any:
        return run(function, self, *args, **options)

    function.__name__ = name.strip("_")
    return call


def operator(name: str) -> Callable[..., Any]:
    def call(self: ndarray, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            raise TypeError("Unsupported type <class 'numpy.ndarray'>")
        if name in ("__matmul__", "__rmatmul__"):
            refuse("cuBLAS", NotImplementedError)
        return run(function, self, other)

    def function(a: Any, b: Any) -> Any:
        return getattr(a, name)(b)

    function.__name__ = name.strip("_")
    return call


def in_place(name: str) -> Callable[..., Any]:
    def call(self: ndarray, other: Any) -> Any:
        change(silent(partial(getattr(pick(self), name), pick(other))))
        return self

    return call


for _name in "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift".split():
    setattr(ndarray, f"__{_name}__", operator(f"__{_name}__"))
    setattr(ndarray, f"__r{_name}__", operator(f"__r{_name}__"))
    setattr(ndarray, f"__i{_name}__", in_place(f"__i{_name}__"))
for _name in "lt le gt ge eq ne".split():
    setattr(ndarray, f"__{_name}__", operator(f"__{_name}__"))
for _name in "neg pos abs invert".split():
    setattr(ndarray, f"__{_name}__", method(f"__{_name}__"))
for _name in "astype copy reshape ravel sum mean any all max min view transpose swapaxes squeeze take conj".split():
    setattr(ndarray, _name, method(_name))
ndarray.__hash__ = object.__hash__  # type: ignore[method-assign]
ndarray.__module__ = "cupy"


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
        change(partial(self.function, grid, block, values, shared_mem, **options))


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
    from dlengine.shims import NUMPY

    return through(name, NUMPY[name])


special = module("cupyx.scipy.special", erf=_special("erf"), erfc=_special("erfc"))
cupyx = module("cupyx", scatter_add=scatter_add, empty_pinned=empty_pinned, scipy=SimpleNamespace(special=special))
MODULES = {
    "cupy": cupy,
    "cupyx": cupyx,
    "cupyx.scipy": cupyx.scipy,
    "cupyx.scipy.special": special,
    "array_api_compat.cupy": namespace,
}


def _forget() -> None:
    for memory in (launch._compiled, launch._require_listed, launch._limits, choice.card):
        memory.cache_clear()
    for key in [key for key in backends._namespaces if key[0] is backends.CUPY]:
        del backends._namespaces[key]
    backends._LIBRARIES.pop(ndarray, None)
    for policy in backends._default:
        policy.spaces.pop(ndarray, None)


@contextmanager
def installed(monkeypatch: Any, devices: int = 1) -> Iterator[State]:
    """This machine in place of CuPy."""
    state.__init__()  # type: ignore[misc]
    state.devices = devices
    for name, made in MODULES.items():
        monkeypatch.setitem(sys.modules, name, made)
    _forget()
    table = choice.Table(Path("/dev/null/none"), lambda run: 0.0)  # nothing is measured here, and nothing kept
    monkeypatch.setattr(choice, "table", lambda: table)
    try:
        yield state
    finally:
        state.device = 0
        _forget()
