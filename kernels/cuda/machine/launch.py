"""A kernel's one declaration, which is its launcher, its argument check and its place in the compile check.

    _depthwise = Kernel("conv_depthwise.cu", "conv2d_depthwise", dtypes=("float32", "float64"), structs={ConvGeometry: 2})

    _depthwise[blocks](x, w, bias, y, g)

The dtype is that of the arrays that the kernel declares as T. CuPy arrays go to the GPU through RawModule; NumPy arrays
go to the emulator, which builds the same text for the CPU. Nothing is compiled before the first launch.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache, cached_property, wraps
from typing import Any

import numpy as np

from ...compiling import compilations
from ...graph_capture import NotCapturable, current_capture, is_rehearsing
from ...types import Array
from .. import emulator
from .arguments import conversion, is_dense, refusal
from .cubins import carried
from .entry import Entry, entry
from .source import KernelSignature, compose, exported_name, kernel_signatures
from .table import PointerTable

ARCHITECTURES = (75, 80, 90, 100, 120)
MAX_BLOCKS = 1 << 16
"""Kernels stride over the grid, so more blocks than this would gain nothing."""
EMULATED_LIMITS = 6, 64 << 10
"""A small card, so that ordinary tests meet blocks that share their work in every way."""

FOUND_SECONDS = 0.1
"""CuPy does not say whether it compiled a kernel or found it on disk; compiling takes longer than this."""

KERNELS: list[Kernel] = []
"""Every kernel that has been declared by a module imported so far; the compile check walks it."""


class UnsupportedDevice(RuntimeError):
    """A card that a kernel does not list."""


@dataclass(frozen=True, eq=False)
class Kernel:
    """One kernel of one file.

    file: in src/. name: of the kernel there; its signature declares parameters and threads.
    dtypes: what T may be; ("",) for a kernel without T.
    structs: geometry dataclass -> number of spatial dimensions, for parameters passed by value.
    constants: #defines. options: for the compiler. launches: counted per dtype.
    cooperative: all blocks run at once, and may wait for each other (grid.sync).
    architectures: compute capabilities; a card runs it if it is one of these or a later one of the same generation.
    listed: whether the compile check walks it.
    """

    file: str
    name: str
    dtypes: tuple[str, ...] = ("",)
    structs: Mapping[type, int] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)
    architectures: tuple[int, ...] = ARCHITECTURES
    options: tuple[str, ...] = ()
    cooperative: bool = False
    launches: Counter[str] = field(default_factory=Counter)
    listed: bool = True

    def __post_init__(self) -> None:
        if self.listed:
            KERNELS.append(self)

    def __getitem__(self, grid: int | tuple[int, int]) -> Launch:
        return Launch(self, grid) if type(grid) is int else Launch(self, *grid)  # type: ignore[misc]

    @cached_property
    def signature(self) -> KernelSignature:
        """Parameters and threads, read from the source."""
        return kernel_signatures(self.file)[self.name]

    @cached_property
    def threads(self) -> int:
        """Threads of a block."""
        return int(self.constants.get(self.signature.threads, self.signature.threads))

    @cached_property
    def _typed(self) -> tuple[int, ...]:
        """Where the arrays of dtype T stand among the parameters, or tables of arrays."""
        return tuple(
            i for i, p in enumerate(self.signature.parameters) if p.pointer and (p.c_type == "T" or self.dtypes != ("",))
        )

    @cached_property
    def entries(self) -> dict[Any, Entry]:
        """By the dtype of the first array of T (or of the first array): launches written out, for device arrays."""
        return {}

    @cached_property
    def first_typed(self) -> int:
        """Where the array stands of whose dtype the kernel is; of a kernel without T the first array."""
        pointers = [i for i, p in enumerate(self.signature.parameters) if p.pointer]
        return next((i for i in pointers if self.signature.parameters[i].c_type == "T"), pointers[0] if pointers else 0)

    @cached_property
    def _conversions(self) -> dict[Any, tuple[str, tuple[Any, ...]]]:
        return {}

    def prepared(self, arguments: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
        """The name of the dtype of a call, and what is to be checked and converted, parameter by parameter.

        For each parameter its name, the dtype of an array or None, and for a scalar a function that makes it. Prepared once for
        a dtype: a launch spends most of its time here otherwise.
        """
        dtype = None
        for i in self._typed:
            a = arguments[i] if i < len(arguments) else None
            if a is not None and (self.signature.parameters[i].c_type == "T" or type(a) is PointerTable):
                dtype = a.dtype
                break
        found = self._conversions.get(dtype)
        if found is None:
            name = "" if dtype is None else str(dtype)
            if name and name not in self.dtypes:
                raise TypeError(f"{self.name}: no version for {name}; there is {', '.join(self.dtypes)}")
            conversions = tuple([conversion(p, name, self.structs) for p in self.signature.parameters])
            found = self._conversions[dtype] = (name, conversions)
        return found

    def source(self, dtype: str) -> str:
        """The self-contained text of the kernel's file for a dtype."""
        return compose(self.file, dtype, self.constants, self.structs)

    def exported_name(self, dtype: str) -> str:
        return exported_name(self.name, dtype)

    def exported_names(self, dtype: str) -> list[str]:
        """All kernels of the file: they are compiled together."""
        return [exported_name(name, dtype) for name in kernel_signatures(self.file)]


