"""A captured step on the host: which program answers a call, and when one is recorded."""

from __future__ import annotations

import threading
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from dlengine.kernels.graph_capture import NotCapturable, NotYet, current_capture

from .. import backend, generator
from ..autograd.base import TensorBase, recording, touched, wrap
from ..autograd.record import anomaly
from ..default_dtype import get_default_dtype
from ..errors import CaptureError
from ..recording.answers import mode
from ..recording.instructions import mapped
from .emitting import Broken
from .program import Program, alike
from .recording import GRAPH_LEFT, Arguments, Recording, beginning_of, carries_graph, record
from .report import table

RECORDINGS = 16
"""Recordings of one kind of call (shapes, dtypes, modes), after which the step is run as it is."""

KINDS = 32
"""Kinds of calls that are recorded."""

PROGRAMS = 4
"""Programs kept for one kind of call: in training and in evaluation, with each outcome of what Python reads."""


@dataclass(eq=False)
class Kind:
    """What is known of the calls with some shapes, dtypes and modes."""

    recordings: int = 0
    candidates: list[Recording] = field(default_factory=list)
    programs: list[Program] = field(default_factory=list)


class HostStep:
    """A step of which the calls are replayed.

    Parameters
    ----------
    step : callable
        The step.
    warmup : int
        The number of calls that run the step itself.
    fuse : bool
        Whether chains of elementwise functions become one kernel.

    Attributes
    ----------
    calls, replays : int
        The calls, and those that were replays.
    recordings : int
        How often the step was recorded.
    reasons : Counter
        Why no program could answer, and why calls ran the step itself.
    """

    def __init__(self, step: Callable[..., Any], warmup: int, *, fuse: bool = True) -> None:
        self.step, self.warmup, self.fuse = step, warmup, fuse
        self.calls = self.replays = self.recordings = 0
        self.reasons: Counter[str] = Counter()
        self.kinds: dict[Any, Kind] = {}
        self._lock = threading.RLock()

    def __call__(self, *args: Any, **named: Any) -> Any:
        """Run, record or replay the step."""
        if current_capture.get() is not None:  # within another captured step, of which this becomes a part
            return detached(self.step(*args, **named), self.step)
        within_checkpoint = touched.get() is not None or generator.draws.get() is not None or generator.replayed.get() is not None
        if within_checkpoint or anomaly.get():
            self.reasons["within a checkpoint or in anomaly mode"] += 1
            return self.step(*args, **named)
        with self._lock:
            given = args, named
            key, inputs = kind_of(given)
            try:
                result = self._answer(key, given, inputs)
            finally:
                self.calls += 1
        return result

    def _answer(self, key: Any, given: Arguments, inputs: list[Any]) -> Any:
        if self.calls < self.warmup:
            return detached(self.step(*given[0], **given[1]), self.step)
        kind = self.kinds.get(key)
        if kind is None:
            if len(self.kinds) >= KINDS:
                return self._itself("too many kinds of arguments", given)
            kind = self.kinds[key] = Kind()
        reason: str | None = None
        for program in kind.programs:
            if program.overlaps(inputs):
                return self._itself("an argument shares memory with what the step writes", given)
            reason = program.broken()
            if reason is not None:
                continue
            try:
                result = program.replay(inputs)
            except Broken as broken:
                reason = _told(broken)
                continue
            self.replays += 1
            if program is not kind.programs[0]:  # the next call is likely to be like this one
                kind.programs.remove(program)
                kind.programs.insert(0, program)
            return result
        if reason is not None:
            self.reasons[reason] += 1
        return self._record(kind, given, inputs)

    # ------------------------------------------------------------------ what it is
    def report(self, *args: Any, **named: Any) -> str:
        """What was recorded and why, and the calls of each program; with arguments, one more step is timed."""
        with self._lock:
            timed: dict[Program, list[float]] = {}
            if args or named:
                key, inputs = kind_of((args, named))
                for program in self.kinds[key].programs[:1] if key in self.kinds else []:
                    if program.broken() is None:
                        _, timed[program] = program.timed(inputs)
                        self.calls += 1
                        self.replays += 1
            lines = [f"{self.calls} calls, {self.replays} replays, {self.recordings} recordings"]
            lines += [f"  {count} times: {reason}" for reason, count in self.reasons.most_common()]
            for key, kind in self.kinds.items():
                lines += [f"\n{_shown(key)}\n{table(program, timed.get(program))}" for program in kind.programs]
        return "\n".join(lines)

    def first_program(self) -> Program:
        """The program of the last replay. Raises CaptureError if there is none yet."""
        found = [program for kind in self.kinds.values() for program in kind.programs]
        if not found:
            raise CaptureError("capture: the step is not captured yet: call it a few times first")
        return max(found, key=lambda program: program.replays)

    def _itself(self, reason: str, given: Arguments) -> Any:
        self.reasons[reason] += 1
        return detached(self.step(*given[0], **given[1]), self.step)

    def _record(self, kind: Kind, given: Arguments, inputs: list[Any]) -> Any:
        """Record the step; the second of two equal recordings becomes a program."""
        if kind.recordings >= RECORDINGS:
            return self._itself("recorded too often", given)
        kind.recordings += 1
        self.recordings += 1
        try:
            made = record(self.step, given, inputs)
        except NotYet as error:
            return self._itself(str(error), given)
        except NotCapturable as error:
            raise CaptureError(f"capture: the step cannot be captured: {error}") from error
        returned = made.returned
        differences = [alike(before, made) for before in kind.candidates]
        if None in differences:
            del kind.candidates[differences.index(None)]
            kind.programs.insert(0, Program(made, fuse=self.fuse))
            del kind.programs[PROGRAMS:]
            return returned
        if differences and "number that changes" in str(differences[0]):
            made.take_back()
            raise CaptureError(f"capture: the step cannot be captured: {differences[0]}")
        made.returned, made.take_back = None, _nothing
        kind.candidates.insert(0, made)
        del kind.candidates[PROGRAMS:]
        if differences:
            self.reasons[str(differences[0])] += 1
        if kind.recordings >= RECORDINGS:
            warnings.warn(
                f"capture: the step was recorded {RECORDINGS} times and is run as it is where no recording fits; "
                f"the last time {differences[0] if differences else 'something it reads had changed'}",
                stacklevel=5,
            )
        return returned


