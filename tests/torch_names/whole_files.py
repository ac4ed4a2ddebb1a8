"""Measure in how many whole files of PyTorch programs every name exists in dlengine.torch and every call fits its signature.

``python tests/torch_names/whole_files.py PATH [PATH ...]`` reads .py files, notebooks and Markdown below the paths, which stay
outside the repository, and prints the share of names that exist, of calls that bind, and of files in which all of them do. The
files are parsed, not executed. Names under torch and torchvision are followed through the file's imports. A method or attribute
of anything else counts when PyTorch's tensors, modules or optimizers have one of that name, unless the file defines that name
itself or Python's own strings, lists and dicts have it too. Needs torch, to ask which names its classes have.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

if __package__:
    from .coverage_of_names import NOT_NAMES, OUT_OF_SCOPE
else:
    from coverage_of_names import NOT_NAMES, OUT_OF_SCOPE

from dlengine.torch import absent, nn, optim
from dlengine.torch.names.core import _RENAMED
from dlengine.torch.runner import install

ABSENT: Any = object()
PYTHON = {n for kind in (str, bytes, list, dict, set, tuple, int, float) for n in dir(kind)}
"""Methods that Python's own values have too: split, index, copy, format ..."""

CLASSES = (("x", "Tensor"), ("module", "Module"), ("optimizer", "Optimizer"))


@dataclass
class File:
    """What a file uses: names, and calls as the name with the number of positional arguments and the keywords."""

    path: Path
    names: set[str] = field(default_factory=set)
    calls: list[tuple[str, int, tuple[str, ...]]] = field(default_factory=list)


def texts(path: Path) -> list[str]:
    """The Python cells of a file."""
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix == ".ipynb":
        cells = [c for c in json.loads(text).get("cells", []) if c.get("cell_type") == "code"]
        parts = ["".join(c["source"]) for c in cells]
    elif path.suffix == ".md":
        parts = re.findall(r"```(?:\{\.python[^}]*\}|python)\n(.*?)```", text, re.DOTALL)
    else:
        parts = [text]
    return [re.sub(r"(?m)^(\s*)[%!].*$", r"\1pass", part) for part in parts]


def trees(path: Path) -> list[ast.Module]:
    """The cells that parse."""
    found = []
    for text in texts(path):
        try:
            found.append(ast.parse(text))
        except (SyntaxError, ValueError):
            continue
    return found


class Reader(ast.NodeVisitor):
    """Collects a file's names and calls; see `File`."""

    def __init__(self, file: File, parsed: list[ast.Module], attributes: dict[str, str]) -> None:
        self.file, self.attributes = file, attributes
        self.imported: dict[str, str] = {}
        self.foreign: set[str] = set()
        self.own: set[str] = set()
        for tree in parsed:
            for node in ast.walk(tree):
                self._declare(node)
        for tree in parsed:
            self.visit(tree)

    def _declare(self, node: ast.AST) -> None:
        if isinstance(node, ast.Import):
            for a in node.names:
                if a.name.split(".")[0] in ("torch", "torchvision"):
                    self.imported[a.asname or a.name.split(".")[0]] = a.name if a.asname else a.name.split(".")[0]
                else:
                    self.foreign.add(a.asname or a.name.split(".")[0])
        elif isinstance(node, ast.ImportFrom):
            ours = node.level == 0 and (node.module or "").split(".")[0] in ("torch", "torchvision")
            for a in node.names:
                if ours:
                    self.imported[a.asname or a.name] = f"{node.module}.{a.name}"
                else:
                    self.foreign.add(a.asname or a.name)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            self.own.add(node.name)

    def name_of(self, node: ast.expr) -> str | None:
        """The full name of torch.a.b, or None for anything else."""
        if isinstance(node, ast.Name):
            return self.imported.get(node.id)
        if isinstance(node, ast.Attribute):
            left = self.name_of(node.value)
            return None if left is None else f"{left}.{node.attr}"
        return None

    def foreign_at(self, node: ast.expr) -> bool:
        """Whether an attribute chain begins at another library's module."""
        while isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
            node = node.func if isinstance(node, ast.Call) else node.value
        return isinstance(node, ast.Name) and node.id in self.foreign

    def used(self, node: ast.expr) -> str | None:
        """The name that an expression uses, as torch.a.b, x.method, module.method; None for what is not PyTorch's."""
        full = self.name_of(node)
        if full is not None:
            return full
        if not isinstance(node, ast.Attribute) or node.attr in self.own or node.attr in PYTHON or self.foreign_at(node):
            return None
        kind = self.attributes.get(node.attr)
        return None if kind is None else f"{kind}.{node.attr}"

    def visit_Call(self, node: ast.Call) -> None:  # noqa: N802 - ast's name
        """A call: its name and form."""
        name = self.used(node.func)
        spread = any(isinstance(a, ast.Starred) for a in node.args) or any(k.arg is None for k in node.keywords)
        if name is not None and not spread:
            self.file.calls.append((name, len(node.args), tuple(k.arg or "" for k in node.keywords)))
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:  # noqa: N802 - ast's name
        """A name or an attribute."""
        name = self.used(node)
        if name is not None:
            self.file.names.add(name)
            if self.name_of(node) is not None:
                return
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:  # noqa: N802 - ast's name
        """A name that was imported."""
        if node.id in self.imported:
            self.file.names.add(self.imported[node.id])


