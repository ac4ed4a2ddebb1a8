"""Two clocks: the host's around each call, and the device's events between the runs in its queue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Protocol


@dataclass(frozen=True)
class Timed:
    """seconds: of each run. host: seconds that each call took in Python, measured on devices that run asynchronously."""

    seconds: list[float]
    host: list[float] | None = None


class Clock(Protocol):
    def __call__(self, run: Callable[[], Any], runs: int) -> Timed: ...


def host_clock(run: Callable[[], Any], runs: int) -> Timed:
    """Seconds from call to return."""
    seconds = []
    for _ in range(runs):
        start = perf_counter()
        run()
        seconds.append(perf_counter() - start)
    return Timed(seconds)


HOST_RUNS = 5


@dataclass(frozen=True)
class DeviceClock:
    """Runs are queued one after another with an event between each two, whose times are those of the device.

    event: makes an event, which record() puts into the queue. between: the milliseconds between two events. synchronise:
    waits for the device. If launching takes longer than computing, the queue runs empty and the events show the time of the
    host, as in a training loop. The host's time is measured separately, with an empty queue: calls wait while it is full.
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
