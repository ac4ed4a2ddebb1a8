"""The API reference names every public object once and nothing else, and what stands beside it in docs/ fits."""

from __future__ import annotations

import importlib.util
import inspect
from collections import Counter
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import dlengine as dl
from dlengine.recipes import RECIPES

DOCS = Path(__file__).parents[2] / "docs"
LISTED = (
    "dlengine", "dlengine.autograd", "dlengine.backend", "dlengine.data", "dlengine.data.synthetic", "dlengine.data.transforms",
    "dlengine.distributed", "dlengine.errors", "dlengine.fft", "dlengine.fitting", "dlengine.io", "dlengine.io.onnx",
    "dlengine.linalg", "dlengine.models", "dlengine.nn",
    "dlengine.nn.functional", "dlengine.nn.init", "dlengine.optim", "dlengine.optim.lr_scheduler", "dlengine.recipes",
    "dlengine.serving", "dlengine.show", "dlengine.sklearn", "dlengine.testing", "dlengine.training",
)  # fmt: skip
"""The modules all of whose public names are in the reference."""


def load(path: Path) -> ModuleType:
    """A file of docs/ as a module."""
    spec = importlib.util.spec_from_file_location(f"docs_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PAGES = load(DOCS / "extensions" / "pages.py")
ENTRIES: list[tuple[str, str, str]] = PAGES.entries()
NAMES = {name for _, name, _ in ENTRIES}


def value_of(full_name: str) -> Any:
    module, _, name = full_name.rpartition(".")
    return getattr(import_module(module), name)


def public(module_name: str) -> dict[str, Any]:
    """The public names of a module that are not modules themselves."""
    module = import_module(module_name)
    names = getattr(module, "__all__", None) or dir(module)
    found = {name: getattr(module, name) for name in names if not name.startswith("_")}
    found.pop("annotations", None)  # of __future__
    return {name: value for name, value in found.items() if not inspect.ismodule(value)}


def test_each_name_stands_once() -> None:
    twice = [name for name, times in Counter(name for _, name, _ in ENTRIES).items() if times > 1]
    assert len(ENTRIES) > 500
    assert not twice


@pytest.mark.parametrize(("page", "name", "text"), ENTRIES, ids=[name for _, name, _ in ENTRIES])
def test_entries_exist(page: str, name: str, text: str) -> None:
    """What has no docstring of its own, a constant or a second name, is explained on the page."""
    value = value_of(name)
    if not text:
        assert inspect.isclass(value) or inspect.isroutine(value), f"{page}: explain the constant, as in `name: text`"


def test_no_object_has_two_entries() -> None:
    places = Counter(id(value_of(name)) for _, name, text in ENTRIES if not text)
    assert not [name for _, name, text in ENTRIES if not text and places[id(value_of(name))] > 1]


@pytest.mark.parametrize("module", LISTED)
def test_every_public_name_is_listed(module: str) -> None:
    """Under the module's own name, or as an object that stands under another one."""
    objects = {id(value_of(name)) for name in NAMES}
    missing = [name for name, value in public(module).items() if f"{module}.{name}" not in NAMES and id(value) not in objects]
    assert not missing, "list them on a page of docs/api/"


def test_the_parts_of_the_package_are_listed() -> None:
    parts = {f"dlengine.{name}" for name in dir(dl) if inspect.ismodule(getattr(dl, name))}
    assert parts - set(LISTED) == {"dlengine.typing"}  # whose names are aliases: their entries are texts


def test_every_page_is_in_the_table_of_contents() -> None:
    contents = (DOCS / "api" / "index.md").read_text().split()
    pages = {path.relative_to(DOCS / "api").with_suffix("").as_posix() for path in (DOCS / "api").rglob("*.rst")}
    assert pages <= set(contents)


def test_formulas_belong_to_entries() -> None:
    names = load(DOCS / "extensions" / "formulas.py").BY_NAME
    assert names
    assert set(names) <= NAMES


def test_pictures_are_small_and_of_recipes() -> None:
    pictures = sorted((DOCS / "pictures").iterdir())
    assert {path.stem for path in pictures} <= set(RECIPES)
    assert all(path.stat().st_size <= 30_000 for path in pictures)
    assert len(pictures) >= 10
