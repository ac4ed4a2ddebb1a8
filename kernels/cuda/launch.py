"""A kernel's one declaration, which is its launcher, its argument check and its place in the compile check.

    _depthwise = Kernel("conv_depthwise.cu", "conv2d_depthwise", dtypes=("float32", "float64"), structs={ConvGeometry: 2})

    _depthwise[blocks](x, w, bias, y, g, relu)

The dtype is that of the arrays that the kernel declares as T. CuPy arrays go to the GPU through RawModule; NumPy arrays
go to the emulator, which builds the same text for the CPU. Nothing is compiled before the first launch.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

import numpy as np

from ..compiling import compilations
from ..live import NotCapturable, recording
from ..types import Array
from . import emulator
from .source import DTYPES, Head, accumulator, compose, exported_name, heads, pack
from .table import Table

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

    file: in src/. name: of the kernel there; its head declares parameters and threads.
    dtypes: what T may be; ("",) for a kernel without T.
    structs: geometry dataclass -> number of spatial dimensions, for parameters passed by value.
    constants: #defines. options: for the compiler. launches: counted per dtype.
    cooperative: all blocks run at once, and may wait for each other (grid.sync).
    architectures: compute capabilities; a card runs it if it is one of these or a later one of the same generation.
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

    def __post_init__(self) -> None:
        KERNELS.append(self)

    def __getitem__(self, grid: int | tuple[int, int]) -> Launch:
        return Launch(self, *grid) if isinstance(grid, tuple) else Launch(self, grid)

    @cached_property
    def head(self) -> Head:
        return heads(self.file)[self.name]

    @cached_property
    def threads(self) -> int:
        """Threads of a block."""
        return int(self.constants.get(self.head.threads, self.head.threads))

    def source(self, dtype: str) -> str:
        """The self-contained text of the kernel's file for a dtype."""
        return compose(self.file, dtype, self.constants, self.structs)

    def exported_name(self, dtype: str) -> str:
        return exported_name(self.name, dtype)

    def exported_names(self, dtype: str) -> list[str]:
        """All kernels of the file: they are compiled together."""
        return [exported_name(name, dtype) for name in heads(self.file)]


@dataclass(frozen=True)
class Launch:
    """A kernel, how many blocks of it to start, and their bytes of dynamic shared memory; call it with the arguments."""

    kernel: Kernel
    blocks: int
    shared: int = 0

    def __call__(self, *arguments: Any) -> None:
        """Check and convert the arguments, then launch. Zero blocks launch nothing.

        Raises TypeError for an array of the wrong dtype, ValueError for one that is not contiguous, misaligned or not where
        the others are, OverflowError for a scalar that does not fit its parameter.
        """
        kernel = self.kernel
        if not self.blocks:
            return
        dtype = self._dtype(arguments)
        converted = [
            _array(kernel, p.name, _declared(p.c_type, dtype), a) if p.pointer else _scalar(kernel, p.c_type, dtype, a)
            for p, a in zip(kernel.head.parameters, arguments, strict=True)
        ]
        given = [a for a, p in zip(arguments, kernel.head.parameters, strict=True) if p.pointer and a is not None]
        arrays = [a.first if isinstance(a, Table) else a for a in given]
        if len({_place(a) for a in arrays}) != 1:
            places = ", ".join(sorted({_place(a) for a in arrays}))
            raise ValueError(f"{kernel.name}: arrays are on different devices: {places}")
        run = _run_on_host if isinstance(arrays[0], np.ndarray) else _run_on_device
        run(self, dtype, arrays, converted)
        kernel.launches[dtype] += 1

    @property
    def grid(self) -> tuple[int]:
        return (min(self.blocks, MAX_BLOCKS),)

    def _dtype(self, arguments: tuple[Any, ...]) -> str:
        for parameter, argument in zip(self.kernel.head.parameters, arguments, strict=True):
            if isinstance(argument, Table) or (parameter.pointer and parameter.c_type == "T" and argument is not None):
                dtype = str(argument.dtype)
                if dtype not in self.kernel.dtypes:
                    raise TypeError(
                        f"{self.kernel.name}: no version for {dtype}; there is {', '.join(self.kernel.dtypes)}"
                    )
                return dtype
        return ""


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


def _declared(c_type: str, dtype: str) -> str:
    """The dtype that a C type means when T is a dtype."""
    return {"T": dtype, "ACC": accumulator(dtype)}.get(c_type) or DTYPES[c_type]


def _array(kernel: Kernel, name: str, dtype: str, array: Any) -> Any:
    if array is None or isinstance(array, Table):
        return array
    if str(array.dtype) != dtype:
        raise TypeError(f"{kernel.name}: {name} must be {dtype}, got {array.dtype}")
    if not array.flags.c_contiguous:
        raise ValueError(
            f"{kernel.name}: {name} must be C-contiguous, got strides {array.strides} for shape {array.shape}"
        )
    if not (array.flags.aligned if isinstance(array, np.ndarray) else array.data.ptr % array.dtype.itemsize == 0):
        raise ValueError(f"{kernel.name}: {name} does not begin at a multiple of the {array.dtype.itemsize} bytes of an element")
    return array


def _scalar(kernel: Kernel, c_type: str, dtype: str, value: Any) -> Any:
    """A scalar as its declared C type; CuPy by itself would pass an int as 8 bytes and a float as double."""
    for kind, dims in kernel.structs.items():
        if c_type == kind.__name__:
            return pack(value, dims)
    return np.dtype(_declared(c_type, dtype)).type(value)


def _place(array: Array) -> str:
    return "host" if isinstance(array, np.ndarray) else f"cuda:{array.device.id}"


def _run_on_host(launch: Launch, dtype: str, arrays: list[Array], arguments: list[Any]) -> None:
    mode, kernel = emulator.mode.get(), launch.kernel
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


def _run_on_device(launch: Launch, dtype: str, arrays: list[Array], arguments: list[Any]) -> None:
    null, kernel = np.uint64(0), launch.kernel
    with arrays[0].device as device:
        _require_listed(kernel, device.id)
        values = tuple(null if a is None else a.on_device() if isinstance(a, Table) else a for a in arguments)
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
    if recording.get() is not None:
        raise NotCapturable(f"the kernel {kernel.name} is not compiled yet: let the step run more often before it is captured")
    more = {"enable_cooperative_groups": True} if kernel.cooperative else {}
    begun = time.perf_counter()
    module = device_library().RawModule(code=kernel.source(dtype), options=kernel.options, **more)
    function = module.get_function(kernel.exported_name(dtype))
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
