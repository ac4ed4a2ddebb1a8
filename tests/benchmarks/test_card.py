"""The plan for a card runs from start to end without one, and a stage that hangs or fails costs no other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from dlengine.benchmarks import card, card_checks, launch_cost
from dlengine.benchmarks.card import Stage
from dlengine.kernels.cuda import emulator
from dlengine.kernels.cuda.machine import choice, launch
from dlengine.testing import Cell
from dlengine.testing.jobs import in_processes

needs_emulator = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))


def test_a_stage_that_hangs_is_stopped_with_its_children(tmp_path: Path) -> None:
    sleep = "import time; time.sleep(60)"
    child = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', '{sleep}']); {sleep}"
    stage = Stage("hangs", 1.5, ((sys.executable, "-c", child), (sys.executable, "-c", "print('never')")))
    line = card.run(stage, tmp_path, 100)
    assert (line["stopped"], line["status"]) == (True, [None, None])
    assert "never" not in (tmp_path / "hangs.txt").read_text()


def test_a_stage_that_fails_says_so(tmp_path: Path) -> None:
    line = card.run(Stage("fails", 20, ((sys.executable, "-c", "print('x'); raise SystemExit(3)"),)), tmp_path, 100)
    assert (line["stopped"], line["status"]) == (False, [3])
    assert (tmp_path / "fails.txt").read_text() == "x\n"


def test_every_stage_spares_cupy_its_slow_reductions(tmp_path: Path) -> None:
    """CUB's compile for more than a second each, where a card is at hand for minutes."""
    show = "import os; print(repr(os.environ['CUPY_ACCELERATORS']))"
    card.run(Stage("shows", 20, ((sys.executable, "-c", show),)), tmp_path, 100)
    assert (tmp_path / "shows.txt").read_text() == "''\n"


def test_every_stage_loads_what_was_compiled_ahead(tmp_path: Path) -> None:
    show = "import os; print(os.environ['DLENGINE_CUBINS'])"
    card.run(Stage("shows", 20, ((sys.executable, "-c", show),)), tmp_path, 100, tmp_path / "cubins")
    assert (tmp_path / "shows.txt").read_text() == f"{tmp_path / 'cubins'}\n"


def test_the_host_s_part_of_each_launch_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is timed launches what it says, and leaves the launcher as it was."""
    monkeypatch.setattr(launch_cost, "ROUNDS", 1)
    monkeypatch.setattr(launch_cost, "CALLS", 1)
    before, kernels = launch._compiled, [kernel for kernel, *_ in launch_cost.launches().values()]
    counts = [kernel.launches["float32"] for kernel in kernels]
    assert len(launch_cost.measure()) == len(kernels) + 1
    assert [kernel.launches["float32"] for kernel in kernels] == [count + 1 for count in counts]
    assert launch._compiled is before


def test_times_are_measured_by_one_process_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What several processes on one card measure decides nothing: the choice is remembered for the benchmark."""
    monkeypatch.setattr("shutil.which", lambda name: name)
    for part in (1, 2):
        for s in card.stages(Path("out"), part, False):
            several = any(word in command for command in s.commands for word in ("-n", "--jobs", "choices", "memcheck"))
            assert (s.environment.get("DLENGINE_CUDA_CHOICE") == "heuristic") is several, s.name


def test_no_stage_spends_the_card_on_what_needs_none() -> None:
    """Compile checks, machine code and the emulator's own tests run before."""
    commands = [c for part in (1, 2) for s in card.stages(Path("out"), part, False) for c in s.commands]
    files = {a for c in commands for a in c if a.startswith("tests")}
    assert files
    assert all(Path(file).exists() for file in files)
    for name in ("compile", "sass", "emulator", "launch", "capture", "planted", "generated"):
        assert not [file for file in files if f"test_{name}.py" in file]


def test_the_parts_fit_their_time() -> None:
    out = Path("out")
    assert sum(s.seconds for s in card.stages(out, 1, False) if s.name != "sanitizer") <= 540
    assert sum(s.seconds for s in card.stages(out, 2, False)) <= 240
    assert len({s.name for s in card.stages(out, 1, False)}) == len(card.stages(out, 1, False))


