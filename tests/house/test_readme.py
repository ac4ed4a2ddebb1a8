"""Every block of the README and of the guide does what it says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from dlengine.cli.main import app

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
GUIDE = sorted((ROOT / "docs" / "guide").glob("*.md"))
PAGES = [README, ROOT / "docs" / "recipes.md", *GUIDE]


def blocks(page: Path, language: str) -> list[tuple[int, str]]:
    """(line number, text) of each fenced block of a language."""
    text = page.read_text(encoding="utf-8")
    found = re.finditer(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [(text[: match.start(1)].count("\n"), match.group(1)) for match in found]


WITH_PROGRAMS = [page for page in PAGES if blocks(page, "python")]


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", WITH_PROGRAMS, ids=name_of)
def test_python_blocks_run_in_order(page: Path, tmp_path: Path) -> None:
    """A page is one program in one process; empty lines keep the page's own line numbers in a traceback."""
    lines: list[str] = []
    for start, text in blocks(page, "python"):
        lines += [""] * (start - len(lines)) + text.splitlines()
    script = tmp_path / "page.py"
    script.write_text("\n".join(lines))
    run = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, timeout=240)
    assert run.returncode == 0, run.stderr


def test_readme_is_two_screens_and_its_program_twenty_lines() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 100
    [(_, program)] = blocks(README, "python")
    assert len(program.splitlines()) <= 20


def commands() -> list[str]:
    """Each `dlengine COMMAND ...` in a shell block or in inline code."""
    code = [text for page in PAGES for _, text in blocks(page, "sh")]
    code += [text for page in PAGES for text in re.findall(r"`([^`\n]+)`", page.read_text(encoding="utf-8"))]
    return sorted({found for text in code for found in re.findall(r"\bdlengine ([a-z][^&|`\n]*)", text)})


@pytest.mark.parametrize("line", commands())
def test_commands_exist(line: str) -> None:
    words = line.split()
    command = app.commands.get(words[0])
    assert command is not None
    known = {name for option in command.params if isinstance(option, click.Option) for name in option.opts}
    assert {word for word in words[1:] if word.startswith("--")} <= known


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=name_of)
def test_linked_files_exist(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not missing


def test_folders_of_the_map_exist() -> None:
    section = (ROOT / "CONTRIBUTING.md").read_text().split("## Where things are")[1].split("\n## ")[0]
    folders = re.findall(r"^\| `([\w./]+)` \|", section, re.MULTILINE)
    assert folders
    for folder in folders:
        assert (ROOT / folder).exists(), folder


def test_names_of_the_migration_table_exist() -> None:
    import dlengine as dl

    table = (ROOT / "docs" / "guide" / "pytorch.md").read_text()
    ours = "\n".join(row.split("|")[2] for row in table.splitlines() if row.startswith("|"))
    names = set(re.findall(r"\b((?:dl|nn|optim|data|training|io)\.[\w.]+)", ours))
    assert len(names) > 20
    for name in sorted(names):
        place: object = dl
        for part in name.removeprefix("dl.").split("."):
            place = getattr(place, part)


def test_the_speed_is_the_newest_record() -> None:
    found = json.loads(max((ROOT / "benchmarks" / "results").glob("*-numba-*-cores.json")).read_text())
    means = found["geometric_means"]
    section = README.read_text(encoding="utf-8").split("## Speed")[1].split("\n## ")[0]
    assert f"{means['default']:.2f} times" in section
    assert f"{means['warm']:.2f} times" in section
    steps = {r["name"]: r["timings"] for r in found["rows"] if r["kind"] == "step"}
    slower = [name for name, took in steps.items() if took["torch"]["median"] < took["dlengine"]["median"]]
    assert steps
    assert not slower, "a training step of the record takes PyTorch less: the README must say which"
