"""Program: one recorded step as a function, the guards under which it may be replayed, and what replays have to do besides."""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from time import perf_counter
from typing import Any

import numpy as np

from dlengine.kernels.graph_capture import outdated

from .. import backend
from ..autograd.base import wrap, written
from ..autograd.fp_errors import ignore_fp_errors, restore_fp_errors
from ..recording.answers import mode
from ..recording.generators import SMALL
from ..recording.instructions import Call, Value, mapped, values_in
from .arranging import arranged
from .cleaning import divided, live, simplified, without_copies
from .emitting import Broken, Emitted, Writer, kept_whole, may_raise
from .fusion import fused
from .ordering import ordered
from .recording import Given, Recording

ALONE = 3
"""References that a count finds to an array which is held by one view: that of the view, of a name, and of the count itself."""


class Program:
    """A captured step.

    Parameters
    ----------
    recording : Recording
        What the step did.
    fuse : bool
        Whether chains of elementwise functions become one kernel.

    Attributes
    ----------
    calls : list of Call
        What a replay runs.
    replays : int
        How often it was replayed.
    """

    def __init__(self, recording: Recording, *, fuse: bool = True) -> None:
        self.recording = recording
        recording.returned, recording.take_back = None, _nothing
        self.fuse = fuse
        template = mapped(recording.results, lambda r: None if isinstance(r, Given) else r)
        wanted = template, [g for _, g in recording.grads]
        calls, outs = simplified(live(recording.calls, values_in(wanted)), wanted)
        calls, outs = without_copies(live(calls, values_in(outs)), outs)
        tensors = {id(array): t for t, array, _ in recording.held}
        held = {v for call in calls for v in call.reads() if v.kind == "held" and id(v.array) in tensors and is_private(v.array)}
        first, calls, steady = divided(calls, outs, held)
        if fuse and _generates():
            calls, first = arranged(calls, outs, first, steady)
            calls = live(fused(calls, outs, 1 if mode() == "always" else SMALL), values_in(outs))
        calls = ordered(calls, outs)
        self.calls, self.outs = calls, outs
        self.replays = 0
        self._prepare(first, tensors)
        self._writer = Writer(calls, recording.inputs, outs, recording.sources, self._constants)
        self._emitted: Emitted = self._writer.write()
        self._backups = self._written_early()
        self._ranges = self._written_ranges()
        owners = [owner_of(a) for a in self._compared()]
        self._owners = {id(a) for a in owners} if all(a.flags.owndata for a in owners) else None
        entered = {v.storage for v in recording.inputs}
        self._writes_inputs = any(w.storage in entered for w in self._targets())
        self._is_plain = not (recording.grads or recording.written or self._writer.grads)  # it computes, and changes no tensor
        self._refresh()

    def _prepare(self, first: list[Call], tensors: dict[int, Any]) -> None:
        """The function of what does not change from replay to replay, and the writes after which it does."""
        made = {v for call in first for v in call.outs}
        needed = [v for v in dict.fromkeys(v for call in self.calls for v in call.reads()) if v in made]
        self._first = live(first, needed)
        read = dict.fromkeys(v for call in self._first for v in call.reads() if v.kind == "held")
        self._cells = [tensors[id(v.array)].version for v in read]
        self._constants = {v: f"c{i}" for i, v in enumerate(needed)}
        self._begin = Writer(self._first, [], needed, []).write().function if needed else None

    def _refresh(self) -> None:
        """Compute the constants."""
        self._versions = [cell[0] for cell in self._cells]
        if self._begin is not None:
            token = ignore_fp_errors()
            try:
                self._writer.env.update(zip(self._constants.values(), self._begin(_nothing), strict=True))
            finally:
                restore_fp_errors(token)

    @property
    def settled(self) -> list[Call]:
        """The calls that are made once, and again only when what they read was written."""
        return self._first

    @property
    def compared(self) -> int:
        """How many places are compared before a replay."""
        recording = self.recording
        return recording.reach.size + 2 * len(recording.held) + len(recording.had_grad)

    def timed(self, inputs: Sequence[Any]) -> tuple[Any, list[float]]:
        """Replay once with a clock after every call.

        Parameters
        ----------
        inputs : sequence of Tensor
            As for `replay`.

        Returns
        -------
        tuple
            What the step returns, and the seconds of each call.
        """
        recording, marks = self.recording, [0.0] * (len(self.calls) + 1)
        writer = Writer(self.calls, recording.inputs, self.outs, recording.sources, self._constants)
        writer.env.update({name: self._writer.env[name] for name in self._constants.values()})
        writer.env["clock"] = lambda i: marks.__setitem__(i + 1, perf_counter())
        usual, self._emitted = self._emitted, writer.write(timed=True)
        try:
            marks[0] = perf_counter()
            result = self.replay(inputs)
        finally:
            self._emitted = usual
        return result, [after - before for before, after in pairwise(marks)]

    # ------------------------------------------------------------------ guards
    def broken(self) -> str | None:
        """Why it cannot be replayed any more, or None."""
        for t, array, flag in self.recording.held:
            if t.array is not array:
                return "a tensor has another array"
            if t.needs_grad is not flag or t.node is not None:
                return "another tensor requires a gradient"
        for leaf, had in self.recording.had_grad:
            if (leaf._grad is not None) is not had:
                return "there is a gradient where there was none, or none where there was one"
        for v in self._writer.grads:
            if not isinstance(v.source, int):
                g = v.source._grad.array
                if g.shape != v.shape or g.dtype != v.dtype or g.strides != v.strides:
                    return "a gradient has another shape or dtype"
        return outdated(self.recording.sources) or self.recording.reach.changed()

    def _targets(self) -> list[Value]:
        return [w for call in self.calls for w in call.writes if w.lasting]

    def _compared(self) -> list[Any]:
        """The arrays that the step holds and writes to; those that it only reads, too, if it writes to its arguments."""
        written = {w.storage for w in self._targets()}
        both = bool(written & {v.storage for v in self.recording.inputs})
        held = dict.fromkeys(v for call in self.calls for v in call.reads() if v.kind == "held")
        return [v.array for v in held if both or v.storage in written]

    def _written_ranges(self) -> list[tuple[int, int]]:
        """Where these arrays lie."""
        merged: list[tuple[int, int]] = []
        for low, high in sorted({extent(a) for a in self._compared()}):
            if merged and low < merged[-1][1]:
                low, high = merged[-1][0], max(high, merged.pop()[1])
            merged.append((low, high))
        return merged

    def overlaps(self, inputs: Sequence[Any]) -> bool:
        """Whether an argument shares memory with something that the step writes to, so that the order of its reads counts."""
        if not self._ranges and not self._writes_inputs:
            return False
        owners = self._owners
        if owners is not None:  # then an array that has memory of its own shares it with no other of these
            arrays = [x.array for x in inputs]
            if all([a.base is None and a.flags.owndata and id(a) not in owners for a in arrays]):
                if not self._writes_inputs or len({*map(id, arrays)}) == len(arrays):
                    return False
        taken: list[tuple[int, int]] = []
        for x in inputs:
            low, high = extent(x.array)
            place = bisect_left(self._ranges, (high, 0))
            if place and self._ranges[place - 1][1] > low:
                return True
            if self._writes_inputs and any(a < high and low < b for a, b in taken):
                return True
            taken.append((low, high))
        return False

    # ------------------------------------------------------------------ replay
    def replay(self, inputs: Sequence[Any]) -> Any:
        """Run it once more.

        Parameters
        ----------
        inputs : sequence of Tensor
            The arguments, of the shapes of the recording.

        Returns
        -------
        object
            What the step returns.

        Raises
        ------
        Broken
            If Python would read something else than in the recording, or an op raises; all is as before then, but for gradients
            that the step had given up by then.
        """
        if [cell[0] for cell in self._cells] != self._versions:
            self._refresh()
        recording, arrays = self.recording, [x.array for x in inputs]
        if self._is_plain:
            results, _ = self._guarded(arrays, _GivenUp([]))
            self.replays += 1
            return _filled(recording.results, results, inputs, {})
        read = [inputs[v.source] if isinstance(v.source, int) else v.source for v in self._writer.grads]
        replaced = [inputs[leaf] if isinstance(leaf, int) else leaf for leaf, _ in recording.grads]

        kept = {id(leaf) for leaf in read}
        given_up = _GivenUp([leaf for leaf in replaced if leaf._grad is not None and id(leaf) not in kept])
        results, grads = self._guarded([*arrays, *[x._grad.array for x in read]], given_up)
        for leaf, g in zip(replaced, grads, strict=True):
            leaf._grad = None if g is None else wrap(kept_whole(g))
        for weak in recording.written:
            t = weak()
            if t is not None:
                written(t)
        self.replays += 1
        return _filled(recording.results, results, inputs, {})

    def _guarded(self, arrays: list[Any], given_up: _GivenUp) -> Any:
        """Call the function; after an error before its last check, take back what it has done and raise Broken."""
        emitted = self._emitted
        emitted.passed[0] = False
        saved = [(a, a.copy()) for a in (arrays[p] if isinstance(p, int) else p for p in self._backups)] if self._backups else []
        marks = [s.mark() for s in self.recording.sources if s.mark is not None] if self.recording.sources else []
        token = ignore_fp_errors()
        try:
            return emitted.function(*arrays, given_up.release)
        except Exception as error:
            if emitted.passed[0]:
                raise
            for a, before in saved:
                a[...] = before
            for take_back in reversed(marks):
                take_back()
            given_up.take_back()
            raise Broken(error) from error
        finally:
            restore_fp_errors(token)

    def _written_early(self) -> list[Any]:
        """What the step writes to before its last check, and that was there before: arrays, and numbers of arguments."""
        last = max((i for i, call in enumerate(self.calls) if may_raise(call)), default=-1)
        targets = {w.storage for call in self.calls[:last] for w in call.writes if w.lasting}
        read = dict.fromkeys(v for call in self.calls for v in call.reads() if v.by is None and v.storage in targets)
        place = {v: i for i, v in enumerate((*self.recording.inputs, *self._writer.grads))}
        return [place.get(v, v.array) for v in read]


