"""Launching emulated kernels, with the call shape of CuPy's RawKernel."""

from __future__ import annotations

import ctypes
import re
import threading
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...late import hold_at_fork
from ...types import Array
from ..machine.table import PointerTable
from .build import KernelError, build, source_line

ORDERS = {"forward": 0, "reverse": 1, "random": 2}
RED_ZONE = 512
"""Bytes on either side of a checked array: a stray access lands there, not in another array."""
STACKS = 1024
"""As many threads as a block may have."""

_lock = threading.Lock()  # the runtime keeps the state of one launch, and ctypes releases the interpreter lock
hold_at_fork(_lock)


@dataclass(frozen=True)
class Mode:
    """How kernels are launched: checked or not, and in which order the threads of a block take turns.

    instead: told of each kernel and dtype, which then does not run.
    """

    check: bool = False
    order: str = "forward"
    seed: int = 0
    instead: Callable[[Any, str], object] | None = None


mode: ContextVar[Mode] = ContextVar("mode", default=Mode())  # noqa: B039 - frozen


class _CheckedArray(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("size", ctypes.c_size_t),
        ("grain", ctypes.c_uint),
        ("argument", ctypes.c_int),
    )


_kept: list[Any] = []


def _stacks(library: Any) -> Any:
    """Stacks for the threads of a block, made once: for a small kernel they would take most of the time."""
    if not _kept:
        _kept.append(library.emu_stacks(ctypes.c_ulong(STACKS)))
    return _kept[0]


class Module:
    """A kernel source built for the CPU.

    source: self-contained CUDA text. names: its kernels. check: whether to watch every access.
    """

    def __init__(self, source: str, names: Sequence[str], *, check: bool = False) -> None:
        self.names = list(names)
        self.check = check
        self.path = build(source, names, check=check)
        self.library = ctypes.CDLL(str(self.path))
        for text in (self.library.emu_signature, self.library.emu_error):
            text.restype = ctypes.c_char_p
        self.library.emu_stacks.restype = ctypes.c_void_p

    def get_function(self, name: str) -> Function:
        return Function(self, self.names.index(name))


class Function:
    """One kernel. Call it with (grid, block, arguments) and numpy arrays and scalars.

    statistics of the last launch: switches between threads, accesses checked, bytes of static shared memory.
    """

    def __init__(self, module: Module, index: int) -> None:
        self.module, self.index = module, index
        self.signature = module.library.emu_signature(index).decode().rstrip(";").split(";")
        self.statistics: dict[str, int] = {}

    def __call__(
        self,
        grid: tuple[int, ...],
        block: tuple[int, ...],
        arguments: Sequence[Any],
        shared_mem: int = 0,
        *,
        cooperative: bool = False,
        order: str = "forward",
        seed: int = 0,
    ) -> None:
        if len(arguments) != len(self.signature):
            raise TypeError(f"{len(arguments)} arguments for a kernel of {len(self.signature)} parameters")
        frame = _Frame(self.module.check)
        for position, (argument, parameter) in enumerate(zip(arguments, self.signature, strict=True)):
            frame.add(position, argument, parameter)
        sizes = [(ctypes.c_uint * 3)(*(*map(int, dims), 1, 1)[:3]) for dims in (grid, block)]
        library = self.module.library
        with _lock:
            failed = library.emu_launch(
                self.index,
                *sizes,
                ctypes.c_uint(shared_mem),
                frame.pointers(),
                int(cooperative),
                ORDERS[order],
                ctypes.c_ulong(seed),
                *frame.regions(),
                ctypes.c_void_p(_stacks(library)),
                ctypes.c_ulong(STACKS),
            )
            message = library.emu_error().decode() if failed else ""
            counts = (ctypes.c_ulong * 3)()
            library.emu_statistics(counts)
        self.statistics = dict(zip(("switches", "accesses", "static_shared"), counts, strict=True))
        if failed:
            raise KernelError(re.sub(r"@([0-9a-f]+)", self._line, message))
        frame.copy_back()

    def _line(self, match: re.Match[str]) -> str:
        return source_line(self.module.path, int(match[1], 16))


