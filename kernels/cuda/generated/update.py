"""Formulas that renew arrays in place, for all tensors of a group in one launch: the steps of optimizers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...generated.expression import Expression
from ...types import Array
from ..machine.launch import Kernel as CudaKernel
from ..machine.source import accumulator, written
from ..machine.table import CHUNK
from ..optim import launch_on_all, numbers
from .code import includes, lowered, statements, type_of


class Update:
    """Formulas to be called with lists of arrays, a list per role, and with numbers.

    Parameters
    ----------
    name : str
        Under which its calls are counted.
    dtype : numpy.dtype
        Of all arrays.
    roles : int
        The number of lists.
    roots : dict of int to Expression
        By role the new values of its arrays, in the dtype. Input i is role i's array, input ``roles + j`` number j, in the
        dtype in which halves are computed with.
    count : int
        How many numbers there are.
    launches : Counter
        Calls are added up here.

    Raises
    ------
    NoExpansion
        For a function that has no text in CUDA.
    """

    __slots__ = ("kernel", "launches", "name", "written")

    def __init__(
        self, name: str, dtype: Any, roles: int, roots: Mapping[int, Expression], count: int, launches: Counter[str]
    ) -> None:
        self.name, self.launches = name, launches
        self.written = tuple(sorted(roots))
        short = f"{re.sub(r'[^a-zA-Z0-9]+', '_', name)}_update"
        file = written(_text(short, dtype, roles, {role: lowered(roots[role]) for role in self.written}, count))
        self.kernel = CudaKernel(file, short, constants={"CHUNK": CHUNK}, listed=False)

    def __call__(self, roles: Sequence[list[Array]], scalars: Sequence[Any]) -> None:
        """Renew the arrays. scalars: numbers, in a captured step ones that each replay reads anew."""
        launch_on_all(self.kernel, roles, self.written, numbers(_as_given, *scalars))
        self.launches[self.name] += 1


def _as_given(*given: Any) -> tuple[Any, ...]:
    return given


def _text(name: str, dtype: Any, roles: int, roots: Mapping[int, Expression], count: int) -> str:
    """The text of the kernel; count: of the numbers."""
    made = list(roots.values())
    lines, names = statements(made)
    used = {e.value for e in names if e.kind == "input"}
    element, number = type_of(dtype), type_of(np.dtype(accumulator(dtype.name)))
    takes = "".join(f"double n{j}, " for j in range(count))
    given = [f"const {number} a{roles + j} = {number}(live ? live[{j}] : n{j});" for j in range(count) if roles + j in used]
    places = [
        f"{element if role in roots else f'const {element}'}* p{role} = chunk.of<{element}>({role});"
        for role in range(roles) if role in used or role in roots
    ]  # fmt: skip
    read = [f"const {element} a{role} = p{role}[i];" for role in range(roles) if role in used]
    stored = [f"p{role}[i] = {names[root]};" for role, root in roots.items()]
    table = "const long long* __restrict__ table, int tensors, int columns, long long chunks"
    return "\n".join([
        *includes(made), '#include "table.cuh"',
        f"KERNEL({name}, 256)({table}, {takes}const double* __restrict__ live) {{",
        *[f"  {line}" for line in given],
        "  for (long long c = blockIdx.x; c < chunks; c += gridDim.x) {",
        "    const Chunk chunk = chunk_at(table, tensors, columns, c);",
        *[f"    {line}" for line in places],
        "    for (int i = threadIdx.x; i < chunk.count; i += 256) {",
        *[f"      {line}" for line in [*read, *lines, *stored]],
        "    }", "  }", "}", "",
    ])  # fmt: skip
