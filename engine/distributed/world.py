"""All ranks that a program was started with."""

from __future__ import annotations

from ..errors import RankError
from . import launch, mpi
from .communicator import TIMEOUT, Communicator
from .faults import end_all_on_errors

_current: list[Communicator] = []


def joined() -> Communicator | None:
    """All ranks, if this program has joined them and there are several."""
    return _current[0] if _current and _current[0].size > 1 else None


def init(timeout: float | None = None) -> Communicator:
    """Join the ranks that this program was started with, as ``mpiexec -n 4 python program.py`` does.

    The first call starts MPI; from then on an exception that is not caught on one rank ends all ranks, with that error shown
    once. Started without mpiexec, a program is the only rank.

    Parameters
    ----------
    timeout : float or None
        Seconds after which a collective that not all ranks have come to raises RankError; None leaves it as it is, 300 at first.

    Returns
    -------
    Communicator
        All ranks; the same object at every call.

    Raises
    ------
    BackendUnavailable
        If mpi4py or MPI is not installed.

    Examples
    --------
    >>> world = dl.distributed.init()
    >>> world.rank, world.size
    (0, 1)
    """
    if not _current:
        launch.settle()
        comm = mpi.library().COMM_WORLD
        if comm.size > 1:
            end_all_on_errors(comm)
        started = mpi.launched().ranks
        if started > 1 and comm.size == 1:
            raise RankError(
                f"init: this program was started on {started} ranks, but its MPI sees one: mpiexec and the MPI of mpi4py are "
                f"different ones; use {mpi.mpiexec() or 'the mpiexec of that MPI'}"
            )
        mpi.remove_names_of_shared_memory(comm)
        _current.append(Communicator(comm, TIMEOUT if timeout is None else timeout))
    elif timeout is not None:
        _current[0].timeout = timeout
    return _current[0]


def rank() -> int:
    """Return the number of this rank, from 0.

    Returns
    -------
    int
        The rank.

    Examples
    --------
    >>> dl.distributed.rank()
    0
    """
    return init().rank


def size() -> int:
    """Return the number of ranks.

    Returns
    -------
    int
        The number; 1 for a program that was not started by mpiexec.

    Examples
    --------
    >>> dl.distributed.size()
    1
    """
    return init().size
