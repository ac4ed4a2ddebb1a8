"""Every block of the README does what it says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from dlengine.cli.main import app

README = Path(__file__).parent.parent / "README.md"
TEXT = README.read_text()


def blocks(language: str) -> list[tuple[int, str]]:
    """(line number, text) of each fenced block of a language."""
    found = re.finditer(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    return [(TEXT[: match.start(1)].count("\n"), match.group(1)) for match in found]


def test_python_blocks_run_in_order(tmp_path: Path) -> None:
    """One program in one process; empty lines keep the README's own line numbers in a traceback."""
    lines: list[str] = []
    for start, text in blocks("python"):
        lines += [""] * (start - len(lines)) + text.splitlines()
    script = tmp_path / "readme.py"
    script.write_text("\n".join(lines))
    run = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, timeout=240)
    assert lines
    assert run.returncode == 0, run.stderr


def test_library_example_is_twenty_lines() -> None:
    _, first = blocks("python")[0]
    assert len(first.splitlines()) <= 20


def commands() -> list[str]:
    """Each `dlengine COMMAND ...` in a shell block or in inline code."""
    code = [text for _, text in blocks("sh")] + re.findall(r"`([^`\n]+)`", TEXT)
    return sorted({found for text in code for found in re.findall(r"\bdlengine ([a-z][^&|`\n]*)", text)})


@pytest.mark.parametrize("line", commands())
def test_commands_exist(line: str) -> None:
    words = line.split()
    command = app.commands.get(words[0])
    assert command is not None
    known = {name for option in command.params if isinstance(option, click.Option) for name in option.opts}
    assert {word for word in words[1:] if word.startswith("--")} <= known


def test_folders_of_the_map_exist() -> None:
    section = TEXT.split("## Map")[1].split("\n## ")[0]
    folders = re.findall(r"^\| `([\w./]+)` \|", section, re.MULTILINE)
    assert folders
    for folder in folders:
        assert (README.parent / folder).exists(), folder


def test_names_of_the_migration_table_exist() -> None:
    import dlengine as dl

    section = TEXT.split("## Coming from PyTorch")[1].split("\n## ")[0]
    ours = "\n".join(row.split("|")[2] for row in section.splitlines() if row.startswith("|"))
    names = set(re.findall(r"\b((?:dl|nn|optim|data|training|io)\.[\w.]+)", ours))
    assert len(names) > 20
    for name in sorted(names):
        place: object = dl
        for part in name.removeprefix("dl.").split("."):
            place = getattr(place, part)


def test_the_speed_is_the_newest_record() -> None:
    found = json.loads(max((README.parent / "benchmarks" / "results").glob("*-numba-*-cores.json")).read_text())
    means = found["geometric_means"]
    section = TEXT.split("## Speed")[1].split("\n## ")[0]
    assert f"{means['default']:.2f} times" in section
    assert f"{means['warm']:.2f} times" in section
    steps = {r["name"]: r["timings"] for r in found["rows"] if r["kind"] == "step"}
    slower = [name for name, took in steps.items() if took["torch"]["median"] < took["dlengine"]["median"]]
    assert steps
    assert not slower, "the README says that no training step takes PyTorch less"
