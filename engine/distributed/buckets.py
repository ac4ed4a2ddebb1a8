"""Buckets: gradients of several parameters in one array, which the ranks add while backward goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from dlengine.kernels import graph_capture

from .. import backend
from ..autograd.base import TensorBase, wrap
from ..autograd.watch import watchers
from ..data.host_arrays import to_host
from ..errors import ConfigError, GradientError
from .communicator import Communicator
from .sum_buffers import sum_buffer

if TYPE_CHECKING:
    from .._tensor import Tensor

BUCKET_BYTES = 4 << 20
"""Large enough that a message is not all latency, small enough that the first one leaves early."""


class Bucket:
    """Gradients of neighbouring parameters, a flag for each that says whether it has a gradient, and the number of samples."""

    def __init__(self, parameters: Sequence[Tensor], number: int, communicator: Communicator) -> None:
        self.parameters, self.number = list(parameters), number
        sizes = [int(p.size) for p in parameters]
        ends = np.cumsum(sizes).tolist()
        self.places = [slice(end - size, end) for size, end in zip(sizes, ends, strict=True)]
        self.notes = slice(ends[-1], ends[-1] + len(parameters) + 1)  # the flags, and the number of samples
        self.sums = sum_buffer(parameters[0].array, self.notes.stop, communicator)
        self.given = np.zeros(len(parameters) + 1)
        self.held: dict[Tensor, Any] = {}
        self.started = False

    def divided(self, array: Any) -> list[Any]:
        """Views of an array, one of the shape of each parameter."""
        return [array[place].reshape(p.array.shape) for place, p in zip(self.places, self.parameters, strict=True)]

    def put(self, p: Tensor, gradient: Any) -> None:
        """Keep a gradient for the sum."""
        self.held[p] = gradient

    @property
    def full(self) -> bool:
        """Whether all gradients are there."""
        return len(self.held) == len(self.parameters)

    def start(self, factor: float, samples: float) -> None:
        """Let the ranks add this bucket's gradients times a factor; what has no gradient counts as zeros.

        The gradients are written here and not one by one in ``put``: between two ops of backward each line of Python costs ten
        times as much as after another line, because the ops have filled the caches.
        """
        buffer = self.sums.array
        for number, (p, place) in enumerate(zip(self.parameters, self.divided(buffer), strict=True)):
            gradient = self.held.get(p)
            if gradient is None:
                place[...] = 0
            elif type(gradient) is np.ndarray and place.dtype == gradient.dtype:
                np.multiply(gradient, factor, place)
            else:
                place[...] = gradient if factor == 1.0 else gradient * factor
            self.given[number] = gradient is not None
        self.held.clear()
        self.given[-1] = samples
        host = isinstance(buffer, np.ndarray)
        buffer[self.notes] = self.given if host else backend.space_of(buffer).asarray(self.given, dtype=buffer.dtype)
        count = len(self.parameters)
        self.sums.start(f"all_reduce of bucket {self.number}: the gradients of {count} parameter{'s' if count > 1 else ''}")
        self.started = True

    def take(self) -> tuple[list[tuple[Tensor, Any]], float]:
        """Wait for the sum: pairs (parameter, gradient) where some rank has one, never written to later, and the samples."""
        total = self.sums.take()
        *used, samples = to_host(total[self.notes]).tolist()
        found = []
        for p, flag, held in zip(self.parameters, used, self.divided(total), strict=True):
            if flag > 0:
                found.append((p, held if held.dtype == p.array.dtype else backend.space_of(held).astype(held, p.array.dtype)))
        self.empty()
        return found, samples

    def empty(self) -> None:
        """Forget the gradients that were put in."""
        self.held.clear()
        self.started = False


class GradientSum:
    """Adds the gradients of some parameters over all ranks, in every backward, while it goes on.

    The gradients of each rank are first multiplied by ``weight``, its part of the samples.

    Parameters
    ----------
    parameters : iterable of Tensor
        Leaf tensors in the same order on all ranks.
    communicator : Communicator
        The ranks.
    bucket_bytes : int
        The most bytes in a bucket of several parameters.
    """

    def __init__(self, parameters: Iterable[Tensor], communicator: Communicator, bucket_bytes: int = BUCKET_BYTES) -> None:
        if isinstance(bucket_bytes, bool) or not isinstance(bucket_bytes, int) or bucket_bytes < 1:
            raise ConfigError(f"bucket_bytes: expected at least 1 byte, got {bucket_bytes!r}")
        self.communicator, self.bucket_bytes = communicator.separate(), bucket_bytes
        self.parameters = list(dict.fromkeys(parameters))
        self.weight: float | None = 1.0
        self.sums = 0
        """How many backwards were added."""
        self._local: dict[Tensor, Any] = {}  # gradients of this rank alone, from backwards without a sum
        self._buckets: list[Bucket] = []
        self._of: dict[Tensor, Bucket] = {}
        self._layout: list[Any] = []
        self._next = 0
        self._abandoned = False
        self.weigh: Callable[[], float] | None = None
        """Gives ``weight`` when the first gradient of a backward is complete, where it is known only then."""
        self.samples = 0.0
        """How many samples this rank's gradients are of, if it matters: the ranks' numbers are added with the gradients."""
        self.correct: Callable[[float], float] | None = None
        """Given the samples of all ranks, what the sums are to be multiplied by."""
        self.rebuild()

    def rebuild(self) -> None:
        """Make the buckets anew if parameters were frozen, moved or cast."""
        if self._abandoned:
            self._start_anew()
        wanted = [p for p in reversed(self.parameters) if p.requires_grad]
        layout = [(p, p.array.dtype, p.device, p.array.shape) for p in wanted]
        if len(layout) == len(self._layout) and all(map(_alike, layout, self._layout)):
            return
        self._layout = layout
        for bucket in self._buckets:
            bucket.sums.free()
        groups: list[list[Tensor]] = []
        held = 0
        for (p, dtype, device, _), before in zip(layout, [None, *layout], strict=False):
            size = int(p.size) * p.array.dtype.itemsize
            if before is None or (before[1], before[2]) != (dtype, device) or held + size > self.bucket_bytes:
                groups.append([])
                held = 0
            groups[-1].append(p)
            held += size
        self._buckets = [Bucket(group, number, self.communicator) for number, group in enumerate(groups, 1)]
        self._of = {p: bucket for bucket in self._buckets for p in bucket.parameters}

    @contextmanager
    def active(self) -> Iterator[None]:
        """Add gradients over ranks in each backward within this block."""
        self.rebuild()
        before = {p: watchers.get(p) for p in self._of}
        watchers.update(dict.fromkeys(self._of, self))
        try:
            yield
        finally:
            for p, watcher in before.items():
                if watcher is None:
                    watchers.pop(p, None)
                else:
                    watchers[p] = watcher

    def abandon(self) -> None:
        """Note that a backward ended by an error: what it put into buckets does not count."""
        self._abandoned = True

    def _start_anew(self) -> None:
        """Empty the buckets after a backward that ended by an error; sums that other ranks wait for are ended first."""
        for bucket in self._buckets:
            if bucket.started:
                bucket.take()
            bucket.empty()
        self._next, self._abandoned = 0, False
        if self.weigh is not None:
            self.weight = None

    def early(self, leaf: TensorBase) -> bool:
        """Whether a gradient's bucket can be sent before backward ends. The last bucket cannot: it has the first layers.

        What watches a gradient stands between two ops of backward, where it costs the most.
        """
        p: Any = leaf
        return self._of.get(p) not in (None, self._buckets[-1])

    def ready(self, leaf: TensorBase, gradient: Any) -> None:
        """Put a gradient that is complete into its bucket, and start every bucket that is full and at its turn."""
        if isinstance(gradient, TensorBase):
            raise GradientError(
                "backward: gradients are added over ranks without a graph of their own; with create_graph=True use "
                "dl.gradients(), and backward() for the loss that contains them"
            )
        graph_capture.refuse("gradients are added over ranks; let Trainer(capture=True, distributed=True) capture the step")
        if self._abandoned:
            self._start_anew()
        p: Any = leaf
        if p._grad is not None and p in self._local:
            gradient = gradient + p._grad.array  # of backwards before, whose gradients this rank kept for itself
        self._of[p].put(p, gradient)
        self._start_full()
        for bucket in self._buckets[: self._next]:
            bucket.sums.advance()

    def _start_full(self) -> None:
        """Start the buckets that are full, in their order: all ranks must begin the same sums in the same order."""
        while self._next < len(self._buckets) and self._buckets[self._next].full:
            self._buckets[self._next].start(self._factor(), self.samples)
            self._next += 1

    def finish(self, gradients: dict[Any, Any]) -> None:
        """Start what is left, and replace the gradients by the sums."""
        if self._abandoned:
            self._start_anew()
        for p in self._local:
            held = p._grad
            if p not in gradients and held is not None and p in self._of:
                self._of[p].put(p, held.array)
        for bucket in self._buckets[self._next :]:
            bucket.start(self._factor(), self.samples)
        self._next = 0
        factor: float | None = None
        for bucket in self._buckets:
            for p in bucket.parameters:
                gradients.pop(p, None)
            found, samples = bucket.take()
            if factor is None:
                factor = 1.0 if self.correct is None else self.correct(samples)
            for p, gradient in found:
                if p in self._local:
                    p._grad = None  # its part is in the sum
                gradients[p] = gradient if factor == 1.0 else gradient * gradient.dtype.type(factor)
        self._local.clear()
        self.sums += 1
        if self.weigh is not None:
            self.weight = None

    def _factor(self) -> float:
        """What the gradients of this rank are multiplied by."""
        if self.weight is None:
            self.weight = 1.0 if self.weigh is None else self.weigh()
        return self.weight

    def keep_local(self) -> None:
        """Note that the gradients that parameters have now are of this rank alone, until the next sum."""
        self._local = {p: None for p in self._of if p._grad is not None}

    def add_now(self) -> None:
        """Add the gradients that the parameters have, where backward did not add them."""
        self.rebuild()
        for p in self._of:
            held = p._grad
            if held is not None:
                self._of[p].put(p, held.array)
        found: dict[Any, Any] = {}
        self._local.clear()
        self.finish(found)
        for p, gradient in found.items():
            p._grad = wrap(gradient)


def _alike(one: Any, other: Any) -> bool:
    """Whether two entries are of the same parameter, unchanged."""
    return one[0] is other[0] and one[1:] == other[1:]
