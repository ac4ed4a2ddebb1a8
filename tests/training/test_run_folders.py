"""A run folder belongs to one training at a time, and what was written stays when something else cannot be."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import dlengine as dl
from dlengine import io, recipes, training
from dlengine.cli.main import main
from dlengine.errors import ConfigError
from dlengine.io import FileLock

TINY = {"epochs": 2, "width": 4, "batch_size": 256}


@pytest.fixture(autouse=True)
def _numpy() -> Any:
    with dl.use_backend("numpy"):
        yield


def train(out: Path, **options: Any) -> Any:
    return recipes.train("digits-cnn", TINY, scale="quick", out=out, progress=False, **options)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "run"
    with dl.use_backend("numpy"):
        train(out)
    return out


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "run"))


def files(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


HOLDER = """
import sys, time
from dlengine.io import FileLock
lock = FileLock(sys.argv[1])
print(lock.held, flush=True)
time.sleep(60)
"""


@pytest.fixture
def holder(folder: Path) -> Any:
    """Another process that trains in the folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder / "config.json")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "True\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.mark.parametrize("how", ["resume", "overwrite", "command"])
def test_a_folder_in_use_is_refused_in_words_and_left_alone(
    how: str, folder: Path, holder: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(folder)
    words = f"{folder}: another process is training this run"
    if how == "command":
        with pytest.raises(SystemExit) as end:
            main(["train", "--resume", str(folder)])
        assert end.value.code == 2
        assert words in capsys.readouterr().err
    else:
        with pytest.raises(ConfigError, match=words):
            recipes.resume(folder, progress=False) if how == "resume" else train(folder, overwrite=True)
    assert files(folder) == before
    recipes.evaluate(folder)  # looking at it is allowed


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX")
def test_a_process_that_was_killed_leaves_no_lock(folder: Path, holder: Any) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert recipes.resume(folder, progress=False).folder == folder


def test_a_lock_is_held_once_and_given_up(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"")
    with FileLock(path) as first:
        assert first.held
        assert not FileLock(path).held
        assert path.read_bytes() == b""
    with FileLock(path) as again:
        assert again.held
    again.free()


def test_a_run_frees_its_folder_when_it_ends_or_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Fails(training.Checkpoint):
        def on_epoch_end(self, trainer: Any, row: Any) -> None:
            super().on_epoch_end(trainer, row)
            assert not FileLock(tmp_path / "run" / "config.json").held
            raise RuntimeError("end")

    monkeypatch.setattr("dlengine.recipes.run_training.Checkpoint", Fails)
    with pytest.raises(RuntimeError, match="end"):
        train(tmp_path / "run")
    monkeypatch.undo()
    assert [r["epoch"] for r in io.load(tmp_path / "run" / "last.safetensors")["history"]] == [1]
    recipes.resume(tmp_path / "run", progress=False)
    recipes.resume(tmp_path / "run", progress=False)


def full_disk(monkeypatch: pytest.MonkeyPatch, name: str, after: int = 0) -> None:
    """Writing files of a name fails as on a full disk, from some time on."""
    sync, left = os.fsync, [after]

    def fsync(descriptor: int) -> None:
        path = os.readlink(f"/proc/self/fd/{descriptor}") if os.path.exists("/proc/self/fd") else ""
        if f".{name}." in path:
            left[0] -= 1
            if left[0] < 0:
                raise OSError(errno.ENOSPC, "No space left on device")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)


needs_proc = pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="needs the names of open files")


@needs_proc
@pytest.mark.parametrize("name", ["last.safetensors", "best.safetensors", "results.json"])
def test_a_write_that_fails_names_the_file_and_costs_nothing_that_was_there(
    name: str, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    full_disk(monkeypatch, name, after=0 if name == "results.json" else 1)
    with pytest.raises(OSError, match="No space left") as told:
        train(out)
    assert told.value.filename == str(out / name)
    monkeypatch.undo()
    assert not list(out.glob(".*"))
    for kept in ("last.safetensors", "best.safetensors"):
        io.load(out / kept)
    assert len((out / "log.csv").read_text().splitlines()) >= 2
    recipes.resume(out, progress=False)
    mine, whole = (io.load(f / "last.safetensors")["model"] for f in (out, finished))
    assert all((mine[k].numpy_copy() == v.numpy_copy()).all() for k, v in whole.items())


@needs_proc
def test_the_first_best_and_log_stay_when_the_first_last_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    full_disk(monkeypatch, "last.safetensors")
    with pytest.raises(OSError, match="No space left"):
        train(out)
    monkeypatch.undo()
    assert {p.name for p in out.iterdir()} == {"config.json", "log.csv", "best.safetensors"}
    run = recipes.resume(out, progress=False)
    assert run.folder == out
    assert [r["epoch"] for r in io.load(out / "last.safetensors")["history"]] == [1, 2]


@needs_proc
def test_a_run_is_not_overwritten_where_a_new_one_cannot_begin(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = files(folder)
    full_disk(monkeypatch, ".config.new")
    with pytest.raises(ConfigError, match=r"cannot be written \(No space left on device\)"):
        train(folder, overwrite=True)
    assert files(folder) == before


@pytest.mark.skipif(os.name != "posix", reason="file size limits are POSIX")
def test_a_real_limit_on_file_sizes_is_told_with_the_name(tmp_path: Path) -> None:
    """The operating system's own error, in a process of its own."""
    script = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "from dlengine import io; import numpy as np\n"
        "path = sys.argv[1]; io.save(path, {'w': np.zeros(10)})\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try: io.save(path, {'w': np.zeros(10_000)})\n"
        "except OSError as error: print(error.filename, io.load(path)['w'].shape)\n"
    )
    path = tmp_path / "state"
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout == f"{path} (10,)\n"
    assert [p.name for p in tmp_path.iterdir()] == ["state"]


@pytest.mark.filterwarnings("default")
def test_the_command_says_in_one_line_that_a_run_had_other_threads(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "last.safetensors"
    state = io.load(path)
    state |= {"machine": {"backend": "numba", "threads": 99, "vector bits": 512}}
    state["epoch"], state["history"] = 1, state["history"][:1]
    io.save(path, state)
    with pytest.raises(SystemExit) as end:
        main(["train", "--resume", str(folder)])
    assert end.value.code == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if "threads" in line]
    assert len(lines) == 1
    assert lines[0].startswith("dlengine: fit: the state was made with backend numba, threads 99, vector bits 512, this is ")
