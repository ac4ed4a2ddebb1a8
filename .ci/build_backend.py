"""setuptools, with an editable install that type checkers and editors understand too.

The folders have other names than the packages (engine/ is dlengine), which setuptools' own editable install solves by an import
hook. mypy, pyright and jedi run no hooks. So the install points at a folder of links, build/editable/dlengine, that looks as
the installed package does; where links cannot be made (Windows without the right), it is setuptools' own. New files in
subfolders are there at once; after a new file in engine/ itself, install again.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import zipfile
from pathlib import Path
from typing import Any

from setuptools import build_meta
from setuptools.build_meta import *  # noqa: F403 - the other hooks are setuptools' own

ROOT = Path(__file__).resolve().parents[1]
TREE = ROOT / "build" / "editable"


def link_tree() -> None:
    """Make the folder of links anew. Raises OSError where there can be none."""
    package = TREE / "dlengine"
    shutil.rmtree(package, ignore_errors=True)
    package.mkdir(parents=True)
    inside = [path for path in (ROOT / "engine").iterdir() if path.suffix == ".py" or path.is_dir() or path.name == "py.typed"]
    for path in (*inside, *(ROOT / name for name in ("kernels", "cli", "benchmarks"))):
        if path.name != "__pycache__":
            (package / path.name).symlink_to(path, target_is_directory=path.is_dir())


def build_editable(
    wheel_directory: str, config_settings: dict[str, Any] | None = None, metadata_directory: str | None = None
) -> str:
    """setuptools' editable wheel, with a path to the folder of links in place of its import hook."""
    name = build_meta.build_editable(wheel_directory, config_settings, metadata_directory)
    try:
        link_tree()
    except OSError:
        return name
    wheel = Path(wheel_directory, name)
    with zipfile.ZipFile(wheel) as old:
        kept = {n: old.read(n) for n in old.namelist() if not n.startswith("__editable__")}
    kept["__editable__.dlengine.pth"] = f"{TREE}\n".encode()
    record = next(n for n in kept if n.endswith(".dist-info/RECORD"))
    lines = [
        f"{n},sha256={base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b'=').decode()},{len(content)}"
        for n, content in kept.items()
        if n != record
    ]
    kept[record] = "\n".join([*lines, f"{record},,", ""]).encode()
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as new:
        for n, content in kept.items():
            new.writestr(n, content)
    return name
