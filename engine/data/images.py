"""Reading one image from a file, at the size and scale that a network was trained on."""

from __future__ import annotations

import ast
import struct
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError
from ..io import reading

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "PPM")
"""What a picture may be, whatever its name says: Pillow knows formats that start other programs (PostScript) or fetch files."""

LARGEST = 2**26
"""Pixels of a picture, at most: a small file can hold far more of one colour than memory does."""


def read_image(path: str | Path, size: tuple[int, int]) -> np.ndarray[Any, Any]:
    """A grey image (1,H,W) of the given size, values from 0 (black) to 1, float32.

    PNG, JPEG, GIF, BMP or PPM, or NPY with (h,w) or (1,h,w): integers from 0 to 255 or floating numbers from 0 to 1.
    Another size is averaged over areas, as the digits' scans were. Raises DataError naming the file and what is wrong.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: no such image file")
    image = _npy(path) if path.suffix.lower() == ".npy" else _picture(path)
    return _resized(image, size)[None]


def _npy(path: Path) -> np.ndarray[Any, Any]:
    with reading(path, DataError, "numpy.save writes one", what="not a readable NPY file"):
        array = _parsed(path)
    if array.ndim == 3 and array.shape[0] == 1:
        array = array[0]
    if array.ndim != 2 or 0 in array.shape:
        raise DataError(f"{path}: expected an image (h,w) or (1,h,w), got shape {array.shape}")
    top = 1.0 if array.dtype.kind == "f" else 255.0
    with np.errstate(over="ignore"):  # what is too large for float32 is refused as infinite
        values: np.ndarray[Any, Any] = array.astype(np.float32)
    if not np.isfinite(values).all():
        raise DataError(f"{path}: the image has values that are not finite")
    if values.min() < 0 or values.max() > top:
        kind = "floating" if top == 1 else "integer"
        found = f"{values.min():g} to {values.max():g}"
        raise DataError(f"{path}: {kind} values must be from 0 to {top:g}, got {found}; rescale them")
    values /= np.float32(top)
    return values


def _parsed(path: Path) -> np.ndarray[Any, Any]:
    """The array of an NPY file. Its header is believed only after the file's size has confirmed it, and nothing is unpickled.

    Source: NumPy, NEP 1, "A simple file format for NumPy arrays".
    """
    size = path.stat().st_size
    with open(path, "rb") as file:
        magic = file.read(8)
        if magic[:6] != b"\x93NUMPY" or magic[6:] not in (b"\1\0", b"\2\0"):
            raise ValueError(f"it begins with {magic[:8].hex(' ') or 'nothing'}")
        (length,) = struct.unpack("<H", file.read(2)) if magic[6] == 1 else struct.unpack("<I", file.read(4))
        if length > 10_000:
            raise ValueError(f"a header of {length} bytes")
        header = ast.literal_eval(file.read(length).decode("latin1").strip())
        dtype, shape = np.dtype(header["descr"]), tuple(header["shape"])
        if dtype.kind not in "uif":
            raise ValueError(f"expected one array of numbers, got {dtype}")
        if not all(type(n) is int and n >= 0 for n in shape) or len(shape) > 64:
            raise ValueError(f"the shape {shape}")
        values, there = prod(shape), size - file.tell()
        if values > LARGEST:
            raise ValueError(f"{values} pixels, of which at most {LARGEST} are read")
        if values * dtype.itemsize > there:
            raise ValueError(f"the header says shape {shape}, {values * dtype.itemsize} bytes of values; there are {there}")
        array = np.frombuffer(file.read(values * dtype.itemsize), dtype)
    return array.reshape(shape, order="F" if header["fortran_order"] else "C")


def _picture(path: Path) -> np.ndarray[Any, Any]:
    import warnings

    from PIL import Image

    expected = f"expected {', '.join(FORMATS)} or NPY"
    with reading(path, DataError, expected, what="not a readable image"), warnings.catch_warnings():
        # Pillow warns of large pictures, or raises; ours is the smaller limit, and it is said in our words.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with Image.open(path, formats=FORMATS) as picture:
            if picture.width * picture.height > LARGEST:
                raise DataError(f"{picture.width} x {picture.height} pixels, of which at most {LARGEST} are read")
            grey = picture.convert("L")
    return np.asarray(grey, dtype=np.float32) / np.float32(255.0)


def _resized(image: np.ndarray[Any, Any], size: tuple[int, int]) -> np.ndarray[Any, Any]:
    if image.shape == size:
        return image
    from PIL import Image

    picture = Image.fromarray(image).resize((size[1], size[0]), Image.Resampling.BOX)
    return np.asarray(picture, dtype=np.float32)
