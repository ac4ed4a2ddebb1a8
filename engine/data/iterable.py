"""IterableDataset: samples that come one after another, without numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


class IterableDataset:
    """Base of data sets that are read in their own order; a subclass defines ``__iter__``.

    ``__iter__`` gives the samples of one epoch: arrays, numbers, or tuples of them. Use it for a stream, for a file too large for
    the memory, or for samples that are generated as they are read. Take random numbers from ``data.batch_generator()``, which
    a DataLoader sets for each epoch. A resumed loader reads the earlier samples again and skips them.

    Examples
    --------
    >>> class Countdown(dl.data.IterableDataset):
    ...     def __iter__(self):
    ...         yield from (3, 2, 1)
    >>> [x.numpy().tolist() for (x,) in dl.data.DataLoader(Countdown(), batch_size=2)]
    [[3, 2], [1]]
    """

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__}: write __iter__(self)")
