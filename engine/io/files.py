"""Atomic writing of files, and one error for whatever goes wrong when a file is read."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from ..errors import CheckpointError, DLEngineError


class reading:  # noqa: N801  a context manager, named like a function
    """Convert every exception in a with block that reads a file to one documented error that names the file.

    Parsers raise more kinds of exceptions than they document (a damaged NPY header: SyntaxError, TokenError, OverflowError,
    MemoryError; deeply nested JSON: RecursionError), so every reader runs inside such a block.

    Parameters
    ----------
    name : str or Path
        The file, for the message.
    kind : type
        The exception class that errors become.
    way_out : str
        Advice at the end of the message.
    what : str
        The message for errors of a parser.
    also : tuple of type
        Further classes of this library's errors that are kept as they are; the name is added if the message lacks it.

    Examples
    --------
    >>> with dl.io.reading("settings.json", dl.errors.DataError, "write it anew"):
    ...     int("4x")
    Traceback (most recent call last):
    dlengine.errors.DataError: settings.json: damaged or cut short (invalid literal for int() with base 10: '4x'); write it anew
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

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not isinstance(error, Exception):
            return
        if isinstance(error, (DLEngineError, self.kind)):
            kept = isinstance(error, (self.kind, *self.also))
            if not kept or self.name not in str(error):
                raise (type(error) if kept else self.kind)(self._message(str(error))) from error
            return
        if isinstance(error, FileNotFoundError):
            raise self.kind(self._message("no such file")) from error
        if isinstance(error, OSError) and error.errno is not None:
            raise self.kind(self._message(f"cannot be read ({error.strerror})")) from error
        text = " ".join(str(error).split())[:200] or type(error).__name__
        if isinstance(error, RecursionError):
            text = "nested too deeply"
        elif isinstance(error, KeyError):
            text = f"no {text}"
        raise self.kind(self._message(f"{self.what} ({text})")) from error

    def _message(self, what: str) -> str:
        """The file's name, the problem and the advice."""
        return (f"{self.name}: " if self.name else "") + what + (f"; {self.way_out}" if self.way_out else "")


def must_be_regular(path: str | Path) -> None:
    """Refuse devices and pipes, which may never end. Raises CheckpointError."""
    if Path(path).exists() and not Path(path).is_file() and not Path(path).is_dir():
        raise CheckpointError(f"{path}: cannot be read (no regular file: a device or a pipe may never end)")


def write_atomically(path: str | Path, content: bytes | Iterable[bytes | memoryview]) -> None:
    """Write a file so that after a crash at any time it has either the new content or the old.

    The content is written to a temporary file in the same folder, flushed to the disk and renamed; then the folder is flushed.

    Parameters
    ----------
    path : str or Path
        The file.
    content : bytes or iterable of bytes
        The new content, in pieces if it is long.

    Raises
    ------
    OSError
        If it cannot be written, for instance because the disk is full; the file then keeps its old content.

    Examples
    --------
    >>> from pathlib import Path
    >>> dl.io.write_atomically("notes.txt", b"first")
    >>> dl.io.write_atomically("notes.txt", b"second")
    >>> Path("notes.txt").read_text()
    'second'
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "its folder does not exist; make it first", str(path))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            for piece in (content,) if isinstance(content, bytes) else content:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):  # name the file that the user knows, not the temporary one
            error.filename, error.filename2 = str(path), None
        raise
    _flush_folder(path.parent)


def remove_leftovers(path: str | Path) -> None:
    """Remove the temporary files of processes that were killed while they wrote this file.

    Parameters
    ----------
    path : str or Path
        The file that was to be written.

    Examples
    --------
    >>> open(".notes.txt.4711.tmp", "w").close()
    >>> dl.io.remove_leftovers("notes.txt")
    >>> import os
    >>> os.listdir()
    []
    """
    path = Path(path)
    for rest in path.parent.glob(f".{path.name}.*.tmp"):
        rest.unlink(missing_ok=True)


def _flush_folder(folder: Path) -> None:
    """Make a rename durable; systems that cannot open a folder need no flush."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