class _GivenUp:
    """The gradients from before a step that it gives up without having read them."""

    def __init__(self, leaves: list[Any]) -> None:
        self.leaves = leaves
        self.released: list[tuple[Any, Any, Any]] = []

    def release(self) -> None:
        """Give them up where the step does, so that their memory serves it."""
        for leaf in self.leaves:
            self.released.append((leaf, leaf._grad.shape, leaf._grad.array.dtype))
            leaf._grad = None

    def take_back(self) -> None:
        """Let there be gradients again for the step, which gives them up again: NaN, since nothing may read them."""
        for leaf, shape, dtype in self.released:
            leaf._grad = wrap(np.full(shape, np.nan, dtype))


def _nothing() -> None:
    return None


def owner_of(array: Any) -> Any:
    """The array of whose memory another is a view, or itself."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def is_private(array: Any) -> bool:
    """Whether nobody but dlengine can write to an array's memory, so that each write is noticed."""
    owner = owner_of(array)
    return owner.base is None and (owner is array or sys.getrefcount(owner) <= ALONE)


def extent(array: Any) -> tuple[int, int]:
    """The addresses between which an array lies."""
    if array.flags.c_contiguous:
        low = array.__array_interface__["data"][0]
        return low, low + array.nbytes
    low, high = np.lib.array_utils.byte_bounds(array)
    return int(low), int(high)


