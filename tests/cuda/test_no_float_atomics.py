"""Sums of floats are never made with atomics, which add in another order each time: gradients have the same bits in every run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from dlengine import backend
from dlengine.kernels import cuda
from dlengine.kernels.cuda.machine.source import FOLDER

TEXTS = sorted([*FOLDER.glob("*.cu"), *FOLDER.glob("*.cuh"), *Path(cuda.__file__).parent.glob("generated/*.py")])
LAUNCHERS = sorted([*Path(cuda.__file__).parent.rglob("*.py"), *Path(backend.__file__).parent.glob("*.py")])
ATOMIC = re.compile(r"\b(?:atomic\w+|__\w*atomic\w*|red\.\w|atom\.\w|\w*atomic_ref\w*|fetch_add)\s*[(<.\w]")
ON_INTEGERS = {
    'attention.cu: atomicMax(strange, 1)': "a flag",
}  # fmt: skip
"""What is allowed, the file and the call, and why."""
BY_LIBRARY = re.compile(r"\bscatter_add\(|\badd\.at\(|\bbincount\(|\bscatter_max\(")


def code(file: Path, comment: str) -> Iterator[tuple[int, str]]:
    """Lines without what follows the mark of a comment, numbered."""
    for number, line in enumerate(file.read_text().splitlines(), start=1):
        yield number, line.split(comment)[0]


def atomics(files: Iterable[Path]) -> list[str]:
    """file:line of each atomic that is not known to be of integers."""
    found = []
    for file in files:
        for number, line in code(file, "//"):
            allowed = any(f"{file.name}: " in known and known.split(": ")[1] in line for known in ON_INTEGERS)
            if ATOMIC.search(line) and not allowed:
                found.append(f"{file.name}:{number}: {line.strip()}")
    return found


def test_no_kernel_text_has_them() -> None:
    assert len(TEXTS) > 50
    assert not atomics(TEXTS)


def test_no_launcher_leaves_a_sum_to_those_of_the_library() -> None:
    """cupyx.scatter_add is atomics; of integers, which wrap around alike in any order, it is allowed."""
    found = []
    for file in LAUNCHERS:
        lines = dict(code(file, "#"))
        for number, line in lines.items():
            if "cupyx." in line and BY_LIBRARY.search(line) and "np.uint64" not in line + lines[number - 1]:
                found.append(f"{file.name}:{number}: {line.strip()}")
    assert not found


@pytest.mark.parametrize("line", [
    "atomicAdd(&gw[k], value);", "  atomicAdd_block(&sum, x);", "__nv_atomic_add(p, v, 0, 0);",
    'asm("red.global.add.f32 [%0], %1;");', "cuda::atomic_ref<float> total(sum);", "atomicCAS(p, old, next);",
])  # fmt: skip
def test_one_would_be_found(line: str, tmp_path: Path) -> None:
    file = tmp_path / "new.cu"
    file.write_text(f"// atomicAdd(&a, b) in a comment is none\n{line}\n")
    assert [text.split(": ")[0] for text in atomics([file])] == ["new.cu:2"]


def test_what_is_allowed_is_there() -> None:
    """A line that has gone must not stay on the list."""
    for known in ON_INTEGERS:
        file, call = known.split(": ")
        assert call in (FOLDER / file).read_text()
