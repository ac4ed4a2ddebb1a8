"""Commands on several ranks: rank 0 speaks for all, and an error of one ends them all.

Nothing here imports what a command without ranks would not.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress


def under_mpi() -> bool:
    """Whether a launcher of MPI may have started this process."""
    return any(name in os.environ for name in ("PMI_RANK", "OMPI_COMM_WORLD_RANK", "PMIX_RANK"))


def is_silent() -> bool:
    """Whether this process is a rank that prints nothing, since rank 0 does."""
    if not under_mpi():
        return False
    from dlengine.distributed import mpi

    return mpi.launched().rank > 0


def joined() -> bool:
    """Join the ranks that a launcher started; returns whether there are several. Of them only rank 0 prints."""
    if not under_mpi():
        return False
    from dlengine.distributed import init, mpi

    several = mpi.launched().ranks > 1 and init().size > 1
    if several and is_silent():
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - as long as the process
    return several


def before_error() -> bool:
    """Whether this rank shows its error: not if a lower rank, which has the same one, ends this process before."""
    if not under_mpi():
        return True
    from dlengine.distributed import faults

    faults.let_lower_ranks_go_first()
    return faults.on_several_ranks() or not is_silent()


def after_error(status: int) -> None:
    """End all ranks after an error of this one."""
    if under_mpi():
        from dlengine.distributed import faults

        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):
                stream.flush()
        faults.abort(status)
