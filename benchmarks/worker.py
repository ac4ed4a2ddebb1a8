"""One framework in a process of its own: reads requests as JSON lines on stdin, answers each with one on stdout.

    python -m dlengine.benchmarks.worker dlengine|torch

Requests: describe; check (build, run once, save the results for comparison); prepare (build again, measure memory, warm
up); time (run some times); profile (by op, dlengine only). What libraries print goes to stderr, out of the answers' way.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, TextIO

import numpy as np

from .bodies import Body, Framework
from .profile import shares
from .workloads import WORKLOADS

WARM_UP_SECONDS = 0.3
TURN_SECONDS = 0.1
LEAST_RUNS, MOST_RUNS = 3, 1000


def framework(name: str) -> Framework:
    if name == "torch":
        from . import with_torch

        return with_torch
    from . import with_dlengine

    return with_dlengine


class Worker:
    """The state between requests: the framework and the body that is being timed."""

    def __init__(self, fw: Framework) -> None:
        self.fw = fw
        self.body: Body | None = None
        self.runs = LEAST_RUNS

    def describe(self) -> dict[str, Any]:
        """Versions, precision, threads, and every thread pool that is loaded by now, BLAS kernels included."""
        from threadpoolctl import threadpool_info

        shown = ("user_api", "internal_api", "version", "architecture", "num_threads", "threading_layer")
        pools = [{key: pool[key] for key in shown if pool.get(key)} for pool in threadpool_info()]
        return {**self.fw.describe(), "pools": pools}

    def check(self, workload: str, path: str) -> dict[str, Any]:
        """Run once without what is random; save the results, which the runner compares."""
        self.body = None
        start = perf_counter()
        results = WORKLOADS[workload].build(self.fw, check=True).results()
        first = perf_counter() - start
        np.savez(path, **results)
        return {"first": first, "dtypes": sorted({str(array.dtype) for array in results.values()})}

    def prepare(self, workload: str) -> dict[str, Any]:
        """Build, with the peak of memory over three runs; warm up; find how many runs fill a turn; say what fell back."""
        self.body = None
        self.fw.fallbacks.clear()
        gc.collect()
        measured = self.fw.describe()["device"] == "cpu"
        with peak_memory() as peak:
            body = self.body = WORKLOADS[workload].build(self.fw)
            for _ in range(3):
                body.run()
        seconds: list[float] = []
        end = perf_counter() + WARM_UP_SECONDS
        while not seconds or perf_counter() < end:
            seconds.append(self._once(body.run))
        self.runs = int(min(MOST_RUNS, max(LEAST_RUNS, TURN_SECONDS / median(seconds))))
        return {"peak_mib": peak[0] if measured and peak else None, "fallbacks": sorted(self.fw.fallbacks)}

    def time(self) -> dict[str, Any]:
        """The median of one turn's runs."""
        if self.body is None:
            raise RuntimeError("time: nothing is prepared")
        run = self.body.run
        gc.collect()
        return {"seconds": median(self._once(run) for _ in range(self.runs))}

    def profile(self, workload: str) -> dict[str, Any]:
        """Shares of the ops in some warm runs."""
        self.prepare(workload)
        if self.body is None:
            raise RuntimeError("profile: nothing is prepared")
        return {"shares": shares(self.body.run, min(self.runs, 100))}

    def _once(self, run: Callable[[], Any]) -> float:
        self.fw.synchronise()
        start = perf_counter()
        run()
        self.fw.synchronise()
        return perf_counter() - start

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        what = request.pop("do")
        known: dict[str, Callable[..., dict[str, Any]]] = {
            "describe": self.describe, "check": self.check, "prepare": self.prepare, "time": self.time, "profile": self.profile
        }  # fmt: skip
        return known[what](**request)


@contextmanager
def peak_memory() -> Iterator[list[float]]:
    """The growth of resident memory to its peak inside the block, in MiB; nothing where Linux is not there to tell."""
    found: list[float] = []
    try:
        # Memory freed by earlier workloads goes back first, or it would serve this one unseen.
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
        before = _resident("VmRSS")
    except (OSError, AttributeError, TypeError):
        yield found
        return
    yield found
    found.append((_resident("VmHWM") - before) / 1024)


def _resident(name: str) -> int:
    """A line of /proc/self/status, in KiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise OSError(f"/proc/self/status has no {name}")


def serve(worker: Worker, requests: TextIO, answers: TextIO) -> None:
    """Answer until the runner closes the pipe; an error is an answer too."""
    for line in requests:
        try:
            answer = worker.answer(json.loads(line))
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def main() -> None:
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    serve(Worker(framework(sys.argv[1])), sys.stdin, answers)


if __name__ == "__main__":
    main()
