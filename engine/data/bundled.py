"""The bundled handwritten digits: 1,797 real 8x8 images (UCI, Alpaydin & Kaynak, CC BY 4.0)."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from ..autograd.promotion import get_default_dtype
from ..errors import DataError
from ..io import reading
from .dataset import ArrayDataset

FILE = Path(__file__).parent / "files" / "digits.csv.gz"
SHA256 = "6ebb3d2fee246a4e99363262ddf8a00a3c41bee6014c373ed9d9216ba7f651b8"
"""Of the unpacked text, which is what is trained on."""


def read_verified(path: Path, sha256: str) -> bytes:
    """The unpacked content of a gzip file. Raises DataError naming the file if it is absent, damaged or another one."""
    with reading(path, DataError, "install dlengine again"):
        content = gzip.decompress(path.read_bytes())
    if hashlib.sha256(content).hexdigest() != sha256:
        raise DataError(f"{path}: the content is not what it should be (its sha256 differs)")
    return content


def digits(dtype: Any = None) -> ArrayDataset:
    """Handwritten digits: images (1797,1,8,8) with ink from 0 to 1, and labels (1797,) int64 from 0 to 9.

    dtype: of the images, by default the default dtype. Source: UCI Machine Learning Repository, doi 10.24432/C50P49.
    """
    text = read_verified(FILE, SHA256).decode("ascii")
    table = np.array([line.split(",") for line in text.splitlines()], dtype=np.float64)
    images = (table[:, :-1] / 16.0).reshape(-1, 1, 8, 8).astype(np.dtype(dtype or get_default_dtype()))
    return ArrayDataset(images, table[:, -1].astype(np.int64), classes=[str(d) for d in range(10)])
