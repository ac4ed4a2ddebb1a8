"""A result of the benchmark as a run would make it, and small sizes of its workloads, for the tests."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import numpy as np

from dlengine.benchmarks import run
from dlengine.benchmarks.results import Result, Row, Timing
from dlengine.benchmarks.workloads import Workload

CAPS = {
    "N": 4, "T": 3, "C": 2, "K": 4, "groups": 2, "M": 5, "D": 6, "I": 5, "V": 7, "hidden": 6, "ops": 6, "elements": 11,
    "parameters": 12, "tokens": 60, "heads": 2, "layers": 2,
}  # fmt: skip
"""Sizes at which a computation still makes sense; others keep theirs unless larger than 16."""


def small(workload: Workload) -> dict[str, int]:
    """Sizes for a test."""
    return {name: min(size, CAPS.get(name, 16)) for name, size in workload.sizes.items()}


def made(
    precision: dict[str, str] | None = None,
    ours: float = 0.002,
    theirs: float | None = 0.003,
    heaps: tuple[str, ...] = ("default",),
) -> Result:
    """A result as a run would make it."""
    names = ["dlengine", *(["torch"] if theirs else [])]
    pools = [{"user_api": "blas", "internal_api": "x"}]
    facts = {"version": "1 <b>", "precision": precision or {"dtype": "float32"}, "pools": pools}
    result = Result(
        {"backend": "numba", "against": "torch", "threads": 2},
        {"processor": "a & b"},
        {name: dict(facts) for name in names},
        date="2026-01-02T03:04:05+00:00",
    )
    for name, kind in (("tiny-ops", "op"), ("vae", "step"), ("import", "import")):
        for heap in heaps if kind != "import" else heaps[:1]:
            row = Row(name, kind, {"H": 4}, dtypes=["float32"], note="numpy 1 s", heap=heap, unit=("pairs", 1000))
            row.timings["dlengine"] = Timing.of([ours, 1.1 * ours], first=1.0, peak_mib=3.0)
            if theirs:
                row.timings["torch"] = Timing.of([theirs, 2 * theirs], first=1.0, peak_mib=2.0)
            row.pair(*names)
            result.rows.append(row)
    result.rows.append(Row("embedding", "op", {}, error="out of memory"))
    return result


class Scripted:
    """A worker that gives prepared answers."""

    def __init__(self, name: str, results: dict[str, Any], seconds: float, usual: float = 0.01) -> None:
        self.name, self.results, self.seconds, self.usual = name, results, seconds, usual
        self.precision = {"dtype": "float32", "matmul": "highest"}

    def ask(self, what: str, **arguments: Any) -> dict[str, Any]:
        if what == "check":
            np.savez(arguments["path"], **self.results)
        return {
            "check": {"first": 1.0, "dtypes": ["float32"], "precision": self.precision, "told": {}},
            "prepare": {"first": 2.0, "usual": self.usual, "peak_mib": 2.0, "fallbacks": ["cuda:lstm"], "kernels": ["lstm"]},
            "time": {"seconds": self.seconds, "host": None},
        }[what]


class Staff(run.Workers):
    """Scripted workers; fresh processes would cost the test seconds."""

    def __init__(self, *workers: Scripted, heap: str = "default") -> None:
        super().__init__(run.Settings("numpy", "torch", repeat=3, heap=heap, threads=1), ExitStack())
        self.workers = {(w.name, h): w for w in workers for h in run.HEAPS[heap]}
