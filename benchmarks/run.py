"""Run workloads in turns and gather the result: check that both sides compute the same, then time A B A B."""

from __future__ import annotations

import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from dlengine.backend import get_backend, use_backend
from dlengine.errors import ConfigError
from dlengine.report import processor

from . import import_time
from .process import WorkerFailed, WorkerProcess, environment
from .results import Result, Row, Timing
from .workloads import Workload

PAUSE_SECONDS = 0.3
"""Between turns: thread pools spin for a while after a call and would take the other side's cores."""


@dataclass
class Settings:
    """backend: of dlengine. against: the peer, or None. repeat: turns of each side. heap: "default" or "warm"."""

    backend: str
    against: str | None = None
    repeat: int = 5
    heap: str = "default"
    threads: int = 0

    def __post_init__(self) -> None:
        # Ask for the backend here, where its error reaches the user as it is.
        with use_backend(self.backend):
            self.backend = get_backend()
        self.threads = self.threads or usable_cores()


def usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def missing_peer(name: str) -> str | None:
    """Why a peer cannot be timed, or None."""
    return None if find_spec(name) else f"{name} is not installed (mend: pip install {name}): timing dlengine alone"


def machine() -> dict[str, object]:
    return {
        "processor": processor(),
        "cores": usable_cores(),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def run(settings: Settings, workloads: list[Workload], progress: Callable[[str, int, int], None]) -> Result:
    """Time the workloads. progress(what, turns done, turns in all) is told as it goes.

    Raises ConfigError if the two sides compute in unlike precision; a workload that fails is a row with its error.
    """
    names = ["dlengine", *([settings.against] if settings.against else [])]
    result = Result(asdict(settings), machine(), {}, date=datetime.now(UTC).isoformat(timespec="seconds"))
    total = len(workloads) * len(names) * settings.repeat
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        env = environment(settings.backend, settings.threads, settings.heap)
        progress("starting workers", 0, total)
        workers = [stack.enter_context(WorkerProcess(name, env)) for name in names]
        result.frameworks = {w.name: w.ask("describe") for w in workers}
        refuse_unlike_precision(result)
        for number, workload in enumerate(workloads):
            before = number * len(names) * settings.repeat
            turns = iter(range(before + 1, total + 1))

            def advance(what: str = workload.name, turns: Iterator[int] = turns) -> None:
                progress(what, next(turns), total)

            progress(workload.name, before, total)
            if workload.kind == "import":
                row = measure_import(names, settings.repeat, advance)
            else:
                row = measure(workload, workers, settings.repeat, scratch, advance)
            result.rows.append(row)
        # Libraries load their thread pools with the first workload that needs them: ask again.
        for w in workers:
            result.frameworks[w.name] = w.ask("describe")
    progress("done", total, total)
    return result


def measure_import(names: list[str], repeat: int, advance: Callable[[], None]) -> Row:
    try:
        return import_time.measure(names, repeat, advance)
    except subprocess.SubprocessError as error:
        return Row("import", "import", {}, error=str(error))


def refuse_unlike_precision(result: Result) -> None:
    """A faster product in fewer bits is no comparison."""
    ours = result.precision
    for name, facts in result.frameworks.items():
        if facts["precision"] != ours:
            raise ConfigError(f"bench: will not compare unlike precision: dlengine {ours}, {name} {facts['precision']}")


def measure(workload: Workload, workers: list[WorkerProcess], repeat: int, scratch: Path, advance: Callable[[], None]) -> Row:
    """One row: agreement, memory, then turns. A failure is written into the row."""
    row = Row(workload.name, workload.kind, dict(workload.sizes))
    seconds: dict[str, list[float]] = {w.name: [] for w in workers}
    try:
        files = {w.name: scratch / f"{w.name}.npz" for w in workers}
        first = {w.name: w.ask("check", workload=workload.name, path=str(files[w.name])) for w in workers}
        row.dtypes = first[workers[0].name]["dtypes"]
        if len(workers) > 1:
            row.difference = agreement(*(files[w.name] for w in workers[:2]))
            if not row.difference <= workload.tolerance:
                row.error = f"the results differ by {row.difference:.1e} of the largest value (at most {workload.tolerance:.0e})"
                return row
        ready = {w.name: w.ask("prepare", workload=workload.name) for w in workers}
        if fallen := ready[workers[0].name]["fallbacks"]:
            row.note = f"run by the reference: {', '.join(fallen)}"
        for _ in range(repeat):
            for w in workers:
                time.sleep(PAUSE_SECONDS)
                seconds[w.name].append(w.ask("time")["seconds"])
                advance()
    except (WorkerFailed, ConfigError) as error:
        row.error = str(error)
        return row
    for name, turns in seconds.items():
        row.timings[name] = Timing.of(turns, first[name]["first"], ready[name]["peak_mib"])
    row.pair(*seconds)
    return row


def agreement(ours: Path, theirs: Path) -> float:
    """The largest difference between two saved results, each relative to its largest value; NaN if either has one.

    Raises ConfigError if they have unlike names, shapes or precision.
    """
    worst = 0.0
    with np.load(ours) as a, np.load(theirs) as b:
        if set(a.files) != set(b.files):
            raise ConfigError(f"the sides return other things: {sorted(a.files)} and {sorted(b.files)}")
        for name in a.files:
            x, y = a[name], b[name]
            if x.dtype != y.dtype or x.shape != y.shape:
                raise ConfigError(f"will not compare unlike {name}: {x.dtype}{x.shape} and {y.dtype}{y.shape}")
            if x.size:
                x, y = x.astype(np.float64), y.astype(np.float64)
                scale = max(float(np.max(np.abs(y))), float(np.finfo(np.float32).tiny))
                difference = float(np.max(np.abs(x - y))) / scale
                worst = difference if np.isnan(difference) else max(worst, difference)
            if np.isnan(worst):
                break
    return worst
