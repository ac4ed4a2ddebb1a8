"""The plan for a card runs from start to end without one, and a stage that hangs or fails costs no other."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path

import pytest
from click.testing import CliRunner

from dlengine.benchmarks import card, card_checks, launch_cost
from dlengine.benchmarks.card import Stage
from dlengine.kernels.cuda import emulator
from dlengine.kernels.cuda.machine import choice, launch
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


def test_every_kernel_that_is_chosen_has_a_stage() -> None:
    from dlengine.kernels.cuda import conv

    names = {name for variants in conv.VARIANTS.values() for name in variants}
    # depthwise has its shapes for itself, and what rounds is for another precision than parity's
    assert set(card.CHOICES) >= {name for name in names if name != "depthwise" and "rounded" not in name}
    assert all(s.environment.get("DLENGINE_CUDA_CHOICE") for s in card.stages(Path("out"), 1, False) if "choice" in s.name)


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