class Launch:
    """A kernel, how many blocks of it to start, and their bytes of dynamic shared memory; call it with the arguments."""

    __slots__ = ("blocks", "kernel", "shared")

    def __init__(self, kernel: Kernel, blocks: int, shared: int = 0) -> None:
        self.kernel, self.blocks, self.shared = kernel, blocks, shared

    def __call__(self, *arguments: Any) -> None:
        """Check and convert the arguments, then launch. Zero blocks launch nothing.

        Raises TypeError for an array of the wrong dtype, ValueError for one that is not contiguous, misaligned or not where
        the others are, OverflowError for a scalar that does not fit its parameter.
        """
        if not self.blocks:
            return
        kernel = self.kernel
        known = kernel.entries
        if known and len(arguments) == len(kernel.signature.parameters):
            quick = known.get(getattr(arguments[kernel.first_typed], "dtype", None))
            if quick is not None and quick(self.blocks, self.shared, *arguments):
                return
        dtype, parameters = kernel.prepared(arguments)
        converted: list[Any] = []
        first: Any = None
        for (name, expected, convert), a in zip(parameters, arguments, strict=True):
            if expected is None:
                converted.append(convert(a))
                continue
            converted.append(a)
            if a is None:
                continue
            if type(a) is PointerTable:
                a = a.first
            elif (a.dtype is not expected and a.dtype != expected) or not is_dense(a):
                raise refusal(kernel.name, name, expected, a)
            if first is None:
                first, kind = a, type(a)
            elif type(a) is not kind or (kind is not np.ndarray and a.device.id != first.device.id):
                raise _apart(kernel, arguments)
        run = _run_on_host if isinstance(first, np.ndarray) else _run_on_device
        run(self, dtype, first, converted)
        kernel.launches[dtype] += 1
        if run is _run_on_device:
            leading = arguments[kernel.first_typed]
            if type(leading) in (PointerTable, type(first)):
                kernel.entries[leading.dtype] = entry(kernel, dtype, parameters, type(first), leading, _scope())

    @property
    def grid(self) -> tuple[int]:
        return (min(self.blocks, MAX_BLOCKS),)


def _scope() -> dict[str, Any]:
    """What the written-out launches call."""
    library = device_library()
    return {"current": library.cuda.runtime.getDevice, "ready": _ready, "most": MAX_BLOCKS, "null": _NULL}


def _ready(kernel: Kernel, dtype: str, device: int) -> Any:
    """The compiled function of a kernel, on a card that it lists."""
    _require_listed(kernel, device)
    return _compiled(kernel, dtype)


def _apart(kernel: Kernel, arguments: tuple[Any, ...]) -> ValueError:
    arrays = [a.first if isinstance(a, PointerTable) else a for a in arguments]
    places = {_place(a) for a, p in zip(arrays, kernel.signature.parameters, strict=True) if p.pointer and a is not None}
    return ValueError(f"{kernel.name}: arrays are on different devices: {', '.join(sorted(places))}")


