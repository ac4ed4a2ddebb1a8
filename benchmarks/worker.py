"""One framework in a process of its own: reads requests as JSON lines on stdin, answers each with one on stdout.

    python -m dlengine.benchmarks.worker dlengine|torch|gensim

Requests: describe; ceilings (of a device); check (build, run once, save the results for comparison); prepare (build again,
measure memory, warm up); time (run some times); memory (of a training step, in a fresh process); profile (by op, dlengine
only). What libraries print goes to stderr, out of the answers' way.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable
from importlib import import_module
from statistics import median
from time import perf_counter
from typing import Any, TextIO

import numpy as np

from dlengine.kernels.compiling import compilations

from .bodies import Body, Framework
from .ceilings import ceilings
from .clocks import Clock, Timed
from .memory import peak_memory
from .profile import shares
from .workloads import WORKLOADS, Workload

WARM_UP_SECONDS = 0.2
TURN_SECONDS = 0.1
LEAST_RUNS, MOST_RUNS = 3, 1000
SLOW_SECONDS = 1.0
"""From here on a run is its own warm-up, and a turn is one run."""


class Worker:
    """The state between requests: the framework and the body that is being timed."""

    def __init__(self, fw: Framework) -> None:
        self.fw = fw
        self.body: Body | None = None
        self.runs = LEAST_RUNS
        self.clock: Clock = fw.clock()

    def describe(self) -> dict[str, Any]:
        """Versions, precision, threads, and every thread pool that is loaded by now, BLAS kernels included."""
        from threadpoolctl import threadpool_info

        self.fw.set_precision(_default_precision())
        shown = ("user_api", "internal_api", "version", "architecture", "num_threads", "threading_layer")
        pools = [{key: pool[key] for key in shown if pool.get(key)} for pool in threadpool_info()]
        return {**self.fw.describe(), "pools": pools}

    def ceilings(self) -> dict[str, float]:
        """What the device can do at best: see ceilings.py."""
        return ceilings(self.fw)

    def check(self, workload: str, path: str) -> dict[str, Any]:
        """Run once without what is random; save the results, which the runner compares, and say in which precision."""
        chosen = self._choose(workload)
        start = perf_counter()
        results = chosen.build(self.fw, check=True).results()
        first = perf_counter() - start
        np.savez(path, **results)
        dtypes = sorted({chosen.options.get("dtype") or str(array.dtype) for array in results.values()})
        told = {name: float(array) for name, array in results.items() if not chosen.compared}
        return {"first": first, "dtypes": dtypes, "precision": self.fw.precision(), "told": told}

    def prepare(self, workload: str, sizes: dict[str, int] | None = None) -> dict[str, Any]:
        """Build, with the peak of memory over three runs; warm up; find how many runs fill a turn; say which kernels ran."""
        chosen = self._choose(workload)
        self.fw.fallbacks.clear()
        launched = self.fw.launches()
        held = self.fw.pool()
        with peak_memory() as peak:
            body = self.body = chosen.build(self.fw, check=False, **(sizes or {}))
            first = self.clock(body.run, 1).seconds[0]
            if first < SLOW_SECONDS:
                self.clock(body.run, 2)
        pool = self.fw.pool()
        seconds = [first]
        end = perf_counter() + WARM_UP_SECONDS
        while first < SLOW_SECONDS and (len(seconds) == 1 or perf_counter() < end):
            seconds += self.clock(body.run, 1).seconds
        usual = max(median(seconds), 1e-6)  # events may be too close for the device to tell apart
        self.runs = 1 if usual >= SLOW_SECONDS else int(min(MOST_RUNS, max(LEAST_RUNS, TURN_SECONDS / usual)))
        host = peak[0] if peak else None
        return {
            "first": first,
            "usual": usual,
            "peak_mib": pool["held_mib"] - held["held_mib"] if pool else host,
            "pool": pool,
            "fallbacks": sorted(self.fw.fallbacks),
            "kernels": sorted(name for name, count in self.fw.launches().items() if count > launched.get(name, 0)),
        }

    def time(self) -> dict[str, Any]:
        """The median of one turn's runs, and of how long each kept the host where that is something else."""
        timed = self._turn(self.runs)
        return {"seconds": median(timed.seconds), "host": None if timed.host is None else median(timed.host)}

    def memory(self, workload: str) -> dict[str, Any]:
        """Peak of resident memory over a build and three steps; only in a fresh process is it the step's own."""
        chosen = self._choose(workload)
        # What a first step loads, the libraries' code and compiled kernels, is not the step's memory: a small one goes before.
        chosen.build(self.fw, check=False, **chosen.smallest).run()
        gc.collect()
        with peak_memory() as peak:
            body = chosen.build(self.fw)
            for _ in range(3):
                body.run()
        return {"peak_mib": peak[0] if peak else None}

    def profile(self, workload: str) -> dict[str, Any]:
        """Shares of the ops in some warm runs."""
        self.prepare(workload)
        if self.body is None:
            raise RuntimeError("profile: nothing is prepared")
        return {"shares": shares(self.body.run, min(self.runs, 100))}

    def _choose(self, name: str) -> Workload:
        """Forget the last workload and its memory, and compute in this one's precision."""
        self.body = None
        gc.collect()
        self.fw.empty_pool()
        self.fw.set_precision(WORKLOADS[name].precision or _default_precision())
        return WORKLOADS[name]

    def _turn(self, runs: int) -> Timed:
        if self.body is None:
            raise RuntimeError("time: nothing is prepared")
        gc.collect()
        return self.clock(self.body.run, runs)

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        what = request.pop("do")
        known: dict[str, Callable[..., dict[str, Any]]] = {
            "describe": self.describe, "ceilings": self.ceilings, "check": self.check, "prepare": self.prepare,
            "time": self.time, "memory": self.memory, "profile": self.profile,
        }  # fmt: skip
        return known[what](**request)


def _default_precision() -> str:
    return os.environ.get("DLENGINE_BENCH_PRECISION", "highest")


def serve(worker: Worker, requests: TextIO, answers: TextIO) -> None:
    """Answer until the runner closes the pipe; an error is an answer too. What is compiled meanwhile is told at once."""
    told: list[float] = [0, 0.0]

    def compiled() -> None:
        if not compilations.current:
            kernels, seconds = compilations.kernels, compilations.seconds()
            answers.write(json.dumps({"compiled": kernels - told[0], "seconds": seconds - told[1]}) + "\n")
            answers.flush()
            told[:] = kernels, seconds

    compilations.listeners.append(compiled)
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
    framework = import_module(f"{__package__}.with_{sys.argv[1]}")
    serve(Worker(framework), sys.stdin, answers)


if __name__ == "__main__":
    main()
