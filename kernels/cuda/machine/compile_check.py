"""Compile every kernel for every card it lists, on a machine that needs no GPU, and report what it uses.

NVRTC is the compiler that CuPy uses at run time; it needs no driver. A spill to memory is an error here. What the machine code
consists of, nvdisasm tells: whether a kernel for tensor cores uses them, for one.
"""

from __future__ import annotations

import ctypes
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from .. import SET
from .cubins import CUPY_OPTIONS
from .launch import KERNELS, Kernel

MEND = "pip install nvidia-cuda-nvrtc nvidia-cuda-runtime cupy-cuda13x"
LIBRARY = "nvidia/cu13/lib/libnvrtc.so.13"
DISASSEMBLER = "nvidia/cu13/bin/nvdisasm"
# cooperative_groups.h includes a header of CCCL, which CuPy brings along and includes at run time.
INCLUDES = ("nvidia/cu13/include", "cupy/_core/include/cupy/_cccl/libcudacxx")
# What CuPy adds to every RawModule, then what makes the assembler report, and fail on a spill.
OPTIONS = (
    *CUPY_OPTIONS,
    "--ptxas-options=-v",
    "--ptxas-options=--warn-on-spills",
    "--ptxas-options=--warning-as-error",
)


QUICK = 90
"""The architecture that quick checks compile for: that of the card of this project's figures."""


class CompileError(RuntimeError):
    """A kernel that does not compile, or spills registers to memory."""


@dataclass(frozen=True)
class Resources:
    """What one kernel uses on one architecture.

    registers: of a thread. shared: bytes of static shared memory of a block. stack: bytes of a thread.
    """

    kernel: str
    arch: int
    registers: int
    shared: int
    stack: int


@cache
def available() -> str | None:
    """Why kernels cannot be compiled here, or None if they can."""
    if _find(LIBRARY) is None:
        return f"NVRTC is not installed; mend: {MEND}"
    if None in map(_find, INCLUDES):
        return f"the CUDA headers are not installed; mend: {MEND}"
    return None


def declared_kernels() -> list[Kernel]:
    """Every kernel of the set."""
    for kernel in SET.declared:
        SET.load(kernel)
    return list(KERNELS)


def checks() -> Iterator[tuple[Kernel, str, int]]:
    """Every (kernel, dtype, architecture) that must compile."""
    for kernel in declared_kernels():
        for dtype in kernel.dtypes:
            for arch in kernel.architectures:
                yield kernel, dtype, arch


def is_representative(kernel: Kernel, dtype: str, arch: int) -> bool:
    """Whether a check stands for others in quick runs: for other architectures, and other tiles and dimensions in its dtype.

    Our own text asks for 80 or later alone, in mma.cuh, whose kernels list no older card. cuda_bf16.h has functions in place of
    instructions before 80. A text is compiled in each dtype once, and with each further set of constants in one dtype, in turn.
    """
    before = _variants(kernel.file, kernel.name)
    before = before[: next(i for i, other in enumerate(before) if other is kernel)]
    first = not any(dtype in other.dtypes for other in before)
    least = min(kernel.architectures)
    if arch == QUICK or QUICK not in kernel.architectures:
        return first or dtype == kernel.dtypes[len(before) % len(kernel.dtypes)]
    return first and dtype == "bfloat16" and arch == least < 80


@cache
def _variants(file: str, name: str) -> list[Kernel]:
    """The kernels made of one text, with different constants."""
    return [kernel for kernel in declared_kernels() if (kernel.file, kernel.name) == (file, name)]


def check(kernel: Kernel, dtype: str, arch: int) -> Resources:
    """Compile a kernel for a dtype and an architecture such as 80. Raises CompileError with the compiler's words."""
    used = compile_source(kernel.source(dtype), arch, kernel.options)
    return used[kernel.exported_name(dtype)]


def compile_source(source: str, arch: int, options: tuple[str, ...] = ()) -> dict[str, Resources]:
    """Compile a self-contained text; the resources of each kernel in it, by exported name."""
    return {used.kernel: used for used in _parse(_compile(source, arch, options)[0], arch)}


def machine_code(source: str, arch: int, options: tuple[str, ...] = ()) -> bytes:
    """Compile a self-contained text; what a card loads. Raises CompileError with the compiler's words."""
    return _compile.__wrapped__(source, arch, options)[1]  # not kept: it is in a file soon


@cache
def no_disassembler() -> str | None:
    """Why machine code cannot be read here, or None if it can."""
    return None if _find(DISASSEMBLER) else "nvdisasm is not installed; mend: pip install nvidia-cuda-nvdisasm"


