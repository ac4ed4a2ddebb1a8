"""Files and functions stay small enough to be read at once."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ("engine", "kernels", "cli", "benchmarks")
LINES = 400
PARAMETERS = 8
PYTORCHS = ("engine/torch", "engine/torchvision")
"""Folders whose functions have PyTorch's arguments, however many."""
WIDE = 42
"""So many functions may have more: kernels and layers whose arguments are PyTorch's."""


def sources(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from (p for p in (ROOT / folder).rglob("*") if p.suffix in (".py", ".cu", ".cuh", ".h", ".cpp", ".md"))


def wide_functions(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            a = node.args
            if len([*a.posonlyargs, *a.args, *a.kwonlyargs]) + bool(a.vararg) + bool(a.kwarg) > PARAMETERS:
                yield node.name


def test_no_file_is_long() -> None:
    long = {str(p.relative_to(ROOT)): n for p in sources(*PACKAGE, "tests") if (n := p.read_text().count("\n")) > LINES}
    assert not long, f"split by subject what has more than {LINES} lines: {long}"


def test_few_functions_are_wide() -> None:
    found = [
        f"{p.relative_to(ROOT)}: {name}"
        for p in sources(*PACKAGE)
        if p.suffix == ".py" and not p.relative_to(ROOT).as_posix().startswith(PYTORCHS)
        for name in wide_functions(ast.parse(p.read_text()))
    ]
    assert len(found) <= WIDE, f"{len(found)} functions have more than {PARAMETERS} parameters:\n" + "\n".join(found)
