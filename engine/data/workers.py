"""Who makes the batches: the caller, threads, or spawned processes. All give the same batches in the same order.

Never fork: a forked child of a process that has run threaded kernels does not survive.
"""

from __future__ import annotations

import os
import pickle
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

from ..backend import set_backend
from ..errors import ConfigError
from ..generator import Generator, default_generator
from .draws import HostArray, _current

KINDS = ("thread", "spawn")

Job = tuple[Any, int]
"""Sample numbers of a batch and the seed for its random numbers."""


@dataclass(frozen=True)
class Maker:
    """Makes a batch of NumPy arrays from sample numbers and a seed: read, collate, transform the first part."""

    dataset: Any
    collate: Callable[[list[Any]], tuple[Any, ...]] | None
    transform: Callable[[HostArray, Generator], HostArray] | None

    def __call__(self, rows: Any, seed: int) -> tuple[Any, ...]:
        generator = Generator(seed)
        token = _current.set(generator)
        try:
            if self.collate is None:
                parts = self.dataset.batch(rows)
            else:
                parts = self.collated([self.dataset[int(i)] for i in rows])
            return self.transformed(parts, generator)
        finally:
            _current.reset(token)

    def collated(self, samples: list[Any]) -> tuple[Any, ...]:
        """A batch of samples; a single part becomes a tuple of one."""
        if self.collate is None:
            raise ConfigError("DataLoader: no collate_fn")
        parts = self.collate(samples)
        return tuple(parts) if isinstance(parts, tuple | list) else (parts,)

    def transformed(self, parts: tuple[Any, ...], generator: Generator) -> tuple[Any, ...]:
        """The batch with its first part transformed."""
        return parts if self.transform is None else (self.transform(parts[0], generator), *parts[1:])


def executor(kind: str, workers: int, maker: Maker) -> tuple[Executor, Callable[[], None]]:
    """A pool of threads, or of processes that each hold a copy of the maker; and what ends it."""
    if kind == "thread":
        threads = ThreadPoolExecutor(workers, thread_name_prefix="dlengine-data")
        return threads, lambda: threads.shutdown(wait=False, cancel_futures=True)
    # Through a file: a process that dies before it has read a large argument would leave its parent writing for ever.
    descriptor, path = tempfile.mkstemp(prefix="dlengine-data-", suffix=".pickle")
    try:
        with open(descriptor, "wb") as file:
            pickle.dump(maker, file, protocol=5)
    except BaseException as error:
        os.unlink(path)
        if not isinstance(error, pickle.PicklingError | AttributeError | TypeError):
            raise
        what = "the data set, transform or collate_fn cannot be sent to a process"
        raise ConfigError(f"DataLoader: {what} ({error}); use worker_kind='thread', or define them in a module") from None
    processes = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_start, initargs=(path,))

    def end() -> None:
        processes.shutdown(wait=True, cancel_futures=True)
        with suppress(OSError):
            os.unlink(path)

    return processes, end


_held: list[Maker] = []


def _start(path: str) -> None:
    """In a new worker process: take the maker. It computes with NumPy, so that processes start no threads of their own."""
    set_backend("numpy")
    with open(path, "rb") as file:
        _held[:] = [pickle.load(file)]


def _make(rows: Any, seed: int) -> tuple[Any, ...]:
    """In a worker process: make a batch. What draws from the default generator there depends on the batch alone, too."""
    default_generator.manual_seed(seed)
    return _held[0](rows, seed)


def batches(pool: Executor, maker: Maker, jobs: Iterable[Job], depth: int) -> Iterator[tuple[Any, ...]]:
    """The batches of the jobs, in order, at most depth of them being made ahead.

    An error of a worker is raised where its batch would have come.
    """
    waiting: deque[Future[tuple[Any, ...]]] = deque()
    try:
        for job in jobs:
            waiting.append(_submitted(pool, maker, job))
            if len(waiting) > depth:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def _submitted(pool: Executor, maker: Maker, job: Job) -> Future[tuple[Any, ...]]:
    if isinstance(pool, ProcessPoolExecutor):
        return pool.submit(_make, *job)
    # A copy of the context each: the thread sees the backend and modes of the caller.
    context = copy_context()
    return pool.submit(lambda: context.run(maker, *job))
