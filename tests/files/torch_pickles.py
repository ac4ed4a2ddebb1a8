"""Files in PyTorch's formats, written without PyTorch: pickles instruction by instruction."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from typing import Any, NamedTuple

import numpy as np

KINDS = {"float32": "FloatStorage", "int64": "LongStorage", "bool": "BoolStorage", "float64": "DoubleStorage"}


class Name(NamedTuple):
    """A global: module and name."""

    module: str
    name: str


class Call(NamedTuple):
    """A call of a global while unpickling."""

    function: Name
    arguments: tuple[Any, ...]


class Reference(NamedTuple):
    """A persistent id."""

    value: Any


def dumped(value: Any) -> bytes:
    """A pickle of protocol 2."""
    return b"\x80\x02" + code(value) + b"."


def code(value: Any) -> bytes:
    """The instructions that put a value on the stack."""
    if isinstance(value, bytes):
        return value  # instructions as they are
    if isinstance(value, Name):
        return f"c{value.module}\n{value.name}\n".encode()
    if isinstance(value, Call):
        return code(value.function) + code(value.arguments) + b"R"
    if isinstance(value, Reference):
        return code(value.value) + b"Q"
    if isinstance(value, dict):
        return b"}(" + b"".join(code(k) + code(v) for k, v in value.items()) + b"u"
    if isinstance(value, list):
        return b"](" + b"".join(map(code, value)) + b"e"
    if type(value) is tuple:
        return b"(" + b"".join(map(code, value)) + b"t"
    return pickle.dumps(value, 2)[2:-1]


def tensor(key: str, a: np.ndarray[Any, Any], legacy: bool = False) -> Call:
    """What a state dict holds for an array."""
    storage = ("storage", Name("torch", KINDS[a.dtype.name]), key, "cpu", a.size, *((None,) if legacy else ()))
    strides = tuple(s // a.itemsize for s in a.strides)
    arguments = (Reference(storage), 0, a.shape, strides, False, Call(Name("collections", "OrderedDict"), ()))
    return Call(Name("torch._utils", "_rebuild_tensor_v2"), arguments)


def zipped(described: Any, arrays: dict[str, np.ndarray[Any, Any]]) -> bytes:
    """A file of PyTorch 1.6 and later."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", dumped(described))
        for key, a in arrays.items():
            archive.writestr(f"archive/data/{key}", a.tobytes())
        archive.writestr("archive/version", "3\n")
    return out.getvalue()


def old(described: Any, arrays: dict[str, np.ndarray[Any, Any]]) -> bytes:
    """A file of PyTorch before 1.6."""
    parts = [pickle.dumps(0x1950A86A20F9469CFC6C, 2), dumped(1001), dumped({"little_endian": True}), dumped(described)]
    parts.append(dumped(sorted(arrays)))
    parts += [struct.pack("<q", arrays[key].size) + arrays[key].tobytes() for key in sorted(arrays)]
    return b"".join(parts)


def file_of(arrays: dict[str, np.ndarray[Any, Any]], legacy: bool = False) -> bytes:
    """A file with a state dict of these arrays."""
    described = {name: tensor(name, a, legacy) for name, a in arrays.items()}
    return (old if legacy else zipped)(described, arrays)
