"""Data sets: samples by number, kept on the host as NumPy arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import DataError, ShapeError
from ..generator import Generator
from ..ops.random import randperm

HostArray = np.ndarray[Any, Any]


class Dataset:
    """Base: write __len__ and __getitem__; an item is an array or number, or a tuple of them."""

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__}: write __len__(self)")

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__}: write __getitem__(self, index)")

    def batch(self, rows: Sequence[int] | HostArray) -> tuple[HostArray, ...]:
        """Several samples, stacked part by part."""
        items = [self[int(i)] for i in rows]
        if not isinstance(items[0], tuple):
            items = [(item,) for item in items]
        try:
            return tuple(np.stack([np.asarray(part) for part in parts]) for parts in zip(*items, strict=True))
        except ValueError as error:
            raise ShapeError(f"{type(self).__name__}: samples of one batch have different shapes or parts ({error})") from None


class ArrayDataset(Dataset):
    """Samples that are the rows of one or more arrays of the same length; the last of several is usually the labels.

    classes: names of the classes, for reports.
    """

    def __init__(self, *arrays: Any, classes: Sequence[str] | None = None) -> None:
        if not arrays:
            raise DataError("ArrayDataset: expected at least one array")
        self.arrays = tuple(a.numpy_copy() if hasattr(a, "numpy_copy") else np.asarray(a) for a in arrays)
        sizes = {a.shape[:1] for a in self.arrays}
        if len(sizes) != 1 or () in sizes:
            raise ShapeError(f"ArrayDataset: arrays must have one length, got shapes {[a.shape for a in self.arrays]}")
        self.classes = None if classes is None else tuple(classes)

    def __len__(self) -> int:
        return int(self.arrays[0].shape[0])

    def __getitem__(self, index: int) -> Any:
        sample = tuple(a[index] for a in self.arrays)
        return sample if len(sample) > 1 else sample[0]

    def batch(self, rows: Sequence[int] | HostArray) -> tuple[HostArray, ...]:
        """The rows with these numbers, in their order."""
        index = np.asarray(rows, dtype=np.int64)
        return tuple(a[index] for a in self.arrays)

    def subset(self, rows: Sequence[int] | HostArray) -> ArrayDataset:
        """A copy of some rows, in their order."""
        return ArrayDataset(*self.batch(rows), classes=self.classes)

    def split(self, fraction: float, seed: int = 0, stratified: bool = False) -> tuple[ArrayDataset, ArrayDataset]:
        """Two disjoint parts in random order, the first with this fraction of the samples.

        stratified: each class, a value of the last array, is split in this proportion. The same seed gives the same parts
        on every backend. Raises DataError if fraction is not between 0 and 1 or a part would be empty.
        """
        if not 0 < fraction < 1:
            raise DataError(f"split: fraction must be between 0 and 1, got {fraction}")
        order = randperm(len(self), device="cpu", generator=Generator(seed)).numpy()
        wanted = round(fraction * len(self))
        if not 0 < wanted < len(self):
            raise DataError(f"split: {fraction} of {len(self)} samples leaves a part empty")
        chosen = self._stratified(order, fraction, wanted) if stratified else np.arange(len(order)) < wanted
        return self.subset(order[chosen]), self.subset(order[~chosen])

    def _stratified(self, order: HostArray, fraction: float, wanted: int) -> HostArray:
        """Which places of the order go to the first part: of each class its share, the largest remainders rounded up."""
        labels = self.arrays[-1][order]
        if labels.ndim != 1 or labels.dtype.kind not in "iub":
            raise DataError(f"split: stratified needs integer labels (N,) as the last array, got {labels.dtype} {labels.shape}")
        classes, counts = np.unique(labels, return_counts=True)
        shares = np.floor(fraction * counts).astype(np.int64)
        remainders = fraction * counts - shares
        shares[np.argsort(-remainders, kind="stable")[: wanted - int(shares.sum())]] += 1
        chosen = np.zeros(len(order), dtype=bool)
        for value, share in zip(classes, shares, strict=True):
            chosen[np.flatnonzero(labels == value)[:share]] = True
        return chosen
