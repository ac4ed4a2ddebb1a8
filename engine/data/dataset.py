"""Data sets: samples by number, kept on the host as NumPy arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import DataError, ShapeError
from ..generator import Generator
from ..ops.random import randperm
from .collate import batch_of, host

HostArray = np.ndarray[Any, Any]


class Dataset:
    """Base: write __len__ and __getitem__; an item is an array or number, or a tuple or dict of them.

    A DataLoader takes any class with these two methods; this one adds batch(), which a subclass may write for speed.
    """

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__}: write __len__(self)")

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__}: write __getitem__(self, index)")

    def batch(self, rows: Sequence[int] | HostArray) -> Any:
        """Several samples as one: a tuple of arrays (N,...), or a dict of them where the samples are dicts."""
        return batch_of(gathered(self, rows), rows)


def gathered(source: Any, rows: Sequence[Any] | HostArray) -> list[Any]:
    """The samples of these numbers, one by one; an error of the data set is told which sample it was."""
    found = []
    for row in rows:
        number = int(row) if isinstance(row, np.integer) else row
        try:
            found.append(source[number])
        except Exception as error:
            error.add_note(f"DataLoader: while reading sample {number!r} of {type(getattr(source, 'source', source)).__name__}")
            raise
    return found


class ArrayDataset(Dataset):
    """Samples that are the rows of one or more arrays of the same length; the last of several is usually the labels.

    Lists become arrays, Python's floats of the default dtype. classes: names of the classes, for reports. Raises ShapeError for
    arrays of different lengths, DataError for what is no array.
    """

    def __init__(self, *arrays: Any, classes: Sequence[str] | None = None) -> None:
        if not arrays:
            raise DataError("ArrayDataset: expected at least one array")
        self.arrays = tuple(_array(k, a) for k, a in enumerate(arrays))
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

    def __repr__(self) -> str:
        parts = ", ".join(f"{a.dtype} {a.shape[1:]}" for a in self.arrays)
        classes = "" if self.classes is None else f", {len(self.classes)} classes"
        return f"{type(self).__name__}({len(self)} samples of {parts}{classes})"

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


def _array(number: int, given: Any) -> HostArray:
    try:
        array = host(given)
    except (ValueError, TypeError, OverflowError, RuntimeError) as error:
        what = f"array {number} is a {type(given).__name__} that cannot become one ({error})"
        raise DataError(f"ArrayDataset: {what}; samples of different shapes can be a list of them, given to DataLoader") from None
    if array.dtype.kind == "O":
        raise DataError(f"ArrayDataset: array {number} holds Python objects; expected numbers or strings of one kind")
    return array
