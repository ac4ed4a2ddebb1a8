"""How much memory a workload takes at its peak: of the host as Linux counts it, of the device as its pool does."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LIMIT = 1.25
"""A training step of ours should take no more than this many times the peer's memory."""


@contextmanager
def peak_memory() -> Iterator[list[float]]:
    """The growth of resident memory to its peak inside the block, in MiB; nothing where Linux is not there to tell."""
    found: list[float] = []
    try:
        # Memory freed by earlier work goes back first, or it would serve this block unseen.
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
