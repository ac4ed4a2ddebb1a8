"""Make batches in the calling thread, in other threads, or in spawned processes; all give the same batches in the same order.

Processes are never forked: a forked child gets locks whose threads it does not have, and runs each kernel on one thread.
"""

from __future__ import annotations

import mmap
import os
import pickle
import tempfile
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass
from itertools import count
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from typing import Any

from ..backend import set_backend
from ..default_dtype import get_default_dtype, set_default_dtype
from ..errors import ConfigError, DataError
from ..generator import BatchPart, Generator, default_generator, own_part
from .collate import as_batch
from .dataset import read_samples
from .host_arrays import HostArray
from .host_random import _current

KINDS = ("thread", "spawn")

Job = tuple[Any, int, BatchPart | None]
"""Sample numbers of a batch, the seed for its random numbers, and which part of a batch it is, if not all of it."""


@dataclass(frozen=True)
class BatchMaker:
    """Makes a batch of NumPy arrays from sample numbers and a seed: read, collate, transform the first part."""

    dataset: Any
    collate: Callable[[list[Any]], Any] | None
    transform: Callable[[HostArray, Generator], HostArray] | None

    def __call__(self, rows: Any, seed: int, part: BatchPart | None = None) -> Any:
        generator = Generator(seed)
        tokens = _current.set(generator), own_part.set(part)
        try:
            if self.collate is None:
                parts = self.dataset.batch(rows)
            else:
                parts = as_batch(self.collate(read_samples(self.dataset, rows)))
            return self.transformed(parts, generator)
        finally:
            _current.reset(tokens[0])
            own_part.reset(tokens[1])

    def transformed(self, parts: Any, generator: Generator) -> Any:
        """The batch with its first part transformed."""
        if self.transform is None:
            return parts
        if isinstance(parts, Mapping):
            raise ConfigError("DataLoader: transform takes the first part of a batch, and dicts have none; use collate_fn")
        changed = (self.transform(parts[0], generator), *parts[1:])
        return type(parts)(*changed) if hasattr(parts, "_fields") else changed


def executor(
    kind: str, workers: int, maker: BatchMaker, worker_init: Callable[[int], Any] | None = None
) -> tuple[Executor, Callable[[], None]]:
    """A pool of threads, or of processes that each hold a copy of the maker, and a function that stops it.

    ``worker_init`` is called in each worker with its number, from 0.
    """
    if kind == "thread":
        threads = _Threads(workers, worker_init)
        return threads, lambda: threads.shutdown(wait=False, cancel_futures=True)
    context = get_context("spawn")
    pickled = _PickledFile((maker, worker_init))
    numbers = context.SimpleQueue()  # a pipe, since shared memory could leave a file behind
    for number in range(workers):
        numbers.put(number)
    initial = (pickled, numbers, str(get_default_dtype()))
    processes = ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=initial)

    def end() -> None:
        processes.shutdown(wait=True, cancel_futures=True)
        pickled.close()

    return processes, end


class _Threads(ThreadPoolExecutor):
    """A pool of threads that call ``worker_init`` first; if that raises an error, every job raises the same error."""

    def __init__(self, workers: int, worker_init: Callable[[int], Any] | None) -> None:
        self.failed: list[Exception] = []
        self.worker_init, self.numbers = worker_init, count()
        super().__init__(workers, "dlengine-data", self._start)

    def _start(self) -> None:
        """Initialize one thread."""
        if self.worker_init is not None:
            _run_worker_init(self.failed, self.worker_init, next(self.numbers))


def _run_worker_init(failed: list[Exception], worker_init: Callable[[int], Any], number: int) -> None:
    """Call ``worker_init`` and keep its error, since a pool whose initializer fails only says that it is broken."""
    try:
        worker_init(number)
    except Exception as error:
        error.add_note(f"DataLoader: while worker_init_fn began worker {number}")
        failed.append(error)