def test_a_rehearsal_asks_for_nothing_that_needs_a_card() -> None:
    for part in (1, 2):
        stages = card.stages(Path("out"), part, True)
        commands = [command for s in stages for command in s.commands]
        assert not [c for c in commands if "--precision" in c]
        # tests take the emulator where there is no card
        assert not [c for c in commands if "cuda" in c and "--emulate" not in c and "pytest" not in c]
        assert all(s.seconds >= 80 for s in stages)


def test_every_kernel_that_is_chosen_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    from dlengine.kernels.cuda import conv
    from dlengine.kernels.cuda.machine import gemm

    names = {name for variants in conv.VARIANTS.values() for name in variants}
    # depthwise has its shapes for itself, and what rounds is for another precision than parity's
    assert set(card.CHOICES["conv*"]) >= {name for name in names if name != "depthwise" and "rounded" not in name}
    asked: set[str] = set()

    def note(kernel: str, candidates: Any, heuristic: str, *more: Any) -> str:
        asked.update(candidates)
        return heuristic

    monkeypatch.setattr(gemm, "autotune", note)
    monkeypatch.setattr(gemm, "supports", lambda kernel, x: True)
    token = emulator.mode.set(emulator.Mode(instead=lambda kernel, dtype: None))
    try:
        for dtype in ("float32", "float16"):
            gemm.gemm(np.ones((1, 8, 5000), dtype), np.ones((1, 5000, 8), dtype))
    finally:
        emulator.mode.reset(token)
    assert set(card.CHOICES["matmul,linear"]) == asked | {"library"}
    (stage,) = (s for s in card.stages(Path("out"), 1, False) if s.name == "choices")
    assert set(card.CHOICES) <= set(stage.commands[0])


@needs_emulator
def test_a_kernel_that_is_asked_for_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLENGINE_CUDA_CHOICE", "none")
    from dlengine.kernels.cuda import conv

    taken: list[str] = []

    def note(kernel: str, candidates: Any, heuristic: str, *more: Any) -> str:
        taken.append(os.environ["DLENGINE_CUDA_CHOICE"])
        return heuristic

    monkeypatch.setattr(conv, "autotune", note)
    lines = list(card_checks._chosen([("conv2d", "float32", "product"), ("conv2d", "float32", "64x64")], "cuda-emulate"))
    assert [(line["choice"], line["verdict"]) for line in lines] == [("product", "pass"), ("64x64", "pass")]
    assert set(taken) == {"product", "64x64"}


def test_a_lost_card_ends_the_process_that_asks_for_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = Cell("matmul", "cuda", "float32")
    lost.fail("sample 0: CUDARuntimeError: cudaErrorIllegalAddress: an illegal memory access was encountered")
    monkeypatch.setattr(card_checks, "check", lambda *given, **more: lost)
    monkeypatch.setenv("DLENGINE_CUDA_CHOICE", "none")
    found = card_checks._chosen([("matmul", "float32", "large"), ("matmul", "float32", "small")], "cuda")
    assert next(found)["verdict"] == "fail"
    with pytest.raises(RuntimeError, match="the card is lost"):
        next(found)


def test_what_every_stage_needs_is_asked_for_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [s.name for s in card.stages(Path("out"), 1, False) if s.needed] == [card.stages(Path("out"), 1, False)[0].name]
    never = Stage("never", 20, ((sys.executable, "-c", "print(1)"),))
    broken = Stage("ready", 20, ((sys.executable, "-c", "raise SystemExit('no card')"),), needed=True)
    monkeypatch.setattr(card, "stages", lambda out, part, rehearse: [broken, never])
    done = CliRunner().invoke(card.main, [str(tmp_path)])
    assert done.exit_code == 1
    assert "no card" in done.output
    assert not (tmp_path / "never.txt").exists()


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(card_checks, "find_spec", lambda name: None if name in ("array_api_compat", "xdist") else True)
    with pytest.raises(SystemExit) as ended:
        card_checks.ready("numpy")
    assert ended.value.code == "array_api_compat is missing: carry its wheel along"
    monkeypatch.setattr(card_checks, "find_spec", lambda name: None if name == "xdist" else True)
    card_checks.ready("numpy")
    assert capsys.readouterr().out.splitlines()[-2:] == ["some stages need xdist: carry wheels along", "ready"]


