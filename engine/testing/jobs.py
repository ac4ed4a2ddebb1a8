"""Work in processes: results as they come, and a process that dies costs one result and not the rest.

Work is a function from a list of tasks (a group, which shares something costly) to an iterator of one result per task, in
order. Processes are spawned, not forked: kernels have threads.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")

Work = Callable[[list[Any]], Iterator[Any]]


@dataclass(frozen=True)
class Died:
    """What came instead of a result: why the process that should have sent it ended. raised: the traceback, if work raised."""

    reason: str
    raised: str = ""


@dataclass
class _Worker:
    """A process, the end of its pipe, and the tasks of its group that it has not answered yet."""

    process: Any
    pipe: Connection
    left: list[Any]
    since: float = 0.0

    def give(self, group: list[Any]) -> None:
        self.left, self.since = list(group), time.monotonic()
        with suppress(OSError):  # it died while idle: reading from it says so
            self.pipe.send(group)


def in_processes(
    groups: Sequence[Sequence[Any]], work: Work, jobs: int, *, limit: float | None = None
) -> Iterator[tuple[Any, Any]]:
    """Do groups of tasks in jobs processes: pairs (task, result or Died), as they come.

    limit: seconds that one task may take before its process is ended. When the caller stops (also by Ctrl-C), so do they.
    """
    context = multiprocessing.get_context("spawn")
    waiting = [list(g) for g in groups if g][::-1]
    workers: list[_Worker] = []
    try:
        while waiting or any(w.left for w in workers):
            while waiting and len(workers) < jobs:
                workers.append(_start(context, work, max(1, (os.cpu_count() or 1) // jobs)))
            for w in [w for w in workers if not w.left]:
                if not w.process.is_alive():  # after its last answer: nobody's fault
                    _end(w)
                    workers.remove(w)
                elif waiting:
                    w.give(waiting.pop())
            busy = [w for w in workers if w.left]
            ready = wait([w.pipe for w in busy], timeout=0.2 if limit is not None else None)
            for w in busy:
                reason = ""
                if w.pipe in ready:
                    try:
                        result = w.pipe.recv()
                    except (EOFError, OSError):
                        reason = _reason(w.process)
                    else:
                        w.since = time.monotonic()
                        if not isinstance(result, Died):
                            yield w.left.pop(0), result
                            continue
                        _end(w)
                        workers.remove(w)
                        yield w.left.pop(0), result
                        if w.left:
                            waiting.append(w.left)
                elif limit is not None and time.monotonic() - w.since > limit:
                    reason = f"no answer within {limit:g} s"
                if reason:
                    _end(w)
                    workers.remove(w)
                    yield w.left.pop(0), Died(reason)
                    if w.left:
                        waiting.append(w.left)
    finally:
        for w in workers:
            _end(w)


def _start(context: Any, work: Work, threads: int) -> _Worker:
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, work), daemon=True)
    with _environment(dict.fromkeys(_THREADS, str(threads))):
        process.start()
    theirs.close()
    return _Worker(process, ours, [])


@contextmanager
def _environment(wanted: dict[str, str]) -> Iterator[None]:
    """Variables set for a child where the user has not set them."""
    new = {k: v for k, v in wanted.items() if k not in os.environ}
    os.environ.update(new)
    try:
        yield
    finally:
        for k in new:
            os.environ.pop(k, None)


def _serve(pipe: Connection, work: Work) -> None:
    """A process's life: until its parent ends or closes the pipe. Ctrl-C is the parent's to handle."""
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
    process.join(5)
    code = process.exitcode
    if code is not None and code < 0:
        with suppress(ValueError):
            return f"its process was ended by {signal.Signals(-code).name}"
    return f"its process ended with status {code}"


def _end(worker: _Worker) -> None:
    worker.pipe.close()
    if worker.process.is_alive():
        worker.process.terminate()
        worker.process.join(2)
        if worker.process.is_alive():
            worker.process.kill()
    worker.process.join()
