"""The runner's end of a worker: start it, ask it, end it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from typing import IO, Any, Self

from dlengine.kernels.compiling import compilations


class WorkerFailed(RuntimeError):
    """A worker that ended, or that answered with an error."""


def environment(backend: str, threads: int, heap: str, precision: str = "highest") -> dict[str, str]:
    """What every worker gets: the same threads, the same malloc, and BLAS free to choose its kernels.

    OPENBLAS_CORETYPE, which some environments set to older kernels, halves matrix products: both sides go without it.
    heap: "warm" tells the C library to keep freed memory, so that large buffers are not paged in again and again.
    """
    chosen = {name: text for name, text in os.environ.items() if name != "OPENBLAS_CORETYPE"}
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
        chosen[name] = str(threads)
    if heap == "warm":
        keep = str(1 << 33)
        chosen |= {"MALLOC_MMAP_THRESHOLD_": keep, "MALLOC_TRIM_THRESHOLD_": keep, "MALLOC_TOP_PAD_": str(1 << 28)}
    chosen |= {"DLENGINE_BACKEND": backend, "DLENGINE_BENCH_DEVICE": "cuda" if backend == "cuda" else "cpu"}
    return chosen | {"DLENGINE_BENCH_PRECISION": precision}


class WorkerProcess:
    """A context manager around one worker."""

    def __init__(self, name: str, env: dict[str, str]) -> None:
        self.name = name
        self.env = env

    def __enter__(self) -> Self:
        self.errors: IO[str] = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dlengine.benchmarks.worker", self.name],
            env=self.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True,
        )  # fmt: skip
        return self

    def __exit__(self, *reason: object) -> None:
        self.process.kill()
        self.process.communicate()
        self.errors.close()

    def ask(self, what: str, **arguments: Any) -> dict[str, Any]:
        """One request and its answer. Raises WorkerFailed."""
        self.send(what, **arguments)
        return self.receive()

    def send(self, what: str, **arguments: Any) -> None:
        """A request whose answer is fetched later; a worker that has ended shows then."""
        if self.process.stdin is not None:
            with suppress(OSError):
                self.process.stdin.write(json.dumps({"do": what, **arguments}) + "\n")
                self.process.stdin.flush()

    def receive(self) -> dict[str, Any]:
        """The answer to the request that was sent. Raises WorkerFailed."""
        line = self.process.stdout.readline() if self.process.stdout is not None else ""
        if not line:
            self.process.wait()
            self.errors.seek(0)
            said = self.errors.read().strip().splitlines()[-1:] or ["it said nothing"]
            raise WorkerFailed(f"{self.name}: the worker ended with status {self.process.returncode}: {said[0]}")
        answer: dict[str, Any] = json.loads(line)
        if "compiled" in answer:
            compilations.took(answer["compiled"], answer["seconds"])
            return self.receive()
        if "error" in answer:
            raise WorkerFailed(f"{self.name}: {answer['error']}")
        return answer
