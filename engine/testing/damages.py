"""Damages for the mutation harness: what there is to damage in each op and kernel, and how it is done and undone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from dlengine.kernels import reference
from dlengine.kernels.registry import KernelSet
from dlengine.kernels.signatures import signatures

from .. import backend
from ..autograd.base import TensorBase
from ..autograd.op import OPS
from ..ops import namespace
from . import calls
from .alterations import ALTERATIONS, SCALE, Altering, halved, is_array, is_index, moved, next_index, note, scaled
from .table import Case

AXES = ("axis", "axes", "axis1", "axis2", "source", "destination", "shift", "offset", "k")
OFFSETS = ("shift", "offset", "k")
REDUCTIONS = (
    "sum", "mean", "prod", "var", "std", "matmul", "tensordot", "vecdot", "einsum", "cumulative_sum", "cumulative_prod", "linear",
)  # fmt: skip
_WORDS = {
    "value": "output {} times 1.01", "drop": "output {} dropped", "turn": "output {} with its sign turned",
    "pull": "pullback of argument {} times 1.01", "pull-drop": "pullback of argument {} dropped",
    "pull-turn": "pullback of argument {} with its sign turned", "both": "value and pullbacks times 1.01",
    "axis": "{} off by one", "index": "index argument {} off by one", "half": "{} in half precision",
}  # fmt: skip


@dataclass(frozen=True)
class Damage:
    """One damage. part: "op", "row" (a function that is no @op), "reference" or "jit". place: of the output or argument."""

    part: str
    name: str
    kind: str
    place: Any = 0

    def words(self) -> str:
        """For people."""
        return f"{self.part} {self.name}: {_WORDS[self.kind].format(self.place)}"


@dataclass
class Found:
    """What there is to damage in an op or kernel: the rows that use it (the cheapest first), and what they were seen to have."""

    rows: list[str] = field(default_factory=list)
    outputs: set[int] = field(default_factory=set)
    pulls: set[int] = field(default_factory=set)
    axes: set[str] = field(default_factory=set)
    indices: set[int] = field(default_factory=set)
    halves: set[str] = field(default_factory=set)

    def damages(self, target: str) -> list[Damage]:
        """The damages of a target "part:name"."""
        part, _, name = target.partition(":")
        out = [Damage(part, name, "value", i) for i in sorted(self.outputs)]
        if part in ("reference", "jit"):
            out += [Damage(part, name, kind, i) for i in sorted(self.outputs) for kind in ("drop", "turn")]
        for i in sorted(self.pulls):
            out += [Damage(part, name, kind, i) for kind in ("pull", "pull-drop", "pull-turn")]
        if self.pulls:
            out.append(Damage(part, name, "both"))
        out += [Damage(part, name, "axis", a) for a in sorted(self.axes)]
        out += [Damage(part, name, "index", i) for i in sorted(self.indices)]
        out += [Damage(part, name, "half", a) for a in sorted(self.halves)]
        return out


# ----------------------------------------------------------------------------------------------------- op texts
def replace_text(name: str, new: Callable[..., Any]) -> Callable[[], None]:
    """Put another text into an op's caller (and the callers that it holds); returns what puts the old one back."""
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
        for cell in cells:
            cell.cell_contents = text

    put(new)
    return lambda: put(old)


def pulled(pull: Any, change: Callable[[int, Any], Any], count: int) -> Any:
    """A pullback (bare, one per array, or joint) with change(argument, gradient) applied to what it returns."""
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
    """A namespace in which one reduction takes its arrays rounded to half precision."""

    def __init__(self, xp: Any, name: str) -> None:
        self._xp, self._name = xp, name

    def __getattr__(self, name: str) -> Any:
        right = getattr(self._xp, name)
        if name != self._name:
            return right

        def rounded(*args: Any, **kwargs: Any) -> Any:
            return right(*[halved(a) for a in args], **kwargs)

        return rounded


def without(consts: dict[str, Any], name: str, given: Any) -> dict[str, Any]:
    """The constants, less the one that is altered."""
    return {k: v for k, v in consts.items() if k != name or given is None}


def _damaged_text(
    right: Callable[..., Any], damage: Damage, applied: Counter[str], arrays: int, defaults: Mapping[str, Any]
) -> Callable[..., Any]:
    kind, place = damage.kind, damage.place
    altering = Altering(ALTERATIONS.get(kind, scaled), applied)

    def text(xp: Any, *args: Any, **consts: Any) -> Any:
        if kind in ("half", "axis", "index"):
            return unlike(right(xp, *args, **consts), changed(xp, *args, **consts), applied)
        y, pull = right(xp, *args, **consts)
        if kind in ("value", "both"):
            y = altering.at(y, place if kind == "value" else None)
        if kind == "both":
            pull = pulled(pull, lambda _, g: altering(g), arrays)
        elif kind.startswith("pull"):
            pull = pulled(pull, lambda i, g: altering(g) if i == place else g, arrays)
        return y, pull

    def changed(xp: Any, *args: Any, **consts: Any) -> Any:
        if kind == "half":
            return right(_Half(xp, place), *args, **consts)
        if kind == "axis":
            first = next((a for a in args if is_array(a)), args[0][0] if args and isinstance(args[0], list) else None)
            given = consts.get(place, defaults.get(place))
            ndim = getattr(first, "ndim", 1) if place not in OFFSETS else 0
            return right(xp, *args, **({} if given is None else {place: moved(given, ndim)}), **without(consts, place, given))
        if is_index(args[place]):
            args = (*args[:place], next_index(args[place]), *args[place + 1 :])
        return right(xp, *args, **consts)

    return text


