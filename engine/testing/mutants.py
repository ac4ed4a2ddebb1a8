"""Mutants for the mutation tests: what can be mutated in each op and kernel, and how it is done and undone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from dlengine.kernels import reference
from dlengine.kernels.registry import KernelSet, declaration

from .. import backend
from ..autograd.base import TensorBase
from ..autograd.op import OPS
from ..ops import namespace
from . import calls
from .alterations import ALTERATIONS, SCALE, Altering, is_array, is_index, next_index, note, rounded_to_half, scaled, shifted
from .table import Case

AXES = ("axis", "axes", "axis1", "axis2", "source", "destination", "shift", "offset", "k")
OFFSETS = ("shift", "offset", "k")
REDUCTIONS = (
    "sum", "mean", "prod", "var", "std", "matmul", "tensordot", "vecdot", "einsum", "cumulative_sum", "cumulative_prod", "linear",
)  # fmt: skip
_WORDS = {
    "value": "output {} times 1.01", "drop": "output {} dropped", "negate": "output {} negated",
    "pull": "pullback of argument {} times 1.01", "pull-drop": "pullback of argument {} dropped",
    "pull-negate": "pullback of argument {} negated", "both": "value and pullbacks times 1.01",
    "axis": "{} off by one", "index": "index argument {} off by one", "half": "{} in half precision",
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """A mutation. part: "op", "row" (a function without @op), "reference" or "jit". place: the output or argument."""

    part: str
    name: str
    kind: str
    place: Any = 0

    def words(self) -> str:
        """Describe the mutant."""
        return f"{self.part} {self.name}: {_WORDS[self.kind].format(self.place)}"


@dataclass
class Sites:
    """What can be mutated in an op or kernel, and the rows that use it, fastest first."""

    rows: list[str] = field(default_factory=list)
    outputs: set[int] = field(default_factory=set)
    pulls: set[int] = field(default_factory=set)
    axes: set[str] = field(default_factory=set)
    indices: set[int] = field(default_factory=set)
    halves: set[str] = field(default_factory=set)

    def mutants(self, target: str) -> list[Mutant]:
        """List the mutants of a target "part:name"."""
        part, _, name = target.partition(":")
        out = [Mutant(part, name, "value", i) for i in sorted(self.outputs)]
        if part in ("reference", "jit"):
            out += [Mutant(part, name, kind, i) for i in sorted(self.outputs) for kind in ("drop", "negate")]
        for i in sorted(self.pulls):
            out += [Mutant(part, name, kind, i) for kind in ("pull", "pull-drop", "pull-negate")]
        if self.pulls:
            out.append(Mutant(part, name, "both"))
        out += [Mutant(part, name, "axis", a) for a in sorted(self.axes)]
        out += [Mutant(part, name, "index", i) for i in sorted(self.indices)]
        out += [Mutant(part, name, "half", a) for a in sorted(self.halves)]
        return out


# ----------------------------------------------------------------------------------------------------- definitions of ops
def replace_definition(name: str, new: Callable[..., Any]) -> Callable[[], None]:
    """Replace the definition of an op, also in functions that hold it; returns a function that restores it."""
    call = OPS[name]
    declared = call.op  # type: ignore[attr-defined]
    old = declared.text
    cells = []
    todo, seen = [call], set()
    while todo:
        f = todo.pop()
        if id(f) in seen:
            continue
        seen.add(id(f))
        for cell in getattr(f, "__closure__", None) or ():
            value = cell.cell_contents
            if value is old:
                cells.append(cell)
            elif callable(value) and getattr(value, "__closure__", None):
                todo.append(value)

    def put(text: Callable[..., Any]) -> None:
        declared.text = text
        declared.forget_readings()
        for cell in cells:
            cell.cell_contents = text

    put(new)
    return lambda: put(old)


def wrap_pullbacks(pull: Any, change: Callable[[int, Any], Any], count: int) -> Any:
    """Wrap pullbacks (one, one per array, or a joint one) so that change(argument, gradient) is applied to the results."""
    if pull is None:
        return None
    if isinstance(pull, (tuple, list)):
        return type(pull)(_one(p, i, change) for i, p in enumerate(pull))

    def joint(*args: Any) -> Any:
        grads = pull(*args)
        if count == 1:
            return change(0, grads)
        return type(grads)(change(i, g) for i, g in enumerate(grads))

    return joint


def _one(p: Any, i: int, change: Callable[[int, Any], Any]) -> Any:
    return None if p is None else lambda *args: change(i, p(*args))


class _Half:
    """A namespace in which one reduction gets its arrays rounded to half precision."""

    def __init__(self, xp: Any, name: str) -> None:
        self._xp, self._name = xp, name

    def __getattr__(self, name: str) -> Any:
        right = getattr(self._xp, name)
        if name != self._name:
            return right

        def rounded(*args: Any, **kwargs: Any) -> Any:
            return right(*[rounded_to_half(a) for a in args], **kwargs)

        return rounded


def without(consts: dict[str, Any], name: str, given: Any) -> dict[str, Any]:
    """The constants without the one that is altered."""
    return {k: v for k, v in consts.items() if k != name or given is None}


def _mutated_definition(
    right: Callable[..., Any], mutant: Mutant, applied: Counter[str], arrays: int, defaults: Mapping[str, Any]
) -> Callable[..., Any]:
    """The definition of an op with a mutation; applied counts where it takes effect."""
    kind, place = mutant.kind, mutant.place
    altering = Altering(ALTERATIONS.get(kind, scaled), applied)

    def definition(xp: Any, *args: Any, **consts: Any) -> Any:
        if kind in ("half", "axis", "index"):
            return unlike(right(xp, *args, **consts), changed(xp, *args, **consts), applied)
        y, pull = right(xp, *args, **consts)
        if kind in ("value", "both"):
            y = altering.at(y, place if kind == "value" else None)
        if kind == "both":
            pull = wrap_pullbacks(pull, lambda _, g: altering(g), arrays)
        elif kind.startswith("pull"):
            pull = wrap_pullbacks(pull, lambda i, g: altering(g) if i == place else g, arrays)
        return y, pull

    def changed(xp: Any, *args: Any, **consts: Any) -> Any:
        if kind == "half":
            return right(_Half(xp, place), *args, **consts)
        if kind == "axis":
            first = next((a for a in args if is_array(a)), args[0][0] if args and isinstance(args[0], list) else None)
            given = consts.get(place, defaults.get(place))
            ndim = getattr(first, "ndim", 1) if place not in OFFSETS else 0
            return right(xp, *args, **({} if given is None else {place: shifted(given, ndim)}), **without(consts, place, given))
        if is_index(args[place]):
            args = (*args[:place], next_index(args[place]), *args[place + 1 :])
        return right(xp, *args, **consts)

    return definition


def unlike(before: tuple[Any, Any], after: tuple[Any, Any], applied: Counter[str]) -> tuple[Any, Any]:
    """Return the mutated result, after counting whether its values differ from the right ones."""
    right, wrong = calls.flat(before[0]), calls.flat(after[0])
    applied["changed"] += len(right) != len(wrong)
    for x, y in zip(right, wrong, strict=False):
        if isinstance(x, np.ndarray | np.generic):
            note(applied, np.asarray(x), np.asarray(y))
    return after


# ------------------------------------------------------------------------------------------------------- kernels
_load = KernelSet.load


def sets() -> dict[str, KernelSet]:
    """The kernel sets to mutate, by name."""
    sets = {"reference": reference.SET}
    if backend.BACKENDS["numba"].unavailable() is None:
        from dlengine.kernels import jit

        sets["jit"] = jit.SET
    return sets


def forget() -> None:
    """Clear the namespaces that cache kernels."""
    backend.forget_namespaces()
    namespace.forget_namespaces()


@contextmanager
def kernels_wrapped(wrap: Callable[[KernelSet, str, Callable[..., Any]], Callable[..., Any]]) -> Iterator[None]:
    """Wrap kernels when they are loaded, inside a with block."""

    def load(self: KernelSet, kernel: str) -> Callable[..., Any]:
        return wrap(self, kernel, _load(self, kernel))

    KernelSet.load = load  # type: ignore[method-assign]
    forget()
    try:
        yield
    finally:
        KernelSet.load = _load  # type: ignore[method-assign]
        forget()


def _mutated_kernel(right: Callable[..., Any], mutant: Mutant, applied: Counter[str]) -> Callable[..., Any]:
    """A kernel with a mutation; applied counts where it takes effect."""
    altering = Altering(ALTERATIONS.get(mutant.kind, scaled), applied)

    def kernel(*args: Any, **kwargs: Any) -> Any:
        if mutant.kind in ("half", "index"):
            if mutant.kind == "half":
                other = tuple(rounded_to_half(a) for a in args)
            elif is_index(args[mutant.place]):
                other = (*args[: mutant.place], next_index(args[mutant.place]), *args[mutant.place + 1 :])
            else:
                return right(*args, **kwargs)
            if _in_place(mutant.name):
                applied["reached"] += 1
                applied["changed"] += 1
                return right(*_written_back(args, other), **kwargs)
            before, after = right(*args, **kwargs), right(*other, **kwargs)
            unlike((before, None), (after, None), applied)
            return after
        result = right(*args, **kwargs)
        if mutant.kind not in ALTERATIONS:
            return result
        if result is None:  # it wrote to its arguments
            for target in written(mutant.name, args)[mutant.place : mutant.place + 1]:  # a call may have fewer
                target[...] = altering(target)
            return None
        return altering.at(result, mutant.place)

    return kernel


def _in_place(kernel: str) -> bool:
    """Whether a kernel writes to its arguments."""
    return any(a.written for a in declaration(kernel).arguments)


def _written_back(args: Sequence[Any], other: Sequence[Any]) -> list[Any]:
    """The kernel's own arguments, filled with the altered values, since it writes to them."""
    for a, b in zip(calls.flat(list(args)), calls.flat(list(other)), strict=True):
        if isinstance(a, np.ndarray) and a is not b and a.flags.writeable and a.dtype == b.dtype:
            a[...] = b
    return [b if is_index(a) else a for a, b in zip(args, other, strict=True)]


