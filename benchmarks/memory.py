"""The peak of resident memory, as Linux counts it."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LIMIT = 1.25
"""A training step should take at most this many times the peer's memory."""


@contextmanager
def peak_memory() -> Iterator[list[float]]:
    """Append to the list, after the block, the growth of resident memory to its peak in MiB; not on other systems than Linux."""
    found: list[float] = []
    try:
        # Return freed memory to the system: the block could use it without a growth of resident memory.
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
        before = _resident("VmRSS")
    except (OSError, AttributeError, TypeError):
        yield found
        return
    yield found
    found.append((_resident("VmHWM") - before) / 1024)


def _resident(name: str) -> int:
    """A line of /proc/self/status, in KiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise OSError(f"/proc/self/status has no {name}")
