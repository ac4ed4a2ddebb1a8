"""Imports only point down, and never in a circle (the layers are listed here, top first)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = {
    "engine": "dlengine",
    "kernels": "dlengine.kernels",
    "cli": "dlengine.cli",
    "benchmarks": "dlengine.benchmarks",
}
LAYERS = (
    ("dlengine.cli", "dlengine.benchmarks"),
    ("dlengine.recipes", "dlengine.torchvision"),
    ("dlengine.torch",),
    ("dlengine.serving", "dlengine.sklearn"),
    ("dlengine.fitting",),
    ("dlengine.training", "dlengine.models"),
    ("dlengine.environment",),
    ("dlengine.distributed",),
    ("dlengine.programs",),
    ("dlengine.testing",),
    ("dlengine.show",),
    ("dlengine.nn", "dlengine.optim", "dlengine.data", "dlengine.io"),
    ("dlengine", "dlengine.linalg", "dlengine.fft"),
    ("dlengine._tensor",),
    ("dlengine.ops",),
    ("dlengine.autograd",),
    ("dlengine.backend", "dlengine.recording"),
    ("dlengine.generator", "dlengine.notice", "dlengine.precision", "dlengine.default_dtype"),
    ("dlengine.scopes",),
    ("dlengine.states",),
    ("dlengine.errors", "dlengine.typing"),
    ("dlengine.kernels",),
)
RANK = {name: -rank for rank, names in enumerate(LAYERS) for name in names}


def module_name(path: Path) -> str:
    """engine/ops/conv.py is dlengine.ops.conv."""
    top, *inside = path.relative_to(ROOT).with_suffix("").parts
    return ".".join((FOLDERS[top], *inside)).removesuffix(".__init__")


MODULES = {module_name(path): path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))}


def layer(name: str) -> str:
    """The row of LAYERS that a module belongs to: the longest listed prefix."""
    while name not in RANK:
        name = name.rpartition(".")[0]
    return name


def statements(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Every import that runs, inside functions too; annotations under TYPE_CHECKING run nowhere."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            continue
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        yield from statements(child)


@cache
def imports_of(name: str) -> list[ast.Import | ast.ImportFrom]:
    """The statements of a module that import."""
    return list(statements(ast.parse(MODULES[name].read_text())))


def base_of(name: str, statement: ast.ImportFrom) -> str:
    """The absolute name of what stands after `from`."""
    if not statement.level:
        return statement.module or ""
    package = name if MODULES[name].name == "__init__.py" else name.rpartition(".")[0]
    parts = package.split(".")[: len(package.split(".")) - statement.level + 1]
    return ".".join((*parts, statement.module) if statement.module else parts)


def imports(name: str) -> set[str]:
    """Absolute names of what a module imports; a name imported from a package is the submodule if there is one."""
    found = set()
    for statement in imports_of(name):
        if isinstance(statement, ast.Import):
            found.update(alias.name for alias in statement.names)
        else:
            base = base_of(name, statement)
            found.update(sub if (sub := f"{base}.{alias.name}") in MODULES else base for alias in statement.names)
    return found


@pytest.fixture(scope="module")
def imported() -> dict[str, set[str]]:
    """What each module imports."""
    return {name: imports(name) for name in MODULES}


def starts(name: str, prefixes: tuple[str, ...]) -> bool:
    return any(name == prefix or name.startswith(prefix + ".") for prefix in prefixes)


def test_every_module_has_a_layer() -> None:
    """A module that falls through to `dlengine` itself is a top-level file that LAYERS does not name."""
    lost = [name for name in MODULES if layer(name) == "dlengine" and name != "dlengine"]
    assert not lost, "say in LAYERS where these belong"


def test_imports_point_down(imported: dict[str, set[str]]) -> None:
    climbing = [
        f"{name} imports {other}"
        for name, others in imported.items()
        for other in others
        if starts(other, ("dlengine",)) and RANK[layer(other)] > RANK[layer(name)]
    ]
    assert not climbing


def test_no_circles(imported: dict[str, set[str]]) -> None:
    graph = {name: others & set(MODULES) - {name} for name, others in imported.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail("circle: " + " -> ".join(error.args[1]))


def test_imported_modules_exist(imported: dict[str, set[str]]) -> None:
    missing = [f"{name}: {other}" for name, others in imported.items() for other in others if other not in MODULES]
    assert not [line for line in missing if starts(line.split(": ")[1], ("dlengine",))]


def test_relative_inside_a_folder_absolute_across() -> None:
    wrong = []
    for name, path in MODULES.items():
        top = path.relative_to(ROOT).parts[0]
        for statement in imports_of(name):
            if isinstance(statement, ast.Import):
                targets, relative = [alias.name for alias in statement.names], False
            else:
                targets, relative = [base_of(name, statement)], bool(statement.level)
            for target in targets:
                if starts(target, ("dlengine",)) and (home(target) == top) != relative:
                    wrong.append(f"{path.relative_to(ROOT)}:{statement.lineno}")
    assert not wrong


def home(target: str) -> str:
    """The top-level folder that holds a module."""
    owners = [folder for folder, package in FOLDERS.items() if starts(target, (package,))]
    return max(owners, key=lambda folder: len(FOLDERS[folder]))


@pytest.mark.parametrize(
    ("users", "strangers"),
    [
        (("dlengine.nn", "dlengine.optim", "dlengine.models"), ("numpy", "cupy", "numba", "array_api_compat")),
        (
            ("dlengine.nn", "dlengine.optim", "dlengine.models", "dlengine.recipes"),
            ("dlengine.kernels.reference", "dlengine.kernels.jit", "dlengine.kernels.cuda", "dlengine.kernels.registry"),
        ),
        (("dlengine.ops",), ("cupy", "numba", "scipy")),
        (("dlengine.testing",), ("pytest", "hypothesis")),
        (("dlengine.kernels.reference",), ("cupy", "numba", "scipy", "dlengine.kernels.jit", "dlengine.kernels.cuda")),
        (("dlengine",), ("pytest", "array_api_strict")),
    ],
)
def test_who_knows_whom(
    imported: dict[str, set[str]], users: tuple[str, ...], strangers: tuple[str, ...]
) -> None:
    """A layer names no backend, the specification no library, and nothing shipped a test tool."""
    wrong = [
        f"{name} imports {other}"
        for name, others in imported.items()
        if starts(name, users)
        for other in others
        if starts(other, strangers)
    ]
    assert not wrong
