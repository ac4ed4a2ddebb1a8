"""Communicator: the ranks of a program, and the collectives that they call together."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from .. import backend
from ..errors import ConfigError, RankError
from . import launch, mpi
from .sum_buffers import MOST_SHARED
from .waiting import Waiting

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._tensor import Tensor

TIMEOUT = 300.0
"""Seconds after which a collective that not all ranks have come to is an error."""

OPERATIONS = ("sum", "mean", "max", "min")


class Work(Protocol):
    """A collective that has begun."""

    def wait(self) -> None:
        """Wait for its end."""


class Transport(Protocol):
    """Collectives on the arrays of one library; arrays are contiguous, and of a dtype that the library adds."""

    def start_reduce(self, array: Any, operation: str, what: str) -> Work:
        """Begin to replace an array by the sum, maximum or minimum over all ranks."""
        ...

    def broadcast(self, array: Any, root: int) -> None:
        """Replace an array by that of one rank."""

    def all_gather(self, array: Any) -> Any:
        """The arrays of all ranks, of one shape, along a new first axis."""

    def reduce_scatter(self, array: Any) -> Any:
        """Of an array (size, ...), the own row of the sum over all ranks."""


class Request:
    """What ends when ``done()`` says so, such as a request of MPI, and the arrays that it works on."""

    def __init__(self, done: Callable[[], bool], waiting: Waiting, what: str, *arrays: Any) -> None:
        waiting.begun += 1
        self.done, self.waiting, self.what, self.arrays = done, waiting, what, arrays
        self.number = waiting.begun

    def wait(self) -> None:
        """Wait for its end."""
        self.waiting.until(self.done, self.what, self.number)

    def advance(self) -> None:
        """Let MPI move data now; it does so only while it is called."""
        self.done()


class HostTransport:
    """MPI on NumPy arrays."""

    def __init__(self, comm: Any, library: Any, waiting: Waiting) -> None:
        self.comm, self.library, self.waiting = comm, library, waiting
        self.in_place = library.IN_PLACE
        self.operations = {"sum": library.SUM, "max": library.MAX, "min": library.MIN}

    def start_reduce(self, array: Any, operation: str, what: str) -> Request:
        request = self.comm.Iallreduce(self.in_place, array, op=self.operations[operation])
        return Request(request.Test, self.waiting, what, array)

    def start_barrier(self, what: str) -> Request:
        """Begin to wait until all ranks have come here."""
        return self.start_waiting(self.comm.Ibarrier().Test, what)

    def start_waiting(self, done: Callable[[], bool], what: str) -> Request:
        """Begin to wait for what other ranks do."""
        return Request(done, self.waiting, what)

    def meet(self, what: str) -> None:
        """Wait until all ranks have come here: before what MPI offers as a call alone, which would wait without end."""
        self.start_barrier(what).wait()

    def all_agree(self, wish: bool) -> bool:
        """Whether all ranks wish it."""
        found = np.asarray([float(wish)])
        self.start_reduce(found, "min", "all_reduce of a wish").wait()
        return bool(found[0])

    @cached_property
    def on_one_machine(self) -> bool:
        """Whether there are several ranks, few, that share memory; all ranks ask this together."""
        if not 1 < self.comm.size <= MOST_SHARED:
            return False
        self.meet("look for ranks on this machine")
        here = self.comm.Split_type(self.library.COMM_TYPE_SHARED)
        count = int(here.size)
        here.Free()
        return self.all_agree(count == self.comm.size)

    def broadcast(self, array: Any, root: int) -> None:
        Request(self.comm.Ibcast(array, root=root).Test, self.waiting, f"broadcast of {_size(array)}", array).wait()

    def all_gather(self, array: Any) -> Any:
        gathered = np.empty((self.comm.size, *array.shape), array.dtype)
        request = self.comm.Iallgather(array, gathered)
        Request(request.Test, self.waiting, f"all_gather of {_size(array)}", array, gathered).wait()
        return gathered

    def reduce_scatter(self, array: Any) -> Any:
        own = np.empty(array.shape[1:], array.dtype)
        request = self.comm.Ireduce_scatter_block(array, own, op=self.operations["sum"])
        Request(request.Test, self.waiting, f"reduce_scatter of {_size(array)}", array, own).wait()
        return own


class Communicator:
    """The ranks that run this program together: their number, and the collectives that all of them call in the same order.

    Arrays in host memory go through MPI; arrays on a GPU through NCCL, with a GPU for each rank.

    Parameters
    ----------
    comm : mpi4py.MPI.Comm
        A communicator of MPI, which is duplicated.
    timeout : float
        Seconds after which a collective that not all ranks have come to raises RankError.
    waiting : Waiting or None
        What waits for other ranks; None makes it. Communicators of the same ranks share it.

    Attributes
    ----------
    rank : int
        The number of this rank, from 0.
    size : int
        The number of ranks.

    Examples
    --------
    >>> world = dl.distributed.init()
    >>> world
    Communicator(rank 0 of 1)
    >>> world.all_reduce(dl.asarray([1.0, 2.0]))
    tensor([1., 2.])
    """

    def __init__(self, comm: Any, timeout: float = TIMEOUT, *, waiting: Waiting | None = None) -> None:
        if not timeout > 0:
            raise ConfigError(f"Communicator: timeout must be above 0 seconds, got {timeout}")
        self._library = mpi.library()
        self._comm = comm.Dup()
        self.rank, self.size = int(comm.rank), int(comm.size)
        if waiting is None:
            crowded = mpi.launched().here > launch.processors()
            waiting = Waiting(comm.Dup(), self._library.ANY_SOURCE, timeout, crowded)
        self._waiting = waiting

    def __repr__(self) -> str:
        return f"Communicator(rank {self.rank} of {self.size})"

    @property
    def timeout(self) -> float:
        """Seconds after which a collective that not all ranks have come to raises RankError."""
        return self._waiting.timeout

    @timeout.setter
    def timeout(self, seconds: float) -> None:
        self._waiting.timeout = seconds

    @cached_property
    def host(self) -> HostTransport:
        """Collectives on NumPy arrays."""
        return HostTransport(self._comm, self._library, self._waiting)

    @cached_property
    def device(self) -> Transport:
        """Collectives on the arrays of this rank's GPU."""
        from .nccl import NCCLTransport

        return NCCLTransport(self)

    def transport(self, array: Any) -> Transport:
        """Return the collectives for an array.

        Parameters
        ----------
        array : numpy.ndarray or cupy.ndarray
            The array.

        Returns
        -------
        Transport
            MPI's for host memory, NCCL's for a GPU.
        """
        return self.device if backend.space_of(array).library is backend.CUPY else self.host

    def separate(self) -> Communicator:
        """Make a communicator of the same ranks whose collectives do not mix with those of this one.

        Returns
        -------
        Communicator
            The communicator; all ranks must call this together.
        """
        return Communicator(self._comm, self.timeout, waiting=self._waiting)

    def all_reduce(self, x: Tensor, operation: str = "sum") -> Tensor:
        """Combine the tensors of all ranks; every rank gets the result.

        Parameters
        ----------
        x : Tensor
            Any shape, the same on all ranks.
        operation : {"sum", "mean", "max", "min"}
            How elements are combined. Gradients flow through sums and means: the gradient of each rank is the sum, or the mean,
            of those of all.

        Returns
        -------
        Tensor
            The shape of ``x``.

        Raises
        ------
        ConfigError
            For another operation.
        RankError
            After ``timeout`` seconds, if a rank did not come.
        """
        if operation not in OPERATIONS:
            raise ConfigError(f"all_reduce: operation must be one of {', '.join(OPERATIONS)}, got {operation!r}")
        from .collectives import extreme, total

        if operation in ("max", "min"):
            return extreme(x, communicator=self, operation=operation)
        y = total(x, communicator=self)
        return y if operation == "sum" else y * (1.0 / self.size)

    def all_gather(self, x: Tensor, axis: int = 0) -> Tensor:
        """Concatenate the tensors of all ranks; every rank gets the result.

        Parameters
        ----------
        x : Tensor
            Shapes may differ along ``axis``. Gradients flow: each rank gets the sum of all ranks' gradients for its part.
        axis : int
            The axis along which they are concatenated, in the order of the ranks.

        Returns
        -------
        Tensor
            The concatenation.
        """
        from .collectives import gathered

        return gathered(x, communicator=self, axis=axis)

    def reduce_scatter(self, x: Tensor) -> Tensor:
        """Add the tensors of all ranks, and give each rank a part of the sum.

        Parameters
        ----------
        x : Tensor
            Shape (size * M, ...). Gradients flow.

        Returns
        -------
        Tensor
            Rows (M, ...) of the sum: rank r gets rows r M to (r + 1) M - 1.
        """
        from .collectives import scattered

        return scattered(x, communicator=self)

    def broadcast(self, x: Tensor, root: int = 0) -> Tensor:
        """Give every rank the tensor of one of them.

        Parameters
        ----------
        x : Tensor
            The same shape and dtype on all ranks. Gradients flow to that of the root, summed over ranks.
        root : int
            The rank whose tensor is sent.

        Returns
        -------
        Tensor
            The tensor of the root.
        """
        if not 0 <= root < self.size:
            raise ConfigError(f"broadcast: root must be a rank from 0 to {self.size - 1}, got {root}")
        from .collectives import sent

        return sent(x, communicator=self, root=root)

    def barrier(self) -> None:
        """Wait until all ranks have come here."""
        self.host.meet("barrier")

    def gather_objects(self, value: Any) -> list[Any]:
        """Give every rank the Python objects of all, which are pickled.

        Parameters
        ----------
        value : object
            Any object that can be pickled.

        Returns
        -------
        list
            The objects in the order of the ranks.
        """
        import pickle

        content = np.frombuffer(pickle.dumps(value, protocol=5), np.uint8)
        sizes = self.host.all_gather(np.asarray([content.size]))[:, 0]
        padded = np.zeros(int(sizes.max()), np.uint8)
        padded[: content.size] = content
        return [pickle.loads(row[:n].tobytes()) for row, n in zip(self.host.all_gather(padded), sizes, strict=True)]

    def broadcast_object(self, value: Any, root: int = 0) -> Any:
        """Give every rank a Python object of one of them, which is pickled.

        Parameters
        ----------
        value : object
            The object; that of other ranks than the root is not looked at.
        root : int
            The rank whose object is sent.

        Returns
        -------
        object
            The object of the root, itself or a copy.
        """
        import pickle

        content = np.frombuffer(pickle.dumps(value, protocol=5), np.uint8).copy() if self.rank == root else np.empty(0, np.uint8)
        size = np.asarray([content.size])
        self.host.broadcast(size, root)
        if self.rank != root:
            content = np.empty(int(size[0]), np.uint8)
        self.host.broadcast(content, root)
        return value if self.rank == root else pickle.loads(content.tobytes())

    def sum_numbers(self, values: Any, operation: str = "sum") -> Any:
        """Add numbers of all ranks.

        Parameters
        ----------
        values : array_like
            Numbers, as many on each rank.
        operation : {"sum", "max", "min"}
            How they are combined.

        Returns
        -------
        numpy.ndarray
            The sums, float64.
        """
        array = np.array(values, np.float64)
        if self.size > 1 and array.size:
            self.host.start_reduce(array, operation, f"all_reduce of {_size(array)}").wait()
        return array

    def require_same(self, what: str, value: Any) -> None:
        """Compare a value of all ranks.

        Parameters
        ----------
        what : str
            The value in words, for the message.
        value : object
            Any object that can be pickled.

        Raises
        ------
        RankError
            On all ranks, if they differ.
        """
        found = self.gather_objects(value)
        if any(other != found[0] for other in found):
            told = ", ".join(f"rank {r}: {v!r:.80}" for r, v in enumerate(found))
            raise RankError(f"{what} differs between ranks: {told}")


def _size(array: Any) -> str:
    """An array in words."""
    return f"{array.size:,} {array.dtype}" + ("s" if array.size != 1 else "")


