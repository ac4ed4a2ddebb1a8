"""Run by .ci/run with the wheel installed: every file of the checkout's packages is there and every module imports."""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import dlengine

EXTRAS = ("bench", "sklearn", "serve")
"""Extras whose names start so are for modules that are imported by those alone who have installed them."""


def peers(project: dict[str, Any]) -> set[str]:
    """What a module may need that is not installed here: the extras for estimators and the service, and the benchmarks' peers."""
    extras = project["optional-dependencies"]
    return {re.split(r"[^\w.-]", need)[0] for extra in extras if extra.startswith(EXTRAS) for need in extras[extra]}


def main(checkout: Path) -> None:
    home = Path(str(dlengine.__file__)).parent
    if checkout in home.parents:
        sys.exit(f"dlengine is imported from the sources: {home}")
    pyproject = tomllib.loads((checkout / "pyproject.toml").read_text())
    settings = pyproject["tool"]["setuptools"]
    missing = []
    for package, folder in settings["package-dir"].items():
        installed = home.joinpath(*package.split(".")[1:])
        for path in (checkout / folder).rglob("*"):
            inside = path.relative_to(checkout / folder)
            wanted = path.is_file() and "__pycache__" not in path.parts and inside.parts[0] != "results"
            if wanted and not (installed / inside).exists():
                missing.append(f"{folder}/{inside}")
    if missing:
        sys.exit(f"not in the wheel: {', '.join(sorted(missing))}")
    extra = {*peers(pyproject["project"]), "sklearn", "werkzeug"}

    def stop(package: str) -> None:
        error = sys.exc_info()[1]
        if not isinstance(error, ModuleNotFoundError) or (error.name or "").split(".")[0] not in extra:
            sys.exit(f"cannot import {package}")

    modules = [module.name for module in pkgutil.walk_packages(dlengine.__path__, "dlengine.", onerror=stop)]
    for name in modules:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            if (error.name or "").split(".")[0] not in extra:
                raise
    print(f"{len(modules)} modules import from the wheel")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
