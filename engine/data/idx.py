"""The idx format of MNIST: bytes 0 0 type ndim, then ndim big-endian 32-bit sizes, then the values in C order, big-endian."""

from __future__ import annotations

from math import prod
from pathlib import Path

import numpy as np

from ..errors import DataError
from .draws import HostArray
from .sources import unpack

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: "i2", 0x0C: "i4", 0x0D: "f4", 0x0E: "f8"}


def read_idx(path: str | Path) -> HostArray:
    """The array of an idx file, packed as .gz or not, in native byte order. Raises DataError naming the file and the cause."""
    return parse_idx(unpack(path), str(path))


def parse_idx(content: bytes, name: str) -> HostArray:
    """The array of an idx file's content; name: for the message if it is none."""
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in TYPES:
        raise DataError(f"{name}: not an idx file: it begins with {content[:4].hex(' ') or 'nothing'}")
    ndim = content[3]
    start = 4 + 4 * ndim
    if ndim < 1 or len(content) < start:
        raise DataError(f"{name}: an idx header of {ndim} sizes in {len(content)} bytes")
    shape = tuple(int.from_bytes(content[i : i + 4], "big") for i in range(4, start, 4))
    dtype = np.dtype(">" + TYPES[content[2]])
    expected = prod(shape) * dtype.itemsize
    if len(content) - start != expected:
        raise DataError(f"{name}: the header says shape {shape}, {expected} bytes of values; there are {len(content) - start}")
    try:
        return np.frombuffer(content, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))
    except ValueError as error:  # more dimensions, or zero by huge sizes, than NumPy can hold
        raise DataError(f"{name}: shape {shape} cannot be held ({error})") from None


def to_idx(array: HostArray) -> bytes:
    """The content of the idx file of an array."""
    codes = {name: code for code, name in TYPES.items()}
    big = np.asarray(array).astype(array.dtype.newbyteorder(">"))
    kind = big.dtype.str[1:]
    if kind not in codes or not 1 <= big.ndim <= 255:
        raise DataError(f"to_idx: the format has no {array.dtype} of {array.ndim} dimensions")
    sizes = b"".join(int(n).to_bytes(4, "big") for n in big.shape)
    return bytes([0, 0, codes[kind], big.ndim]) + sizes + big.tobytes()
