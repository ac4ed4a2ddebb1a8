"""Formulas over arrays of one shape, whose value may be a sum or an average of all elements: losses, and their gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dlengine.kernels import jit
from dlengine.kernels.generated.expression import Expression, argument, cast, in_order, inputs_of, substitute

from .symbols import NotPointwise

COUNT = 1_000
"""The number of the input that is the count of elements, behind those of all arguments."""


def whole(name: str, root: Expression) -> Any:
    """The kernel of a formula: called with its arrays, by the numbers of its inputs.

    Raises
    ------
    NotPointwise
        If it holds several sums, or both a sum and single elements.
    """
    for e in in_order([root]):
        if e.kind == "count":
            root = substitute(root, e, cast(argument(COUNT, "float64"), e.dtype))
    totals = [e for e in in_order([root]) if e.kind in ("total", "average")]
    if not totals:
        return Elements(name, root)
    if len(totals) > 1:
        raise NotPointwise("several sums")
    return Total(name, root, totals[0])


def _arrays_of(takes: Sequence[int], arrays: Sequence[Any]) -> list[Any]:
    """The arrays that a kernel takes; the count of elements is that of the first argument, which has the shape of all."""
    return [np.array(float(arrays[0].size)) if i == COUNT else arrays[i] for i in takes]


class Total:
    """A sum or average of elements, with what is done to it."""

    def __init__(self, name: str, root: Expression, total: Expression) -> None:
        from dlengine.kernels.jit.generated.reduction import Reduction
        from dlengine.kernels.jit.generated.reductions import finished

        self.name = name
        (body,) = total.args
        number = finished("sum", body.dtype)
        if total.kind == "average":
            number = number / argument(COUNT, "float64")
        finish = substitute(root, total, cast(number, total.dtype))
        if any(e.value != COUNT for e in inputs_of(finish)):
            raise NotPointwise("a sum beside single elements")
        self.reduction = Reduction(name, body, "sum", finish, jit.SET.launches)
        self.takes = self.reduction.takes
        self.modes = "".join("s" if i == COUNT else "f" for i in self.takes)

    def __call__(self, *arrays: Any) -> Any:
        for a in arrays:
            if hasattr(a, "__generated__"):  # of a step that is recorded, which notes the call
                return a.__generated__(self, arrays)
        x, reduction = arrays[0], self.reduction
        given = _arrays_of(self.takes, arrays)
        entry = reduction.entries.get(self.modes)
        if entry is not None and 0 < x.size < reduction.grain:
            out = np.empty((), reduction.dtype)
            if entry(*given, out, 1, 1, x.size):
                reduction.launches[self.name] += 1
                return out
        return reduction(given, x.shape, 0)


class Elements:
    """A formula of single elements, and of numbers: those of its arrays that have one element for all."""

    def __init__(self, name: str, root: Expression) -> None:
        from dlengine.kernels.jit.generated.kernel import Kernel

        self.name = name
        self.kernel = Kernel(name, root, jit.SET.launches)
        self.takes = self.kernel.takes

    def __call__(self, *arrays: Any) -> Any:
        from dlengine.kernels.generated.expansions import NoExpansion
        from dlengine.kernels.jit.machine.compile import in_parallel, is_interpreted, thread_count

        for a in arrays:
            if hasattr(a, "__generated__"):
                return a.__generated__(self, arrays)
        kernel, shape = self.kernel, arrays[0].shape
        given = _arrays_of(self.takes, arrays)
        modes = "".join(["f" if a.shape == shape else "s" for a in given])
        if "f" in modes and not is_interpreted():
            try:
                entry = kernel.entries.get(modes) or kernel.compile(modes)
            except (NoExpansion, RuntimeError):
                entry = _refuses
            out = np.empty(shape, kernel.dtype)
            threads = thread_count(out.size // kernel.grain)
            if in_parallel(entry, *given, out, max(threads, 1)):
                kernel.launches[self.name] += 1
                return out
        y = kernel(*given)
        return y if y.shape == shape else np.broadcast_to(y, shape).copy()


def _refuses(*args: Any) -> bool:
    return False
