"""A recipe is one file: the catalogue's folder is scanned, and the example of CONTRIBUTING.md is such a file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlengine.cli.main import main
from dlengine.errors import ConfigError
from dlengine.recipes import RECIPES, catalogue
from dlengine.recipes.recipe import Catalogue

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose files belong to the catalogue for the time of a test."""
    before = set(sys.modules)
    monkeypatch.setattr(catalogue, "__path__", [*catalogue.__path__, str(tmp_path)])
    monkeypatch.delattr(RECIPES, "_files", raising=False)
    yield tmp_path
    vars(RECIPES).pop("_files", None)
    for name in set(sys.modules) - before:
        if name.startswith(catalogue.__name__):
            del sys.modules[name]


def example() -> str:
    """The recipe in CONTRIBUTING.md."""
    section = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## A recipe: one file")[2]
    return section.partition("```python\n")[2].partition("```")[0]


def dlengine(*arguments: str) -> object:
    """The exit status of a command."""
    with pytest.raises(SystemExit) as end:
        main(arguments)
    return end.value.code


def test_the_example_is_found_by_its_name(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "softmax-digits" not in Catalogue()
    (folder / "softmax_digits.py").write_text(example(), encoding="utf-8")
    assert dlengine("train", "softmax-digits", "--quick", "--out", str(folder / "run")) == 0
    assert "accuracy" in capsys.readouterr().out
    assert dlengine("recipes") == dlengine("explain", "softmax-digits") == 0
    shown = capsys.readouterr().out
    assert "softmax regression on 1,797 handwritten digits" in shown
    assert "Bishop" in shown


def test_a_file_with_another_name_than_its_recipe_is_an_error(folder: Path) -> None:
    (folder / "other_name.py").write_text(example(), encoding="utf-8")
    with pytest.raises(ConfigError, match="'other-name' is called 'softmax-digits'"):
        RECIPES["other-name"]


def test_each_file_has_the_name_of_its_recipe() -> None:
    files = {path.stem for path in Path(next(iter(catalogue.__path__))).glob("*.py")} - {"__init__"}
    assert {name.replace("-", "_") for name in Catalogue()} == files
    for name in Catalogue():
        assert RECIPES[name].name == name
