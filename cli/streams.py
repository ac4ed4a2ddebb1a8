"""Standard streams that are closed, whose reader has gone, whose disk is full, or whose encoding lacks characters."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

import click


def usable_streams() -> None:
    """Replace closed standard streams by the null device; print characters that an encoding lacks as escapes.

    If a standard stream stayed closed, the next file that is opened would get its file descriptor, and the output.
    """
    for name, number, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        stream = getattr(sys, name)
        if stream is None:
            with suppress(OSError):
                sink = os.open(os.devnull, os.O_RDWR)
                if sink != number:  # the number is taken by something opened since
                    os.close(sink)
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - as long as the process
        elif mode == "w" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def flush_or_drop(stream: TextIO, text: str = "") -> str | None:
    """Write and flush; if that fails, redirect the stream to the null device and return the reason."""
    try:
        stream.write(text)
        stream.flush()
    except OSError as error:
        with suppress(OSError):
            sink = os.open(os.devnull, os.O_WRONLY)
            os.dup2(sink, stream.fileno())
            os.close(sink)
        return error.strerror or str(error)
    return None


class _Enduring:
    """A stream that does not fail when it cannot be written; one message on stderr reports it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        if reason := flush_or_drop(self._stream, text):
            click.echo(f"dlengine: output cannot be written ({reason}); the work goes on", err=True)
        return len(text)

    def flush(self) -> None:
        self.write("")


@contextmanager
def enduring_output() -> Iterator[None]:
    """Let a block continue when its output cannot be written, as in `dlengine train mlp | head -1`."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _Enduring(before[0]), _Enduring(before[1])
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
