"""The recorder: it runs the calls of a step on plain arrays and notes them, with what is needed to take them back.

    recorder = Recorder(namespace, scalars)
    with backend.in_force(recorder.policy(...)):
        step()                                # with tensors whose arrays are recorder.held(array)
    recorder.calls
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from weakref import ref

import numpy as np

from dlengine.kernels.graph_capture import NotCapturable, ReplayScalar

from .callers import where
from .instructions import Call, Storage, Value, mapped, values_in
from .recorded import Noted, Recorded, RecordedObject, RecordedScalar

PATIENCE = 60.0
"""Seconds for which another thread waits for tensors of a step that is being recorded."""

WAITING = frozenset(("threading", "queue", "concurrent.futures._base", "concurrent.futures.thread", "multiprocessing.pool"))
"""Modules in which a thread is that waits for another."""


class Recorder:
    """What a step does, call by call.

    Parameters
    ----------
    inner : Namespace
        The namespace whose functions compute.

    Attributes
    ----------
    calls : list of Call
        In the order in which they were made.
    undo : list
        Arrays that were there before the step and that it has written, each with a copy of what it held.
    inputs : list of Value
        The step's arguments.
    on : bool
        Whether calls may still be made.
    finished : threading.Event
        Set when the tensors have their own arrays again.
    awaited : bool
        Whether the step waits for another thread that computes with its tensors.
    adopt : callable
        Gives tensors from before the step recorded arrays; whoever runs the step sets it.
    look : callable
        Called before each call is noted, to refuse what the step has done since the last one; set by whoever runs the step.
    """

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.calls: list[Call] = []
        self.inputs: list[Value] = []
        self.undo: list[tuple[Any, Any]] = []
        self.on = True
        self.adopt: Callable[[Any], None] = lambda tensors: None
        self.look: Callable[[], None] = lambda: None
        self.cleared: Callable[[], bool] = lambda: False
        self.read_grads = False
        """Whether a call has read a gradient from before the step."""
        self.finished = threading.Event()
        self.awaited = False
        self._thread = threading.get_ident()
        self._storages: dict[int, tuple[ref[Any], Storage]] = {}
        self._known: dict[int, Recorded] = {}
        self._born: list[ref[Any]] = []

    # ------------------------------------------------------------------ what was there before
    def held(self, array: Any, kind: str = "held", source: Any = None) -> Recorded:
        """A recorded array for one that was there before the step; the same for the same array."""
        known = self._known.get(id(array))
        if known is None or kind != "held":
            value = Value(array, kind, self._storage(array, lasting=True), source=source)
            known = Recorded(value, array, self)
            if kind == "held":
                self._known[id(array)] = known
        return known

    def input(self, array: Any) -> Recorded:
        """A recorded array for an argument of the step."""
        made = self.held(array, "input", len(self.inputs))
        self.inputs.append(made.value)
        return made

    # ------------------------------------------------------------------ calls
    def call(
        self,
        name: str,
        function: Callable[..., Any],
        args: Sequence[Any],
        consts: dict[str, Any] | None = None,
        *,
        writes: Sequence[Any] = (),
        moving: bool = False,
    ) -> Any:
        """Run a function and note the call."""
        if not self.on or self._thread != threading.get_ident():
            self.awaited |= self._thread != threading.get_ident() and self._waits()
            raise NotCapturable(
                "an array of a captured step is used by another thread, or after the step; let the step return it"
            )
        self.look()
        consts = consts or {}
        noted = {k: mapped(v, self._noted) for k, v in consts.items()}
        call = Call(name, function, [mapped(a, self._noted) for a in args], noted)
        self.read_grads |= any(v.kind == "grad" for v in call.reads())
        call.where, call.cleared = where(), self.cleared()
        call.moving = moving or (name in ("getitem", "get_at", "take") and _by_mask(args))
        call.writes = tuple(w.value for w in writes if isinstance(w, Noted))
        for w in writes:
            self._remember(w)
        try:
            y = function(*[mapped(a, _plain) for a in args], **{k: mapped(v, _plain) for k, v in consts.items()})
        except Exception as error:  # the step may go on in its own way: a replay must find the same error
            call.name, call.function = f"{name} raises", _Raising(function, type(error))
            call.guards, call.expected, call.moving = True, True, False
            self.calls.append(call)
            raise
        made: dict[Value, Any] = {}
        call.result = mapped(y, lambda part: self._result(call, part, made))
        if type(y) in (bool, int, float, complex, str) and any(True for _ in values_in((call.args, call.consts))):
            call.guards, call.expected = True, y
        self.calls.append(call)
        return mapped(call.result, lambda part: made[part] if isinstance(part, Value) else part)

    def read(self, noted: Noted) -> Any:
        """What Python reads: a replay that finds something else must stop."""
        found = np.array(noted.plain)
        if self._thread != threading.get_ident():  # another thread looks at a tensor: that is no part of the step
            return found if isinstance(noted, Recorded) else found[()]
        call = Call("read", same, [noted.value, found.copy()], {}, guards=True, expected=True, result=True, where=where())
        self.read_grads |= noted.value.kind == "grad"
        call.cleared = self.cleared()
        self.calls.append(call)
        return found if isinstance(noted, Recorded) else found[()]

    def waited(self) -> bool:
        """Wait for the end of the recording, in another thread than its own; False where there is nothing to wait for."""
        if self._thread == threading.get_ident():
            return False
        end, blocked = time.monotonic() + PATIENCE, False
        while not self.finished.wait(0.05):
            before, blocked = blocked, self._waits()
            if before and blocked:  # for this thread
                self.awaited = True
                return False
            if time.monotonic() > end:
                return False
        return True

    def _waits(self) -> bool:
        """Whether the thread that records waits for another."""
        frame = sys._current_frames().get(self._thread)
        return frame is not None and frame.f_globals.get("__name__") in WAITING

    def take_back(self) -> None:
        """Give all that was written the values from before the step."""
        for array, before in reversed(self.undo):
            array[...] = before

    def survivors(self) -> list[Any]:
        """The recorded arrays that somebody still holds."""
        return [r for r in (weak() for weak in self._born) if r is not None]

    # ------------------------------------------------------------------ parts
    def _remember(self, target: Any) -> None:
        array = target.plain if isinstance(target, Noted) else target
        if not isinstance(target, Noted):
            raise NotCapturable("the step writes to an array that it does not reach through a tensor")
        if target.value.lasting:
            self.undo.append((array, array.copy()))

    def _noted(self, part: Any) -> Any:
        if isinstance(part, Noted):
            if part.recorder is not self:
                raise NotCapturable("an array of another captured step is used; let that step return it")
            return part.value
        if isinstance(part, RecordedObject):
            return part.value
        if isinstance(part, np.ndarray):
            return self.held(part).value
        if isinstance(part, ReplayScalar):
            part.source.bound = True
        return part

    def _result(self, call: Call, part: Any, made: dict[Value, Any]) -> Any:
        if isinstance(part, np.ndarray):
            value = Value(part, "made", self._storage(part, lasting=False), call)
            made[value] = recorded = Recorded(value, part, self)
            if value.storage is not None and part.base is None and value.storage.root is None:
                value.storage.root = ref(recorded)
            self._born.append(ref(recorded))
        elif isinstance(part, np.generic):
            value = Value(part, "scalar", None, call)
            made[value] = RecordedScalar(value, part, self)
            self._born.append(ref(made[value]))
        elif part is None or isinstance(part, (bool, int, float, complex, str, np.dtype, type)):
            return part
        else:
            value = Value(None, "object", None, call)
            made[value] = RecordedObject(value, part)
        call.outs.append(value)
        return value

    def _storage(self, array: Any, lasting: bool) -> Storage:
        owner = array
        while isinstance(owner.base, np.ndarray):
            owner = owner.base
        known = self._storages.get(id(owner))
        if known is not None and known[0]() is owner:
            return known[1]
        storage = Storage(lasting)
        self._storages[id(owner)] = (ref(owner), storage)
        return storage


class _Raising:
    """A function that is to raise an error again; says whether it does."""

    def __init__(self, function: Callable[..., Any], kind: type[Exception]) -> None:
        self.function, self.kind = function, kind

    def __call__(self, *args: Any, **consts: Any) -> bool:
        try:
            self.function(*args, **consts)
        except self.kind:
            return True
        return False


def _plain(part: Any) -> Any:
    if isinstance(part, (Noted, RecordedObject)):
        return part.plain
    return part.now() if isinstance(part, ReplayScalar) else part


def same(found: Any, before: Any) -> bool:
    """Whether Python would read the same numbers, bit for bit."""
    now = np.asarray(found)
    return bool(now.shape == before.shape and now.dtype == before.dtype and now.tobytes() == before.tobytes())


def _by_mask(args: Sequence[Any]) -> bool:
    """Whether an index holds an array of booleans, so that the shape of the result depends on its values."""

    def look(part: Any) -> Iterator[bool]:
        if isinstance(part, (tuple, list)):
            for inner in part:
                yield from look(inner)
        elif getattr(part, "dtype", None) is not None and part.ndim:
            yield part.dtype.kind == "b"

    return any(look(tuple(args[1:])))
