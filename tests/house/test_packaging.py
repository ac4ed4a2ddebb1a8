"""The package list, the data files and the import guards agree with the folders.

A forgotten package or data file works from an editable checkout and is silently absent from the wheel.
"""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
FOLDERS = {folder: package for package, folder in SETTINGS["package-dir"].items()}
IGNORED = ("__pycache__", "benchmarks/results")


def files() -> list[Path]:
    """Every file under the package folders, relative to the root."""
    found = (path.relative_to(ROOT) for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file())
    return sorted(path for path in found if not any(part in path.as_posix() for part in IGNORED))


def package_of(folder: Path) -> str:
    """The installed name of a folder: engine/ops is dlengine.ops."""
    return ".".join((FOLDERS[folder.parts[0]], *folder.parts[1:]))


def test_package_list_equals_folders() -> None:
    folders = {package_of(path.parent) for path in files() if path.suffix == ".py"}
    assert sorted(SETTINGS["packages"]) == sorted(folders)


@pytest.mark.parametrize("package", SETTINGS["packages"])
def test_every_package_imports(package: str) -> None:
    module = importlib.import_module(package)
    assert module.__file__ is not None, f"{package} has no __init__.py"
    assert module.__doc__


def test_every_other_file_is_package_data() -> None:
    for path in files():
        if path.suffix == ".py":
            continue
        owners = [parent for parent in path.parents if parent.parts and package_of(parent) in SETTINGS["packages"]]
        package, inside = package_of(owners[0]), path.relative_to(owners[0]).as_posix()
        patterns = SETTINGS["package-data"].get(package, [])
        assert any(fnmatch(inside, pattern) for pattern in patterns), f"{path} is not in the wheel"


def test_package_data_is_installed() -> None:
    import dlengine

    home = Path(str(dlengine.__file__)).parent
    assert (home / "py.typed").exists()
    assert (home / "data" / "files" / "digits.csv.gz").exists()


@pytest.mark.parametrize("folder", sorted(FOLDERS))
def test_folder_name_is_refused_as_a_package(folder: str) -> None:
    """From the checkout `import engine` would make a second copy of every class."""
    run = subprocess.run([sys.executable, "-c", f"import {folder}"], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 1
    assert f"ImportError: import {FOLDERS[folder]}, not {folder}" in run.stderr


def test_version_is_the_distribution_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    run = subprocess.run([sys.executable, "-m", "dlengine.cli", "--version"], capture_output=True, text=True)
    assert run.stdout == f"dlengine {project['version']}\n"


def test_the_lowest_versions_are_those_that_pyproject_allows() -> None:
    """.ci/run installs .ci/lowest.txt and computes with it, so the floors are true."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    floors = {}
    for requirement in (*project["dependencies"], *project["optional-dependencies"]["test"]):
        name, version = re.split(">=|[,;]", requirement)[:2]
        floors[name] = version
    lines = [line for line in (ROOT / ".ci/lowest.txt").read_text().splitlines() if not line.startswith("#")]
    lowest = dict(line.split("==") for line in lines)
    assert lowest.pop("pyparsing")  # comes with matplotlib
    assert lowest.keys() == floors.keys()
    for name, version in lowest.items():
        assert re.fullmatch(re.escape(floors[name]) + r"(\.0)*", version), name
