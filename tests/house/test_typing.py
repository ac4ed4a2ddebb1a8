"""mypy and pyright over what users write: right.py is clean, and in wrong.py each marked line is an error."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = [ROOT / "tests" / "typing" / name for name in ("right.py", "wrong.py")]
Lines = set[tuple[str, int]]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package under its installed name, and the two files beside it."""
    folder = tmp_path_factory.mktemp("typing")
    skipped = shutil.ignore_patterns("__pycache__", "*.cu", "*.png", "*.json", "*.gz", "*.npz")
    shutil.copytree(ROOT / "engine", folder / "dlengine", ignore=skipped)
    for part in ("kernels", "cli", "benchmarks"):
        shutil.copytree(ROOT / part, folder / "dlengine" / part, ignore=skipped)
    for file in FILES:
        shutil.copy(file, folder)
    return folder


def marked() -> Lines:
    """The lines that are marked as errors."""
    return {
        (file.name, number)
        for file in FILES
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if line.endswith("# error")
    }


def test_mypy(tree: Path) -> None:
    pytest.importorskip("mypy")
    command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), "--no-incremental"]
    done = subprocess.run([*command, *(f.name for f in FILES)], cwd=tree, capture_output=True, text=True)
    assert "error" in done.stdout, done.stderr
    found = {(m[1], int(m[2])) for m in re.finditer(r"^(right|wrong)\.py:(\d+): error", done.stdout, re.MULTILINE)}
    assert {(f"{name}.py", line) for name, line in found} == marked(), done.stdout


def test_pyright(tree: Path) -> None:
    pytest.importorskip("pyright")
    (tree / "pyrightconfig.json").write_text(json.dumps({"include": [f.name for f in FILES], "typeCheckingMode": "standard"}))
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True)
    found = json.loads(done.stdout)["generalDiagnostics"]
    errors = {(Path(d["file"]).name, d["range"]["start"]["line"] + 1) for d in found if d["severity"] == "error"}
    assert errors == marked(), json.dumps(found, indent=1)