def _generates() -> bool:
    """Whether generated code may take the place of calls."""
    return bool(backend.space_of(np.empty(0)).generates) and mode() != "off"


def _filled(results: Any, arrays: Any, inputs: Sequence[Any], made: dict[Value, Any]) -> Any:
    """The nest that the step returns, with tensors of these arrays; made: those of values so far, each of which is one tensor."""
    if isinstance(results, Value):
        if results not in made:
            made[results] = wrap(kept_whole(arrays))
        return made[results]
    if isinstance(results, Given):
        return inputs[results.tensor] if isinstance(results.tensor, int) else results.tensor
    if isinstance(results, dict):
        return {key: _filled(part, arrays[key], inputs, made) for key, part in results.items()}
    if isinstance(results, (tuple, list)):
        parts = [_filled(part, a, inputs, made) for part, a in zip(results, arrays, strict=True)]
        return type(results)(*parts) if hasattr(results, "_fields") else type(results)(parts)
    return None


def alike(a: Recording, b: Recording) -> str | None:
    """What two recordings of a step differ in, or None: then a replay of one does what the step does."""
    numbers: tuple[dict[Value, int], dict[Value, int]] = ({}, {})
    for x, y in zip(a.calls, b.calls, strict=False):
        both = x.guards and y.guards and x.name == y.name == "read"
        if both and not _is_branch(y.args[1]) and _key(x.args, numbers[0], a) != _key(y.args, numbers[1], b):
            return f"Python reads a number that changes, at {y.where}; return the tensor and read it outside of the step"
        first, second = (_call_key(c, n, r) for c, n, r in ((x, numbers[0], a), (y, numbers[1], b)))
        if first != second:
            return f"it calls {y.name} at {y.where} where it called {x.name} at {x.where} before, or with other arguments"
        for u, v in zip(x.outs, y.outs, strict=True):
            numbers[0][u] = numbers[1][v] = len(numbers[0])
    if len(a.calls) != len(b.calls):
        return "it makes more calls than before, or fewer"
    ends = [_key((r.results, r.grads), n, r) for r, n in zip((a, b), numbers, strict=True)]
    return None if ends[0] == ends[1] else "it returns something else, or gives gradients to other tensors"


