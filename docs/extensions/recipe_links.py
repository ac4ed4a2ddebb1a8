"""Adds to each entry of the API reference the recipes that use it: ``Shown in the recipes char-lstm, word-lm``.

A recipe uses what the functions of its file name, and what the files of recipes/parts and models name that it builds on. Names
are resolved in the modules themselves, so that every spelling of an object counts.
"""

from __future__ import annotations

import ast
import inspect
from collections import deque
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from entries import names_by_object
from sphinx.application import Sphinx

from dlengine.recipes import RECIPES

MOST = 4
FOLLOWED = ("dlengine.recipes.parts.", "dlengine.recipes.catalogue.", "dlengine.models.")
"""Modules whose own uses count for the recipe that uses them."""


def named(module: ModuleType) -> Iterator[Any]:
    """Every object that a module's text names: plain names, and attributes of modules such as nn.LSTM."""
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        try:
            if isinstance(node, ast.Name):
                yield vars(module)[node.id]
            elif isinstance(node, ast.Attribute):
                owner = _module_of(node.value, module)
                if owner is not None:
                    yield getattr(owner, node.attr)
        except (KeyError, AttributeError):
            continue


def _module_of(node: ast.expr, module: ModuleType) -> ModuleType | None:
    """The module that an expression such as `nn` or `nn.functional` stands for."""
    if isinstance(node, ast.Name):
        found = vars(module).get(node.id)
    elif isinstance(node, ast.Attribute):
        found = getattr(_module_of(node.value, module), node.attr, None)
    else:
        found = None
    return found if isinstance(found, ModuleType) else None


def uses(recipe: str) -> dict[str, int]:
    """The entries that a recipe uses, with the number of files between it and the use."""
    start = import_module(f"dlengine.recipes.catalogue.{recipe.replace('-', '_')}")
    distance = {start.__name__: 0}
    waiting = deque([start])
    found: dict[str, int] = {}
    while waiting:
        module = waiting.popleft()
        depth = distance[module.__name__]
        for value in named(module):
            entry = names_by_object().get(id(value))
            if entry:
                found.setdefault(entry, depth)
            home = inspect.getmodule(value) if inspect.isclass(value) or inspect.isroutine(value) else None
            if home and home.__name__.startswith(FOLLOWED) and home.__name__ not in distance:
                distance[home.__name__] = depth + 1
                waiting.append(home)
    return found


@cache
def shown_in() -> dict[str, list[str]]:
    """Entry to the recipes that use it, those first that name it themselves and that use little else."""
    found: dict[str, list[tuple[int, int, str]]] = {}
    for recipe in RECIPES:
        used = uses(recipe)
        for entry, depth in used.items():
            found.setdefault(entry, []).append((depth, len(used), recipe))
    return {entry: [recipe for *_, recipe in sorted(places)[:MOST]] for entry, places in found.items()}


def _add(app: Sphinx, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    recipes = shown_in().get(name, [])
    if recipes:
        links = ", ".join(f":ref:`{recipe} <recipe-{recipe}>`" for recipe in recipes)
        lines += ["", f"*Shown in the recipe{'s' if len(recipes) > 1 else ''}* {links}.", ""]


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("autodoc-process-docstring", _add, priority=900)  # after numpydoc
    return {"parallel_read_safe": True}
