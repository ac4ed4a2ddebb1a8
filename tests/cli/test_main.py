"""The command line's manners: one line on stderr, the exit status, the traceback only on demand."""

from __future__ import annotations

import gc
import subprocess
import sys

import click
import pytest

from dlengine.cli.main import COLLECTED_AFTER, app, describe, main
from dlengine.environment import Report, report
from dlengine.errors import DataError, DLEngineError

ERRORS = [
    (DataError("digits: file is\n  cut short"), "digits: file is cut short", 2),
    (FileNotFoundError(2, "No such file or directory", "model.npz"), "model.npz: No such file or directory", 2),
    (PermissionError(13, "Permission denied", "runs"), "runs: Permission denied", 2),
    (OSError(28, "No space left on device", "runs"), "runs: No space left on device", 1),
    (MemoryError(), "MemoryError", 1),
    (KeyboardInterrupt(), "interrupted", 130),
    (ZeroDivisionError("oops"), "ZeroDivisionError: oops (dlengine --debug COMMAND shows where)", 1),
]


@pytest.mark.parametrize(("error", "line", "status"), ERRORS, ids=lambda value: type(value).__name__)
def test_each_error_is_one_line_and_a_status(error: BaseException, line: str, status: int) -> None:
    assert describe(error) == (line, status)


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command `fail` that raises, known to the group for one test."""

    @click.command()
    def fail() -> None:
        raise DLEngineError("no such thing")

    monkeypatch.setitem(app.commands, "fail", fail)


def run(*arguments: str) -> int | str | None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    return end.value.code


@pytest.mark.usefixtures("failing")
def test_error_without_debug(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("fail") == 2
    assert capsys.readouterr().err == "dlengine: no such thing\n"


@pytest.mark.usefixtures("failing")
def test_debug_adds_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--debug", "fail") == 2
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert shown.endswith("dlengine: no such thing\n")


def test_a_command_can_fail_by_status(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command()
    @click.pass_context
    def judge(context: click.Context) -> None:
        context.exit(1)

    monkeypatch.setitem(app.commands, "judge", judge)
    assert run("judge") == 1


@pytest.mark.parametrize("arguments", [("nonsense",), ("--nonsense",), ("info", "--nonsense")])
def test_usage_errors(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*arguments) == 2
    shown = capsys.readouterr()
    assert not shown.out
    assert shown.err.count("\n") == 1
    assert "nonsense" in shown.err


def test_help_without_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    assert "info" in capsys.readouterr().out


def test_a_reader_that_leaves_is_no_error() -> None:
    command = f"{sys.executable} -m dlengine.cli info | true"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=120)
    assert not done.stderr


def test_report_has_its_facts() -> None:
    found = report()
    assert found.sections["Versions"]["numpy"][0].isdigit()
    assert "conv2d" in found.sections["Kernels"]["reference"]
    assert found.sections["Backends"]["numpy"] == "ready"
    assert found.sections["Host memory"]["buffer pool"]
    assert "GFLOP/s" in found.sections["BLAS"]["float32 product"]


def test_a_blas_held_back_is_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    speeds = {True: 100.0, False: 190.0}
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    monkeypatch.setattr(
        "dlengine.environment._probe_blas",
        lambda env: {"architecture": "SkylakeX", "gflops": speeds["OPENBLAS_CORETYPE" in env]},
    )
    assert any("1.9 times as fast" in hint for hint in report().hints)


def test_info_prints_the_report(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    found = Report({"Versions": {"numpy": "9.9 [beta]"}}, ["plug it in"])
    monkeypatch.setattr("dlengine.environment.report", lambda: found)
    assert run("info") == 0
    shown = capsys.readouterr().out
    assert "9.9 [beta]" in shown
    assert "plug it in" in shown


def test_help_cuts_no_line_on_a_screen_of_80_columns(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run("--help") == 0
    shown = capsys.readouterr().out
    assert "..." not in shown.split("Commands:")[1]
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize("option", ["--epochs", "--hidden"])
def test_a_setting_given_as_an_option_is_told_how(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("train", "autoencoder", option, "3") == 2
    assert f"--set {option[2:]}=VALUE" in capsys.readouterr().err


def test_an_unknown_option_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("train", "autoencoder", "--nothing", "3") == 2
    assert "--set" not in capsys.readouterr().err


def test_the_shell_completes_names_of_recipes() -> None:
    from click.shell_completion import ShellComplete

    complete = ShellComplete(app, {}, "dlengine", "_DLENGINE_COMPLETE")
    assert [item.value for item in complete.get_completions(["train"], "digits")] == ["digits-cnn"]
    assert "mlp" in [item.value for item in complete.get_completions(["explain"], "m")]


def test_the_cyclic_collector_is_set_in_a_process_of_ones_own_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[tuple[int, ...]] = []
    monkeypatch.setattr(gc, "set_threshold", lambda *given: found.append(given))
    with pytest.raises(SystemExit):
        main(["--version"])
    assert not found
    monkeypatch.setattr(sys, "argv", ["dlengine", "--version"])
    with pytest.raises(SystemExit):
        main()
    assert found == [COLLECTED_AFTER]
