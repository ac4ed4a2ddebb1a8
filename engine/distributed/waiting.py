"""Waiting for other ranks: with a limit of time, after which the ranks that did not come are asked for and named."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from ..errors import RankError

QUESTION, ANSWER = 1, 2
SPIN = 2e-3
"""Seconds in which a request is tested again at once: what is late by less is not worth giving the processor away."""
PATIENCE = 0.02
"""Seconds of waiting after which this process sleeps between tests; until then it offers the processor to others."""
NAP = 5e-5
LISTEN = 0.25
"""Seconds between looks for questions of other ranks."""
GRACE = 2.0
"""Seconds in which a rank that waits answers."""

_sched_yield: Callable[[], object] = getattr(os, "sched_yield", lambda: time.sleep(0))


class Waiting:
    """Waits for requests of one rank, and tells other ranks what it waits for.

    A rank that waits too long asks all others. Those that wait too answer within seconds; those that do not answer compute, hang
    or are gone: they are missing.
    """

    def __init__(self, control: Any, any_source: int, timeout: float, crowded: bool) -> None:
        self.control, self.any_source, self.timeout = control, any_source, timeout
        self.spin, self.patience = (0.0, 0.0) if crowded else (SPIN, PATIENCE)
        self.begun = 0
        """How many collectives this rank has begun."""
        self._heard: dict[int, tuple[int, str]] = {}

    def until(self, done: Callable[[], bool], what: str, number: int) -> None:
        """Wait until something is done, the collective with a number. Raises RankError after the timeout."""
        if done():
            return
        start = listened = time.monotonic()
        while not done():
            now = time.monotonic()
            if now - start < self.patience:
                if now - start > self.spin:
                    _sched_yield()
                continue
            time.sleep(NAP)
            if now - listened > LISTEN:
                listened = now
                self._listen(what, number)
            if now - start > self.timeout:
                raise self._missing(what, number)

    def _listen(self, what: str, number: int) -> None:
        """Answer questions of other ranks, and keep their answers."""
        while self.control.iprobe(source=self.any_source):
            kind, rank, *told = self.control.recv(source=self.any_source)
            if kind == QUESTION:
                self.control.isend((ANSWER, self.control.rank, number, what), rank, tag=ANSWER)
            else:
                self._heard[rank] = (told[0], told[1])

    def _missing(self, what: str, number: int) -> RankError:
        """Ask all ranks what they wait for; returns an error that names those that are missing."""
        self._heard.clear()
        others = [rank for rank in range(self.control.size) if rank != self.control.rank]
        for rank in others:
            self.control.isend((QUESTION, self.control.rank), rank, tag=QUESTION)
        end = time.monotonic() + GRACE
        while time.monotonic() < end and len(self._heard) < len(others):
            self._listen(what, number)
            time.sleep(0.01)
        missing = [rank for rank in others if rank not in self._heard]
        astray = {r: told for r, told in self._heard.items() if told != (number, what)}
        parts = [f"{what} (collective {number} of rank {self.control.rank}) has waited for {self.timeout:g} s"]
        if missing:
            parts.append(f"{_ranks(missing)} did not come")
        parts += [f"rank {r} waits in {told[1]} (collective {told[0]})" for r, told in sorted(astray.items())]
        if not missing and not astray:
            parts.append("all ranks wait in it")
        return RankError("; ".join(parts) + ". All ranks must call the same collectives in the same order")


def _ranks(ranks: list[int]) -> str:
    return f"rank{'s' if len(ranks) > 1 else ''} {', '.join(map(str, ranks))}"
