"""Writing files so that a reader, or a crash, never meets half of one."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path


def write_atomically(path: str | Path, content: bytes) -> None:
    """Let path hold this content: after a crash at any instant it holds either all of it or what it held before.

    Written to a temporary file in the same folder, flushed to the disk, renamed, and the folder flushed too.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "its folder does not exist; make it first", str(path))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    _flush_folder(path.parent)


def remove_leftovers(path: str | Path) -> None:
    """Take away what processes that were killed while writing this file have left beside it."""
    path = Path(path)
    for rest in path.parent.glob(f".{path.name}.*.tmp"):
        rest.unlink(missing_ok=True)


def _flush_folder(folder: Path) -> None:
    """Make a rename durable; systems that cannot open a folder do it by themselves."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
