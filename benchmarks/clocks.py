"""Two ways to time a run: by the host's clock around it, or by the device's own events along its queue of work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Protocol


@dataclass(frozen=True)
class Timed:
    """seconds: of each run. host: how long each kept the Python thread, where that is something else."""

    seconds: list[float]
    host: list[float] | None = None


class Clock(Protocol):
    def __call__(self, run: Callable[[], Any], runs: int) -> Timed: ...


def host_clock(run: Callable[[], Any], runs: int) -> Timed:
    """Seconds from call to return: all there is to time on a CPU."""
    seconds = []
    for _ in range(runs):
        start = perf_counter()
        run()
        seconds.append(perf_counter() - start)
    return Timed(seconds)


HOST_RUNS = 5


@dataclass(frozen=True)
class DeviceClock:
    """Runs queued one behind the other with an event between each two: what a run adds to the device's queue.

    event: makes an event that record() puts into the queue. between: milliseconds from one to another, after synchronise.
    Where launches take the host longer than the device works, the queue runs dry and the events show the host's pace:
    this is what a training loop sees. The host's own time is taken apart, each run into an empty queue: a full one would
    make it wait.
    """

    event: Callable[[], Any]
    between: Callable[[Any, Any], float]
    synchronise: Callable[[], None]

    def __call__(self, run: Callable[[], Any], runs: int) -> Timed:
        events = [self.event() for _ in range(runs + 1)]
        self.synchronise()
        events[0].record()
        for event in events[1:]:
            run()
            event.record()
        self.synchronise()
        seconds = [self.between(first, second) / 1e3 for first, second in zip(events, events[1:], strict=False)]
        host = []
        for _ in range(min(runs, HOST_RUNS)):
            start = perf_counter()
            run()
            host.append(perf_counter() - start)
            self.synchronise()
        return Timed(seconds, host)
