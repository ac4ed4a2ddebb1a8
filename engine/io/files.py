"""Writing files so that a reader, or a crash, never meets half of one; and reading what others may have damaged."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import DLEngineError


class reading:  # noqa: N801  a block, read as a verb
    """Let whatever goes wrong while a file is read become the one documented error, with the file's name and a way out.

    Parsers raise far more than they document (a damaged NPY header: SyntaxError, TokenError, OverflowError, MemoryError;
    JSON nested deeply: RecursionError), so every reader runs inside such a block and keeps no list of exceptions of its own.
    kind: what errors become; those that are of this kind, or of one of also, keep their class and get the name if they lack it.
    """

    def __init__(
        self,
        name: str | Path,
        kind: type[Exception],
        way_out: str = "",
        *,
        what: str = "damaged or cut short",
        also: tuple[type[Exception], ...] = (),
    ) -> None:
        self.name, self.kind, self.way_out, self.what, self.also = str(name), kind, way_out, what, also

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: Any, error: BaseException | None, traceback: Any) -> None:
        if not isinstance(error, Exception):
            return
        if isinstance(error, (DLEngineError, self.kind)):
            kept = isinstance(error, (self.kind, *self.also))
            if not kept or self.name not in str(error):
                raise (type(error) if kept else self.kind)(self._said(str(error))) from error
            return
        if isinstance(error, FileNotFoundError):
            raise self.kind(self._said("no such file")) from error
        if isinstance(error, OSError) and error.errno is not None:
            raise self.kind(self._said(f"cannot be read ({error.strerror})")) from error
        told = " ".join(str(error).split())[:200] or type(error).__name__
        if isinstance(error, RecursionError):
            told = "nested too deeply"
        elif isinstance(error, KeyError):
            told = f"no {told}"
        raise self.kind(self._said(f"{self.what} ({told})")) from error

    def _said(self, what: str) -> str:
        return (f"{self.name}: " if self.name else "") + what + (f"; {self.way_out}" if self.way_out else "")


def write_atomically(path: str | Path, content: bytes) -> None:
    """Let path hold this content: after a crash at any instant it holds either all of it or what it held before.

    Written to a temporary file in the same folder, flushed to the disk, renamed, and the folder flushed too. An OSError (a
    full disk) names path, which then holds what it held before.
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
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):  # a full disk does not say what did not fit; and nobody knows the temporary file
            error.filename, error.filename2 = str(path), None
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
