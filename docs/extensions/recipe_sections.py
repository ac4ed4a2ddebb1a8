"""Adds to the page recipes.md a section for each recipe: its idea, its picture, and links to the entries that it shows."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from textwrap import dedent

from entries import names_by_object
from make_pictures import CHOSEN
from sphinx.application import Sphinx

from dlengine.recipes import RECIPES

PAGE = "recipes"
PICTURES = Path(__file__).parents[1] / "pictures"


def _idea(text: str) -> str:
    """A docstring as Markdown: plain paragraphs; those with indented lines, which are equations and lists, as they stand."""
    parts = []
    for part in re.split(r"\n\s*\n", text):
        literal = re.search(r"^ ", part, re.MULTILINE)
        parts.append(f"```text\n{dedent(part)}\n```" if literal else re.sub(r"([\\<>*_$|\[\]{}^~#-])", r"\\\1", part))
    return "\n\n".join(parts)


def _section(name: str) -> str:
    recipe = RECIPES[name]
    lines = [f"(recipe-{name})=", f"### {name}", "", f"*{recipe.title}*", ""]
    if (PICTURES / f"{name}.png").exists():
        caption = getattr(recipe.experiment, "captions", {}).get(CHOSEN[name], "")
        lines += [f"![{name}](pictures/{name}.png)", "", f"*{caption}*" if caption else "", ""]
    lines += [_idea(inspect.cleandoc(recipe.experiment.__doc__ or "")), ""]
    entries = [names_by_object().get(id(thing)) for thing in recipe.shows]
    links = ", ".join(f"{{py:obj}}`{entry.removeprefix('dlengine.')} <{entry}>`" for entry in entries if entry)
    lines += [f"In the reference: {links}." if links else "", "", f"```sh\ndlengine train {name}\n```", ""]
    return "\n".join(lines)


def _add(app: Sphinx, name: str, source: list[str]) -> None:
    if name == PAGE:
        source[0] += "\n\n## Each recipe\n\n" + "\n".join(map(_section, RECIPES))


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("source-read", _add)
    app.connect("env-get-outdated", lambda *arguments: [PAGE])  # which a new recipe changes, though its file stays
    return {"parallel_read_safe": True}
