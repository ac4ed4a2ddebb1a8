"""A worker process with one framework: it reads requests as JSON lines from stdin, and answers each with a line on stdout.

    python -m dlengine.benchmarks.worker dlengine|gensim|<a name of peers.py>

Requests: describe; ceilings (of a device); check (build, run once, save the results for comparison); prepare (build again,
measure memory, warm up); time (run some times); memory (of a training step, in a fresh process); profile (by op, dlengine
only); prepare_ops and time_ops (many ops of the op table in one turn). The output of libraries goes to stderr.
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

from .ceilings import ceilings
from .clocks import Clock, Timed
from .definitions import Computation, Framework
from .memory import peak_memory
from .op_worker import OpBench
from .peers import module_of
from .process import keep_to_cores
from .profile import shares
from .workloads import WORKLOADS, Workload

WARM_UP_SECONDS = 0.2
TURN_SECONDS = 0.1
LEAST_RUNS, MOST_RUNS = 3, 1000
SLOW_SECONDS = 1.0
"""A run of this length needs no warm-up, and is a turn by itself."""


class Worker:
    """The state between requests: the framework and the current computation."""

    def __init__(self, fw: Framework) -> None:
        self.fw = fw
        self.computation: Computation | None = None
        self.runs = LEAST_RUNS
        self.clock: Clock = fw.clock()
        self.ops = OpBench(fw, self.clock)

    def describe(self) -> dict[str, Any]:
        """Versions, precision, threads, and the thread pools that are loaded by now, with their BLAS kernels."""
        from threadpoolctl import threadpool_info

        self.fw.set_precision(_default_precision())
        shown = ("user_api", "internal_api", "version", "architecture", "num_threads", "threading_layer")
        pools = [{key: pool[key] for key in shown if pool.get(key)} for pool in threadpool_info()]
        return {**self.fw.describe(), "pools": pools}

    def ceilings(self) -> dict[str, float]:
        """The measured rates of the device: see ceilings.py."""
        return ceilings(self.fw)

    def check(self, workload: str, path: str) -> dict[str, Any]:
        """Run once without randomness, save the results for the comparison, and return time and precision."""
        chosen = self._choose(workload)
        start = perf_counter()
        results = chosen.build(self.fw, check=True).results()
        first = perf_counter() - start
        np.savez(path, **results)
        dtypes = sorted({chosen.options.get("dtype") or str(array.dtype) for array in results.values()})
        told = {name: float(array) for name, array in results.items() if not chosen.compared}
        return {"first": first, "dtypes": dtypes, "precision": self.fw.precision(), "told": told}

    def prepare(self, workload: str, sizes: dict[str, int] | None = None) -> dict[str, Any]:
        """Build, measure the peak of memory over three runs, warm up, choose the number of runs in a turn, list the kernels."""
        chosen = self._choose(workload)
        self.fw.fallbacks.clear()
        launched = self.fw.launches()
        held = self.fw.pool()
        with peak_memory() as peak:
            computation = self.computation = chosen.build(self.fw, check=False, **(sizes or {}))
            first = self.clock(computation.run, 1).seconds[0]
            if first < SLOW_SECONDS:
                self.clock(computation.run, 2)
        pool = self.fw.pool()
        seconds = [first]
        end = perf_counter() + WARM_UP_SECONDS
        while first < SLOW_SECONDS and (len(seconds) == 1 or perf_counter() < end):
            seconds += self.clock(computation.run, 1).seconds
        usual = max(median(seconds), 1e-6)  # the times of two events may be equal
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
        """The median time of one turn's runs, and on a device that of their time in Python."""
        timed = self._turn(self.runs)
        return {"seconds": median(timed.seconds), "host": None if timed.host is None else median(timed.host)}

    def memory(self, workload: str) -> dict[str, Any]:
        """Peak of resident memory over a build and three steps, which must be the first of a process."""
        chosen = self._choose(workload)
        # A small step first: the libraries and kernels that a first step loads do not belong to the step's memory.
        chosen.build(self.fw, check=False, **chosen.smallest).run()
        gc.collect()
        with peak_memory() as peak:
            computation = chosen.build(self.fw)
            for _ in range(3):
                computation.run()
        return {"peak_mib": peak[0] if peak else None}

    def profile(self, workload: str) -> dict[str, Any]:
        """The share of each op in some warm runs."""
        self.prepare(workload)
        if self.computation is None:
            raise RuntimeError("profile: nothing is prepared")
        return {"shares": shares(self.computation.run, min(self.runs, 100))}

    def _choose(self, name: str) -> Workload:
        """Free the last workload and its memory, and set the precision of this one."""
        self.computation = None
        gc.collect()
        self.fw.empty_pool()
        self.fw.set_precision(WORKLOADS[name].precision or _default_precision())
        return WORKLOADS[name]

    def _turn(self, runs: int) -> Timed:
        if self.computation is None:
            raise RuntimeError("time: nothing is prepared")
        gc.collect()
        return self.clock(self.computation.run, runs)

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        what = request.pop("do")
        known: dict[str, Callable[..., dict[str, Any]]] = {
            "describe": self.describe, "ceilings": self.ceilings, "check": self.check, "prepare": self.prepare,
            "time": self.time, "memory": self.memory, "profile": self.profile,
            "prepare_ops": self.ops.prepare, "time_ops": self.ops.time,
        }  # fmt: skip
        return known[what](**request)


def _default_precision() -> str:
    return os.environ.get("DLENGINE_BENCH_PRECISION", "highest")


def serve(worker: Worker, requests: TextIO, answers: TextIO) -> None:
    """Answer requests until the pipe is closed; errors are answers, and compiled kernels are reported at once."""
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
    keep_to_cores(os.getppid())
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    framework = import_module(f"{__package__}.{module_of(sys.argv[1])}")
    serve(Worker(framework), sys.stdin, answers)


if __name__ == "__main__":
    main()
