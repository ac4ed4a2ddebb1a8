"""Upload batches to a GPU during the computation: through pinned host memory, on a separate stream, one batch ahead.

    host array -> pinned slot -> (copy stream) device slot -> (the caller's stream) a new array

Two slots take turns. The last step copies inside the device, which takes little time: without it, the next upload could
overwrite the memory of a batch that kernels still read. Events order the two streams; the host only waits for a pinned slot
that is still being read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from .. import backend
from ..autograd.base import wrap

ALIGNMENT = 256
"""Parts of a batch begin at multiples of this many bytes."""


class Part(NamedTuple):
    """The place of an array in its slot."""

    first: int
    nbytes: int
    dtype: Any
    shape: tuple[int, ...]


class _Slot:
    """Pinned memory, device memory, and the events that guard them."""

    def __init__(self, cuda: Any) -> None:
        self.pinned: Any = None
        self.device: Any = None
        self.copied = cuda.Event(disable_timing=True)
        self.consumed = cuda.Event(disable_timing=True)


class Uploader:
    """Turns tuples of host arrays into tuples of tensors on one GPU ("cuda:N")."""

    def __init__(self, device: str) -> None:
        import cupy
        import cupyx

        self.cupy, self.cupyx, self.device = cupy, cupyx, backend.located(device)
        with self._gpu():
            self.stream = cupy.cuda.Stream(non_blocking=True)
            self.slots = [_Slot(cupy.cuda) for _ in range(2)]
        self.turn = 0

    def through(self, batches: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
        """The batches in order, each returned after the upload of the next one has started.

        Parts that are not NumPy arrays of numbers stay as they are.
        """
        source = iter(batches)
        waiting = self._started(source)
        while waiting is not None:
            try:
                following = self._started(source)
            except Exception:  # return the batch before, which is complete, before the error
                yield self._finished(*waiting)
                raise
            yield self._finished(*waiting)
            waiting = following

    def _gpu(self) -> Any:
        """A context in which this GPU is current."""
        return self.cupy.cuda.Device(int(self.device.partition(":")[2]))

    def _started(self, source: Iterator[tuple[Any, ...]]) -> tuple[_Slot, list[Part | Any]] | None:
        """Start the upload of the next batch, if there is one."""
        for parts in source:
            slot = self.slots[self.turn]
            self.turn = 1 - self.turn
            layout, size = _laid_out(parts)
            slot.copied.synchronize()
            with self._gpu():
                if slot.pinned is None or slot.pinned.size < size:
                    slot.pinned = self.cupyx.empty_pinned((max(size, 1),), np.uint8)
                    slot.device = self.cupy.empty((max(size, 1),), np.uint8)
                    slot.consumed.record()  # new memory may still be in use on the caller's stream
                for part, place in zip(parts, layout, strict=True):
                    if isinstance(place, Part):
                        first, nbytes, dtype, shape = place
                        slot.pinned[first : first + nbytes].view(dtype).reshape(shape)[...] = part
                self.stream.wait_event(slot.consumed)
                slot.device[:size].set(slot.pinned[:size], stream=self.stream)
                slot.copied.record(self.stream)
            return slot, layout
        return None

    def _finished(self, slot: _Slot, layout: list[Part | Any]) -> tuple[Any, ...]:
        """The tensors of a batch whose upload has started."""
        with self._gpu():
            current = self.cupy.cuda.get_current_stream()
            current.wait_event(slot.copied)
            parts = []
            for place in layout:
                if isinstance(place, Part):
                    first, nbytes, dtype, shape = place
                    parts.append(wrap(slot.device[first : first + nbytes].view(dtype).reshape(shape).copy()))
                else:
                    parts.append(place)
            slot.consumed.record(current)
        return tuple(parts)


def uploadable(part: Any) -> bool:
    """Whether a part of a batch is a NumPy array of numbers."""
    return isinstance(part, np.ndarray) and part.dtype.kind in "biufc" and part.dtype.isnative


def _laid_out(parts: tuple[Any, ...]) -> tuple[list[Part | Any], int]:
    """The place of each array in a slot, other parts as they are, and the number of bytes."""
    layout: list[Part | Any] = []
    size = 0
    for part in parts:
        if uploadable(part):
            layout.append(Part(size, part.nbytes, part.dtype, part.shape))
            size += -(-part.nbytes // ALIGNMENT) * ALIGNMENT
        else:
            layout.append(part)
    return layout, size