def _is_branch(found: Any) -> bool:
    """Whether what Python reads is one boolean: it takes one of two ways, and each gets a program."""
    return bool(found.dtype == bool and found.size == 1)


def _call_key(call: Call, numbers: dict[Value, int], recording: Recording) -> Any:
    shapes = [(v.shape, str(v.dtype), v.strides) for v in call.outs]
    return call.name, _key((call.args, call.consts), numbers, recording), shapes, repr(call.expected), len(call.outs)


def _key(part: Any, numbers: dict[Value, int], recording: Recording) -> Any:
    """An argument in a form that two recordings can be compared in."""
    if isinstance(part, Value):
        if part in numbers:
            return numbers[part]
        if part.kind == "held":
            what = id(part.array) if _known(part, recording) else part.array.tobytes()
            return "held", part.shape, str(part.dtype), what
        return part.kind, part.source if isinstance(part.source, int) else id(part.source)
    if isinstance(part, Given):
        return "given", part.tensor if isinstance(part.tensor, int) else id(part.tensor)
    if isinstance(part, (tuple, list)):
        return [type(part).__name__, *(_key(p, numbers, recording) for p in part)]
    if isinstance(part, dict):
        return {k: _key(v, numbers, recording) for k, v in part.items()}
    if isinstance(part, slice):
        return ["slice", *(_key(p, numbers, recording) for p in (part.start, part.stop, part.step))]
    if isinstance(part, np.ndarray):
        return part.shape, str(part.dtype), part.tobytes()
    if callable(part) or hasattr(part, "__dict__") or hasattr(part, "array"):
        return type(part).__name__ if "object at 0x" in repr(part) or " at 0x" in repr(part) else repr(part)
    return repr(part)


def _known(value: Value, recording: Recording) -> bool:
    """Whether a held array is that of a tensor."""
    return any(array is value.array for _, array, _ in recording.held)