def instructions(kernel: Kernel, dtype: str, arch: int) -> Counter[str]:
    """How often each machine instruction (HMMA, LDGSTS, STL ...) stands in a kernel; MOV in all its forms."""
    return Counter(_disassemble(kernel.source(dtype), arch, kernel.options)[kernel.exported_name(dtype)])


def among_products(kernel: Kernel, dtype: str, arch: int) -> Counter[str]:
    """The same of the instructions from the first product on tensor cores to the last: the loop, which is unrolled."""
    words = _disassemble(kernel.source(dtype), arch, kernel.options)[kernel.exported_name(dtype)]
    places = [i for i, word in enumerate(words) if word == "HMMA"]
    return Counter(words[places[0] : places[-1] + 1])


@cache
def _disassemble(source: str, arch: int, options: tuple[str, ...]) -> dict[str, list[str]]:
    if reason := no_disassembler():
        raise CompileError(reason)
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(_compile(source, arch, options)[1])
        file.flush()
        done = subprocess.run([str(_find(DISASSEMBLER)), "-c", file.name], capture_output=True, text=True)
    if done.returncode:
        raise CompileError(done.stderr.strip())
    listed: dict[str, list[str]] = {}
    for part in re.split(r"^\s*\.section\s+\.text\.", done.stdout, flags=re.M)[1:]:
        name = re.split(r"[\s,]", part, maxsplit=1)[0]
        found = re.findall(r"/\*[0-9a-f]{4,}\*/\s+(?:\{\s*)?(?:@!?U?P\w+\s+)?([A-Z]\w+)(\.MOV)?", part)
        listed[name] = [each for word, move in found for each in ((word, "MOV") if move else (word,))]  # IMAD.MOV is a move, too
    return listed


@cache
def _compile(source: str, arch: int, options: tuple[str, ...]) -> tuple[str, bytes]:
    """The compiler's log, and the machine code."""
    if reason := available():
        raise CompileError(reason)
    return _nvrtc(source, (f"-arch=sm_{arch}", *(f"-I{_find(folder)}" for folder in INCLUDES), *OPTIONS, *options))


def _parse(log: str, arch: int) -> Iterator[Resources]:
    """Read the assembler's report (ptxas -v)."""
    for part in log.split("Compiling entry function '")[1:]:
        name = part[: part.index("'")]
        yield Resources(
            kernel=name,
            arch=arch,
            registers=_number(r"Used (\d+) registers", part),
            shared=_number(r"(\d+) bytes smem", part),
            stack=_number(r"(\d+) bytes stack frame", part),
        )


def _number(pattern: str, text: str) -> int:
    match = re.search(pattern, text)
    return int(match[1]) if match else 0


def _nvrtc(source: str, options: tuple[str, ...]) -> tuple[str, bytes]:
    """Run NVRTC; returns its log and the machine code. Raises CompileError."""
    library = _load()
    program = ctypes.c_void_p()
    library.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"kernel.cu", 0, None, None)
    try:
        flags = [option.encode() for option in options]
        failed = library.nvrtcCompileProgram(program, len(flags), (ctypes.c_char_p * len(flags))(*flags))
        size = ctypes.c_size_t()
        library.nvrtcGetProgramLogSize(program, ctypes.byref(size))
        text = ctypes.create_string_buffer(size.value)
        library.nvrtcGetProgramLog(program, text)
        log = text.value.decode()
        code = b""
        if not failed:
            library.nvrtcGetCUBINSize(program, ctypes.byref(size))
            binary = ctypes.create_string_buffer(size.value)
            library.nvrtcGetCUBIN(program, binary)
            code = binary.raw  # all of it: CuPy's own getCUBIN drops the last byte
    finally:
        library.nvrtcDestroyProgram(ctypes.byref(program))
    if failed:
        raise CompileError(log.strip())
    return log, code


@cache
def _load() -> Any:
    path = _find(LIBRARY)
    for part in sorted(Path(path).parent.glob("libnvrtc-builtins.so*")) if path else []:
        ctypes.CDLL(str(part), mode=ctypes.RTLD_GLOBAL)  # the compiler of CUDA 13.0 does not look for it beside itself
    library = ctypes.CDLL(str(path))
    library.nvrtcCompileProgram.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p]
    for query in (
        library.nvrtcGetProgramLogSize,
        library.nvrtcGetProgramLog,
        library.nvrtcGetCUBINSize,
        library.nvrtcGetCUBIN,
    ):
        query.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    return library


def _find(path: str) -> Path | None:
    """A file or folder of NVIDIA's wheels."""
    return next((found for folder in sys.path if (found := Path(folder, path)).exists()), None)
