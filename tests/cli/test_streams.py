"""The command line with its standard streams closed, left by their reader, on a full disk, or of a narrow encoding."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")

TRAIN = "dlengine train optimizers --quick"
"""A recipe that trains six times within a second or two."""


def shell(line: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[Any]:
    """Run a line of bash in which dlengine is the command of this checkout; a pipe's status is that of its first part."""
    command = f'dlengine() {{ "{sys.executable}" -m dlengine.cli "$@"; }}\n{line}\nexit ${{PIPESTATUS[0]}}'
    env = {**os.environ, "DLENGINE_BACKEND": "numpy", **environment}
    return subprocess.run(["bash", "-c", command], cwd=folder, env=env, capture_output=True, timeout=200)


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams(closed: str, tmp_path: Path) -> None:
    done = shell(f"dlengine recipes {closed}", tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    assert shell(f"dlengine --nothing {closed}", tmp_path).returncode == 2


def test_a_run_is_saved_with_all_streams_closed(tmp_path: Path) -> None:
    done = shell(f"{TRAIN} <&- >&- 2>&-", tmp_path)
    assert done.returncode == 0
    assert (tmp_path / "runs/optimizers/results.json").exists()


@pytest.mark.parametrize(("pipe", "unbuffered"), [("| head -n 1", ""), ("| true", "1"), ("2>&1 | true", ""), ("> /dev/full", "")])
def test_a_run_goes_on_when_nobody_reads(pipe: str, unbuffered: str, tmp_path: Path) -> None:
    if "/dev/full" in pipe and not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    done = shell(f"{TRAIN} {pipe}", tmp_path, PYTHONUNBUFFERED=unbuffered)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs/optimizers/results.json").exists()
    assert done.stderr.count(b"the work goes on") == (0 if "2>&1" in pipe else 1)
    assert b"Traceback" not in done.stderr
    assert b"Exception" not in done.stderr


def test_a_short_command_ends_quietly_when_nobody_reads(tmp_path: Path) -> None:
    done = shell("dlengine recipes | true", tmp_path)
    assert done.stderr == b""
    assert done.returncode in (0, 1)  # whether the reader was there at the time of writing


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    done = shell("dlengine recipes > /dev/full", tmp_path)
    assert done.returncode == 1
    assert done.stderr.count(b"\n") == 1
    assert b"No space left on device" in done.stderr


def test_names_that_are_no_text(tmp_path: Path) -> None:
    assert shell(f"{TRAIN} --out $'run\\xff'", tmp_path).returncode == 0
    for locale, encoding in (("C.UTF-8", ""), ("C", "ascii")):
        environment = {"LC_ALL": locale, "PYTHONIOENCODING": encoding}
        done = shell("dlengine report $'run\\xff' --html $'page\\xfe.html'", tmp_path, **environment)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(b"optimizers  run")
    page = Path(os.fsdecode(bytes(tmp_path) + b"/page\xfe.html"))
    assert "run?" in page.read_text()


def test_a_warning_is_one_line(tmp_path: Path) -> None:
    """Here of a cache that cannot be: the run needs none."""
    done = shell("dlengine parity --op relu --backend numba", tmp_path, DLENGINE_CACHE="/dev/null/no")
    lines = done.stderr.decode().splitlines()
    assert sum("not kept on disk" in line for line in lines) == 1
    assert all(line.startswith(("dlengine: ", "compil")) for line in lines), lines
