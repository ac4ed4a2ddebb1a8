"""The idx file format of MNIST.

A file has the bytes 0, 0, type and number of dimensions, then the sizes as big-endian 32-bit integers, then the values in C
order, big-endian.
"""

from __future__ import annotations

import gzip
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError
from ..io import reading
from .host_arrays import HostArray
from .sources import unpack

DEFLATE = 1032
"""Largest number of bytes that one byte of a .gz file can unpack to."""

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: "i2", 0x0C: "i4", 0x0D: "f4", 0x0E: "f8"}


def read_idx(path: str | Path) -> HostArray:
    """Read an array from an idx file, the format of MNIST.

    The file may be packed (``.gz``). No more is read, and no memory is used, than the header and the file's size agree on.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    numpy.ndarray
        The values, in native byte order.

    Raises
    ------
    DataError
        If the file is missing, damaged or has another format; the message names the file and the cause.

    Examples
    --------
    >>> from pathlib import Path
    >>> _ = Path("values-idx").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 10, 20, 30]))  # uint8, one axis of size 3
    >>> dl.data.read_idx("values-idx")
    array([10, 20, 30], dtype=uint8)
    """
    path = Path(path)
    with reading(path, DataError, "expected an idx file as MNIST's, packed as .gz or not"):
        if path.suffix not in (".gz", ""):
            return parse_idx(unpack(path), str(path))
        size = path.stat().st_size
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
            head = file.read(4)
            head += file.read(4 * head[3] if len(head) == 4 else 0)
            shape, dtype = _header(head)
            expected = prod(shape) * dtype.itemsize
            most = size * (DEFLATE if path.suffix == ".gz" else 1)
            if expected > most:
                raise DataError(f"the header says shape {shape}, {expected} bytes of values; there are at most {most}")
            return _array(file.read(expected + 1), shape, dtype, " or more")


def parse_idx(content: bytes, name: str) -> HostArray:
    """The array in the content of an idx file; ``name`` is used in error messages."""
    with reading(name, DataError):
        end = 4 + 4 * content[3] if len(content) >= 4 else 4
        shape, dtype = _header(content[:end])
        return _array(content[end:], shape, dtype)


def _header(head: bytes) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and dtype from the bytes of an idx header."""
    if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in TYPES:
        raise DataError(f"not an idx file: it begins with {head[:4].hex(' ') or 'nothing'}")
    if head[3] < 1 or len(head) < 4 + 4 * head[3]:
        raise DataError(f"an idx header of {head[3]} sizes in {len(head)} bytes")
    return tuple(int.from_bytes(head[i : i + 4], "big") for i in range(4, len(head), 4)), np.dtype(">" + TYPES[head[2]])


def _array(values: bytes, shape: tuple[int, ...], dtype: np.dtype[Any], or_more: str = "") -> HostArray:
    """The values as an array, if there are as many bytes as the header says."""
    expected = prod(shape) * dtype.itemsize
    if len(values) != expected:
        there = f"{len(values)}{or_more if len(values) > expected else ''}"
        raise DataError(f"the header says shape {shape}, {expected} bytes of values; there are {there}")
    try:
        return np.frombuffer(values, dtype).reshape(shape).astype(dtype.newbyteorder("="))
    except ValueError as error:  # more dimensions, or an empty array with larger sizes, than NumPy allows
        raise DataError(f"shape {shape} cannot be held ({error})") from None


def to_idx(array: HostArray) -> bytes:
    """The content of an idx file that holds an array."""
    codes = {name: code for code, name in TYPES.items()}
    big = np.asarray(array).astype(array.dtype.newbyteorder(">"))
    kind = big.dtype.str[1:]
    if kind not in codes or not 1 <= big.ndim <= 255:
        raise DataError(f"to_idx: the format has no {array.dtype} of {array.ndim} dimensions")
    sizes = b"".join(int(n).to_bytes(4, "big") for n in big.shape)
    return bytes([0, 0, codes[kind], big.ndim]) + sizes + big.tobytes()
