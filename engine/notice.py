"""What a user is told while kernels are compiled: how many so far, and for how long."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Self

from dlengine.kernels.compiling import compilations

EVERY = 5.0
"""Seconds between two lines."""

LINGER = 2.0
"""Seconds after a kernel in which another may follow."""

WORTH = 1.0
"""Seconds of compiling that deserve a word afterwards, where nothing was said before."""


class CompileNotice:
    """In a with block: say what is compiled within it. Of several such blocks the innermost has the word.

    say: prints a line. live: somebody else shows text() while time passes, so only the sum at the end is said.
    """

    def __init__(self, say: Callable[[str], None], live: bool = False) -> None:
        self.say, self.live = say, live
        self._kernels, self._seconds = 0, 0.0  # of all that is compiled, those that are summed up
        self._said = 0.0  # when the last line was
        self._restart()

    def __enter__(self) -> Self:
        if _in_force:  # what it has not summed up is ours to tell
            outer = _in_force[-1]
            self._kernels, self._seconds, self._said = outer._kernels, outer._seconds, outer._said
        else:
            self._restart()
        _in_force.append(self)
        compilations.listeners.append(self._changed)
        return self

    def __exit__(self, *reason: object) -> None:
        compilations.listeners.remove(self._changed)
        _in_force.remove(self)
        self.sum_up()
        for outer in _in_force:
            outer._restart()

    def text(self) -> str:
        """Such as "compiling kernels, once: 12 so far, 18 s"; "" while nothing is compiled."""
        if not compilations.current and time.perf_counter() - self._changed_at > LINGER:
            return ""
        kernels, seconds = self._since()
        return "compiling kernels, once" + (f": {kernels} so far, {seconds:.0f} s" if kernels or seconds > 1 else "")

    def sum_up(self) -> None:
        """Say what was compiled since the last sum, if that took time."""
        kernels, seconds = self._since()
        if kernels and (self._said or seconds >= WORTH):
            self.say(f"compiled {kernels} kernel{'s' if kernels > 1 else ''} in {seconds:.0f} s")
        self._restart()

    def _changed(self) -> None:
        now = self._changed_at = time.perf_counter()
        if not self.live and (not self._said or now - self._said >= EVERY):
            self._said = now
            self.say(self.text())

    def _since(self) -> tuple[int, float]:
        return compilations.kernels - self._kernels, compilations.seconds() - self._seconds

    def _restart(self) -> None:
        self._kernels, self._seconds = compilations.kernels, compilations.seconds()
        self._said = 0.0
        self._changed_at = -LINGER


_in_force: list[CompileNotice] = []
