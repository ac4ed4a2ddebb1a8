"""Workers of the benchmark that fail or do not answer: what it costs, and what is there already when a run is ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench_made import Scripted, Staff, made

from dlengine.benchmarks import run
from dlengine.benchmarks.process import WorkerFailed, WorkerProcess, environment
from dlengine.benchmarks.results import Result
from dlengine.benchmarks.workloads import WORKLOADS, Workload
from dlengine.cli.main import main


def test_a_worker_that_does_not_answer_is_ended() -> None:
    with WorkerProcess("dlengine", environment("numpy", 1, "default"), limit=0.2) as worker:
        with pytest.raises(WorkerFailed, match="ended with status -9"):
            worker.ask("check", workload="tiny-ops", path="unused.npz")
        worker.__exit__()


def test_a_worker_that_fails_is_ended_and_costs_one_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may have lost its device, and would fail in all later rows."""
    ended: list[str] = []

    class Lost(Scripted):
        def ask(self, what: str, **arguments: Any) -> dict[str, Any]:
            raise WorkerFailed("dlengine: an illegal memory access was encountered")

        def __exit__(self, *reason: object) -> None:
            ended.append(self.name)

    y = {"y": np.ones(3, np.float32)}
    staff = Staff(Lost("dlengine", y, 0.5), Lost("torch", y, 0.5))
    (row,) = run.measure(WORKLOADS["tiny-ops"], staff, ["dlengine", "torch"], tmp_path, lambda: None)
    assert "illegal memory access" in str(row.error)
    assert (ended, staff.workers) == (["dlengine", "torch"], {})


def test_a_run_that_is_ended_leaves_the_rows_that_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = {"tiny-ops": [made().rows[0]], "embedding": KeyboardInterrupt()}

    def measure(workload: Workload, *more: Any) -> Any:
        found = rows[workload.name]
        if isinstance(found, BaseException):
            raise found
        return found

    monkeypatch.setattr(run, "measure", measure)
    monkeypatch.setattr(run.Workers, "worker", lambda self, name, heap: Scripted(name, {}, 0.5))
    monkeypatch.setattr(run, "require_same_precision", lambda result: None)
    monkeypatch.setattr(Scripted, "ask", lambda self, what, **more: made().frameworks["dlengine"])
    file = tmp_path / "result.json"
    with pytest.raises(SystemExit):
        main(("bench", "--filter", "tiny-ops", "--filter", "embedding", "--json", str(file)))
    assert [row.name for row in Result.load(file).rows] == [made().rows[0].name]
