"""The op that CONTRIBUTING.md shows is the package's own."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from textwrap import dedent

import dlengine as dl

ROOT = Path(__file__).parents[2]


def without_docstring(text: str) -> str:
    """A function's code in one layout, its docstring left out."""
    (function,) = ast.parse(dedent(text)).body
    assert isinstance(function, ast.FunctionDef)
    assert ast.get_docstring(function)
    function.body = function.body[1:]
    return ast.unparse(function)


def test_the_op_shown_is_the_op() -> None:
    section = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("## An op")[1].split("\n## ")[0]
    shown = section.split("```python\n")[1].split("```")[0]
    assert without_docstring(shown) == without_docstring(inspect.getsource(inspect.unwrap(dl.softsign)))
