"""Data sets from other libraries: objects with ``__len__`` and ``__getitem__``, and objects that can be iterated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from .._tensor import Tensor
from ..errors import DataError, DTypeError
from .collate import collate_batch
from .dataset import ArrayDataset, Dataset, read_samples
from .host_arrays import Rows
from .iterable import IterableDataset

_ARRAYS = ("__array_interface__", "__cuda_array_interface__", "__dlpack__", "iloc")
"""Attributes of arrays in memory: NumPy, CuPy, other tensors, pandas tables. Arrays in a file (h5py) are read by number."""


class _IndexedDataset(Dataset):
    """An object with ``__len__`` and ``__getitem__``: a data set of PyTorch or Hugging Face, or a list of samples.

    Each sample is read by its number. The object is never iterated, since Python would then call ``__getitem__`` with 0, 1, 2 ...
    until an IndexError, which a data set need not raise.
    """

    def __init__(self, source: Any) -> None:
        self.source = source

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> Any:
        return self.source[index]

    def batch(self, rows: Rows) -> Any:
        """Several samples as one batch; a data set of PyTorch may read them together in ``__getitems__``."""
        keys = [int(i) if isinstance(i, np.integer) else i for i in rows]
        if hasattr(self.source, "__getitems__"):
            return collate_batch(self.source.__getitems__(keys), keys)
        return collate_batch(read_samples(self, keys), keys)


class _IteratedDataset(IterableDataset):
    """An object with ``__iter__``. A generator or another iterator can be read once; a second pass is an error."""

    def __init__(self, source: Any) -> None:
        self.source, self.begun = source, False

    def __len__(self) -> int:
        return len(self.source)  # raises TypeError where the source has no length

    def __iter__(self) -> Iterator[Any]:
        if self.begun and isinstance(self.source, Iterator):
            raise DataError(
                f"DataLoader: a {type(self.source).__name__} can be read once, and has been; for more epochs give a list, "
                "or a class whose __iter__ begins anew"
            )
        self.begun = True
        return iter(self.source)


def is_dataset(source: Any) -> bool:
    """Whether an object is a data set: one of dlengine, a stream of PyTorch, or samples by number.

    Lists are not: they may hold batches.
    """
    if isinstance(source, Dataset | IterableDataset) or _streams(source):
        return True
    return _by_number(source) and not isinstance(source, list | tuple | str | bytes | Mapping)


def holds_samples(source: Any) -> bool:
    """Whether a list holds samples (input, target) rather than batches, which are tensors."""
    pairs = isinstance(source, list) and source and isinstance(source[0], list | tuple) and len(source[0]) == 2
    return bool(pairs) and not isinstance(source[0][0], Tensor)


def as_dataset(source: Any) -> Dataset | IterableDataset:
    """Wrap an object as a data set: arrays and tensors by row, others by sample number, else by iterating over them.

    Raises DTypeError for an object that gives no samples.
    """
    if isinstance(source, Dataset | IterableDataset):
        return source
    if isinstance(source, Tensor) or any(hasattr(source, name) for name in _ARRAYS):
        return ArrayDataset(source)
    name = type(source).__name__
    if isinstance(source, str | bytes):
        raise DTypeError(f"DataLoader: expected a data set, got a {name}; data.text_file reads a text")
    if isinstance(source, Mapping) and len(source) and 0 not in source:
        raise DTypeError(f"DataLoader: expected samples by number, got a dict of {list(source)[:5]}; ArrayDataset(*d.values())?")
    if _streams(source):
        return _IteratedDataset(source)
    if _by_number(source):
        return _IndexedDataset(source)
    if hasattr(type(source), "__getitem__") and not hasattr(type(source), "__iter__"):
        raise DTypeError(f"DataLoader: {name} has __getitem__ but no __len__; write __len__, or __iter__ for a stream")
    if hasattr(type(source), "__iter__"):
        return _IteratedDataset(source)
    raise DTypeError(f"DataLoader: expected a data set with __len__ and __getitem__, or with __iter__, got a {name}")


def _by_number(source: Any) -> bool:
    """Whether an object has a length and is indexed by number."""
    return not isinstance(source, type) and hasattr(type(source), "__len__") and hasattr(type(source), "__getitem__")


def _streams(source: Any) -> bool:
    """Whether the class of a data set marks it as a stream: PyTorch's IterableDataset inherits a ``__getitem__`` that raises."""
    return any(kind.__name__ == "IterableDataset" for kind in type(source).__mro__)
