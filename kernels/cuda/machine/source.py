"""From a .cu file to one self-contained text, specialised to a dtype.

Kernels are C, not C++ templates: a file says T for its element type and ACC for the type it accumulates in, and each
dtype is compiled from its own text, with those names defined in front. A kernel is written

    KERNEL(conv2d_depthwise, 256)(const T* x, const T* w, const T* bias, T* y, ConvGeometry g) { ... }

where 256 is the number of threads of a block. From this signature come the exported name (conv2d_depthwise_float32), the size
of the blocks, and the check and conversion of every argument. Our own #includes are replaced by their text, because the
key of CuPy's compile cache does not look into included files.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parents[1] / "src"

C_TYPES = {
    "bool": "bool",
    "int8": "signed char",
    "uint8": "unsigned char",
    "int16": "short",
    "int32": "int",
    "uint32": "unsigned int",
    "int64": "long long",
    "uint64": "unsigned long long",
    "float16": "__half",
    "bfloat16": "__nv_bfloat16",
    "float32": "float",
    "float64": "double",
}
DTYPES = {c: dtype for dtype, c in C_TYPES.items()}
HEADERS = {"float16": "cuda_fp16.h", "bfloat16": "cuda_bf16.h"}
ACCUMULATORS = {"float16": "float32", "bfloat16": "float32"}

SIGNATURE = re.compile(r"KERNEL\(\s*(\w+)\s*,\s*(\w+)\s*\)\s*\(([^)]*)\)")
PARAMETER = re.compile(r"(?:const\s+)?(.+?)(?:\s*(\*)\s*|\s+)(?:__restrict__\s+)?(\w+)")


@dataclass(frozen=True)
class Parameter:
    """One parameter of a kernel: an array of type c_type (pointer), a scalar, or a struct."""

    name: str
    c_type: str
    pointer: bool


@dataclass(frozen=True)
class KernelSignature:
    """What the first line of a kernel's source declares: its name, threads of a block, and parameters."""

    name: str
    threads: str
    parameters: tuple[Parameter, ...]


_written: dict[str, str] = {}


def written(text: str) -> str:
    """Give a name to a text that lies in no file, under which all functions here find it, as if it lay in src/."""
    file = f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.cu"
    _written[file] = text
    return file


@cache
def read(file: str) -> str:
    """The text of a file of src/ with its own includes in place, each once; #line makes messages name the files."""
    return _inlined(file, set())


def _inlined(file: str, seen: set[str]) -> str:
    seen.add(file)
    lines = [f'#line 1 "{file}"']
    for number, line in enumerate((_written.get(file) or (FOLDER / file).read_text()).splitlines(), start=1):
        include = re.fullmatch(r'\s*#\s*include\s+"(.+)"\s*', line)
        if include is None:
            lines.append(line)
        else:
            if include[1] not in seen:
                lines.append(_inlined(include[1], seen))
            lines.append(f'#line {number + 1} "{file}"')
    return "\n".join(lines)


@cache
def kernel_signatures(file: str) -> dict[str, KernelSignature]:
    """The signatures of a file's kernels by name."""
    found = {}
    for name, threads, text in SIGNATURE.findall(read(file)):
        parameters = []
        for part in text.split(","):
            match = PARAMETER.fullmatch(" ".join(part.split()))
            if match is None:
                raise ValueError(f"{file}: {name}: cannot read the parameter {part.strip()!r}")
            parameters.append(Parameter(match[3], match[1], bool(match[2])))
        found[name] = KernelSignature(name, threads, tuple(parameters))
    return found


def compose(file: str, dtype: str, constants: Mapping[str, Any], structs: Mapping[type, int]) -> str:
    """The whole text of a file for one dtype ("" where no kernel of it speaks of T).

    constants: values for #define; a tuple becomes {a, b, ...}, a mapping holds one value per dtype.
    structs: dataclass -> number of spatial dimensions.
    """
    parts = [f"#include <{HEADERS[dtype]}>"] if dtype in HEADERS else []
    if dtype:
        parts += [f"using T = {C_TYPES[dtype]};", f"using ACC = {C_TYPES[accumulator(dtype)]};"]
    for name, value in constants.items():
        parts.append(f"#define {name} {_literal(value[dtype] if isinstance(value, Mapping) else value)}")
    exported = f"name##_{dtype}" if dtype else "name"
    # One block a processor is enough: without the 1 the compiler aims at more, and spills registers to get there.
    bounds = "__launch_bounds__(threads, 1)"
    parts.append(f'#define KERNEL(name, threads) extern "C" __global__ void {bounds} {exported}')
    parts += [_struct(kind, dims) for kind, dims in structs.items()]
    return "\n".join([*parts, read(file), ""])


def exported_name(kernel: str, dtype: str) -> str:
    """The C name of a kernel for a dtype: conv2d_depthwise_float32."""
    return f"{kernel}_{dtype}" if dtype else kernel


def accumulator(dtype: str) -> str:
    """The dtype in which sums over elements of a dtype are kept: float32 or wider."""
    return ACCUMULATORS.get(dtype, dtype)


def _literal(value: Any) -> str:
    if isinstance(value, tuple):
        return "{" + ", ".join(map(_literal, value)) + "}"
    return value if isinstance(value, str) else repr(value)


def _struct(kind: type, dims: int) -> str:
    """The C struct of a geometry: Python int and bool become int, a tuple over spatial dimensions becomes int[dims]."""
    members = "".join(f" int {f.name}{f'[{dims}]' if 'Ints' in str(f.type) else ''};" for f in fields(kind))
    return f"struct {kind.__name__} {{{members} }};"


@lru_cache(maxsize=4096)
def pack(value: Any, dims: int) -> Any:
    """A geometry as a 0-d structured array: what CuPy and the emulator pass by value."""
    layout = np.dtype([(f.name, np.int32, (dims,) if "Ints" in str(f.type) else ()) for f in fields(value)])
    return np.array(tuple(getattr(value, f.name) for f in fields(value)), layout)
