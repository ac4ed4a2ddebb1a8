"""Run the workloads: check that both frameworks compute the same, then time them in alternating turns."""

from __future__ import annotations

import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from dlengine.backend import get_backend, use_backend
from dlengine.environment import instruction_set, processor
from dlengine.errors import ConfigError

from . import import_time
from .peers import PEERS
from .process import WorkerFailed, WorkerProcess, environment
from .results import OURS, Result, Row, Timing
from .workloads import Workload

PAUSE_SECONDS = 0.3
"""The pause between turns: thread pools spin for a while after a call and would use the other framework's cores."""
SIDE_SECONDS = 6.0
"""About the longest total time of one framework on one workload; slow ones get fewer turns."""
HEAPS = {"default": ("default",), "warm": ("warm",), "both": ("default", "warm")}

DEVICE_LIMIT = 40.0
"""Seconds after which a worker that uses a device, and does not answer, is ended."""

Progress = Callable[[str, int, int], None]


@dataclass
class Settings:
    """The settings of a run.

    backend: of dlengine. against: the peer, or None. repeat: the number of turns of each framework. heap: a key of HEAPS.
    precision: of float32 products, the same for both frameworks. captured: dlengine's steps and inference are captured.
    """

    backend: str
    against: str | None = None
    repeat: int = 4
    heap: str = "default"
    threads: int = 0
    precision: str = "highest"
    captured: bool = False

    def __post_init__(self) -> None:
        # Switching here raises the backend's own error, which a worker could only report as text.
        with use_backend(self.backend):
            self.backend = get_backend()
        self.threads = self.threads or usable_cores()
        if self.device == "cuda":
            self.heap = "default"  # malloc belongs to the host

    @property
    def device(self) -> str:
        return "cuda" if self.backend == "cuda" else "cpu"


def usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine() -> dict[str, object]:
    return {
        "processor": processor(),
        "instruction set": instruction_set(),
        "cores": usable_cores(),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


@dataclass
class Workers:
    """The worker processes, one for each framework and heap, started when first used and kept until the end."""

    settings: Settings
    stack: ExitStack
    workers: dict[tuple[str, str], Any] = field(default_factory=dict)

    def worker(self, name: str, heap: str) -> Any:
        if (name, heap) not in self.workers:
            self.workers[name, heap] = self.stack.enter_context(self.fresh(name, heap))
        return self.workers[name, heap]

    def fresh(self, name: str, heap: str) -> WorkerProcess:
        asked = self.settings
        module = "captured" if asked.captured and name == OURS else None
        limit = DEVICE_LIMIT if asked.device == "cuda" else None
        return WorkerProcess(name, environment(asked.backend, asked.threads, heap, asked.precision), module, limit)

    def end(self) -> None:
        """End them all: one that failed may be gone, or have lost its device, and would fail in every later workload."""
        for worker in self.workers.values():
            worker.__exit__()
        self.workers.clear()


def run(
    settings: Settings, workloads: list[Workload], progress: Progress, keep: Callable[[Result], object] = lambda result: None
) -> Result:
    """Time the workloads; progress(description, turns done, turns in all) is called as they go, keep(result) after each.

    Raises ConfigError if the frameworks compute in different precision. A workload that fails is a row with its error.
    """
    names = [OURS, *([settings.against] if settings.against else [])]
    heaps = HEAPS[settings.heap]
    result = Result(asdict(settings), machine(), {}, date=datetime.now(UTC).isoformat(timespec="seconds"))
    each = len(names) * len(heaps) * settings.repeat
    total = len(workloads) * each
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        pool = Workers(settings, stack)
        progress("starting workers", 0, total)
        result.frameworks = {name: pool.worker(name, heaps[0]).ask("describe") for name in names}
        require_same_precision(result)
        if settings.device == "cuda":
            progress("ceilings", 0, total)
            result.ceilings = ceilings([pool.worker(name, heaps[0]) for name in names])
        for number, workload in enumerate(workloads):
            turns = iter(range(number * each + 1, (number + 1) * each + 1))

            def advance(what: str = workload.name, turns: Iterator[int] = turns, last: int = (number + 1) * each) -> None:
                progress(what, next(turns, last), total)

            progress(workload.name, number * each, total)
            if workload.kind == "import":
                result.rows.append(measure_import(sides(workload, names), settings.repeat, advance))
            else:
                chosen = sides(workload, names)
                rows = measure(workload, pool, chosen, scratch, advance)
                if len(chosen) < len(names) and workload.peer is None:
                    for row in rows:
                        row.note = "; ".join(filter(None, [row.note, f"{names[1]} has no definition of it: timed alone"]))
                result.rows += rows
            keep(result)
        # Asked again, because libraries load their thread pools with the first workload that needs them.
        for name in dict.fromkeys(name for name, _ in pool.workers):
            result.frameworks[name] = pool.worker(name, heaps[0]).ask("describe")
    progress("done", total, total)
    return result


def sides(workload: Workload, names: list[str]) -> list[str]:
    """The frameworks of a workload: dlengine and the run's peer if it has it, or the workload's own if it is installed."""
    if workload.peer is None:
        return [name for name in names if name not in PEERS or PEERS[name].has(workload)]
    return [OURS, workload.peer] if len(names) > 1 and find_spec(workload.peer) else [OURS]


def ceilings(workers: list[Any]) -> dict[str, float]:
    """The measured rates of the device, the best of all frameworks."""
    found: dict[str, float] = {}
    for worker in workers:
        for name, rate in worker.ask("ceilings").items():
            found[name] = max(rate, found.get(name, 0.0))
    return found


def measure_import(names: list[str], repeat: int, advance: Callable[[], None]) -> Row:
    try:
        return import_time.measure(names, repeat, advance)
    except subprocess.SubprocessError as error:
        return Row("import", "import", {}, error=str(error))


def require_same_precision(result: Result) -> None:
    """Raise ConfigError if the frameworks compute in different precision."""
    ours = result.precision
    for name, facts in result.frameworks.items():
        if facts["precision"] != ours:
            raise ConfigError(f"bench: cannot compare different precision: dlengine {ours}, {name} {facts['precision']}")


def measure(
    workload: Workload, pool: Workers, names: list[str], scratch: Path, advance: Callable[[], None]
) -> list[Row]:  # fmt: skip
    """Check, measure and time one workload: a row for each heap. A failure is written into the rows."""
    heaps = HEAPS[pool.settings.heap]
    rows = {heap: new_row(workload, heap) for heap in heaps}
    try:
        checked = rows[heaps[0]]
        first = agree(workload, pool, names, checked, scratch)
        for row in rows.values():
            row.difference, row.dtypes, row.note = checked.difference, checked.dtypes, checked.note
            row.peer_difference = checked.peer_difference
        ready = {(name, heap): pool.worker(name, heap).ask("prepare", workload=workload.name) for heap in heaps for name in names}
        slowest = max(answer["usual"] for answer in ready.values())
        turns = max(min(pool.settings.repeat, 2), min(pool.settings.repeat, int(SIDE_SECONDS / slowest)))
        times = in_turns({key: pool.worker(*key) for key in ready}, turns, advance)
        if workload.kind == "step" and pool.settings.device == "cpu":
            for name, peak in step_memory(workload, pool, names).items():
                for heap in heaps:
                    ready[name, heap]["peak_mib"] = peak if heap == heaps[0] else None
    except (WorkerFailed, ConfigError) as error:
        if isinstance(error, WorkerFailed):
            pool.end()
        for row in rows.values():
            row.error = str(error)
        return list(rows.values())
    for heap, row in rows.items():
        if fallen := ready[OURS, heap]["fallbacks"]:
            row.note = "; ".join([*filter(None, [row.note]), f"run by the reference: {', '.join(fallen)}"])
        row.kernels = ready[OURS, heap]["kernels"]
        for name in names:
            answers, answer = times[name, heap], ready[name, heap]
            started = first[name] if heap == heaps[0] else answer["first"]
            host = answers[-1]["host"]
            row.timings[name] = Timing.of([a["seconds"] for a in answers], started, answer["peak_mib"], host)
        row.pair(*names)
    return list(rows.values())


def new_row(workload: Workload, heap: str) -> Row:
    row = Row(workload.name, workload.kind, dict(workload.sizes), heap=heap, precision=workload.products, unit=workload.unit)
    found = workload.cost()
    if found is not None:
        row.flops, row.bytes = found.flops, found.bytes
    return row


def agree(workload: Workload, pool: Workers, names: list[str], row: Row, scratch: Path) -> dict[str, float]:
    """Check that the results and the precision of all agree, and return the first time of each. Raises ConfigError if not.

    Where the peer has a reference, and ours agree with that instead, the row says so.
    """
    answers = {name: _checked(workload, pool, name, scratch) for name in names}
    kinds = [answer["precision"] for answer in answers.values()]
    row.dtypes = answers[names[0]]["dtypes"]
    if any(kind != kinds[0] for kind in kinds):
        raise ConfigError(f"cannot compare different precision: {kinds[0]} and {kinds[1]}")
    if not workload.compared:
        row.note = "; ".join(f"{key} {name} {x:.4g}" for name, a in answers.items() for key, x in a["told"].items())
    elif len(names) > 1:
        ours, theirs = (answers[name]["file"] for name in names)
        row.difference = agreement(ours, theirs)
        second = PEERS[names[1]].reference if names[1] in PEERS else None
        if not row.difference <= workload.tolerance and second is not None:
            right = _checked(workload, pool, second, scratch)["file"]
            row.difference, row.peer_difference = agreement(ours, right), agreement(theirs, right)
            row.note = f"the results of {names[1]} differ from {second}'s by {row.peer_difference:.1e}: checked against {second}"
        if not row.difference <= workload.tolerance:
            raise ConfigError(
                f"the results differ by {row.difference:.1e} of the largest value (at most {workload.tolerance:.0e})"
            )
    return {name: answer["first"] for name, answer in answers.items()}


def _checked(workload: Workload, pool: Workers, name: str, scratch: Path) -> dict[str, Any]:
    """A framework's answer to "check", with the file of its results."""
    file = scratch / f"{name}.npz"
    return {**pool.worker(name, HEAPS[pool.settings.heap][0]).ask("check", workload=workload.name, path=str(file)), "file": file}


def in_turns(workers: dict[Any, Any], repeat: int, advance: Callable[[], None]) -> dict[Any, list[dict[str, Any]]]:
    """Time the workers in alternating turns, each after a pause in which the threads of the other go to sleep."""
    times: dict[Any, list[dict[str, Any]]] = {key: [] for key in workers}
    for _ in range(repeat):
        for key, worker in workers.items():
            time.sleep(PAUSE_SECONDS)
            times[key].append(worker.ask("time"))
            advance()
    return times


def step_memory(workload: Workload, pool: Workers, names: list[str]) -> dict[str, float | None]:
    """Peak memory of a training step, in fresh processes that run at the same time, since nothing is timed."""
    with ExitStack() as stack:
        workers = [stack.enter_context(pool.fresh(name, "default")) for name in names]
        for worker in workers:
            worker.send("memory", workload=workload.name)
        return {worker.name: worker.receive()["peak_mib"] for worker in workers}


def agreement(ours: Path, theirs: Path) -> float:
    """The largest difference between two saved results, each relative to its largest value; NaN if one has a NaN.

    Raises ConfigError if names, shapes or dtypes differ.
    """
    worst = 0.0
    with np.load(ours) as a, np.load(theirs) as b:
        if set(a.files) != set(b.files):
            raise ConfigError(f"the frameworks return different results: {sorted(a.files)} and {sorted(b.files)}")
        for name in a.files:
            x, y = a[name], b[name]
            if x.dtype != y.dtype or x.shape != y.shape:
                raise ConfigError(f"cannot compare {name}: {x.dtype}{x.shape} and {y.dtype}{y.shape}")
            if x.size:
                x, y = x.astype(np.float64), y.astype(np.float64)
                scale = max(float(np.max(np.abs(y))), float(np.finfo(np.float32).tiny))
                difference = float(np.max(np.abs(x - y))) / scale
                worst = difference if np.isnan(difference) else max(worst, difference)
            if np.isnan(worst):
                break
    return worst