def _nothing() -> None:
    return None


def _told(broken: Broken) -> str:
    cause = broken.__cause__
    if isinstance(cause, Broken):
        return "Python would read something else, or a check fails"
    return f"{type(cause).__name__} in an op"


def detached(result: Any, step: Any) -> Any:
    """The results of a step as a replay gives them: without the graph behind them."""
    made: dict[int, Any] = {}

    def one(part: Any) -> Any:
        if part is None or (isinstance(part, TensorBase) and part.node is None):
            return part
        if not isinstance(part, TensorBase):
            got = f"a step returns tensors, got {type(part).__name__}, which a replay would not renew"
            raise CaptureError(f"capture: {got}{beginning_of(step)}")
        if carries_graph(part):
            raise CaptureError(f"capture: {GRAPH_LEFT}{beginning_of(step)}")
        return made.setdefault(id(part), wrap(part.array))  # one that is given twice stays one

    return mapped(result, one)


def kind_of(given: Arguments) -> tuple[Any, list[Any]]:
    """What a program depends on in a call's arguments and in the modes in force; and the tensors among the arguments."""
    args, named = given
    inputs: list[Any] = []

    def one(part: Any) -> Any:
        if isinstance(part, TensorBase):
            inputs.append(part)
            a = part.array
            grad = None if part._grad is None else (part._grad.array.shape, part._grad.array.strides)
            again = _seen_before(inputs) if len(inputs) > 1 else -1
            return a.shape, a.dtype, getattr(a, "strides", None), part.needs_grad, grad, again
        if part is None or isinstance(part, (bool, int, float, str)):
            return type(part), repr(part)
        raise CaptureError(
            f"capture: a step takes tensors, numbers, and tuples, lists and dicts of them, got {type(part).__name__}; "
            "pass what is in it, or let the step hold it"
        )

    flat = not named and not any(isinstance(a, (tuple, list, dict)) for a in args)
    shapes = tuple([one(a) for a in args]) if flat else _hashable(mapped(given if named else args, one))
    policy = backend.policy()
    modes = (policy.host.name, policy.creation.name, recording.get(), get_default_dtype(), mode())
    return (shapes, modes), inputs


def _seen_before(inputs: Sequence[Any]) -> int:
    """Whether an argument is one of those before it, and which."""
    last = inputs[-1]
    return next((i for i, x in enumerate(inputs[:-1]) if x is last or x.array is last.array), -1)


def _shown(key: Any) -> str:
    """The arguments of a kind, for reports."""
    found: list[str] = []

    def look(part: Any) -> None:
        if isinstance(part, tuple) and len(part) == 6 and isinstance(part[0], tuple):
            found.append(f"{part[0]} {part[1]}")
        elif isinstance(part, tuple):
            for inner in part:
                look(inner)

    look(key[0])
    return f"arguments {', '.join(found) or 'none'}; {key[1][0]}, {'recording gradients' if key[1][2] else 'no_grad'}"


def _hashable(nest: Any) -> Any:
    if isinstance(nest, dict):
        return "dict", tuple((k, _hashable(v)) for k, v in nest.items())
    return (type(nest).__name__, *map(_hashable, nest)) if isinstance(nest, (tuple, list)) else nest
