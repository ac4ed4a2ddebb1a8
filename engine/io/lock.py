"""A lock on a file that the operating system releases when the process ends, so that there are no stale locks."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

_LOCKED_BYTE = 1 << 40
"""The byte to lock on Windows, far behind the end of the file, since other processes cannot read a locked byte."""


class FileLock:
    """The lock of an existing file, held until ``free()`` or the end of the process.

    Child processes do not inherit it. On file systems without locks ``held`` is always True.

    Parameters
    ----------
    path : str or Path
        The file.

    Attributes
    ----------
    held : bool
        Whether this object got the lock; False if another process, or another lock of this one, has it.

    Examples
    --------
    >>> open("run.log", "w").close()
    >>> with dl.io.FileLock("run.log") as first:
    ...     second = dl.io.FileLock("run.log")
    ...     print(first.held, second.held)
    True False
    """

    def __init__(self, path: str | Path) -> None:
        self._file: IO[bytes] | None = open(path, "rb")
        self.held = _take(self._file)
        if not self.held:
            self.free()

    def free(self) -> None:
        """Release the lock; a second call does nothing."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> FileLock:
        return self

    def __exit__(self, *exc: object) -> None:
        self.free()


def _take(file: IO[bytes]) -> bool:
    """Try to lock an open file; True if this succeeds or the file system has no locks."""
    take: Callable[[IO[bytes]], None] = _windows if sys.platform == "win32" else _posix
    try:
        take(file)
    except BlockingIOError:
        return False
    except PermissionError:  # on Windows: the byte is locked
        return os.name != "nt"
    except OSError:
        return True
    return True


def _posix(file: IO[bytes]) -> None:
    import fcntl

    fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


def _windows(file: IO[bytes]) -> None:
    import msvcrt

    module: Any = msvcrt
    file.seek(_LOCKED_BYTE)
    module.locking(file.fileno(), module.LK_NBLCK, 1)
