"""A run that is killed at any instant ends, once resumed, with the bits of one that was not; no unreadable file is left."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import train_to_kill

import dlengine as dl
from dlengine import io

SCRIPT = Path(__file__).parents[1] / "train_to_kill.py"


def same(a: Any, b: Any, where: str = "") -> None:
    """Bit for bit, all the way down."""
    assert type(a) is type(b), where
    if isinstance(a, dict):
        assert list(a) == list(b), where
        for k in a:
            same(a[k], b[k], f"{where}/{k}")
    elif isinstance(a, list):
        assert len(a) == len(b), where
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            same(x, y, f"{where}/{i}")
    elif isinstance(a, dl.Tensor):
        assert a.dtype == b.dtype, where
        assert a.numpy_copy().tobytes() == b.numpy_copy().tobytes(), where
    else:
        assert a == b or a != a, where


def command(folder: Path, epochs: int) -> list[str]:
    return [sys.executable, "-W", "error", str(SCRIPT), str(folder), str(epochs)]


def readable(folder: Path) -> None:
    for name in ("last.safetensors", "best.safetensors"):
        if (folder / name).exists():
            io.load(folder / name)


@pytest.fixture
def numpy_again() -> Any:
    before = dl.get_backend()
    yield
    dl.set_backend(before)


@pytest.mark.usefixtures("numpy_again")
def test_every_checkpoint_of_a_run_continues_bit_for_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one process: each file that the run wrote as its last is started from, in the middle of an epoch or at its end."""
    whole = tmp_path / "whole"
    whole.mkdir()
    kept: list[bytes] = []
    write = os.replace

    def keep(source: Any, target: Any) -> None:
        write(source, target)
        if Path(target).name == "last.safetensors":
            kept.append(Path(target).read_bytes())

    monkeypatch.setattr(os, "replace", keep)
    train_to_kill.main(whole, 2)
    monkeypatch.undo()
    expected, best = io.load(whole / "done.safetensors"), io.load(whole / "best.safetensors")
    states = [io.load(_file(tmp_path, content)) for content in kept]
    assert {(s["epoch"], s["batch"]) for s in states} >= {(0, 2), (0, 4), (1, 0), (1, 6), (2, 0)}
    for i, content in enumerate(kept):
        again = tmp_path / str(i)
        again.mkdir()
        (again / "last.safetensors").write_bytes(content)
        train_to_kill.main(again, 2)
        same(io.load(again / "done.safetensors"), expected)
        if (again / "best.safetensors").exists():
            same(io.load(again / "best.safetensors")["model"], best["model"])


def _file(folder: Path, content: bytes) -> Path:
    (folder / "one.safetensors").write_bytes(content)
    return folder / "one.safetensors"


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX")
def test_killed_at_twenty_random_instants(tmp_path: Path) -> None:
    epochs, draw = 60, random.Random(5)
    whole = tmp_path / "whole"
    whole.mkdir()
    start = time.monotonic()
    subprocess.run(command(whole, epochs), check=True, timeout=300)
    length = time.monotonic() - start
    expected = io.load(whole / "done.safetensors")
    hits = tries = 0
    while hits < 20:
        tries += 1
        assert tries <= 60, "most runs end before they are killed"
        folder = tmp_path / str(tries)
        folder.mkdir()
        run = subprocess.Popen(command(folder, epochs))
        time.sleep(draw.uniform(0.15, 0.95) * length)
        run.send_signal(signal.SIGKILL)
        if run.wait() == -signal.SIGKILL:
            hits += 1
        else:
            length *= 0.8  # it was faster than the one that was timed
        readable(folder)
        subprocess.run(command(folder, epochs), check=True, timeout=300)
        same(io.load(folder / "done.safetensors"), expected, f"kill {tries}")
        assert not list(folder.glob(".*"))
        same(io.load(folder / "best.safetensors")["model"], io.load(whole / "best.safetensors")["model"], f"kill {tries}, best")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX")
def test_the_command_resumes_a_killed_run(tmp_path: Path) -> None:
    line = [sys.executable, "-m", "dlengine.cli", "train"]
    settings = ["digits-cnn", "--backend", "numpy", "--set", "epochs=5", "--set", "width=4", "--out"]

    def weights(folder: Path) -> Any:
        state = io.load(folder / "last.safetensors")
        return {key: state[key] for key in ("model", "optimizer", "scheduler", "generator", "loader", "epoch")}

    whole = tmp_path / "whole"
    start = time.monotonic()
    subprocess.run([*line, *settings, str(whole)], check=True, timeout=300)
    length = time.monotonic() - start
    draw = random.Random(6)
    for i in range(6):
        folder = tmp_path / str(i)
        run = subprocess.Popen([*line, *settings, str(folder)])
        time.sleep(draw.uniform(0.4, 0.95) * length)
        run.send_signal(signal.SIGKILL)
        run.wait()
        readable(folder)
        if not (folder / "config.json").exists():
            continue  # killed before the run had a folder
        subprocess.run([*line, "--resume", str(folder)], check=True, timeout=300)
        same(weights(folder), weights(whole), f"kill {i}")
        assert {p.name for p in folder.iterdir()} == {p.name for p in whole.iterdir()}
        assert np.loadtxt(folder / "log.csv", delimiter=",", skiprows=1).shape[0] == 5
