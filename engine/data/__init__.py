"""Data sets, loaders and image files."""

from __future__ import annotations

from .bundled import digits
from .dataset import ArrayDataset, Dataset
from .images import read_image
from .loader import DataLoader

__all__ = [
    "ArrayDataset", "DataLoader", "Dataset", "digits", "read_image",
]  # fmt: skip
