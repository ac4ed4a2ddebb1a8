"""Scalars that a captured step takes anew at each replay.

A CUDA graph freezes the arguments of its launches. What must change from replay to replay (where the random numbers are,
an optimizer's step count, the learning rate) is read by the kernels from device memory instead, and written there before
each replay. Whoever makes such a scalar does it through `per_replay`; a launcher that knows a place for it asks `bind`:

    step = per_replay(lambda: count_one_more())            # a number, or while a step is captured a ReplayScalar one
    address = bind("float64", corrections, lr, step)    # None, or the array that a kernel is to read corrections(lr, step) from

A ReplayScalar number cannot be computed with, so no other code can freeze it unseen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
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


class NotYet(NotCapturable):
    """What a step must have done once before it can be captured."""


class ReplayScalar:
    """One number of a captured step: what its source gave, at a position of it."""

    __slots__ = ("position", "source")

    def __init__(self, source: Source, position: int) -> None:
        self.source, self.position = source, position

    def now(self) -> Any:
        """The number for the run that comes next."""
        return self.source.values[self.position]

    def __repr__(self) -> str:
        return f"<replay scalar {self.source.what}>"


def _refuse(self: ReplayScalar, *others: Any) -> Any:
    raise NotCapturable(f"{self.source.what} is read by code that a replay does not repeat")


for _name in (
    "abs add and bool eq float floordiv ge gt index int le lshift lt mod mul ne neg or pow radd rand rmul rpow rshift rsub "
    "rtruediv sub truediv xor"
).split():
    setattr(ReplayScalar, f"__{_name}__", _refuse)
ReplayScalar.__hash__ = object.__hash__  # type: ignore[method-assign]


@dataclass(eq=False)
class Source:
    """Numbers that belong together, and what computes them for the next run.

    mark: gives a function that takes back what compute changes, a count or the state of a generator; None: nothing is changed.
    bound: a kernel reads them.
    """

    what: str
    compute: Callable[[], Any]
    mark: Callable[[], Callable[[], object]] | None = None
    values: tuple[Any, ...] = ()
    bound: bool = False

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
class Capture:
    """The replay scalars of one captured step.

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

    def begin(self, source: Source) -> None:
        """The numbers of a source are about to be computed for the first time."""

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

    def bind(self, dtype: str, function: Callable[..., Sequence[Any]], arguments: tuple[Any, ...]) -> Array:
        for argument in arguments:
            if isinstance(argument, ReplayScalar):
                argument.source.bound = True
        count = len(function(*map(_now, arguments)))
        if self.used + count > SLOTS:
            raise NotCapturable(f"the step needs more than {SLOTS} numbers that change between replays")
        self.slots.append(Slot(self.used, dtype, function, arguments))
        self.used += count
        return self.block[self.used - count : self.used].view(dtype)

    def numbers(self, xp: Any, scalars: tuple[Any, ...], dtype: Any) -> tuple[Array, ...]:
        """Replay scalars as arrays without axes, for array functions to compute with."""
        held = xp.astype(self.bind("float64", _as_given, scalars), dtype, copy=False)
        return tuple([held[i] for i in range(len(scalars))])

    def unbound(self) -> list[str]:
        """Names of the sources that no kernel reads: whatever used them was frozen, or did not use them at all."""
        return sorted({source.what for source in self.sources if not source.bound})

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


_rehearsing: ContextVar[bool] = ContextVar("dlengine_rehearsing", default=False)


@contextmanager
def rehearsing() -> Iterator[None]:
    """Compute inside a block with the kernels that a captured step uses: they are compiled then, and give the same numbers."""
    token = _rehearsing.set(True)
    try:
        yield
    finally:
        _rehearsing.reset(token)


def is_rehearsing() -> bool:
    """Whether this is a run before a step is captured."""
    return _rehearsing.get()


current_capture: ContextVar[Capture | None] = ContextVar("dlengine_capturing", default=None)
"""The step that is being captured."""


def refuse(what: str) -> None:
    """Raise NotCapturable where a step is captured: for what a replay would not repeat."""
    if current_capture.get() is not None:
        raise NotCapturable(what)


def per_replay(what: str, compute: Callable[[], Any], mark: Callable[[], Callable[[], object]] | None = None) -> Any:
    """compute(), a number or a tuple of them; while a step is captured ReplayScalar ones, computed again before each replay.

    what: says in an error message what it is. mark: see Source.
    """
    held = current_capture.get()
    if held is None:
        return compute()
    source = Source(what, compute, mark)
    held.sources.append(source)
    held.begin(source)
    source.refresh()
    scalars = tuple(ReplayScalar(source, position) for position in range(len(source.values)))
    return scalars[0] if len(scalars) == 1 else scalars


def bind(dtype: str, function: Callable[..., Sequence[Any]], *arguments: Any) -> Array | None:
    """Where a kernel reads function(*arguments), numbers of an 8-byte dtype, where an argument is a ReplayScalar; else None."""
    if not any(isinstance(argument, ReplayScalar) for argument in arguments):
        return None
    held = current_capture.get()
    if held is None:
        raise NotCapturable("a number of a captured step is used outside it")
    return held.bind(dtype, function, arguments)


def _as_given(*numbers: Any) -> tuple[Any, ...]:
    return numbers


def _now(argument: Any) -> Any:
    return argument.now() if isinstance(argument, ReplayScalar) else argument
