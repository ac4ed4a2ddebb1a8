"""Parts of batches: what each of several processes computes of a batch that all of them know."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import DataError
from ..generator import BatchPart


def part_of(total: int, number: int, of: int, axis: int = 0) -> BatchPart:
    """The samples of part ``number``: neighbours, and one more for the first parts where ``total`` cannot be divided."""
    share, rest = divmod(total, of)
    start = number * share + min(number, rest)
    return BatchPart(start, start + share + (number < rest), total, axis)


@dataclass
class Division:
    """Which part of each batch a loader makes; the parts of the batches that it is making wait in ``given``."""

    number: int
    of: int
    given: deque[BatchPart]

    def job(self, job: tuple[Any, int, BatchPart | None]) -> tuple[Any, int, BatchPart | None]:
        """The job of making the part. An empty part is made with one sample, which is then taken off."""
        rows, seed, _ = job
        part = part_of(len(rows), self.number, self.of)
        self.given.append(part)
        if part.stop == part.start:
            return rows[:1], seed, BatchPart(0, 1, part.total)
        return rows[part.start : part.stop], seed, part


def cut_batch(batch: Any, number: int, of: int, axis: int = 0) -> tuple[Any, BatchPart]:
    """One part of a whole batch. Raises DataError if its parts have different numbers of samples."""
    sizes = {size for size in _sizes(batch, axis) if size is not None}
    if len(sizes) != 1:
        told = f"parts with {', '.join(map(str, sorted(sizes)))} samples" if sizes else f"a {type(batch).__name__} without arrays"
        raise DataError(
            f"a batch is divided among processes along axis {axis}, but it has {told}; give a DataLoader, which makes each part "
            "by itself"
        )
    part = part_of(sizes.pop(), number, of, axis)
    return _cut(batch, part, axis), part


def first_samples(batch: Any, count: int) -> Any:
    """The first samples of a batch."""
    return _cut(batch, BatchPart(0, count, 0), 0)


def _sizes(batch: Any, axis: int) -> Iterator[int | None]:
    """The number of samples of each array or list in a batch; None for what is shared by all samples."""
    if isinstance(batch, Mapping):
        for value in batch.values():
            yield from _sizes(value, axis)
    elif isinstance(batch, tuple) or (isinstance(batch, list) and batch and hasattr(batch[0], "shape")):
        for value in batch:
            yield from _sizes(value, axis)
    elif isinstance(batch, list):
        yield len(batch)
    else:
        shape = getattr(batch, "shape", ())
        yield shape[axis] if len(shape) > axis else None


def _cut(batch: Any, part: BatchPart, axis: int) -> Any:
    """The samples of a part, in the structure of the batch."""
    if isinstance(batch, Mapping):
        return {key: _cut(value, part, axis) for key, value in batch.items()}
    if isinstance(batch, tuple) or (isinstance(batch, list) and batch and hasattr(batch[0], "shape")):
        values = [_cut(value, part, axis) for value in batch]
        return type(batch)(*values) if hasattr(batch, "_fields") else type(batch)(values)
    if isinstance(batch, list):
        return batch[part.start : part.stop]
    if len(getattr(batch, "shape", ())) <= axis:
        return batch
    return batch[(*(slice(None),) * axis, slice(part.start, part.stop))]
