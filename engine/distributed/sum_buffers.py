"""Buffers that are added over ranks: by messages, or in memory that the ranks of one machine share."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from .. import backend

if TYPE_CHECKING:
    from .communicator import Communicator, HostTransport, Request, Work

MOST_SHARED = 8
"""The most ranks that add in shared memory: each reads the addends of all, where messages would divide the work."""
ALIGNMENT = 64
SHARED_MEMORY = "/dev/shm"
"""Where Linux keeps memory that processes share; containers often limit it."""
SPARE = 2
"""How many times the bytes of a buffer must be free there."""


class SumBuffer(Protocol):
    """An array of addends, and the way to their sum over all ranks."""

    array: Any
    """Where the addends of this rank are to be written before ``start``."""

    def start(self, what: str) -> None:
        """Begin to add; ``what`` says in words what is added."""

    def advance(self) -> None:
        """Let the sum go on, where it does so only while it is called."""

    def take(self) -> Any:
        """Wait for the sum, and return it in an array that is the caller's. ``array`` is then free for the next addends."""

    def free(self) -> None:
        """Give back what is not this rank's alone; all ranks call this together."""


class MessageBuffer:
    """A buffer that MPI or NCCL adds.

    Parameters
    ----------
    array : numpy.ndarray or cupy.ndarray
        Contiguous memory for the addends.
    communicator : Communicator
        The ranks.
    """

    def __init__(self, array: Any, communicator: Communicator) -> None:
        self.array, self.communicator = array, communicator
        self.work: Work | None = None

    def start(self, what: str) -> None:
        self.work = self.communicator.transport(self.array).start_reduce(self.array, "sum", what)

    def advance(self) -> None:
        advance = getattr(self.work, "advance", None)
        if advance is not None:
            advance()

    def take(self) -> Any:
        if self.work is not None:
            self.work.wait()
        held, self.work = self.array, None
        self.array = backend.space_of(held).empty_like(held)
        return held

    def free(self) -> None:
        self.work = None  # the array is this rank's own


class SharedBuffer:
    """A buffer in memory that all ranks see: each rank writes its addends into its own part, and adds those of all for itself.

    Each part has two places that are used in turn. A rank may still read the one while others write the other; nobody is two
    sums ahead, because every sum begins with a wait for all ranks. The addends are added in the order of the ranks, so that all
    get the same bits. At the end of each part is the number of sums that its rank has written addends for.

    Parameters
    ----------
    host : HostTransport
        The ranks, all on one machine; they call this together.
    count : int
        The number of elements.
    dtype : numpy.dtype
        Their type.
    """

    def __init__(self, host: HostTransport, count: int, dtype: Any) -> None:
        self.host = host
        room = -(-count * dtype.itemsize // ALIGNMENT) * ALIGNMENT
        host.meet("allocation of shared memory")
        self.window = host.library.Win.Allocate_shared(2 * room + ALIGNMENT, 1, comm=host.comm)
        self.window.Lock_all()
        parts = [np.frombuffer(self.window.Shared_query(rank)[0], np.uint8) for rank in range(host.comm.size)]
        self.places = [[part[i * room :][: count * dtype.itemsize].view(dtype) for part in parts] for i in (0, 1)]
        self.written = [part[2 * room :][:8].view(np.int64) for part in parts]
        for place in self.places:
            place[host.comm.rank][:] = 0  # the memory is this rank's from now on
        self.written[host.comm.rank][0] = 0
        self.window.Sync()
        host.meet("first use of shared memory")
        self.turn = self.sums = 0
        self.array: Any = self.places[0][host.comm.rank]
        self.work: Request | None = None

    def start(self, what: str) -> None:
        self.window.Sync()  # what was written is seen by all before they are told
        self.sums += 1
        self.written[self.host.comm.rank][0] = self.sums
        self.window.Sync()
        self.work = self.host.start_waiting(self.complete, what)

    def complete(self) -> bool:
        """Whether all ranks have written their addends."""
        for written in self.written:
            if written[0] < self.sums:
                self.host.comm.Iprobe()  # MPI moves data of other requests only while it is called
                return False
        return True

    def advance(self) -> None:
        pass  # nothing moves

    def take(self) -> Any:
        first, *others = self.places[self.turn]
        if self.work is not None:
            self.work.wait()
            self.window.Sync()
        total = np.add(first, others[0]) if others else first.copy()
        for other in others[1:]:
            total += other
        self.turn, self.work = 1 - self.turn, None
        self.array = self.places[self.turn][self.host.comm.rank]
        return total

    def free(self) -> None:
        self.host.meet("release of shared memory")
        self.array, self.places, self.written = None, [], []
        self.window.Unlock_all()
        self.window.Free()


def sum_buffer(like: Any, count: int, communicator: Communicator) -> SumBuffer:
    """A buffer for sums over ranks; all ranks call this together.

    Parameters
    ----------
    like : numpy.ndarray or cupy.ndarray
        An array of the buffer's dtype, on its device. Half precision is added in float32.
    count : int
        The number of elements.
    communicator : Communicator
        The ranks.

    Returns
    -------
    SumBuffer
        In shared memory where all ranks run on one machine, are few, and there is room; else one that sends messages.
    """
    xp: Any = backend.space_of(like)
    dtype = np.dtype(np.float32) if like.dtype.itemsize == 2 else like.dtype
    host = communicator.host
    if xp.library is not backend.CUPY and host.on_one_machine and host.all_agree(_has_room(2 * count * dtype.itemsize, host)):
        return SharedBuffer(host, count, dtype)
    return MessageBuffer(xp.zeros(count, dtype=dtype), communicator)


def _has_room(size: int, host: HostTransport) -> bool:
    """Whether shared memory has room for the buffers of all ranks. Writing to memory that is not there would end the process."""
    if not hasattr(os, "statvfs") or not os.path.isdir(SHARED_MEMORY):
        return False
    free = os.statvfs(SHARED_MEMORY)
    return free.f_bavail * free.f_frsize >= SPARE * size * int(host.comm.size)
