"""The bundled handwritten digits: 1,797 real images of 8 x 8 pixels (UCI, Alpaydin and Kaynak, CC BY 4.0)."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import numpy as np

from ..default_dtype import get_default_dtype
from ..errors import DataError
from ..io import reading
from ..typing import DTypeLike
from .dataset import ArrayDataset

FILE = Path(__file__).parent / "files" / "digits.csv.gz"
SHA256 = "6ebb3d2fee246a4e99363262ddf8a00a3c41bee6014c373ed9d9216ba7f651b8"
"""Checksum of the unpacked text."""


def read_verified(path: Path, sha256: str) -> bytes:
    """The unpacked content of a gzip file. Raises DataError if it is missing, damaged or has another checksum."""
    with reading(path, DataError, "install dlengine again"):
        content = gzip.decompress(path.read_bytes())
    if hashlib.sha256(content).hexdigest() != sha256:
        raise DataError(f"{path}: the content is not what it should be (its sha256 differs)")
    return content


def digits(dtype: DTypeLike | None = None) -> ArrayDataset:
    """Load 1,797 handwritten digits of 8 x 8 pixels, which come with the package.

    Images (1797, 1, 8, 8) have values from 0 (paper) to 1 (ink); labels (1797,), int64, are the digits from 0 to 9.

    Parameters
    ----------
    dtype : dtype, optional
        Dtype of the images, by default the default dtype.

    Returns
    -------
    ArrayDataset
        Images and labels, with class names.

    References
    ----------
    Alpaydin and Kaynak, "Optical recognition of handwritten digits", UCI Machine Learning Repository, 1998, doi 10.24432/C50P49.

    Examples
    --------
    >>> images, labels = dl.data.digits().arrays
    >>> images.shape
    (1797, 1, 8, 8)
    >>> labels[:5]
    array([0, 1, 2, 3, 4])
    """
    text = read_verified(FILE, SHA256).decode("ascii")
    table = np.array([line.split(",") for line in text.splitlines()], dtype=np.float64)
    images = (table[:, :-1] / 16.0).reshape(-1, 1, 8, 8).astype(np.dtype(dtype or get_default_dtype()))
    return ArrayDataset(images, table[:, -1].astype(np.int64), classes=[str(d) for d in range(10)])
