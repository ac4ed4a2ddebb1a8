"""The safetensors format: 8 bytes of length, a header in JSON, and the values of all tensors without gaps.

Files of unknown origin are read with it, so every number of the header is checked before it is used.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..autograd.promotion import bfloat16
from ..errors import CheckpointError

HostArray: TypeAlias = np.ndarray[Any, Any]

DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?", "C64": "<c8",
}  # fmt: skip
"""The dtypes that are read and written; bfloat16 by its bits."""

_NAMES = {np.dtype(dtype): name for name, dtype in DTYPES.items() if name != "BF16"}
_LONGEST_HEADER = 100_000_000


class Entry(NamedTuple):
    """Where the values of a tensor are, counted from the end of the header, and how to read them."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


class Header(NamedTuple):
    """The tensors of a file in the order of their names, its metadata, and where the values begin."""

    entries: dict[str, Entry]
    metadata: dict[str, str]
    start: int


def parsed(content: bytes | memoryview) -> Header:
    """The checked header of a file's bytes. Raises ValueError, or CheckpointError for dtypes that NumPy cannot represent."""
    if len(content) < 8:
        raise ValueError(f"{len(content)} bytes are too few for a safetensors file")
    (length,) = struct.unpack("<Q", content[:8])
    if length > min(len(content) - 8, _LONGEST_HEADER):
        raise ValueError(f"the header claims {length} bytes, which the file does not have")
    fields = json.loads(bytes(content[8 : 8 + length]).decode(), object_pairs_hook=_without_repetition)
    if not isinstance(fields, dict):
        raise ValueError("the header is no JSON object")
    metadata = fields.pop("__metadata__", None) or {}
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ValueError("the metadata does not map names to strings")
    entries = {name: _entry(name, fields[name]) for name in sorted(fields)}
    end = 0
    for name, entry in sorted(entries.items(), key=lambda pair: pair[1][2:]):
        if entry.begin != end:
            raise ValueError(f"{name} begins at byte {entry.begin}, expected {end}")
        end = entry.end
    if 8 + length + end != len(content):
        raise ValueError(f"the tensors have {end} bytes, the file has {len(content) - 8 - length}")
    return Header(entries, metadata, 8 + length)


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a name occurs twice in the header")
    return fields


def _entry(name: str, fields: Any) -> Entry:
    """One tensor's entry, its size checked against its shape."""
    if not isinstance(fields, dict) or set(fields) != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"{name} needs dtype, shape and data_offsets")
    dtype, shape, offsets = fields["dtype"], fields["shape"], fields["data_offsets"]
    if not isinstance(dtype, str) or not sizes(shape) or not sizes(offsets) or len(offsets) != 2:
        raise ValueError(f"{name} has a dtype, shape or data_offsets of the wrong kind")
    if dtype not in DTYPES:
        raise CheckpointError(f"{name} has the dtype {dtype}; known: {', '.join(DTYPES)}")
    if offsets[1] - offsets[0] != math.prod(shape) * np.dtype(DTYPES[dtype]).itemsize:
        raise ValueError(f"{name} has {offsets[1] - offsets[0]} bytes, which is not the size of {dtype} {shape}")
    return Entry(dtype, tuple(shape), *offsets)


def sizes(value: Any) -> bool:
    return isinstance(value, list) and all(type(size) is int and size >= 0 for size in value)


def arrays(content: bytes | memoryview, header: Header) -> dict[str, HostArray]:
    """The arrays of a file by name; they share the memory of its bytes where these are aligned."""
    return {name: _array(name, content, header.start, entry) for name, entry in header.entries.items()}


def _array(name: str, content: bytes | memoryview, start: int, entry: Entry) -> HostArray:
    dtype = np.dtype(DTYPES[entry.dtype])
    count = math.prod(entry.shape)
    values = np.frombuffer(content, dtype, count, start + entry.begin) if count else np.empty(0, dtype)
    if not values.flags.aligned:
        values = values.copy()
    values = values.reshape(entry.shape)
    if entry.dtype == "BF16":
        values = from_bfloat16_bits(values)
    if entry.dtype == "BOOL" and values.view(np.uint8).max(initial=0) > 1:
        raise CheckpointError(f"{name} has the dtype BOOL and bytes other than 0 and 1")
    return values


def from_bfloat16_bits(bits: HostArray) -> HostArray:
    """bfloat16 values of their bits; without the package ml_dtypes they are float32."""
    if find_spec("ml_dtypes") is not None:
        return bits.view(bfloat16())
    return (bits.astype(np.uint32) << 16).view(np.float32)  # bfloat16 is the upper half of float32


def serialized(tensors: Mapping[str, HostArray], metadata: Mapping[str, str] | None = None) -> Iterator[bytes | memoryview]:
    """The pieces of a file with contiguous little-endian arrays, the widest dtypes first, so that all are aligned."""
    order = sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    end = 0
    for name in order:
        a = tensors[name]
        dtype = "BF16" if a.dtype.name == "bfloat16" else _NAMES[a.dtype]
        header[name] = {"dtype": dtype, "shape": list(a.shape), "data_offsets": [end, end + a.nbytes]}
        end += a.nbytes
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    yield struct.pack("<Q", len(text)) + text
    for name in order:
        yield tensors[name].reshape(-1).view(np.uint8).data


def host(value: Any) -> HostArray:
    """A contiguous little-endian NumPy array of a tensor or array. Raises CheckpointError for a dtype that files cannot hold."""
    array: HostArray = value.numpy_copy() if hasattr(value, "numpy_copy") else np.asarray(value)
    kind = array.dtype.newbyteorder("<")
    if kind not in _NAMES and kind.name != "bfloat16":
        raise CheckpointError(f"save: safetensors files cannot hold {array.dtype}")
    return np.ascontiguousarray(array, dtype=kind) if array.ndim else array.astype(kind)
