"""IterableDataset: samples that come one after another, without number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


class IterableDataset:
    """Base: write __iter__, which gives the samples of one epoch: an array or number, or a tuple of them.

    For a stream, a file too large to hold, or samples that are made on the fly. Random numbers come from
    data.batch_generator(), which a DataLoader sets for each epoch; a resumed loader reads again what came before.
    """

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__}: write __iter__(self)")
