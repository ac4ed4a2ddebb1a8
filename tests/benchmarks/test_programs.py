"""The benchmark of whole programs: what it counts, and what it says of a program that fails."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from dlengine.benchmarks import programs


def test_least_seconds_are_those_of_one_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runs come before; the clock is that of the process."""
    runs: list[int] = []
    clock = iter([0.0, 5.0, 10.0, 13.0, 20.0, 24.0])
    monkeypatch.setattr(programs, "SECONDS", 0.0)
    monkeypatch.setattr(programs.time, "process_time", lambda: next(clock))
    assert programs.least_seconds(lambda: runs.append(1)) == 3.0
    assert len(runs) == 5


def test_ratios_are_of_pairs() -> None:
    found = programs.row({"dlengine": [1.0, 2.0, 4.0], "torch": [3.0, 2.0, 8.0]})
    assert found == {"dlengine": 2.0, "torch": 3.0, "ratio": 2.0}


def test_table_and_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("b", "a", "test_of_them"):
        (tmp_path / f"{name}.py").write_text("print(1)\n")
    asked: list[tuple[str, str]] = []

    def seconds(library: str, program: Path) -> float:
        asked.append((program.stem, library))
        return {"dlengine": 1.0, "torch": 2.0 if program.stem == "a" else 0.5}[library]

    monkeypatch.setattr(programs, "in_a_process", seconds)
    out = tmp_path / "out.json"
    done = CliRunner().invoke(programs.main, [str(tmp_path), str(out), "--repeat", "2"])
    assert done.exit_code == 0, done.output
    assert asked == [(p, library) for p in "ab" for _ in range(2) for library in ("dlengine", "torch")]
    kept: dict[str, Any] = json.loads(out.read_text())
    assert {name: r["ratio"] for name, r in kept["rows"].items()} == {"a": 2.0, "b": 0.5}
    assert math.isclose(kept["mean"], 1.0)
    assert "1.00" in done.output.splitlines()[-1]


def test_a_program_runs_in_a_process_of_its_own(tmp_path: Path) -> None:
    """Under the name torch, with what it prints left out."""
    program = tmp_path / "program.py"
    program.write_text("import torch\nprint('noise', torch.ones(3).sum().item())\n")
    assert 0 < programs.in_a_process("dlengine", program) < 1
    program.write_text("raise ValueError('no data')\n")
    with pytest.raises(click.ClickException, match="program.py under dlengine: ValueError: no data"):
        programs.in_a_process("dlengine", program)


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    done = CliRunner().invoke(programs.main, [str(tmp_path)])
    assert done.exit_code == 1
    assert "has no programs" in done.output
