"""What is compiled is said while it is compiled, with a count, and nothing is said where all was found on disk."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import dlengine.kernels.cuda.machine.launch
from dlengine import backend, data, nn, notice, optim, training
from dlengine.benchmarks.process import WorkerProcess
from dlengine.kernels.compiling import Compilations, compiling
from dlengine.notice import CompileNotice

store = pytest.importorskip("dlengine.kernels.jit.machine.store", exc_type=ImportError)
# imported before a test puts counts of its own into the place of theirs
assert store.compilations is dlengine.kernels.cuda.machine.launch.compilations


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """A clock of the test's own and nothing compiled yet."""
    clock, fresh = Clock(), Compilations()
    monkeypatch.setattr("dlengine.kernels.compiling.time", clock)
    monkeypatch.setattr("dlengine.kernels.compiling.compilations", fresh)
    monkeypatch.setattr("dlengine.benchmarks.process.compilations", fresh)
    monkeypatch.setattr(notice, "time", clock)
    monkeypatch.setattr(notice, "compilations", fresh)
    monkeypatch.setattr(notice, "_in_force", [])
    yield clock
    assert not fresh.listeners
    assert not notice._in_force


def compile_one(clock: Clock, seconds: float) -> None:
    with compiling("kernel"):
        clock.now += seconds


def test_lines_say_how_many_and_how_long(clock: Clock) -> None:
    lines: list[str] = []
    with CompileNotice(lines.append):
        for seconds in (2, 2, 2, 1, 8):
            compile_one(clock, seconds)
    assert lines == [
        "compiling kernels, once",
        "compiling kernels, once: 3 so far, 6 s",
        "compiling kernels, once: 5 so far, 15 s",
        "compiled 5 kernels in 15 s",
    ]


def test_nothing_compiled_is_nothing_said(clock: Clock) -> None:
    lines: list[str] = []
    with CompileNotice(lines.append) as one:
        assert one.text() == ""
    assert lines == []


def test_a_live_text_counts_while_time_passes(clock: Clock) -> None:
    lines: list[str] = []
    with CompileNotice(lines.append, live=True) as one:
        compile_one(clock, 3)
        with compiling("second"):
            clock.now += 4
            assert one.text() == "compiling kernels, once: 1 so far, 7 s"
        clock.now += 1
        assert one.text()  # another may follow
        clock.now += 2
        assert not one.text()
    assert lines == ["compiled 2 kernels in 7 s"]


def test_what_took_no_time_gets_no_word_from_a_live_notice(clock: Clock) -> None:
    lines: list[str] = []
    with CompileNotice(lines.append, live=True):
        compile_one(clock, 0.5)
    assert lines == []


def test_of_nested_notices_the_innermost_has_the_word(clock: Clock) -> None:
    outer: list[str] = []
    inner: list[str] = []
    with CompileNotice(outer.append):
        compile_one(clock, 1)
        with CompileNotice(inner.append):
            compile_one(clock, 5)
            compile_one(clock, 1)
        clock.now += 60
        compile_one(clock, 2)
    assert outer == ["compiling kernels, once", "compiling kernels, once", "compiled 1 kernel in 2 s"]
    assert inner == ["compiling kernels, once: 2 so far, 6 s", "compiled 3 kernels in 7 s"]


def test_an_error_while_compiling_ends_it(clock: Clock) -> None:
    lines: list[str] = []
    with CompileNotice(lines.append) as one:
        with suppress(ZeroDivisionError), compiling("kernel"):
            clock.now += 3
            raise ZeroDivisionError
        clock.now += 10
        assert not one.text()
    assert lines[-1] == "compiled 1 kernel in 3 s"


class Compiles(nn.Module):
    """A model whose first forward compiles."""

    def __init__(self, clock: Clock, kernels: int) -> None:
        super().__init__()
        self.layer, self.clock, self.kernels = nn.Linear(2, 1), clock, kernels

    def forward(self, x: Any) -> Any:
        for _ in range(self.kernels):
            compile_one(self.clock, 6)
        self.kernels = 0
        return self.layer(x)


def shown(clock: Clock, kernels: int, terminal: bool) -> str:
    """What a training of two epochs prints."""
    text = io.StringIO()
    console = Console(file=text, force_terminal=terminal, width=100, highlight=False)
    model = Compiles(clock, kernels)
    x = np.ones((8, 2), "float32")
    trainer = training.Trainer(
        model, nn.MSELoss(), optim.SGD(model.parameters(), 0.1), callbacks=[training.Progress(console)], progress=False
    )
    with backend.use_backend("numpy"):
        trainer.fit(data.DataLoader(data.ArrayDataset(x, x[:, :1]), 4), epochs=2)
    return text.getvalue()


@pytest.mark.parametrize("terminal", [False, True])
def test_a_training_says_what_it_compiles(clock: Clock, terminal: bool) -> None:
    text = shown(clock, 3, terminal)
    assert "compiled 3 kernels in 18 s" in text
    if not terminal:
        assert text.splitlines()[:3] == ["compiling kernels, once"] + [
            f"compiling kernels, once: {n} so far, {6 * n} s" for n in (1, 2)
        ]


@pytest.mark.parametrize("terminal", [False, True])
def test_a_training_with_all_kernels_on_disk_says_nothing(clock: Clock, terminal: bool) -> None:
    assert "compil" not in shown(clock, 0, terminal)


def test_a_worker_of_bench_tells_its_runner(clock: Clock) -> None:
    worker = WorkerProcess("dlengine", {})

    answers = ({"compiled": 2, "seconds": 3.5}, {"compiled": 1, "seconds": 2}, {"a": 1})

    class Process:
        stdout = io.StringIO("".join(json.dumps(answer) + "\n" for answer in answers))

    worker.process = Process()  # type: ignore[assignment]
    lines: list[str] = []
    with CompileNotice(lines.append):
        assert worker.receive() == {"a": 1}
    assert lines[-1] == "compiled 3 kernels in 6 s"


def test_numba_counts_what_it_compiles_and_not_what_it_finds(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from dlengine.kernels.jit.machine.compile import inner, jit

    monkeypatch.setenv("DLENGINE_CACHE", str(tmp_path))
    counted = Compilations()
    monkeypatch.setattr(store, "compilations", counted)

    def fresh() -> Any:
        @inner()
        def helper(x: float) -> float:
            return 2 * x

        @jit(parallel=False)
        def kernel(x: float) -> float:
            return helper(x) + 1

        return kernel

    assert (fresh()(3.0), counted.kernels) == (7.0, 1)  # inner functions are part of it
    found = fresh()
    assert (found(3.0), counted.kernels) == (7.0, 1)
    assert (found(3), counted.kernels) == (7, 2)
    with pytest.raises(Exception, match="not"):
        found("text")
    assert counted.current == ""


def test_the_command_line_says_it_on_stderr(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    from dlengine.cli import main

    def compile_much(*arguments: Any, **more: Any) -> None:
        notice.compilations.took(7, 20.0)

    monkeypatch.setattr(main.app, "main", compile_much)
    with pytest.raises(SystemExit):
        main.main(["predict"])
    out, err = capfd.readouterr()
    assert out == ""
    assert "compiled 7 kernels in 20 s" in err
