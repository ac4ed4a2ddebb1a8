"""The external judge: data-apis/array-api-tests, where ARRAY_API_TESTS_DIR points at a checkout of it.

Everything that it fails must be listed in array_api_failures.txt, where the reason stands: NumPy fails there, too.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

LISTED = Path(__file__).parents[1].joinpath("array_api_failures.txt")
SUITE = os.environ.get("ARRAY_API_TESTS_DIR", "")


def known_failures() -> set[str]:
    """The tests in the list, without comments."""
    lines = (line.split("  #")[0].strip() for line in LISTED.read_text().splitlines())
    return {line for line in lines if line and not line.startswith("#")}


def test_every_listed_failure_has_a_reason() -> None:
    lines = [line for line in LISTED.read_text().splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"array_api_tests/\S+\.py::.+  # .+", line) for line in lines)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.skipif(not SUITE, reason="ARRAY_API_TESTS_DIR does not name a checkout of data-apis/array-api-tests")
def test_suite(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "ARRAY_API_TESTS_MODULE": "dlengine",
        "ARRAY_API_TESTS_VERSION": "2025.12",
        "HYPOTHESIS_STORAGE_DIRECTORY": str(tmp_path),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    options = ["-q", "-rfE", "--max-examples", "5", "--hypothesis-seed=0", "-p", "no:cacheprovider", "--tb=no"]
    command = [sys.executable, "-m", "pytest", "array_api_tests", *options]
    run = subprocess.run(command, cwd=SUITE, env=environment, capture_output=True, text=True)
    assert run.returncode in (0, 1), run.stdout[-2000:] + run.stderr[-2000:]
    passed = re.search(r"(\d+) passed", run.stdout)
    assert passed is not None
    assert int(passed[1]) > 1000, "the suite was cut short"
    failed = {line.split(" ", 1)[1].split(" - ")[0] for line in run.stdout.splitlines() if line.startswith(("FAILED ", "ERROR "))}
    assert sorted(failed - known_failures()) == []