TESTS = """
import time
class CUDARuntimeError(RuntimeError): pass
def test_lost(): raise CUDARuntimeError("cudaErrorIllegalAddress: an illegal memory access was encountered")
def test_hangs(): time.sleep(100)
def test_fails(): assert 1 == 2
def test_next(): pass
"""


@pytest.mark.slow
def test_a_test_that_hangs_or_loses_the_card_costs_no_other(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(TESTS)
    (tmp_path / "conftest.py").write_text("from dlengine.benchmarks import card_tests\ncard_tests.SECONDS = 2\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-n", "1", "-p", "dlengine.benchmarks.card_tests", str(tmp_path)]
    outside = {name: text for name, text in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=200, check=False, env=outside)
    assert "4 failed, 1 passed" in done.stdout, done.stdout  # what is lost fails, and its process too
    assert "test_lost: the card is lost: cudaErrorIllegalAddress" in done.stderr
    assert "in test_hangs" in done.stderr
    assert done.stdout.index("assert 1 == 2") < done.stdout.index("= FAILURES =")


@needs_emulator
@pytest.mark.slow
def test_rehearsal_of_the_whole_plan(tmp_path: Path) -> None:
    for part in ("1", "2"):
        done = CliRunner().invoke(card.main, [str(tmp_path), "--rehearse", "--part", part, "--seconds", "900"])
        assert done.exit_code == 0, done.output
    lines = [json.loads(line) for line in (tmp_path / "stages.jsonl").read_text().splitlines()]
    assert len(lines) >= 8
    for line in lines:
        assert set(line["status"]) == {0}, (line, (tmp_path / f"{line['stage']}.txt").read_text()[-2000:])


@needs_emulator
def test_capture_is_compared(tmp_path: Path) -> None:
    card_checks.capture("cuda-emulate", str(tmp_path / "capture.jsonl"))
    lines = [json.loads(line) for line in (tmp_path / "capture.jsonl").read_text().splitlines()]
    assert [line["model"] for line in lines] == list(card_checks.MODELS)
    assert all(line.get("off", 1) < 1e-4 for line in lines), lines


def test_ops_that_failed_are_run_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "parity.jsonl"
    machine = '{"date": "2026-11-29", "machine": "M"}\n'
    file.write_text(machine + '{"op": "relu", "verdict": "pass"}\n{"op": "gelu", "verdict": "fail"}\n')
    with pytest.raises(SystemExit) as ended:
        card_checks.failed(str(file), sys.executable, "-c", "import sys; sys.exit(sys.argv[1:] != ['--op', 'gelu', '--verbose'])")
    assert ended.value.code == 0
    file.write_text("")
    card_checks.failed(str(file), "never")
    assert "nothing" in capsys.readouterr().out


class CUDARuntimeError(RuntimeError):
    pass


def test_a_lost_card_ends_the_worker_and_not_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker raises; in this process the cell fails, as for any error."""

    def lost(*args: object, **options: object) -> None:
        raise CUDARuntimeError("cudaErrorIllegalAddress: an illegal memory access was encountered")

    parity = import_module("dlengine.testing.parity")
    monkeypatch.setattr(parity.calls, "run", lost)
    (cell,) = parity.parity("relu", backends=["numpy"], dtypes=["float32"])
    assert not cell.ok
    assert choice.is_fatal(CUDARuntimeError("cudaErrorIllegalAddress"))
    monkeypatch.setattr(parity, "_serving", [True])
    (row,) = parity.rows("relu")
    with pytest.raises(CUDARuntimeError):
        parity.check(row, "numpy", "float32")
    assert list(in_processes([], parity._served, 1)) == []
