"""Devices, memory, streams and graphs of a GPU that is not there: what tests/fake_cupy.py gives as cupy.cuda."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class State:
    """What the machine remembers."""

    def __init__(self) -> None:
        self.devices = 1
        self.device = 0
        self.streams: list[Any] = []
        self.allocators: list[Any] = []
        self.log: list[str] = []
        self.work: list[str] = []
        self.waits = 0
        self.usable, self.driver, self.nvrtc = True, 13020, None


state = State()


class CUDARuntimeError(RuntimeError):
    pass


class Device:
    def __init__(self, number: int | None = None) -> None:
        self.id = state.device if number is None else int(number)
        self._before: list[int] = []

    def __enter__(self) -> Device:
        self._before.append(state.device)
        self.use()
        return self

    def __exit__(self, *error: object) -> None:
        state.device = self._before.pop()

    def use(self) -> None:
        if not 0 <= self.id < state.devices:
            raise CUDARuntimeError("cudaErrorInvalidDevice: invalid device ordinal")
        state.device = self.id

    def synchronize(self) -> None:
        for stream in list(Stream.alive):
            stream.flush()

    mem_info = (100 << 30, 140 << 30)
    attributes = {"MultiProcessorCount": 6, "MaxSharedMemoryPerBlockOptin": 64 << 10}  # noqa: RUF012


class MemoryPool:
    def __init__(self) -> None:
        self.used = 0
        self.held = 0

    def malloc(self, size: int) -> None: ...

    def took(self, array: Any) -> None:
        self.used += array.nbytes
        self.held = max(self.held, self.used)
        weakref.finalize(array, self._gave, array.nbytes)

    def _gave(self, size: int) -> None:
        self.used -= size

    def used_bytes(self) -> int:
        return self.used

    def total_bytes(self) -> int:
        return self.held

    def get_limit(self) -> int:
        return 0

    def free_all_blocks(self) -> None:
        self.held = self.used


default_pool = MemoryPool()


@contextmanager
def using_allocator(malloc: Any) -> Iterator[None]:
    state.allocators.append(malloc.__self__)
    try:
        yield
    finally:
        state.allocators.pop()


class Stream:
    alive: Any = weakref.WeakSet()

    def __init__(self, null: bool = False, non_blocking: bool = False) -> None:
        self.queue: list[Callable[[], None]] = []
        self.done = 0
        self.tape: list[Callable[[], None]] | None = None
        Stream.alive.add(self)

    ptr = property(id)

    def __enter__(self) -> Stream:
        state.streams.append(self)
        return self

    def __exit__(self, *error: object) -> None:
        state.streams.pop()

    def flush(self, upto: int | None = None) -> None:
        while self.queue and (upto is None or self.done < upto):
            self.queue.pop(0)()
            self.done += 1

    def later(self, work: Callable[[], None]) -> None:
        self.queue.append(work)

    def synchronize(self) -> None:
        if self.tape is not None:
            raise CUDARuntimeError("cudaErrorStreamCaptureUnsupported: operation not permitted when stream is capturing")
        self.flush()

    def record(self, event: Event | None = None) -> Event:
        event = event or Event()
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        event.reach()

    def begin_capture(self, mode: Any = None) -> None:
        if self is null:
            raise RuntimeError("cannot capture on the default (legacy) stream")
        self.flush()
        self.tape = []

    def is_capturing(self) -> bool:
        return self.tape is not None

    def end_capture(self) -> Graph:
        tape, self.tape = self.tape, None
        if tape is None:
            raise CUDARuntimeError("cudaErrorIllegalState")
        return Graph(tape)


class Event:
    def __init__(self, block: bool = False, disable_timing: bool = False, interprocess: bool = False) -> None:
        self.stream: Stream | None = None
        self.place = 0

    def record(self, stream: Stream | None = None) -> None:
        self.stream = stream or current()
        self.place = self.stream.done + len(self.stream.queue)

    def reach(self) -> None:
        if self.stream is not None:
            self.stream.flush(self.place)

    def synchronize(self) -> None:
        self.reach()

    @property
    def done(self) -> bool:
        self.reach()
        return True


class Graph:
    def __init__(self, tape: list[Callable[[], None]]) -> None:
        self.tape = tape

    def upload(self, stream: Any = None) -> None: ...

    def launch(self, stream: Stream | None = None) -> None:
        (stream or current()).flush()
        for work in self.tape:
            work()


null = Stream()


def current() -> Stream:
    return state.streams[-1] if state.streams else null


def refuse(what: str, kind: type[Exception] = RuntimeError) -> None:
    if current().is_capturing():
        raise kind(f"{what} is not supported during stream capture")