def blocks_for(elements: int, per_block: int) -> int:
    """How many blocks cover so many elements."""
    return -(-elements // per_block)


def limits(x: Array) -> tuple[int, int]:
    """For the device of an array: multiprocessors, and bytes of shared memory that a block may have."""
    return EMULATED_LIMITS if isinstance(x, np.ndarray) else _limits(x.device.id)


def supports(kernel: Kernel, x: Array) -> bool:
    """Whether the device of an array runs a kernel."""
    return isinstance(x, np.ndarray) or _is_listed(kernel, x.device.id)


def capturing(x: Array) -> bool:
    """Whether launches for an array are being recorded into a CUDA graph now, and so do not run."""
    return not isinstance(x, np.ndarray) and bool(device_library().cuda.get_current_stream().is_capturing())


def must_be_capturable(x: Array) -> bool:
    """Whether work on an array is captured, or rehearsed for that: no library's products, nothing that waits for the host."""
    return is_rehearsing() or capturing(x)


def team_of(n: int) -> int:
    """How many threads (team.cuh) share a row of n elements that lie side by side: a warp, or a block of 256."""
    return 32 if n <= 1024 else 256


def contiguous(x: Array) -> Array:
    """x in C order, copied by its own library where needed."""
    if isinstance(x, np.ndarray) and not x.flags.aligned:
        return x.copy(order="C")
    return x if x.flags.c_contiguous else library_of(x).ascontiguousarray(x)


def integers(x: Array) -> Array:
    """x as int64 in C order: labels and indices, which may come in any integer dtype."""
    return contiguous(x if x.dtype == np.int64 else x.astype(np.int64))


def empty(library: Any, shape: tuple[int, ...], dtype: Any) -> Array:
    """An output array of a library (numpy or cupy).

    On the host it is filled with 0xff, which reads as NaN or -1: an element that a kernel forgets to write shows.
    """
    out = library.empty(shape, dtype)
    if library is np:
        out.reshape(-1).view(np.uint8)[...] = 0xFF
    return out


def library_of(x: Array) -> Any:
    """numpy or cupy."""
    return np if isinstance(x, np.ndarray) else device_library()


def device_library() -> Any:
    import cupy

    return cupy


_host_creation: ContextVar[bool] = ContextVar("dlengine_host_creation", default=False)


def creation_library() -> Any:
    """The library in which a kernel without array arguments makes its result: cupy, or numpy inside a function of on_host."""
    return np if _host_creation.get() else device_library()


def on_host(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its new arrays made on the host, where the emulator runs their kernels."""

    @wraps(function)
    def run(*args: Any) -> Any:
        token = _host_creation.set(True)
        try:
            return function(*args)
        finally:
            _host_creation.reset(token)

    return run


def _place(array: Array) -> str:
    return "host" if isinstance(array, np.ndarray) else f"cuda:{array.device.id}"


def _run_on_host(launch: Launch, dtype: str, first: Array, arguments: list[Any]) -> None:
    mode, kernel = emulator.mode.get(), launch.kernel
    if mode.instead is not None:
        mode.instead(kernel, dtype)
        return
    function = _emulated(kernel, dtype, mode.check)
    function(
        launch.grid,
        (kernel.threads,),
        arguments,
        launch.shared,
        cooperative=kernel.cooperative,
        order=mode.order,
        seed=mode.seed,
    )


@cache
def _emulated(kernel: Kernel, dtype: str, check: bool) -> emulator.Function:
    module = _emulated_module(kernel.source(dtype), tuple(kernel.exported_names(dtype)), check)
    return module.get_function(kernel.exported_name(dtype))


@cache
def _emulated_module(source: str, names: tuple[str, ...], check: bool) -> emulator.Module:
    return emulator.Module(source, names, check=check)


_NULL = np.uint64(0)


def _run_on_device(launch: Launch, dtype: str, first: Array, arguments: list[Any]) -> None:
    kernel = launch.kernel
    with first.device as device:
        _require_listed(kernel, device.id)
        values = tuple([_NULL if a is None else a.on_device() if type(a) is PointerTable else a for a in arguments])
        function = _compiled(kernel, dtype)
        if not launch.shared:
            function(launch.grid, (kernel.threads,), values)
            return
        if launch.shared > function.max_dynamic_shared_size_bytes:
            function.max_dynamic_shared_size_bytes = launch.shared
        function(launch.grid, (kernel.threads,), values, shared_mem=launch.shared)


def compile_now(kernel: Kernel, dtype: str) -> bool:
    """Compile a kernel for the current device, or find it compiled on disk; False if it is not for this card."""
    try:
        _require_listed(kernel, device_library().cuda.Device().id)
    except UnsupportedDevice:
        return False
    return bool(_compiled(kernel, dtype).num_regs)  # CuPy compiles when something is asked of the function


@cache
def _compiled(kernel: Kernel, dtype: str) -> Any:
    if current_capture.get() is not None:
        raise NotCapturable(f"the kernel {kernel.name} is not compiled yet: let the step run more often before it is captured")
    library, name, source = device_library(), kernel.exported_name(dtype), kernel.source(dtype)
    if (function := carried(library, name, source, kernel.options, kernel.cooperative)) is not None:
        return function
    more = {"enable_cooperative_groups": True} if kernel.cooperative else {}
    begun = time.perf_counter()
    function = library.RawModule(code=source, options=kernel.options, **more).get_function(name)
    if (seconds := time.perf_counter() - begun) > FOUND_SECONDS:
        compilations.took(1, seconds)
    return function


@cache
def _limits(device: int) -> tuple[int, int]:
    attributes = device_library().cuda.Device(device).attributes
    return attributes["MultiProcessorCount"], attributes["MaxSharedMemoryPerBlockOptin"]


@cache
def _is_listed(kernel: Kernel, device: int) -> bool:
    """Code for sm_80 runs on 86, 87 and 89 too, and so for each generation: same major number, same or later minor number."""
    card = device_library().cuda.runtime.getDeviceProperties(device)
    return any(arch // 10 == card["major"] and arch % 10 <= card["minor"] for arch in kernel.architectures)


@cache
def _require_listed(kernel: Kernel, device: int) -> None:
    """Refuse a card for which nobody has compiled and checked the kernel."""
    if _is_listed(kernel, device):
        return
    card = device_library().cuda.runtime.getDeviceProperties(device)
    major, minor = card["major"], card["minor"]
    name = card["name"].decode() if isinstance(card["name"], bytes) else card["name"]
    listed = ", ".join(f"sm_{arch}" for arch in kernel.architectures)
    raise UnsupportedDevice(
        f"{kernel.name}: {name} (sm_{major}{minor}) is not supported; this kernel is built for {listed}"
    )
