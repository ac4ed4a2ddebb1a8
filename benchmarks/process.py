"""Start a worker process, send it requests, and end it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from threading import Timer
from typing import IO, Any, Self

from dlengine.kernels.compiling import compilations


class WorkerFailed(RuntimeError):
    """A worker ended, or answered with an error."""


def environment(backend: str, threads: int, heap: str, precision: str = "highest") -> dict[str, str]:
    """The environment variables of every worker: the same threads and malloc settings.

    OPENBLAS_CORETYPE is removed: some environments set it to old kernels, which halves the speed of matrix products.
    heap: "warm" makes the C library keep freed memory, so that large buffers are not paged in again each time.
    """
    chosen = {name: text for name, text in os.environ.items() if name != "OPENBLAS_CORETYPE"}
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
        chosen[name] = str(threads)
    if heap == "warm":
        keep = str(1 << 33)
        chosen |= {"MALLOC_MMAP_THRESHOLD_": keep, "MALLOC_TRIM_THRESHOLD_": keep, "MALLOC_TOP_PAD_": str(1 << 28)}
    chosen |= {"DLENGINE_BACKEND": backend, "DLENGINE_BENCH_DEVICE": "cuda" if backend == "cuda" else "cpu"}
    return chosen | {"DLENGINE_BENCH_PRECISION": precision}


def keep_to_cores(first: int) -> None:
    """Let this process run on as many cores as threads were asked for: from a core on, the same ones for every library.

    XLA sizes its pool of threads by the cores that it may use, whatever its flags say: with two cores it beat other libraries
    that kept to one thread.
    """
    threads = int(os.environ.get("OMP_NUM_THREADS", "0"))
    if threads and hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        first %= len(cores)
        os.sched_setaffinity(0, (cores[first:] + cores[:first])[:threads])


class WorkerProcess:
    """A worker process, as a context manager."""

    def __init__(self, name: str, env: dict[str, str], module: str | None = None, limit: float | None = None) -> None:
        """module: the framework that it loads, where that has another name. limit: seconds that an answer may take."""
        self.name = name
        self.limit = limit
        self.env = env
        self.module = module or name

    def __enter__(self) -> Self:
        self.errors: IO[str] = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dlengine.benchmarks.worker", self.module],
            env=self.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True,
        )  # fmt: skip
        return self

    def __exit__(self, *reason: object) -> None:
        if self.errors.closed:
            return
        self.process.kill()
        self.process.communicate()
        self.errors.close()

    def ask(self, what: str, **arguments: Any) -> dict[str, Any]:
        """Send a request and return the answer. Raises WorkerFailed."""
        self.send(what, **arguments)
        return self.receive()

    def send(self, what: str, **arguments: Any) -> None:
        """Send a request; `receive` returns the answer, or raises if the worker has ended."""
        if self.process.stdin is not None:
            with suppress(OSError):
                self.process.stdin.write(json.dumps({"do": what, **arguments}) + "\n")
                self.process.stdin.flush()

    def receive(self) -> dict[str, Any]:
        """The answer to the request that was sent. Raises WorkerFailed."""
        line = self._line()
        if not line:
            self.process.wait()
            self.errors.seek(0)
            said = self.errors.read().strip().splitlines()[-1:] or ["no message"]
            raise WorkerFailed(f"{self.name}: the worker ended with status {self.process.returncode}: {said[0]}")
        answer: dict[str, Any] = json.loads(line)
        if "compiled" in answer:
            compilations.took(answer["compiled"], answer["seconds"])
            return self.receive()
        if "error" in answer:
            raise WorkerFailed(f"{self.name}: {answer['error']}")
        return answer

    def _line(self) -> str:
        """A line of its answer; nothing if it has ended, or is ended here because it does not answer."""
        if self.process.stdout is None:
            return ""
        if self.limit is None:
            return self.process.stdout.readline()
        timer = Timer(self.limit, self.process.kill)
        timer.start()
        try:
            return self.process.stdout.readline()
        finally:
            timer.cancel()