class _PickledFile:
    """A pickled object in a temporary file, for worker processes.

    A file is used because a process that dies before it has read a large argument would leave its parent writing to a pipe
    forever. On POSIX the file has no name and the workers inherit its descriptor, so the file is deleted with the last process
    that holds it, however that process ends. On Windows it has a name until ``close()``.
    """

    def __init__(self, content: Any) -> None:
        self.named = os.name == "nt"
        self.file = tempfile.NamedTemporaryFile(prefix="dlengine-data-", delete=False) if self.named else tempfile.TemporaryFile()
        try:
            pickle.dump(content, self.file, protocol=5)
            self.file.flush()
        except BaseException as error:
            self.close()
            if not isinstance(error, pickle.PicklingError | AttributeError | TypeError):
                raise
            what = "the data set, transform, collate_fn or worker_init_fn cannot be sent to a process"
            raise ConfigError(f"DataLoader: {what} ({error}); use worker_kind='thread', or define them in a module") from None
        if self.named:
            self.file.close()

    def close(self) -> None:
        """Close the file, and delete it if it has a name."""
        self.file.close()
        if self.named:
            with suppress(OSError):
                os.unlink(self.file.name)

    def __reduce__(self) -> Any:
        """What a new process gets when it is started."""
        if self.named:
            return _ReceivedFile, (self.file.name,)
        from multiprocessing.reduction import DupFd

        return _ReceivedFile, (DupFd(self.file.fileno()),)


class _ReceivedFile:
    """A pickled file in the worker process: a path, or an inherited descriptor."""

    def __init__(self, source: Any) -> None:
        self.source = source

    def open(self) -> Any:
        """Read the object."""
        if isinstance(self.source, str):
            with open(self.source, "rb") as file:
                return pickle.load(file)
        descriptor = self.source.detach()
        try:  # the workers share the descriptor's file position, so each maps the file into memory
            with mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) as content:
                return pickle.loads(content)
        finally:
            os.close(descriptor)


_maker_here: list[BatchMaker] = []
_init_errors: list[Exception] = []


def _start(pickled: Any, numbers: Any, dtype: str) -> None:
    """Initialize a worker process: receive the maker, and use NumPy, so that the process starts no threads of its own."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    set_backend("numpy")
    set_default_dtype(dtype)
    maker, worker_init = pickled.open()
    _maker_here[:] = [maker]
    if worker_init is not None:
        _run_worker_init(_init_errors, worker_init, numbers.get())


def _end_with_parent() -> None:
    """End this process when its parent ends, also if the parent is killed."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _make(rows: Any, seed: int, part: BatchPart | None) -> Any:
    """Make a batch in a worker process, with the default generator seeded for this batch."""
    default_generator.manual_seed(seed)
    try:
        if _init_errors:
            raise _init_errors[0]
        return _maker_here[0](rows, seed, part)
    except Exception as error:
        if _survives_pickling(error):
            raise
        told = "".join(traceback.format_exception(error))
    raise DataError(f"DataLoader: a worker process met an error that cannot be sent as it is:\n{told}")


def _survives_pickling(error: Exception) -> bool:
    """Whether an error keeps its class when it is pickled; errors with arguments of their own often do not."""
    try:
        return type(pickle.loads(pickle.dumps(error))) is type(error)
    except Exception:
        return False


def batches(pool: Executor, maker: Any, jobs: Iterable[Any], depth: int) -> Iterator[Any]:
    """The batches of the jobs, in order, with at most ``depth`` made ahead.

    An error in a worker is raised where its batch would have come.
    """
    waiting: deque[Future[Any]] = deque()
    try:
        for job in jobs:
            waiting.append(_submit(pool, maker, job))
            if len(waiting) > depth:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def _submit(pool: Executor, maker: Any, job: Any) -> Future[Any]:
    """Submit one job to the pool."""
    if isinstance(pool, ProcessPoolExecutor):
        return pool.submit(_make, *job)
    # Each job runs in a copy of the context, so that it uses the caller's backend and modes.
    context = copy_context()

    def made() -> Any:
        if isinstance(pool, _Threads) and pool.failed:
            raise pool.failed[0]
        return context.run(maker, *job)

    return pool.submit(made)