def unlike(before: tuple[Any, Any], after: tuple[Any, Any], applied: Counter[str]) -> tuple[Any, Any]:
    """The damaged reading of a text, its values compared with those of the right one."""
    right, wrong = calls.flat(before[0]), calls.flat(after[0])
    applied["changed"] += len(right) != len(wrong)
    for x, y in zip(right, wrong, strict=False):
        if isinstance(x, np.ndarray | np.generic):
            note(applied, np.asarray(x), np.asarray(y))
    return after


# ------------------------------------------------------------------------------------------------------- kernels
_load = KernelSet.load


def sets() -> dict[str, KernelSet]:
    sets = {"reference": reference.SET}
    if backend.BACKENDS["numba"].unavailable() is None:
        from dlengine.kernels import jit

        sets["jit"] = jit.SET
    return sets


def forget() -> None:
    """Drop the namespaces that hold kernels already looked up."""
    backend._namespaces.clear()
    namespace._by_device.clear()
    backend._default[:] = [backend.Policy(p.host, p.device, p.creation) for p in backend._default]


@contextmanager
def kernels_wrapped(wrap: Callable[[KernelSet, str, Callable[..., Any]], Callable[..., Any]]) -> Iterator[None]:
    """Kernels wrapped as they are loaded."""

    def load(self: KernelSet, kernel: str) -> Callable[..., Any]:
        return wrap(self, kernel, _load(self, kernel))

    KernelSet.load = load  # type: ignore[method-assign]
    forget()
    try:
        yield
    finally:
        KernelSet.load = _load  # type: ignore[method-assign]
        forget()


def _damaged_kernel(right: Callable[..., Any], damage: Damage, applied: Counter[str]) -> Callable[..., Any]:
    altering = Altering(ALTERATIONS.get(damage.kind, scaled), applied)

    def kernel(*args: Any, **kwargs: Any) -> Any:
        if damage.kind in ("half", "index"):
            if damage.kind == "half":
                other = tuple(halved(a) for a in args)
            elif is_index(args[damage.place]):
                other = (*args[: damage.place], next_index(args[damage.place]), *args[damage.place + 1 :])
            else:
                return right(*args, **kwargs)
            if _in_place(damage.name):
                applied["reached"] += 1
                applied["changed"] += 1
                return right(*_written_back(args, other), **kwargs)
            before, after = right(*args, **kwargs), right(*other, **kwargs)
            unlike((before, None), (after, None), applied)
            return after
        result = right(*args, **kwargs)
        if damage.kind not in ALTERATIONS:
            return result
        if result is None:  # it wrote to its arguments
            for target in written(damage.name, args)[damage.place : damage.place + 1]:  # a call may have fewer
                target[...] = altering(target)
            return None
        return altering.at(result, damage.place)

    return kernel


def _in_place(kernel: str) -> bool:
    """Whether a kernel writes to its arguments."""
    return any(a.written for a in signatures().get(kernel, ()))


def _written_back(args: Sequence[Any], other: Sequence[Any]) -> list[Any]:
    """Arguments to write to: the kernel's own, holding the altered values."""
    for a, b in zip(calls.flat(list(args)), calls.flat(list(other)), strict=True):
        if isinstance(a, np.ndarray) and a is not b and a.flags.writeable and a.dtype == b.dtype:
            a[...] = b
    return [b if is_index(a) else a for a, b in zip(args, other, strict=True)]


def written(kernel: str, args: Sequence[Any]) -> list[Any]:
    """The arrays that a kernel writes to, by its declaration."""
    declared = signatures().get(kernel, ())
    given = args[1:] if not isinstance(args[0], (np.ndarray, list)) else args  # the reference's kernels get xp first
    return [x for a, v in zip(declared, given, strict=False) if a.written for x in calls.flat([v]) if isinstance(x, np.ndarray)]


@contextmanager
def inflicted(damage: Damage, applied: Counter[str]) -> Iterator[Case | None]:
    """The damage done inside the block. Gives the row to check where the damage is to a row's own function, else None."""
    if damage.part == "row":
        from .parity import table

        row = table()[damage.name]

        def outside(*args: Any, **consts: Any) -> Any:
            y = row.op(*args, **consts)
            parts = calls.flat(y)
            done = [_scaled_tensor(t, applied) if i == damage.place else t for i, t in enumerate(parts)]
            return tuple(done) if isinstance(y, (tuple, list)) else done[0]

        yield replace(row, op=outside)
        return
    if damage.part == "op":
        declared = OPS[damage.name].op  # type: ignore[attr-defined]
        undo = replace_text(damage.name, _damaged_text(declared.text, damage, applied, len(declared.arrays), declared.defaults))
        try:
            yield None
        finally:
            undo()
        return

    def wrap(kernels: KernelSet, kernel: str, right: Callable[..., Any]) -> Callable[..., Any]:
        hit = kernels.name == damage.part and kernel == damage.name
        return _damaged_kernel(right, damage, applied) if hit else right

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
