"""Starting test programs on several ranks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dlengine.distributed import launch, mpi

HERE = Path(__file__).parent
needs_mpi = pytest.mark.skipif(mpi.unavailable() is not None, reason=f"several ranks: {mpi.unavailable()}")


def begin(ranks: int, program: str, *arguments: object, **variables: str) -> subprocess.Popen[str]:
    """Start a program of this folder on several ranks, each with one thread."""
    own = {"DLENGINE_PIN": "0", **dict.fromkeys(launch.THREAD_VARIABLES, "1"), **variables}
    environment = launch.environment(ranks, {**os.environ, **own})
    words = [sys.executable, str(HERE / program), *map(str, arguments)]
    command = launch.command(ranks, words)
    return subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def run(ranks: int, program: str, *arguments: object, seconds: float = 280, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a program of this folder on several ranks to its end."""
    process = begin(ranks, program, *arguments, **variables)
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"{program} on {ranks} ranks did not end within {seconds} s:\n{out}\n{err}") from None
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def must_pass(ranks: int, program: str, *arguments: object, seconds: float = 280, **variables: str) -> str:
    """Run a program that must end well; returns what it printed."""
    done = run(ranks, program, *arguments, seconds=seconds, **variables)
    assert done.returncode == 0, f"{program} on {ranks} ranks: {done.stdout}\n{done.stderr}"
    return done.stdout
