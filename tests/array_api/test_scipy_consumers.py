"""SciPy and scikit-learn take tensors as arrays of the standard, and gradients flow through what they compute."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1].joinpath("array_api_consumers.py")


def checks(part: str) -> dict[str, str]:
    """What the script says of each function: nothing, or what is wrong."""
    environment = {**os.environ, "SCIPY_ARRAY_API": "1"}
    command = [sys.executable, "-W", "error", str(SCRIPT), part]
    run = subprocess.run(command, capture_output=True, text=True, timeout=240, env=environment)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def test_scipy() -> None:
    found = checks("scipy")
    assert {name: wrong for name, wrong in found.items() if wrong} == {}
    assert len(found) == 32


def test_scikit_learn() -> None:
    pytest.importorskip("sklearn")
    found = checks("sklearn")
    assert {name: wrong for name, wrong in found.items() if wrong} == {}
    assert len(found) == 12