class _Frame:
    """The arguments of one launch in memory; checked arrays are copied between red zones."""

    def __init__(self, check: bool) -> None:
        self.check = check
        self.values: list[Any] = []
        self.copies: dict[tuple[int, int], tuple[Array, Array]] = {}  # aliased arguments share one copy
        self.watched: list[_CheckedArray] = []
        self.outputs: list[tuple[Array, Array]] = []
        self.tables: list[Array] = []

    def add(self, position: int, argument: Any, parameter: str) -> None:
        if parameter[0] in "pP":
            self.values.append(ctypes.c_void_p(self._address(position, argument, parameter)))
            return
        scalar = _as_cupy_would(argument)
        if parameter[0] != "V" and _kind(scalar.dtype).replace("u", "i") != parameter.replace("u", "i"):
            raise TypeError(
                f"argument {position}: a scalar of {scalar.dtype} for a parameter of kind {parameter}; "
                "CuPy would pass its bytes as they are and corrupt it"
            )
        self.values.append(ctypes.create_string_buffer(scalar.tobytes(), max(scalar.nbytes, 8)))

    def _address(self, position: int, argument: Any, parameter: str) -> int:
        if argument is None:
            return 0
        if isinstance(argument, PointerTable):  # its arrays are arguments too, and it is one itself
            argument = argument.rows(lambda array, written: self._place(position, array, written))
            self.tables.append(argument)
        if not isinstance(argument, np.ndarray):
            raise TypeError(f"argument {position}: a pointer parameter needs an array, got {type(argument).__name__}")
        kind, untyped = _kind(argument.dtype), parameter[1] == "V"
        if not untyped and parameter[1:] != kind:
            raise TypeError(f"argument {position}: array of {argument.dtype} for a pointer to {parameter[1:]}")
        if parameter[0] == "p" and not argument.flags.writeable:
            raise TypeError(f"argument {position}: a read-only array for a pointer that may be written")
        return self._place(position, argument, parameter[0] == "p")

    def _place(self, position: int, argument: Array, written: bool) -> int:
        """The address that a kernel gets for an array."""
        if not self.check:
            return int(argument.ctypes.data)
        key = (argument.ctypes.data, argument.nbytes)
        if key not in self.copies:
            self.copies[key] = _between_red_zones(argument)
            inside = self.copies[key][1]
            grain = min(argument.dtype.itemsize, 16)
            self.watched.append(_CheckedArray(inside.ctypes.data, inside.nbytes, grain, position))
        if written:
            self.outputs.append((argument, self.copies[key][1]))
        return int(self.copies[key][1].ctypes.data)

    def pointers(self) -> Any:
        return (ctypes.c_void_p * max(1, len(self.values)))(*map(ctypes.addressof, self.values))

    def regions(self) -> tuple[Any, int]:
        if not self.check:
            return None, 0
        return (_CheckedArray * max(1, len(self.watched)))(*self.watched), len(self.watched)

    def copy_back(self) -> None:
        for array, copy in self.outputs:
            array[...] = copy.view(array.dtype).reshape(array.shape)


def _between_red_zones(array: Array) -> tuple[Array, Array]:
    around = np.full(array.nbytes + 2 * RED_ZONE, 0xAB, np.uint8)
    start = RED_ZONE - (around.ctypes.data + RED_ZONE) % 256
    inside = around[start : start + array.nbytes]
    inside[:] = np.frombuffer(array.tobytes(), np.uint8)
    return around, inside


def _kind(dtype: np.dtype[Any]) -> str:
    if dtype.name == "bfloat16":  # ml_dtypes registers it as a type of its own
        return "B2"
    return f"{dtype.kind if dtype.kind in 'fiub' else 'V'}{dtype.itemsize}"


def _as_cupy_would(value: Any) -> Any:
    """CuPy passes a Python int as 8 bytes and a Python float as double, whatever the kernel expects."""
    if isinstance(value, bool):
        return np.bool_(value)
    if isinstance(value, int):
        return np.int64(value)
    return np.float64(value) if isinstance(value, float) else value
