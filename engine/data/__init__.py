"""Data sets, loaders and image files."""

from __future__ import annotations

from .dataset import ArrayDataset, Dataset
from .digits import digits
from .images import read_image
from .loader import DataLoader

__all__ = [
    "ArrayDataset", "DataLoader", "Dataset", "digits", "read_image",
]  # fmt: skip