def written(kernel: str, args: Sequence[Any]) -> list[Any]:
    """The arrays that a kernel writes to, by its declaration."""
    declared = declaration(kernel).arguments
    given = args[1:] if not isinstance(args[0], (np.ndarray, list)) else args  # the reference's kernels get xp first
    return [x for a, v in zip(declared, given, strict=False) if a.written for x in calls.flat([v]) if isinstance(x, np.ndarray)]


@contextmanager
def activated(mutant: Mutant, applied: Counter[str]) -> Iterator[Case | None]:
    """Apply a mutation inside a with block. Yields the row to check if a row's own function is mutated, else None."""
    if mutant.part == "row":
        from .parity import table

        row = table()[mutant.name]

        def outside(*args: Any, **consts: Any) -> Any:
            y = row.op(*args, **consts)
            parts = calls.flat(y)
            done = [_scaled_tensor(t, applied) if i == mutant.place else t for i, t in enumerate(parts)]
            return tuple(done) if isinstance(y, (tuple, list)) else done[0]

        yield replace(row, op=outside)
        return
    if mutant.part == "op":
        declared = OPS[mutant.name].op  # type: ignore[attr-defined]
        new = _mutated_definition(declared.text, mutant, applied, len(declared.arrays), declared.defaults)
        undo = replace_definition(mutant.name, new)
        try:
            yield None
        finally:
            undo()
        return

    def wrap(kernels: KernelSet, kernel: str, right: Callable[..., Any]) -> Callable[..., Any]:
        hit = kernels.name == mutant.part and kernel == mutant.name
        return _mutated_kernel(right, mutant, applied) if hit else right

    with kernels_wrapped(wrap):
        yield None


def _scaled_tensor(t: Any, applied: Counter[str]) -> Any:
    if not isinstance(t, TensorBase):
        applied["reached"] += 1
        return t
    before = calls.host(t)
    y: Any = t
    y = y + 1 if before.dtype.kind in "iu" else OPS["logical_not"](y) if before.dtype.kind == "b" else y * SCALE
    note(applied, before, calls.host(y))
    return y