def attributes() -> dict[str, str]:
    """Which of PyTorch's classes has a method or attribute: of all three, the first that has it."""
    import torch as real

    found: dict[str, str] = {}
    for kind, path in CLASSES:
        theirs = {"Tensor": real.Tensor, "Module": real.nn.Module, "Optimizer": real.optim.Optimizer}[path]
        for name in dir(theirs):
            if not name.startswith("_"):
                found.setdefault(name, kind)
    return found


def ours_of(name: str, modules: dict[str, Any]) -> Any:
    """What dlengine.torch has under a name; ABSENT if nothing. Parts that only say why they are not there count as absent."""
    first, _, rest = name.partition(".")
    if first not in modules:
        kinds = {"x": modules["torch"].Tensor, "module": nn.Module, "optimizer": optim.Optimizer}
        return next((f for k in (first, *kinds) if (f := inspect.getattr_static(kinds[k], rest, ABSENT)) is not ABSENT), ABSENT)
    here: Any = modules[first]
    for part in rest.split(".") if rest else ():
        try:
            here = getattr(here, part)
        except (AttributeError, NotImplementedError):
            return ABSENT
        if isinstance(here, absent.Absent):
            return ABSENT
    return here


def fits(found: Any, count: int, keywords: tuple[str, ...], method: bool) -> bool:
    """Whether a call fits the signature, PyTorch's second names of arguments included."""
    if isinstance(found, property) or not callable(found):
        return True
    try:
        signature = inspect.signature(found)
    except (TypeError, ValueError):
        return True
    known = signature.parameters
    listed = next((p.name for p in known.values() if p.kind is p.VAR_POSITIONAL), None)
    named = {}
    for keyword in keywords:
        if keyword == "out" or (keyword == "size" and listed in ("size", "shape", "sizes")) or keyword == listed:
            continue
        named[keyword if keyword in known else _RENAMED.get(keyword, keyword)] = None
    try:
        signature.bind(*([None] * (count + method)), *([None] if listed in keywords else []), **named)
    except TypeError:
        return False
    return True


def in_scope(name: str) -> bool:
    """Whether this project means to have a name."""
    usual = name.replace("module.", "Module.")
    parts = [f"torch.{part}" for part in absent.REASONS]
    outside = name in NOT_NAMES or f"{name}()" in NOT_NAMES or usual.startswith(OUT_OF_SCOPE)
    return not (outside or any(name == p or name.startswith(f"{p}.") for p in parts))


def measure(files: list[File], modules: dict[str, Any]) -> str:
    """The measure in words."""
    lacking: Counter[str] = Counter()
    unfit: Counter[str] = Counter()
    uses = there = calls = bind = every_name = whole = whole_inner = 0
    for file in files:
        gone = {n for n in file.names if in_scope(n) and ours_of(n, modules) is ABSENT}
        scope = [n for n in file.names if in_scope(n)]
        forms = [c for c in file.calls if in_scope(c[0]) and c[0] not in gone]
        wrong = [c for c in forms if not fits(ours_of(c[0], modules), c[1], c[2], c[0].split(".")[0] not in modules)]
        missed = sum(1 for c in file.calls if c[0] in gone)
        lacking.update(gone)
        unfit.update({f"{n}({', '.join(['_'] * k + [f'{w}=' for w in words])})" for n, k, words in wrong})
        uses, there = uses + len(scope), there + len(scope) - len(gone)
        calls, bind = calls + len(forms) + missed, bind + len(forms) - len(wrong)
        every_name += not gone
        whole += not gone and not wrong
        whole_inner += not {n for n in gone if not n.startswith("torchvision")} and not wrong
    n = max(len(files), 1)
    return "\n".join([
        f"{len(files)} files; names {there} of {uses} ({100 * there / max(uses, 1):.1f} %); calls that bind {bind} of {calls} "
        f"({100 * bind / max(calls, 1):.1f} %)",
        f"files in which every name exists: {every_name} ({100 * every_name / n:.0f} %), and every call fits: {whole} "
        f"({100 * whole / n:.0f} %), torchvision left aside: {whole_inner} ({100 * whole_inner / n:.0f} %)",
        "absent, by files: " + ", ".join(f"{k} ({v})" for k, v in lacking.most_common(60)),
        "do not fit, by files: " + ", ".join(f"{k} ({v})" for k, v in unfit.most_common(60)),
    ])  # fmt: skip


def main(paths: list[str]) -> None:
    """Read the files below the paths and print the measure, for each path and together."""
    known = attributes()
    read: list[File] = []
    groups: list[tuple[str, list[File]]] = []
    for path in paths:
        root = Path(path)
        found = []
        for place in sorted(root.rglob("*")) if root.is_dir() else [root]:
            if place.suffix not in (".py", ".ipynb", ".md") or not place.is_file():
                continue
            file, parsed = File(place), trees(place)
            reader = Reader(file, parsed, known)
            if reader.imported:
                found.append(file)
        groups.append((path, found))
        read += found
    install_real_names()
    modules = {name: sys.modules[name] for name in ("torch", "torchvision")}
    for path, found in groups if len(groups) > 1 else []:
        print(path, measure(found, modules), sep="\n", end="\n\n")
    print("all", measure(read, modules), sep="\n")


def install_real_names() -> None:
    """Put dlengine.torch under the names that programs import, in place of PyTorch, whose classes have been asked."""
    for name in [n for n in sys.modules if n.split(".")[0] in ("torch", "torchvision")]:
        del sys.modules[name]
    install()


if __name__ == "__main__":
    main(sys.argv[1:])
