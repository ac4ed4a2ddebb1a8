"""Cleaning a recording: calls that nothing needs, that were made before, that only give back their argument, or whose result
does not change from replay to replay.

Nothing here changes a number. A call reads its arguments as they are at its place, so each storage has epochs, one more after
every write to it, and a call may take the place of another only in the same epochs.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from dlengine.kernels.graph_capture import ReplayScalar

from ..recording.instructions import Call, Storage, Value, mapped, values_in

UNTOUCHED = frozenset(("reshape", "asarray", "astype", "real", "broadcast_to", "positive"))
"""Calls that may give back their argument's own memory as it is."""


KEPT = 256
"""The part of a step's memory that one result may take which is kept instead of being computed again."""


class Facts:
    """What is known of the calls of a program.

    Parameters
    ----------
    calls : list of Call
        The calls, in order.
    outs : object
        A nest of the values that leave the program.
    """

    def __init__(self, calls: list[Call], outs: Any) -> None:
        self.calls = calls
        self._writes: dict[Storage, list[int]] = defaultdict(list)
        self._last: dict[Storage, int] = {}
        for i, call in enumerate(calls):
            for w in call.writes:
                if w.storage is not None:
                    self._writes[w.storage].append(i)
            for v in call.reads():
                if v.storage is not None:
                    self._last[v.storage] = i
        self.exposed = {v.storage for v in values_in(outs) if v.storage is not None}

    def epoch(self, value: Value, place: int) -> int:
        """How often the memory of a value was written to before a call."""
        written = self._writes.get(value.storage) if value.storage is not None else None
        return bisect_left(written, place) if written else 0

    def is_written(self, value: Value) -> bool:
        """Whether the program writes to the memory of a value."""
        return value.storage in self._writes

    def last_read(self, value: Value) -> int:
        """The last call that reads the memory of a value."""
        return -1 if value.storage is None else self._last.get(value.storage, -1)


def live(calls: list[Call], wanted: Iterable[Value]) -> list[Call]:
    """The calls whose results are wanted, or are needed for those, or that write or check something."""
    needed = set(wanted)
    kept = []
    for call in reversed(calls):
        if call.effect or any(v in needed for v in call.outs):
            needed.update(call.reads())
            kept.append(call)
    return kept[::-1]


def replaced(nest: Any, new: dict[Value, Value]) -> Any:
    """A nest with values replaced by others."""

    def one(part: Any) -> Any:
        while isinstance(part, Value) and part in new:
            part = new[part]
        return part

    return mapped(nest, one)


def renewed(call: Call, new: dict[Value, Value]) -> Call:
    """A call with values replaced by others."""
    args, consts = replaced(call.args, new), replaced(call.consts, new)
    writes = replaced(call.writes, new)
    return replace(call, args=args, consts=consts, writes=writes)


def pure(call: Call) -> bool:
    """Whether a call does nothing but to make its results from its arguments, always of the same shapes."""
    return not (call.effect or call.moving) and bool(call.outs) and all(v.kind != "object" for v in call.outs)


def peak(calls: list[Call], outs: Any) -> int:
    """The bytes that are in use at once, where every value is given up after its last use."""
    last: dict[Storage, int] = {}
    sizes: dict[Storage, int] = {}
    for i, call in enumerate(calls):
        for v in (*call.reads(), *call.outs):
            if v.storage is not None:
                last[v.storage] = i
        for v in call.outs:
            if v.storage is not None and not v.lasting:
                sizes.setdefault(v.storage, v.nbytes)
    for v in values_in(outs):
        if v.storage is not None:
            last[v.storage] = len(calls)
    ends: dict[int, int] = defaultdict(int)
    for storage, size in sizes.items():
        ends[last[storage]] += size
    in_use = highest = 0
    begun: set[Storage] = set()
    for i, call in enumerate(calls):
        for v in call.outs:
            if v.storage in sizes and v.storage not in begun:
                begun.add(v.storage)
                in_use += sizes[v.storage]
        highest = max(highest, in_use)
        in_use -= ends[i]
    return highest


def simplified(calls: list[Call], outs: Any) -> tuple[list[Call], Any]:
    """Every call once, and none of those that give back their argument; also what leaves the program, in the values left.

    A large result is not kept from the forward for the backward, which would need more memory than the step itself.
    """
    largest = peak(calls, outs) // KEPT
    facts = Facts(calls, outs)
    new: dict[Value, Value] = {}
    known: dict[Any, Call] = {}
    left: list[Call] = []
    for i, old in enumerate(calls):
        call = renewed(old, new)
        if pure(call) and not any(facts.is_written(v) for v in call.outs):
            same = _given_back(call)
            if same is not None:
                new[call.outs[0]] = same
                continue
            twin = known.setdefault(_key(call, i, facts), call)
            kept = sum(v.nbytes for v in call.outs if facts.last_read(twin.outs[0]) < i and not _is_view(v, call))
            if twin is not call and kept <= largest and not any(v.storage in facts.exposed for v in (*call.outs, *twin.outs)):
                new.update(zip(call.outs, twin.outs, strict=True))
                continue
        left.append(call)
    return left, replaced(outs, new)


