"""Run by .ci/run with the wheel installed: every file of the checkout's packages is there and every module imports."""

from __future__ import annotations

import importlib
import pkgutil
import sys
import tomllib
from pathlib import Path

import dlengine

EXTRA = {"torch"}
"""What a module may need that only an extra of pyproject.toml installs (bench: the benchmarks' other side)."""


def main(checkout: Path) -> None:
    home = Path(str(dlengine.__file__)).parent
    if checkout in home.parents:
        sys.exit(f"dlengine is imported from the sources: {home}")
    settings = tomllib.loads((checkout / "pyproject.toml").read_text())["tool"]["setuptools"]
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
    modules = [module.name for module in pkgutil.walk_packages(dlengine.__path__, "dlengine.", onerror=stop)]
    for name in modules:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name not in EXTRA:
                raise
    print(f"{len(modules)} modules import from the wheel")


def stop(package: str) -> None:
    sys.exit(f"cannot import {package}")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
