"""Scalars that a captured step takes anew at each replay.

A CUDA graph freezes the arguments of its launches. What must change from replay to replay (where the random numbers are,
an optimizer's step count, the learning rate) is read by the kernels from device memory instead, and written there before
each replay. Whoever makes such a scalar does it through `again`; a launcher that knows a place for it asks `place`:

    step = again(lambda: count_one_more())            # a number, or while a step is captured a Live one
    live = place("float64", corrections, lr, step)    # None, or the array that a kernel is to read corrections(lr, step) from

A Live number cannot be computed with, so no other code can freeze it unseen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from weakref import ref

import numpy as np

from .types import Array

SLOTS = 4096
"""8-byte places that one captured step has."""


class NotCapturable(RuntimeError):
    """What a step does that a replay would not repeat."""


class Live:
    """One number of a captured step: what its source gave, at a position of it."""

    __slots__ = ("position", "source")

    def __init__(self, source: Source, position: int) -> None:
        self.source, self.position = source, position

    def now(self) -> Any:
        """The number for the run that comes next."""
        return self.source.values[self.position]

    def __repr__(self) -> str:
        return f"<live {self.source.what}>"


def _refuse(self: Live, *others: Any) -> Any:
    raise NotCapturable(f"{self.source.what} is read by code that a replay does not repeat")


for _name in (
    "abs add and bool eq float floordiv ge gt index int le lshift lt mod mul ne neg or pow radd rand rmul rpow rshift rsub "
    "rtruediv sub truediv xor"
).split():
    setattr(Live, f"__{_name}__", _refuse)
Live.__hash__ = object.__hash__  # type: ignore[method-assign]


@dataclass(eq=False)
class Source:
    """Numbers that belong together, and what computes them for the next run. claimed: a kernel reads them."""

    what: str
    compute: Callable[[], Any]
    values: tuple[Any, ...] = ()
    claimed: bool = False

    def refresh(self) -> None:
        found = self.compute()
        self.values = found if isinstance(found, tuple) else (found,)


@dataclass(eq=False)
class Slot:
    """Places that hold what a function makes of some numbers."""

    first: int
    dtype: str
    function: Callable[..., Sequence[Any]]
    arguments: tuple[Any, ...]


@dataclass(eq=False)
class Recording:
    """The live numbers of one captured step.

    block: SLOTS unsigned 64-bit integers in device memory. empty(shape, dtype): makes an array there. constants: arrays and
    what must be copied into them before the first replay. written: the tensors that the step writes in place, by id.
    leaves: those that it gives a gradient.
    """

    block: Array
    empty: Callable[[tuple[int, ...], Any], Array]
    constants: list[tuple[Array, Any]] = field(default_factory=list)
    written: dict[int, ref[Any]] = field(default_factory=dict)
    leaves: dict[int, Any] = field(default_factory=dict)
    sources: list[Source] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)
    used: int = 0

    def note(self, tensor: Any) -> None:
        """The step has just written a tensor in place."""
        self.written[id(tensor)] = ref(tensor)

    def give_gradient(self, leaf: Any, held: Any) -> None:
        """The step is about to set a leaf's gradient, or to add to the one held. A replay adds to this run's again, not to that
        of the run before, so one from before must have been overwritten.
        """
        known = self.written.get(id(held))
        if held is not None and id(leaf) not in self.leaves and (known is None or known() is not held):
            raise NotCapturable("gradients are added to those of the call before; call zero_grad() in the step")
        self.leaves[id(leaf)] = leaf

    def constant(self, values: Any) -> Array:
        """An array in device memory that will hold values, a NumPy array, when the step is replayed."""
        array = self.empty(values.shape, values.dtype)
        self.constants.append((array, values))
        return array

    def place(self, dtype: str, function: Callable[..., Sequence[Any]], arguments: tuple[Any, ...]) -> Array:
        for argument in arguments:
            if isinstance(argument, Live):
                argument.source.claimed = True
        count = len(function(*map(_now, arguments)))
        if self.used + count > SLOTS:
            raise NotCapturable(f"the step needs more than {SLOTS} numbers that change between replays")
        self.slots.append(Slot(self.used, dtype, function, arguments))
        self.used += count
        return self.block[self.used - count : self.used].view(dtype)

    def unclaimed(self) -> list[str]:
        """Names of the sources that no kernel reads: whatever used them was frozen, or did not use them at all."""
        return sorted({source.what for source in self.sources if not source.claimed})

    def refresh(self) -> None:
        """Compute every number for another run, in the order in which the step first asked for them."""
        for source in self.sources:
            source.refresh()

    def words(self) -> Any:
        """What belongs in the used part of the block now, a NumPy array."""
        out = np.zeros(self.used, np.uint64)
        for slot in self.slots:
            values = np.asarray(slot.function(*map(_now, slot.arguments)), slot.dtype)
            out[slot.first : slot.first + values.size] = values.view(np.uint64)
        return out


recording: ContextVar[Recording | None] = ContextVar("dlengine_live", default=None)
"""The step that is being captured."""


def again(what: str, compute: Callable[[], Any]) -> Any:
    """compute(), a number or a tuple of them; while a step is captured Live ones, computed again before each replay.

    what: says in an error message what it is.
    """
    held = recording.get()
    if held is None:
        return compute()
    source = Source(what, compute)
    source.refresh()
    held.sources.append(source)
    lives = tuple(Live(source, position) for position in range(len(source.values)))
    return lives if len(lives) > 1 else lives[0]


def place(dtype: str, function: Callable[..., Sequence[Any]], *arguments: Any) -> Array | None:
    """Where a kernel reads function(*arguments), numbers of an 8-byte dtype, if one of the arguments is Live; else None."""
    if not any(isinstance(argument, Live) for argument in arguments):
        return None
    held = recording.get()
    if held is None:
        raise NotCapturable("a number of a captured step is used outside it")
    return held.place(dtype, function, arguments)


def _now(argument: Any) -> Any:
    return argument.now() if isinstance(argument, Live) else argument
