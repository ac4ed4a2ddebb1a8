"""Work in several processes: results are yielded as they arrive, and a process that dies loses only the task it was at.

Work is a function from a group, a list of tasks that share something costly, to an iterator of one result per task, in
order. Processes are spawned, not forked, since kernels have threads.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any, TypeAlias

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")

Work: TypeAlias = Callable[[list[Any]], Iterator[Any]]


@dataclass(frozen=True)
class Died:
    """The result of a task whose process ended: the reason, and the traceback if work raised an exception."""

    reason: str
    raised: str = ""


@dataclass
class _Worker:
    """A process, our end of its pipe, the tasks of its group without a result, and the time of the last result."""

    process: Any
    pipe: Connection
    left: list[Any]
    since: float = 0.0

    def give(self, group: list[Any]) -> None:
        """Send a group of tasks."""
        self.left, self.since = list(group), time.monotonic()
        with suppress(OSError):  # it died while idle, which receive() will report
            self.pipe.send(group)

    def receive(self) -> Any:
        """Read the next result, or Died if the process has ended."""
        try:
            result = self.pipe.recv()
        except (EOFError, OSError):
            return Died(_reason(self.process))
        self.since = time.monotonic()
        return result


def in_processes(
    groups: Sequence[Sequence[Any]], work: Work, jobs: int, *, limit: float | None = None
) -> Iterator[tuple[Any, Any]]:
    """Do groups of tasks in jobs processes; yields pairs (task, result or Died) as they arrive.

    limit: seconds that one task may take before its process is ended. When the caller stops (also by Ctrl-C), all processes
    are ended.
    """
    pool = _Pool(work, jobs, [list(g) for g in groups if g][::-1])
    try:
        while pool.unfinished():
            pool.assign()
            busy = [w for w in pool.workers if w.left]
            ready = wait([w.pipe for w in busy], timeout=0.2 if limit is not None else None)
            for w in busy:
                if w.pipe in ready:
                    result = w.receive()
                elif limit is not None and time.monotonic() - w.since > limit:
                    result = Died(f"no answer within {limit:g} s")
                else:
                    continue
                if isinstance(result, Died):
                    pool.remove(w)
                yield w.left.pop(0), result
                if isinstance(result, Died) and w.left:
                    pool.waiting.append(w.left)
    finally:
        for w in pool.workers:
            _end(w)


@dataclass
class _Pool:
    """The processes, and the groups of tasks that wait for one."""

    work: Work
    jobs: int
    waiting: list[list[Any]]
    workers: list[_Worker] = field(default_factory=list)

    def unfinished(self) -> bool:
        """Whether tasks wait or are being done."""
        return bool(self.waiting) or any(w.left for w in self.workers)

    def assign(self) -> None:
        """Start processes, remove idle ones that ended, and give a group to each of the others."""
        while self.waiting and len(self.workers) < self.jobs:
            threads = max(1, (os.cpu_count() or 1) // self.jobs)
            self.workers.append(_start(multiprocessing.get_context("spawn"), self.work, threads))
        for w in [w for w in self.workers if not w.left]:
            if not w.process.is_alive():  # it ended after its last answer, so no task is lost
                self.remove(w)
            elif self.waiting:
                w.give(self.waiting.pop())

    def remove(self, worker: _Worker) -> None:
        """End a process."""
        _end(worker)
        self.workers.remove(worker)


def _start(context: Any, work: Work, threads: int) -> _Worker:
    """Start a process with a number of threads for its libraries."""
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, work), daemon=True)
    with _environment(dict.fromkeys(_THREADS, str(threads))):
        process.start()
    theirs.close()
    return _Worker(process, ours, [])


@contextmanager
def _environment(wanted: dict[str, str]) -> Iterator[None]:
    """Set environment variables for a child process, unless the user has set them."""
    new = {k: v for k, v in wanted.items() if k not in os.environ}
    os.environ.update(new)
    try:
        yield
    finally:
        for k in new:
            os.environ.pop(k, None)


def _serve(pipe: Connection, work: Work) -> None:
    """The main function of a process: works until the pipe is closed. The parent handles Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError, OSError):
        while True:
            group = pipe.recv()
            try:
                for result in work(group):
                    pipe.send(result)
            except Exception as error:
                pipe.send(Died(f"its process raised {type(error).__name__}: {error}", traceback.format_exc()))
                return


def _reason(process: Any) -> str:
    """Say how a process ended."""
    process.join(5)
    code = process.exitcode
    if code is not None and code < 0:
        with suppress(ValueError):
            return f"its process was ended by {signal.Signals(-code).name}"
    return f"its process ended with status {code}"


def _end(worker: _Worker) -> None:
    """Close the pipe and end the process."""
    worker.pipe.close()
    if worker.process.is_alive():
        worker.process.terminate()
        worker.process.join(2)
        if worker.process.is_alive():
            worker.process.kill()
    worker.process.join()
