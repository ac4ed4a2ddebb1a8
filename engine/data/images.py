"""Reading one image from a file, at the size and scale that a network was trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError


def read_image(path: str | Path, size: tuple[int, int]) -> np.ndarray[Any, Any]:
    """A grey image (1,H,W) of the given size, values from 0 (black) to 1, float32.

    PNG (and whatever else Pillow reads), or NPY with (h,w) or (1,h,w): integers from 0 to 255 or floating numbers from 0 to 1.
    Another size is averaged over areas, as the digits' scans were. Raises DataError naming the file and what is wrong.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: no such image file")
    image = _npy(path) if path.suffix.lower() == ".npy" else _picture(path)
    return _resized(image, size)[None]


def _npy(path: Path) -> np.ndarray[Any, Any]:
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path}: not a readable NPY file ({error})") from None
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "uif":
        raise DataError(f"{path}: expected one array of numbers")
    if array.ndim == 3 and array.shape[0] == 1:
        array = array[0]
    if array.ndim != 2 or 0 in array.shape:
        raise DataError(f"{path}: expected an image (h,w) or (1,h,w), got shape {array.shape}")
    top = 1.0 if array.dtype.kind == "f" else 255.0
    values: np.ndarray[Any, Any] = array.astype(np.float32)
    if not np.isfinite(values).all():
        raise DataError(f"{path}: the image has values that are not finite")
    if values.min() < 0 or values.max() > top:
        kind = "floating" if top == 1 else "integer"
        found = f"{values.min():g} to {values.max():g}"
        raise DataError(f"{path}: {kind} values must be from 0 to {top:g}, got {found}; rescale them")
    values /= np.float32(top)
    return values


def _picture(path: Path) -> np.ndarray[Any, Any]:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            grey = picture.convert("L")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{path}: not a readable image ({error})") from None
    return np.asarray(grey, dtype=np.float32) / np.float32(255.0)


def _resized(image: np.ndarray[Any, Any], size: tuple[int, int]) -> np.ndarray[Any, Any]:
    if image.shape == size:
        return image
    from PIL import Image

    picture = Image.fromarray(image).resize((size[1], size[0]), Image.Resampling.BOX)
    return np.asarray(picture, dtype=np.float32)
