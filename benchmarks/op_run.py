"""Time ops of the op table: batches of them in alternating turns of the frameworks' processes."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from . import run
from .op_rows import OpRow
from .process import WorkerFailed
from .results import OURS, Result, Row, Timing

BATCH = 40
"""The number of ops in one turn of a process."""

TOLERANCE = 2e-3
"""The largest difference between the frameworks' results, relative to the largest value."""


def run_ops(settings: run.Settings, rows: Sequence[OpRow], progress: run.Progress) -> Result:
    """Time ops of the table on the first heap of the settings; progress is called as they go."""
    names = [OURS, *([settings.against] if settings.against else [])]
    heap = run.HEAPS[settings.heap][0]
    settings.heap = heap
    result = Result(asdict(settings), run.machine(), {}, date=datetime.now(UTC).isoformat(timespec="seconds"))
    batches = [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        pool = run.Workers(settings, stack)
        progress("starting workers", 0, len(rows))
        result.frameworks = {name: pool.worker(name, heap).ask("describe") for name in names}
        run.require_same_precision(result)
        done = 0
        for batch in batches:
            progress(batch[0].name, done, len(rows))
            result.rows += measure(batch, {name: pool.worker(name, heap) for name in names}, settings.repeat, heap, scratch)
            done += len(batch)
        result.frameworks = {name: pool.worker(name, heap).ask("describe") for name in names}
    progress("done", len(rows), len(rows))
    return result


def measure(batch: Sequence[OpRow], workers: dict[str, Any], repeat: int, heap: str, scratch: Path) -> list[Row]:
    """Prepare, compare and time a batch of ops; a row for each."""
    found = [Row(row.name, row.kind, {"elements": row.elements}, heap=heap) for row in batch]
    names = [row.name for row in batch]
    files = {name: scratch / f"{name}.npz" for name in workers}
    try:
        ready = {name: w.ask("prepare_ops", rows=names, path=str(files[name]))["rows"] for name, w in workers.items()}
        turns: dict[str, list[dict[str, float]]] = {name: [] for name in workers}
        for _ in range(repeat):
            for name, worker in workers.items():
                time.sleep(run.PAUSE_SECONDS)
                turns[name].append(worker.ask("time_ops")["seconds"])
    except WorkerFailed as error:
        for row in found:
            row.error = str(error)
        return found
    peer = next((name for name in workers if name != OURS), None)
    differences = unlike(files[OURS], files[peer], batch) if peer else {}
    for row in found:
        ours = ready[OURS][row.name]
        if "error" in ours:
            row.error = f"{OURS}: {ours['error']}"
            continue
        row.timings[OURS] = Timing.of([turn[row.name] for turn in turns[OURS]], ours["first"])
        if peer is None:
            continue
        theirs = ready[peer][row.name]
        row.note = theirs.get("missing") or (f"{peer}: {theirs['error']}" if "error" in theirs else differences.get(row.name, ""))
        if not row.note:
            row.timings[peer] = Timing.of([turn[row.name] for turn in turns[peer]], theirs["first"])
            row.pair(OURS, peer)
    return found


def unlike(ours: Path, theirs: Path, batch: Sequence[OpRow]) -> dict[str, str]:
    """For the rows whose results do not agree: why."""
    told: dict[str, str] = {}
    with np.load(ours) as a, np.load(theirs) as b:
        groups = {row.name: sorted(key for key in a.files if key.startswith(f"{row.name}/")) for row in batch}
        for row in batch:
            for key in groups[row.name][: None if row.backward else 1]:
                if key in b.files and (why := _unlike(a[key], b[key], row.compared)):
                    told[row.name] = f"the results differ: {why}"
    return told


def _unlike(x: Any, y: Any, exact: bool) -> str:
    if x.shape != y.shape:
        return f"shapes {x.shape} and {y.shape}"
    if not exact or not x.size or x.dtype.kind not in "fciub":
        return ""
    wide = np.complex128 if "c" in (x.dtype.kind, y.dtype.kind) else np.float64
    x, y = x.astype(wide), y.astype(wide)
    sound = np.isfinite(x) & np.isfinite(y)
    if not np.array_equal(np.isnan(x), np.isnan(y)):
        return "NaN in one alone"
    if not sound.any():
        return ""
    scale = max(float(np.max(np.abs(y[sound]))), float(np.finfo(np.float32).tiny))
    difference = float(np.max(np.abs(x[sound] - y[sound]))) / scale
    return f"{difference:.1e} of the largest value" if difference > TOLERANCE else ""


