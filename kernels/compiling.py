"""What this process has compiled before it could compute, counted in one place for all kernel sets, and who wants to be told.

Whoever compiles says so with begin() and end(), or in a block of compiling(); whoever shows it reads the counts, or listens.
A kernel that was found on disk counts as nothing: it takes no time that a user would notice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Compilations:
    """kernels: how many have been compiled. current: the one that is being compiled, or ""."""

    def __init__(self) -> None:
        self.kernels = 0
        self.current = ""
        self.listeners: list[Callable[[], None]] = []
        """The last is called, in the thread that compiles, whenever one begins or ends."""
        self._seconds = self._since = 0.0

    def begin(self, name: str) -> None:
        self.current, self._since = name, time.perf_counter()
        self._tell()

    def end(self) -> None:
        self._seconds = self.seconds()
        self.current = ""
        self.kernels += 1
        self._tell()

    def took(self, kernels: int, seconds: float) -> None:
        """Count kernels of which is known only now that they were compiled: here, or by a process that works for this one."""
        self._seconds += seconds
        self.kernels += kernels
        self._tell()

    def seconds(self) -> float:
        """Seconds spent in compilers until now."""
        return self._seconds + (time.perf_counter() - self._since if self.current else 0.0)

    def _tell(self) -> None:
        if self.listeners:
            self.listeners[-1]()


compilations = Compilations()
"""Those of this process."""


@contextmanager
def compiling(name: str) -> Iterator[None]:
    """Count what a block compiles as one kernel."""
    compilations.begin(name)
    try:
        yield
    finally:
        compilations.end()
