"""DataLoader: batches of tensors from a data set, in order or shuffled, from any place on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..errors import CheckpointError, ConfigError
from ..generator import Generator, default_generator
from ..ops.creation import asarray
from ..ops.random import randperm
from .dataset import ArrayDataset, Dataset


class DataLoader:
    """Iterating gives one epoch of tuples of tensors.

    shuffle: a new order each epoch, from generator (by default a fork of the one that dl.manual_seed seeds, so that the
    order does not depend on what else draws numbers). drop_last: leave out a last batch that is not full.
    device: where the tensors go. state_dict() taken inside an epoch resumes after the batch last given.
    """

    def __init__(
        self,
        dataset: Dataset | Any,
        batch_size: int = 1,
        shuffle: bool = False,
        *,
        drop_last: bool = False,
        generator: Generator | None = None,
        device: str | None = None,
    ) -> None:
        if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
            raise ConfigError(f"DataLoader: batch_size must be an integer of at least 1, got {batch_size!r}")
        self.dataset = dataset if isinstance(dataset, Dataset) else ArrayDataset(dataset)
        self.batch_size, self.shuffle, self.drop_last, self.device = batch_size, shuffle, drop_last, device
        self.generator = generator or (default_generator.fork() if shuffle else Generator(0))
        self._start = self.generator.state_dict()
        self._given = 0
        self._resume = 0

    def __len__(self) -> int:
        """Batches in an epoch."""
        full, rest = divmod(len(self.dataset), self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        skip, self._resume = self._resume, 0
        self._start, self._given = self.generator.state_dict(), skip
        n = len(self.dataset)
        order = randperm(n, device="cpu", generator=self.generator).numpy() if self.shuffle else np.arange(n)
        for i in range(skip, len(self)):
            rows = order[i * self.batch_size : (i + 1) * self.batch_size]
            self._given = i + 1
            yield tuple(asarray(part, device=self.device) for part in self.dataset.batch(rows))
        self._start, self._given = self.generator.state_dict(), 0

    def state_dict(self) -> dict[str, Any]:
        """Where the epoch began in the stream of random numbers, and how many of its batches have been given."""
        return {"generator": self._start, "batches": self._given}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue with the batch after the one last given. Raises CheckpointError for what is no loader's state."""
        try:
            start, given = dict(state["generator"]), int(state["batches"])
            self.generator.load_state_dict(start)
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"DataLoader: not the state of a loader: {error!r}") from None
        if not 0 <= given <= len(self):
            raise CheckpointError(f"DataLoader: the state is at batch {given}, an epoch has {len(self)}")
        self._start, self._given, self._resume = start, given, given
