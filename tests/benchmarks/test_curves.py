"""The curves of the benchmark: slopes, what is timed, and what is drawn; scripted workers stand in for the frameworks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dlengine.benchmarks import curves, peers, run
from dlengine.benchmarks.process import WorkerFailed
from dlengine.benchmarks.workloads import WORKLOADS
from dlengine.cli.main import main
from dlengine.errors import ConfigError


def test_every_curve_is_of_a_workload_and_grows() -> None:
    assert len({curve.name for curve in curves.CURVES}) == len(curves.CURVES)
    for curve in curves.CURVES:
        workload = WORKLOADS[curve.workload]
        assert set(curve.sizes(curve.values[0])) <= set(workload.sizes)
        flops = [curve.arithmetic(value) for value in curve.values]
        assert flops == sorted(flops)
        assert len(set(flops)) == (1 if curve.letters == ("threads",) else len(flops))


def test_curves_cover_what_they_should() -> None:
    letters = {letter for curve in curves.CURVES for letter in curve.letters}
    assert {"N", "H", "C", "T", "threads"} <= letters


def test_slopes_are_of_long_neighbours_alone() -> None:
    flops = [1.0, 2.0, 4.0, 8.0]
    assert curves.slopes(flops, [0.001, 0.004, 0.008, 0.032]) == pytest.approx([2.0])
    assert curves.slopes(flops, [0.01, 0.02, 0.04, 0.08]) == pytest.approx([1.0, 1.0, 1.0])
    assert curves.slopes(flops, [0.001, 0.002, 0.003, 0.004]) == []
    assert curves.slopes([1.0, 1.0], [0.01, 0.02]) == []


def test_select() -> None:
    assert curves.select(()) == list(curves.CURVES)
    assert [curve.name for curve in curves.select(("lstm over t*",))] == ["lstm over time", "lstm over threads"]
    assert {curve.workload for curve in curves.select(("mlp-mnist",))} == {"mlp-mnist"}
    with pytest.raises(ConfigError, match="no curve matches 'speed'; there are conv over batch"):
        curves.select(("speed",))


class Proportional:
    """A worker whose time grows with the batch, from 10 ms; its thread count halves it."""

    def __init__(self, name: str, env: dict[str, str], module: str | None = None, limit: float | None = None) -> None:
        self.name, self.threads, self.size = name, int(env["OMP_NUM_THREADS"]), 1

    def __enter__(self) -> Proportional:
        return self

    def __exit__(self, *reason: object) -> None:
        pass

    def ask(self, what: str, **arguments: Any) -> dict[str, Any]:
        if what == "prepare":
            self.size = arguments["sizes"].get("N", 1)
            if self.size == 64 and self.name == "torch":
                raise WorkerFailed("torch: out of memory")
        seconds = 0.01 * self.size / self.threads
        return {"prepare": {"usual": seconds}, "time": {"seconds": seconds}, "describe": {"version": "1"}}[what]


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "WorkerProcess", Proportional)
    monkeypatch.setattr(run, "PAUSE_SECONDS", 0.0)


@pytest.fixture
def scaling(scripted: None) -> curves.Scaling:
    told: list[tuple[str, int, int]] = []
    chosen = curves.select(("conv over batch", "conv over threads", "gru"))
    found = curves.run(run.Settings("numpy", "torch", repeat=2, threads=1), chosen, lambda *state: told.append(state))
    points = sum(len(curve.values) for curve in chosen)
    assert told[-1] == ("done", points, points)
    return found


def test_a_run(scaling: curves.Scaling, tmp_path: Path) -> None:
    batch, hidden, threads = scaling.curves
    assert batch.seconds["dlengine"][:3] == [0.02, 0.04, 0.08]
    assert batch.steepest("dlengine") == pytest.approx(1.0)
    assert batch.error == "torch: out of memory"
    assert hidden.steepest("dlengine") == pytest.approx(0.0)
    assert threads.seconds["torch"] == [0.01, 0.005]
    assert curves.slope_text(threads, "dlengine") == "x2.00"
    scaling.save(tmp_path / "curves.json")
    raw = json.loads((tmp_path / "curves.json").read_text())
    assert raw["curves"][0]["curve"]["name"] == "conv over batch"
    assert raw["curves"][0]["steepest"]["dlengine"] == pytest.approx(1.0)


def test_reports(scaling: curves.Scaling) -> None:
    assert curves.table(scaling).row_count == 3
    assert curves.picture(scaling).startswith(b"\x89PNG")
    told = curves.summary(scaling)
    assert "conv over batch: failed: torch: out of memory" in told
    assert "steepest slope of time against arithmetic above 5 ms: 1.00 (conv over batch); target at most 1.1" in told
    scaling.curves[0].seconds["dlengine"] = [0.01 * 3**i for i in range(5)]
    assert curves.summary(scaling)[-1] == "steeper than 1.1: conv over batch 1.58"


def test_too_short_for_a_slope(scaling: curves.Scaling) -> None:
    for measured in scaling.curves:
        measured.seconds = {"dlengine": [1e-4] * len(measured.flops)}
    assert "no slopes" in curves.summary(scaling)[-1]


def command(*arguments: str) -> int | str | None:
    with pytest.raises(SystemExit) as end:
        main(("bench", "--scaling", *arguments))
    return end.value.code


def test_the_command(scripted: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {"--json": tmp_path / "curves.json", "--picture": tmp_path / "curves.png"}
    options = [text for option, file in files.items() for text in (option, str(file))]
    assert command("--backend", "numpy", "--filter", "gru", "--repeat", "1", *options) == 0
    assert all(file.stat().st_size > 100 for file in files.values())
    shown = capsys.readouterr().out
    assert "gru over hidden" in shown
    assert "32-512" in shown


def test_a_curve_that_fails_is_a_failure(
    scripted: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "missing_peer", lambda name: None)
    assert command("--backend", "numpy", "--against", "torch", "--filter", "conv over batch", "--repeat", "1") == 1
    assert "conv over batch: failed: torch: out of memory" in capsys.readouterr().out


def test_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert command("--list", "--filter", "threads") == 0
    shown = capsys.readouterr().out
    assert "lstm-medium" in shown
    assert "threads = 1, 2" in shown
    assert "conv over batch" not in shown
