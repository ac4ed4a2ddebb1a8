"""The measured choice between kernels: a fake timer, a fake card, a real file."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dlengine.environment import _choices
from dlengine.kernels import cache, precision
from dlengine.kernels.cuda.machine import choice
from dlengine.kernels.cuda.machine.choice import TimingCache


class Timer:
    """Candidates return their time; which were asked is recorded."""

    def __init__(self) -> None:
        self.runs: list[float] = []

    def __call__(self, run: Callable[[], Any]) -> float:
        time = run()
        if isinstance(time, Exception):
            raise time
        self.runs.append(time)
        return float(time)


def candidates(**times: Any) -> Any:
    return {name: lambda time=time: time for name, time in times.items()}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "choices.json"


def test_fastest_is_chosen_and_remembered(path: Path) -> None:
    timer = Timer()
    table = TimingCache(path, timer)
    assert table.choose("key", candidates(slow=3.0, fast=1.0, middle=2.0)) == "fast"
    assert table.choose("key", candidates(slow=3.0, fast=9.0, middle=2.0)) == "fast"
    assert TimingCache(path, timer).choose("key", candidates(slow=1.0, fast=9.0)) == "fast"  # another process
    assert sorted(timer.runs) == [1.0, 2.0, 3.0]
    assert json.loads(cache.load(path, choice.sources()) or "")["key"] == {"slow": 3.0, "fast": 1.0, "middle": 2.0}


def test_choice_among_some_of_those_measured(path: Path) -> None:
    """Under capture the library may not be asked, however fast it was."""
    table = TimingCache(path, Timer())
    table.choose("key", candidates(library=1.0, large=3.0, small=2.0))
    assert table.known("key", ["large", "small"]) == "small"
    assert table.known("key", ["other"]) is None


def test_keys_are_apart_and_processes_add_up(path: Path) -> None:
    one, two = TimingCache(path, Timer()), TimingCache(path, Timer())
    assert one.known("a", "xy") is None
    assert two.known("b", "xy") is None
    one.choose("a", candidates(x=1.0, y=2.0))
    two.choose("b", candidates(x=2.0, y=1.0))
    third = TimingCache(path, Timer())
    assert (third.known("a", "xy"), third.known("b", "xy")) == ("x", "y")


def test_all_that_is_remembered(path: Path) -> None:
    assert TimingCache(path, Timer()).measured() == {}
    TimingCache(path, Timer()).choose("key", candidates(x=2.0, broken=RuntimeError("no")))
    assert TimingCache(path, Timer()).measured() == {"key": [("x", 2.0)]}


def test_info_shows_them(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = TimingCache(path, Timer())
    monkeypatch.setattr(choice, "timing_cache", lambda: table)
    assert _choices() == {}
    table.choose("matmul | NVIDIA Test", candidates(slow=2.5, fast=1.0))
    assert _choices() == {"matmul | NVIDIA Test": "fast 1, slow 2.5"}


def test_only_new_candidates_are_measured(path: Path) -> None:
    timer = Timer()
    table = TimingCache(path, timer)
    table.choose("key", candidates(gone=1.0, x=2.0))
    assert table.choose("key", candidates(x=9.0, y=3.0)) == "x"
    assert timer.runs == [1.0, 2.0, 3.0]


def test_candidate_that_fails_is_out_of_the_race(path: Path) -> None:
    table = TimingCache(path, Timer())
    for _ in range(2):  # it is not tried again
        assert table.choose("key", candidates(broken=RuntimeError("no"), works=1.0)) == "works"
    with pytest.raises(RuntimeError, match="no"):
        table.choose("other", candidates(broken=RuntimeError("no")))


@pytest.mark.parametrize("content", ["", "{", "[]", '{"key": 1}', '{"key": {"x": 1}}'])
@pytest.mark.parametrize("old", [False, True])
def test_damaged_or_old_file_counts_as_empty(content: str, old: bool, path: Path) -> None:
    path.parent.mkdir()
    if old or "x" in content:
        cache.save(path, "other sources", content.encode())
    else:
        cache.save(path, choice.sources(), content.encode())
    table = TimingCache(path, Timer())
    assert table.known("key", "xy") is None
    assert table.choose("key", candidates(x=2.0, y=1.0)) == "y"
    assert TimingCache(path, Timer()).known("key", "xy") == "y"


def test_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    table = TimingCache(tmp_path / "file" / "choices.json", Timer())
    monkeypatch.setattr(cache, "_warned", False)
    with pytest.warns(cache.CacheWarning, match="not kept on disk"):
        assert table.choose("key", candidates(x=2.0, y=1.0)) == "y"
    assert table.known("key", "xy") == "y"


def test_host_arrays_take_the_heuristic() -> None:
    def never() -> None:
        raise AssertionError

    assert choice.autotune("gemm", {"a": never, "b": never}, "b", np.zeros(3, "f4"), 128) == "b"


@pytest.mark.parametrize(("n", "expected"), [(0, 0), (1, 1), (2, 2), (3, 4), (64, 64), (65, 128)])
def test_buckets(n: int, expected: int) -> None:
    assert choice.bucket(n) == expected


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch, path: Path) -> Any:
    """A fake card, on which each run of a candidate takes the milliseconds that it returns."""
    clock = [0.0]

    class Event:
        def record(self) -> None:
            self.time = clock[0]

        def synchronize(self) -> None:
            pass

    state = SimpleNamespace(capturing=False, clock=clock)
    stream = SimpleNamespace(is_capturing=lambda: state.capturing)
    runtime = SimpleNamespace(getDeviceProperties=lambda device: {"name": b"NVIDIA Test"})
    cuda = SimpleNamespace(
        Event=Event, runtime=runtime, get_current_stream=lambda: stream, get_elapsed_time=lambda a, b: b.time - a.time
    )
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(cuda=cuda))
    table = TimingCache(path, choice._microseconds)
    monkeypatch.setattr(choice, "timing_cache", lambda: table)
    choice.card.cache_clear()
    yield state
    choice.card.cache_clear()


def spends(state: Any, milliseconds: float) -> Callable[[], None]:
    def run() -> None:
        state.clock[0] += milliseconds

    return run


def test_events_on_a_card(gpu: Any, path: Path) -> None:
    x: Any = SimpleNamespace(dtype=np.dtype("f4"), device=SimpleNamespace(id=0))
    race = {"slow": spends(gpu, 0.004), "fast": spends(gpu, 0.001)}
    assert choice.autotune("gemm", race, "slow", x, "nt", 128) == "fast"
    with precision.in_force("high"):
        gpu.capturing = True  # nothing runs now, and nothing is known of this precision
        assert choice.autotune("gemm", race, "slow", x, "nt", 128) == "slow"
    assert choice.autotune("gemm", race, "slow", x, "nt", 128) == "fast"
    times = json.loads(cache.load(path, choice.sources()) or "")
    assert times == {"gemm | NVIDIA Test | float32 | float32 | nt | 128": {"slow": 4.0, "fast": 1.0}}


def test_what_a_checkpoint_has_pinned_comes_before_all(gpu: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    x: Any = SimpleNamespace(dtype=np.dtype("f4"), device=SimpleNamespace(id=0))
    race = {"slow": spends(gpu, 0.004), "fast": spends(gpu, 0.001)}
    assert choice.autotune("gemm", race, "slow", x, 128) == "fast"
    found = dict(choice.timing_cache().chosen)
    assert found == {"gemm | NVIDIA Test | float32 | float32 | 128 | fast slow": "fast"}
    choice.timing_cache().pin({key: "slow" for key in found})
    assert choice.autotune("gemm", race, "fast", x, 128) == "slow"
    assert choice.autotune("gemm", {"fast": race["fast"], "new": race["slow"]}, "new", x, 128) == "fast"  # others: measured
    monkeypatch.setenv("DLENGINE_CUDA_CHOICE", "fast")
    assert choice.autotune("gemm", race, "fast", x, 128) == "slow"
