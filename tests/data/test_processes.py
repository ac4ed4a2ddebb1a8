"""Spawned workers of a loader: they end with their parent, leave no file, and send back what went wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

MODULE = '''
import os
import numpy as np

class Strange(Exception):
    def __init__(self, a, b):
        super().__init__(f"{a} {b}")

class Rows:
    def __init__(self, bad=None):
        self.bad = bad
    def __len__(self):
        return 40
    def __getitem__(self, index):
        if index == self.bad:
            raise Strange(index, "odd")
        if index == 39:
            raise KeyError("thirty-nine")
        return {"pid": os.getpid(), "x": np.full(3, index), "f": 0.5, "name": "n"}

def begin(number):
    with open(f"begun-{number}", "w"):
        pass

def fails(number):
    raise OSError("no such disk")
'''


def script(folder: Path, text: str) -> list[str]:
    (folder / "rows.py").write_text(MODULE)
    (folder / "main.py").write_text(f"from rows import *\nfrom dlengine import data\nif __name__ == '__main__':\n{text}")
    (folder / "tmp").mkdir()
    return [sys.executable, "main.py"]


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(folder / "tmp")}


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def test_structure_worker_init_fn_dtype_and_errors(tmp_path: Path) -> None:
    text = """\
    import dlengine as dl
    dl.set_default_dtype("float64")
    options = dict(num_workers=2, worker_kind="spawn")
    loader = data.DataLoader(Rows(), 4, worker_init_fn=begin, **options)
    batches = iter(loader)
    batch = next(batches)
    assert batch["x"].tolist() == [[k] * 3 for k in range(4)] and batch["name"] == ["n"] * 4
    assert batch["f"].dtype == dl.float64 and int(batch["pid"][0]) != os.getpid()
    try:
        list(batches)
    except KeyError as error:
        assert "while reading sample 39 of Rows" in error.__notes__[0], error.__notes__
        assert "rows.py" in str(error.__cause__)
    loader.close()
    for options["worker_init_fn"], wanted in ((None, "while reading sample 7"), (fails, "no such disk")):
        with_error = data.DataLoader(Rows(7), 4, **options)
        try:
            list(with_error)
        except Exception as error:
            print(type(error).__name__, wanted in str(error), "rows.py" in str(error) or "rows.py" in str(error.__cause__))
        with_error.close()
    print(sorted(f for f in os.listdir(".") if f.startswith("begun")), os.listdir("tmp"))
"""
    command = script(tmp_path, text)
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path, env=environment(tmp_path))
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == ["DataError True True", "OSError True True", "['begun-0', 'begun-1'] []"]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at /proc")
def test_a_killed_parent_leaves_no_process_and_no_file(tmp_path: Path) -> None:
    text = """\
    loader = data.DataLoader(Rows(), 2, num_workers=2, worker_kind="spawn")
    batches = iter(loader)
    pids = {int(next(batches)["pid"][0]) for _ in range(10)}
    pids |= set(loader._pool._processes)
    print(*pids, flush=True)
    import time
    time.sleep(300)
"""
    command = script(tmp_path, text)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path, env=environment(tmp_path)) as parent:
        assert parent.stdout is not None
        workers = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(workers) == 2
        assert all(alive(pid) for pid in workers)
        assert not os.listdir(tmp_path / "tmp")
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 60
    while any(alive(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(alive(pid) for pid in workers)
    assert not os.listdir(tmp_path / "tmp")
