"""The pages of the API reference as text: which names stand on which page. Needs no Sphinx, so that tests can use it."""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "api"
DIRECTIVE = re.compile(r"^\.\. entries:: (\S+)\n((?:\n|   .*\n)*)", re.MULTILINE)
ALIASES = re.compile(r"^\.\. aliases:: (\S+)$", re.MULTILINE)


def parse(lines: list[str]) -> dict[str, str]:
    """The names in the body of an ``entries`` directive, each with its text, which is empty if the docstring tells it.

    A line is ``name`` or ``name: text``.
    """
    found = {}
    for line in filter(None, map(str.strip, lines)):
        name, _, text = line.partition(": ")
        if name in found:
            raise ValueError(f"{name} is listed twice")
        found[name] = text
    return found


def entries(folder: Path = FOLDER) -> list[tuple[str, str, str]]:
    """Page, full name and text of every entry of the API reference."""
    found = []
    for page in sorted(folder.rglob("*.rst")):
        for module, body in DIRECTIVE.findall(page.read_text(encoding="utf-8") + "\n"):
            where = page.relative_to(folder).as_posix()
            found += [(where, f"{module}.{name}", text) for name, text in parse(body.splitlines()).items()]
    return found


def alias_modules(folder: Path = FOLDER) -> list[str]:
    """The modules whose names are listed by ``aliases``: other names of entries that stand elsewhere."""
    return sorted(module for page in folder.rglob("*.rst") for module in ALIASES.findall(page.read_text(encoding="utf-8")))