def _is_view(v: Value, call: Call) -> bool:
    return v.storage is not None and any(v.storage is u.storage for u in call.reads())


def _given_back(call: Call) -> Value | None:
    """The argument that a call gives back, the same memory in the same form; or None."""
    x = call.args[0] if call.args else None
    if call.name not in UNTOUCHED or not isinstance(x, Value) or x.kind == "scalar" or len(call.outs) != 1:
        return None
    y = call.outs[0]
    same = y.storage is x.storage and (y.shape, y.dtype, y.strides) == (x.shape, x.dtype, x.strides)
    return x if same else None


def without_copies(calls: list[Call], outs: Any) -> tuple[list[Call], Any]:
    """The calls without copies of what dies with them: autograd copies a gradient if something else might hold it."""
    facts = Facts(calls, outs)
    new: dict[Value, Value] = {}
    kept = []
    for i, old in enumerate(calls):
        call = renewed(old, new)
        x: Any = call.args[0] if call.args else None
        copies = call.name == "asarray" and isinstance(x, Value) and old.args[0] is x and pure(call)
        if copies and _dies_here(x, call.outs[0], i, facts):
            new[call.outs[0]] = x
        else:
            kept.append(call)
    return kept, replaced(outs, new)


def _dies_here(x: Value, y: Value, place: int, facts: Facts) -> bool:
    """Whether a copy y of x is the last that is made of its memory, of which x is the whole."""
    private = x.by is not None and not x.lasting and x.kind == "made" and not facts.is_written(x) and not facts.is_written(y)
    alike = (y.shape, y.dtype, y.strides) == (x.shape, x.dtype, x.strides) and x.dense and x.strides == _dense_strides(x)
    unread = x.storage not in facts.exposed and facts.last_read(x) <= place and not _shared(x, facts)
    return private and alike and unread


def _shared(x: Value, facts: Facts) -> bool:
    """Whether another value has memory of the same storage, so that x may be a part of more."""
    return any(v.storage is x.storage and v.nbytes != x.nbytes for call in facts.calls for v in call.outs)


def _dense_strides(x: Value) -> tuple[int, ...]:
    strides, step = [], x.dtype.itemsize
    for n in reversed(x.shape):
        strides.append(step)
        step *= n
    return tuple(reversed(strides))


def _key(call: Call, place: int, facts: Facts) -> Any:
    def one(part: Any) -> Any:
        if isinstance(part, Value):
            return part, facts.epoch(part, place)
        if isinstance(part, ReplayScalar):
            return id(part.source), part.position
        if isinstance(part, (tuple, list)):
            return (type(part).__name__, *map(one, part))
        if isinstance(part, dict):
            return tuple((k, one(v)) for k, v in sorted(part.items()))
        if isinstance(part, slice):
            return "slice", one(part.start), one(part.stop), one(part.step)
        if isinstance(part, (bool, int, float, complex, str, type(None), np.dtype)):
            return type(part).__name__, repr(part)
        return id(part)

    return call.name, id(call.function), one(call.args), one(call.consts)


def divided(calls: list[Call], outs: Any, constant: set[Value]) -> tuple[list[Call], list[Call], set[Value]]:
    """The calls that give the same in each replay, the others, and the values that do not change.

    constant: values of which it is noticed when their memory is written to.
    """
    facts = Facts(calls, outs)
    steady = {v for v in constant if not facts.is_written(v)}
    first, rest = [], []
    for call in calls:
        settled = (
            pure(call)
            and all(v in steady for v in call.reads())
            and not any(facts.is_written(v) or v.storage in facts.exposed for v in call.outs)
            and all(v.kind == "made" for v in call.outs)
            and not draws(call)
        )
        if settled:
            steady.update(call.outs)
            first.append(call)
        else:
            rest.append(call)
    return first, rest, steady


def draws(call: Call) -> bool:
    """Whether a call takes a scalar that changes from replay to replay."""
    found: list[Any] = []
    mapped((call.args, call.consts), lambda part: found.append(part) if isinstance(part, ReplayScalar) else None)
    return bool(found)
