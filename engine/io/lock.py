"""A lock on a file that ends with the process that holds it, however that ends: there are no stale locks."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

_FAR = 1 << 40
"""On Windows a locked byte cannot be read by others, so the lock is far behind the end of the file."""


class FileLock:
    """Holds the lock of a file that exists; free() gives it up. held: False if another process, or another lock here, has it.

    The operating system keeps the lock with the open file, and closes that when the process ends. Child processes do not
    inherit it. On file systems without locks it is always held.
    """

    def __init__(self, path: str | Path) -> None:
        self._file: IO[bytes] | None = open(path, "rb")
        self.held = _take(self._file)
        if not self.held:
            self.free()

    def free(self) -> None:
        """Give the lock up; again does nothing."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> FileLock:
        return self

    def __exit__(self, *exc: object) -> None:
        self.free()


def _take(file: Any) -> bool:
    take: Callable[[Any], None] = _windows if sys.platform == "win32" else _posix
    try:
        take(file)
    except BlockingIOError:
        return False
    except PermissionError:  # Windows says so of a byte that is locked
        return os.name != "nt"
    except OSError:
        return True
    return True


def _posix(file: Any) -> None:
    import fcntl

    fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


def _windows(file: Any) -> None:
    import msvcrt

    module: Any = msvcrt
    file.seek(_FAR)
    module.locking(file.fileno(), module.LK_NBLCK, 1)
