"""Starting a program on several ranks of this machine: the mpiexec, its settings, and the threads of each rank."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import BackendUnavailable, ConfigError
from . import mpi

THREAD_VARIABLES = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

_SHARED = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1  # before ranks are pinned

OPEN_MPI = {
    # Containers often run as root, which Open MPI asks to be confirmed twice.
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    # More ranks than cores is the user's decision, and a container's cores are often not counted rightly.
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    # Ranks are pinned by us, since threads are divided too.
    "PRTE_MCA_hwloc_default_binding_policy": "none",
}
"""What Open MPI needs in its environment; MPICH needs nothing."""


def cores() -> list[int]:
    """The numbers of the processors that this process may use."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))


def processors() -> int:
    """The number of processors that the ranks of this machine share."""
    return _SHARED


def threads_per_rank(ranks: int) -> int:
    """The threads of each of several ranks on this machine: the processors divided, and at least 1."""
    return max(processors() // ranks, 1)


def environment(ranks: int, given: Mapping[str, str]) -> dict[str, str]:
    """The environment of a program on several ranks: threads divided where nothing else is asked for, and Open MPI's settings."""
    threads = str(threads_per_rank(ranks))
    found = {name: given.get(name, threads) for name in THREAD_VARIABLES}
    waiting = {"OMP_WAIT_POLICY": given.get("OMP_WAIT_POLICY", "passive")} if ranks > len(cores()) else {}
    settings = {name: given.get(name, value) for name, value in OPEN_MPI.items()}
    return {**given, **found, **waiting, **settings, "DLENGINE_PIN": given.get("DLENGINE_PIN", "1")}


def command(ranks: int, program: Sequence[str]) -> list[str]:
    """The command that starts a program on several ranks. Raises BackendUnavailable where MPI is missing."""
    if isinstance(ranks, bool) or not isinstance(ranks, int) or ranks < 1:
        raise ConfigError(f"ranks: expected a number of processes of at least 1, got {ranks!r}")
    reason = mpi.unavailable()
    launcher = mpi.mpiexec()
    if reason is not None or launcher is None:
        raise BackendUnavailable(f"to train on {ranks} ranks: {reason}")
    return [launcher, "-n", str(ranks), *program]


def run(ranks: int, program: Sequence[str]) -> int:
    """Run a program on several ranks of this machine until it ends; returns its exit status.

    Signals that ask this process to end are passed on, so that the ranks save first.

    Parameters
    ----------
    ranks : int
        The number of processes.
    program : sequence of str
        The program and its arguments.

    Returns
    -------
    int
        The exit status of mpiexec: 0 if that of all ranks is.

    Raises
    ------
    BackendUnavailable
        If MPI is not installed.

    Examples
    --------
    >>> import sys
    >>> dl.distributed.run(1, [sys.executable, "-c", "pass"])
    0
    """
    sys.stdout.flush()
    process = subprocess.Popen(command(ranks, program), env=environment(ranks, os.environ))

    def pass_on(number: int, frame: Any) -> None:
        process.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        return process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if process.poll() is None:
            process.kill()


def settle() -> None:
    """Give a rank that a launcher started its share of the processors: divide the threads, and pin them if asked to."""
    here = mpi.launched().here
    if here > 1:
        divide_threads(threads_per_rank(here))
        pin(mpi.launched().local_rank, here)


def divide_threads(threads: int) -> None:
    """Use so many threads, where the environment does not say otherwise; numba and BLAS may have been loaded already."""
    import threadpoolctl

    if "NUMBA_NUM_THREADS" not in os.environ:
        os.environ["NUMBA_NUM_THREADS"] = str(threads)
        if "numba" in sys.modules:
            numba: Any = sys.modules["numba"]
            numba.set_num_threads(min(threads, int(numba.config.NUMBA_NUM_THREADS)))
    if not any(name in os.environ for name in THREAD_VARIABLES[1:]):
        threadpoolctl.threadpool_limits(threads)


def pin(local_rank: int, ranks_here: int) -> list[int] | None:
    """Keep this rank on its share of the processors, as ``$DLENGINE_PIN`` asks; returns them.

    None where it stays free: without that variable, with more ranks than processors, or where the launcher has pinned it.
    """
    usable = cores()
    share = len(usable) // ranks_here
    if os.environ.get("DLENGINE_PIN") != "1" or not hasattr(os, "sched_setaffinity") or share < 1:
        return None
    own = usable[local_rank * share : (local_rank + 1) * share]
    os.sched_setaffinity(0, own)
    return own


def describe() -> dict[str, str]:
    """How programs would be started on several ranks here, for `dlengine info`."""
    reason = mpi.unavailable()
    if reason is not None:
        return {"state": f"absent: {reason}"}
    ranks, here, *_ = mpi.launched()
    own = f"rank of {ranks}, {here} on this machine" if ranks > 1 else "1 (not started by mpiexec)"
    usable = len(cores())
    threads = ", ".join(f"{threads_per_rank(n)} with {n} ranks" for n in (1, 2, 4, 8) if n <= max(usable, 2))
    pinned = {"0": "no", "1": "each rank to its share"}.get(os.environ.get("DLENGINE_PIN", "1"), "no")
    return {
        "mpiexec ($DLENGINE_MPIEXEC)": str(mpi.mpiexec()),
        "this process": own,
        "threads per rank": f"{threads} ({usable} processors)",
        "pinned by --ranks ($DLENGINE_PIN)": pinned,
    }
