"""The rows of `dlengine bench --ops`: every public op of the op table at three sizes, forward alone and with backward."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

import dlengine as dl
from dlengine import fft, linalg, nn
from dlengine.errors import ConfigError
from dlengine.testing import cases, table
from dlengine.testing.arguments import Arg
from dlengine.testing.table import Case

from .op_inputs import SIZES

_ = cases  # importing the package fills the table

FORWARD = "-fwd"


def _getitem(x: Any, /, *, key: Any) -> Any:
    return x[key]


def _einsum(*operands: Any, equation: str) -> Any:
    return dl.einsum(equation, *operands)


def _svd(x: Any) -> Any:
    return linalg.svd(x, full_matrices=False)


SPELLED: dict[str, Callable[..., Any]] = {"getitem": _getitem, "einsum": _einsum, "svd": _svd}
"""Ops of the table that users call in another way than the table does."""

LOOSE = (
    "rand", "randn", "bernoulli", "randint", "randperm", "multinomial", "dropout", "alpha_dropout",
    "eig", "eigvals", "eigvalsh", "eigh", "svd", "qr", "sort", "argsort", "topk", "argmax", "argmin", "max_unpool1d", "ctc_loss",
    "adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d",
)  # fmt: skip
"""Ops whose results need only have the same shape: random ones, and those with several right answers (signs and order of
vectors, triangles that are not read, ties, two values for one place, gradients up to what log_softmax removes)."""


COMMON = frozenset(
    "relu sigmoid tanh softmax log_softmax exp log add subtract multiply divide pow matmul linear sum mean max argmax reshape "
    "permute_dims getitem stack concat clip where layer_norm cross_entropy mse_loss embedding dropout".split()
)
"""The thirty ops that programs call most. The pattern common@16 means their rows at 16 elements, and so for other sizes."""


@dataclass(frozen=True)
class OpRow:
    """An op of the table at one size.

    op: the name of its row in the table. elements: about the number of elements of its first array. backward: whether the
    backward pass is timed as well.
    """

    op: str
    elements: int
    backward: bool

    @property
    def name(self) -> str:
        return f"{self.op}{'' if self.backward else FORWARD}@{self.elements}"

    @property
    def kind(self) -> str:
        return "op" if self.backward else "forward"

    @property
    def case(self) -> Case:
        """The row of the op table."""
        return table.CASES[self.op]

    @property
    def compared(self) -> bool:
        """Whether the values of two frameworks must agree, and not the shapes alone."""
        return self.op not in LOOSE

    @classmethod
    def of(cls, name: str) -> OpRow:
        """The row of a name."""
        op, _, elements = name.rpartition("@")
        return cls(op.removesuffix(FORWARD), int(elements), not op.endswith(FORWARD))


def public(name: str) -> Callable[..., Any] | None:
    """The function that users call for a row of the op table; None for the engine's own ones, such as adjoints."""
    if name in SPELLED:
        return SPELLED[name]
    row = table.CASES[name]
    places: tuple[Any, ...] = (dl, nn.functional, linalg, fft)
    for place in places:
        if callable(found := getattr(place, name, None)) or getattr(place, row.op.__name__, None) is row.op:
            return found or row.op
    return None


def gradients(row: Case) -> bool:
    """Whether the first sample of a row has floating arguments whose gradients the table compares."""
    return row.differentiable and row.samples[0].grad and any(_leaf(a) for a in row.samples[0].args)


def _leaf(spec: Any) -> bool:
    if isinstance(spec, (list, tuple)):
        return any(_leaf(s) for s in spec)
    return isinstance(spec, Arg) and spec.floating and spec.grad


@cache
def op_rows() -> tuple[OpRow, ...]:
    """All rows, by size."""
    names = [name for name, row in table.CASES.items() if "layer" not in row.tags and public(name) is not None]
    return tuple(
        OpRow(name, elements, backward)
        for elements in SIZES
        for name in names
        for backward in (False, True)
        if not backward or gradients(table.CASES[name])
    )


def select_ops(patterns: tuple[str, ...]) -> list[OpRow]:
    """The rows whose name contains a pattern or matches it as a glob; all for none. Raises ConfigError."""
    rows = op_rows()
    for pattern in patterns:
        if not any(_matches(row, pattern) for row in rows):
            raise ConfigError(f"bench: no op matches {pattern!r}; names are like relu@16, relu-fwd@131072 and common@16")
    return [row for row in rows if not patterns or any(_matches(row, p) for p in patterns)]


def _matches(row: OpRow, pattern: str) -> bool:
    common = row.op in COMMON and pattern == f"common@{row.elements}"
    return common or pattern in row.name or fnmatchcase(row.name, pattern)
