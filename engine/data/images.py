"""Read one image from a file, with the size and scale that a network was trained on."""

from __future__ import annotations

import ast
import struct
from math import prod
from pathlib import Path
from typing import IO

import numpy as np

from ..errors import DataError
from ..io import reading
from .host_arrays import HostArray

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "PPM")
"""Accepted formats. Others of Pillow are refused, since some start programs (PostScript) or fetch files."""

LARGEST = 2**26
"""Largest number of pixels: a small file can unpack to an image that does not fit into memory."""


def read_image(path: str | Path, size: tuple[int, int]) -> HostArray:
    """Read a grey image at a given size.

    The file may be PNG, JPEG, GIF, BMP or PPM, or NPY with an array (h, w) or (1, h, w): integers from 0 to 255 or floating
    numbers from 0 to 1. An image of another size is resized by averaging over areas, like the scans of the digits.

    Parameters
    ----------
    path : str or Path
        The image file.
    size : tuple of int
        Height H and width W of the result.

    Returns
    -------
    numpy.ndarray
        Image (1, H, W), float32, from 0 (black) to 1 (white).

    Raises
    ------
    DataError
        If the file is missing or is not such an image; the message names the file and the cause.

    Examples
    --------
    >>> np.save("picture.npy", np.array([[0, 255], [255, 0]], dtype=np.uint8))
    >>> dl.data.read_image("picture.npy", (2, 2))
    array([[[0., 1.],
            [1., 0.]]], dtype=float32)
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: no such image file")
    image = _npy(path) if path.suffix.lower() == ".npy" else _picture(path)
    return _resized(image, size)[None]


def _npy(path: Path) -> HostArray:
    """The image in an NPY file, scaled to values from 0 to 1."""
    with reading(path, DataError, "numpy.save writes one", what="not a readable NPY file"):
        array = _parsed(path)
    if array.ndim == 3 and array.shape[0] == 1:
        array = array[0]
    if array.ndim != 2 or 0 in array.shape:
        raise DataError(f"{path}: expected an image (h,w) or (1,h,w), got shape {array.shape}")
    top = 1.0 if array.dtype.kind == "f" else 255.0
    with np.errstate(over="ignore"):  # values too large for float32 become infinite and are refused below
        values: HostArray = array.astype(np.float32)
    if not np.isfinite(values).all():
        raise DataError(f"{path}: the image has values that are not finite")
    if values.min() < 0 or values.max() > top:
        kind = "floating" if top == 1 else "integer"
        found = f"{values.min():g} to {values.max():g}"
        raise DataError(f"{path}: {kind} values must be from 0 to {top:g}, got {found}; rescale them")
    values /= np.float32(top)
    return values


def _parsed(path: Path) -> HostArray:
    """The array in an NPY file of at most LARGEST values."""
    with open(path, "rb") as file:
        return npy_array(file, path.stat().st_size)


def npy_array(file: IO[bytes], size: int, most_bytes: int | None = None) -> HostArray:
    """The array in the bytes of an NPY file. The header must agree with the size, and nothing is unpickled.

    Source: NumPy, NEP 1, "A simple file format for NumPy arrays".
    """
    magic = file.read(8)
    if magic[:6] != b"\x93NUMPY" or magic[6:] not in (b"\1\0", b"\2\0"):
        raise ValueError(f"it begins with {magic[:8].hex(' ') or 'nothing'}")
    (length,) = struct.unpack("<H", file.read(2)) if magic[6] == 1 else struct.unpack("<I", file.read(4))
    if length > 10_000:
        raise ValueError(f"a header of {length} bytes")
    header = ast.literal_eval(file.read(length).decode("latin1").strip())
    dtype, shape = np.dtype(header["descr"]), tuple(header["shape"])
    if dtype.kind not in ("uif" if most_bytes is None else "uifbU"):
        raise ValueError(f"expected one array of numbers, got {dtype}")
    if not all(type(n) is int and n >= 0 for n in shape) or len(shape) > 64:
        raise ValueError(f"the shape {shape}")
    values, there = prod(shape), size - file.tell()
    if most_bytes is None and values > LARGEST:
        raise ValueError(f"{values} pixels, of which at most {LARGEST} are read")
    if values * dtype.itemsize > there:
        raise ValueError(f"the header says shape {shape}, {values * dtype.itemsize} bytes of values; there are {there}")
    if most_bytes is not None and values * dtype.itemsize > most_bytes:
        raise ValueError(f"{values * dtype.itemsize} bytes, of which at most {most_bytes} are read")
    array = np.frombuffer(file.read(values * dtype.itemsize), dtype)
    return array.reshape(shape, order="F" if header["fortran_order"] else "C")


def _picture(path: Path) -> HostArray:
    """The image in a PNG, JPEG, GIF, BMP or PPM file, in grey."""
    import warnings

    from PIL import Image

    expected = f"expected {', '.join(FORMATS)} or NPY"
    with reading(path, DataError, expected, what="not a readable image"), warnings.catch_warnings():
        # Pillow warns about large pictures or raises an error; LARGEST is a smaller limit with a message of its own.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with Image.open(path, formats=FORMATS) as picture:
            if picture.width * picture.height > LARGEST:
                raise DataError(f"{picture.width} x {picture.height} pixels, of which at most {LARGEST} are read")
            grey = picture.convert("L")
    return np.asarray(grey, dtype=np.float32) / np.float32(255.0)


def _resized(image: HostArray, size: tuple[int, int]) -> HostArray:
    """The image at another size, averaged over areas."""
    if image.shape == size:
        return image
    from PIL import Image

    picture = Image.fromarray(image).resize((size[1], size[0]), Image.Resampling.BOX)
    return np.asarray(picture, dtype=np.float32)
