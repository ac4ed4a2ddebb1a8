"""`parity` in processes: a cell whose process is killed is one failed cell, lines come as cells do, Ctrl-C ends it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dlengine.cli.main import Settings, app
from dlengine.testing import parity, report
from dlengine.testing.jobs import Died, in_processes

DEADLY = """
import os, signal
import numpy as np
from dlengine.autograd.op import op
from dlengine.testing import case, normal, parity, report, sample, ulp

@op(promotes="float")
def deadly(xp, x, /):
    if x.dtype == np.float32:
        os.kill(os.getpid(), signal.SIGKILL)
    return x + 0, lambda gy: gy

case(deadly, sample(normal(3)), bound=ulp(1), reference=lambda x: x)

if __name__ == "__main__":
    cells = parity("deadly,tanh,exp", backends=["numpy"], jobs=2)
    for c in cells:
        print(c.op, c.dtype, c.verdict, c.message)
"""


def test_a_killed_process_is_one_failed_cell(tmp_path: Path) -> None:
    script = tmp_path / "deadly.py"
    script.write_text(DEADLY)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) == 6, done.stdout + done.stderr
    assert [line for line in lines if " fail " in line] == [
        "deadly float32 fail its process was ended by SIGKILL while it was at this cell"
    ]
    assert any(line.startswith("deadly float64 pass") for line in lines), "the rest of the row goes on"


def test_the_same_cells_as_in_one_process() -> None:
    told: list[tuple[int, int]] = []
    names = "softmax,tanh,conv2d"
    several = parity(names, backends=["numpy"], jobs=2, progress=lambda done, total, cell: told.append((done, total)))
    one = parity(names, backends=["numpy"])
    assert [(c.op, c.dtype, c.verdict, c.error) for c in several] == [(c.op, c.dtype, c.verdict, c.error) for c in one]
    assert told == [(n, len(one)) for n in range(1, len(one) + 1)]


def test_lines_and_counts_in_files(tmp_path: Path) -> None:
    lines, data = tmp_path / "cells.jsonl", tmp_path / "cells.json"
    arguments = ["parity", "--op", "add,tanh", "--backend", "numpy", "--jsonl", str(lines), "--json", str(data), "-j", "2"]
    result = CliRunner().invoke(app, arguments, obj=Settings())
    assert result.exit_code == 0, result.output
    cells = report.read_lines(lines)
    assert {(c["op"], c["dtype"]) for c in cells} == {(o, d) for o in ("add", "tanh") for d in ("float32", "float64")}
    counts = json.loads(data.read_text())["counts"][0]
    assert counts["cells"] == 4
    assert counts["independent"] + counts["alone"] == 4


def test_each_line_is_written_when_its_cell_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is killed has left all it found."""
    path, seen = tmp_path / "cells.jsonl", []

    def compare(*args: Any, progress: Any, **options: Any) -> list[Any]:
        cells = parity("tanh", backends=["numpy"])
        for number, cell in enumerate(cells):
            progress(number + 1, len(cells), cell)
            seen.append(len(report.read_lines(path)))
        return cells

    monkeypatch.setattr("dlengine.testing.parity", compare)
    result = CliRunner().invoke(app, ["parity", "--op", "tanh", "--backend", "numpy", "--jsonl", str(path)], obj=Settings())
    assert result.exit_code == 0, result.output
    assert seen == [1, 2]


SLEEPY = """
import time
import numpy as np
from dlengine.autograd.op import op
from dlengine.testing import case, normal, parity, sample, ulp

@op(promotes="float")
def sleepy(xp, x, /):
    if x.dtype == np.float32:
        time.sleep(600)
    return x + 0, lambda gy: gy

case(sleepy, sample(normal(3)), bound=ulp(1), reference=lambda x: x)

if __name__ == "__main__":
    for c in parity("sleepy,tanh", backends=["numpy"], jobs=2, limit=8):
        print(c.op, c.dtype, c.verdict, c.message)
"""


def test_a_cell_that_hangs_is_one_failed_cell(tmp_path: Path) -> None:
    script = tmp_path / "sleepy.py"
    script.write_text(SLEEPY)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120, check=True)
    assert [line for line in done.stdout.splitlines() if " fail " in line] == [
        "sleepy float32 fail no answer within 8 s while it was at this cell"
    ]
    assert done.stdout.count(" pass") == 3


def test_a_limit_needs_processes() -> None:
    result = CliRunner().invoke(app, ["parity", "--op", "tanh", "--limit", "3"], obj=Settings())
    assert result.exit_code == 2
    assert "--limit goes with --jobs" in result.output


COMMAND = [sys.executable, "-c", "from dlengine.cli.main import main; main()", "parity", "--backend", "numpy", "-j", "2"]


def started(path: Path) -> Any:
    """The whole command at work, when its file has some cells."""
    # A shell starts background jobs with Ctrl-C ignored, and children inherit that.
    heeding = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    process = subprocess.Popen(
        [*COMMAND, "--jsonl", str(path)], stderr=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=heeding
    )
    until = time.monotonic() + 120
    while not (path.exists() and path.read_text().count("\n") > 5) and time.monotonic() < until:
        time.sleep(0.05)
    return process


def test_the_lines_of_a_killed_run_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "cells.jsonl"
    process = started(path)
    process.kill()
    process.communicate()
    assert len(report.read_lines(path)) >= 5
    with path.open("a") as file:
        file.write('{"op": "cut o')
    assert all(c["op"] != "cut o" for c in report.read_lines(path))


def test_ctrl_c_ends_the_command_and_its_processes(tmp_path: Path) -> None:
    process = started(tmp_path / "cells.jsonl")
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 130
    assert error.strip().splitlines()[-1] == "dlengine: interrupted"
    assert "Traceback" not in error


def doubled(group: list[int]) -> Iterator[int]:
    for n in group:
        if n == 13:
            os._exit(3)
        if n == 7:
            time.sleep(60)
        if n == 5:
            raise ValueError("five")
        yield 2 * n


def test_deaths_limits_and_exceptions_cost_one_task_each() -> None:
    found = dict(in_processes([[1, 13, 2], [3, 7, 4], [6, 5, 8]], doubled, 2, limit=3.0))
    assert {n: r for n, r in found.items() if not isinstance(r, Died)} == {n: 2 * n for n in (1, 2, 3, 4, 6, 8)}
    assert found[13].reason == "its process ended with status 3"
    assert found[7].reason == "no answer within 3 s"
    assert found[5].reason == "its process raised ValueError: five"
