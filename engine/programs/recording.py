"""Recording a step: it runs once, on recorded arrays, and what it did is noted together with what it depends on."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from inspect import unwrap
from sys import getrefcount
from typing import Any, TypeAlias
from weakref import ref

import numpy as np

from dlengine.kernels import graph_capture
from dlengine.kernels.graph_capture import NotCapturable, NotYet

from .. import backend
from ..autograd.base import TensorBase, flatten, wrap
from ..recording.callers import place_of
from ..recording.instructions import Call, Value, mapped
from ..recording.recorded import Noted
from ..recording.recorder import Recorder
from ..recording.space import recording_to
from .reach import Reach


class _Scalars(graph_capture.Capture):
    """The scalars of a step on the host, which change from replay to replay; marks: take back what they count."""

    def __init__(self) -> None:
        super().__init__(np.empty(0, np.uint64), np.empty)
        self.marks: list[Callable[[], object]] = []

    def begin(self, source: graph_capture.Source) -> None:
        if source.mark is not None:
            self.marks.append(source.mark())

    def numbers(self, xp: Any, scalars: tuple[Any, ...], dtype: Any) -> tuple[Any, ...]:
        return tuple([xp.asarray(n, dtype=dtype) for n in scalars])

    def note(self, tensor: Any) -> None:
        super().note(tensor)
        if type(tensor.array) is np.ndarray:
            raise NotCapturable("a tensor is written that the step has not computed with; pass it to the step")

    def give_gradient(self, leaf: Any, held: Any) -> None:
        """The gradient that was there is read again by each replay."""


@dataclass(frozen=True)
class Given:
    """A result that is a tensor from before the step: one that it holds, or the argument of a number."""

    tensor: Any


@dataclass(eq=False)
class Recording:
    """What a step did.

    Attributes
    ----------
    calls : list of Call
        The calls in order.
    inputs : list of Value
        The arguments that are tensors.
    results : object
        The nest that the step returned, with values and `Given` in place of tensors.
    grads : list of tuple
        For each leaf whose gradient the step replaced: the leaf (or the number of the argument that it is) and the value, None
        where the gradient was cleared.
    held : list of tuple
        The tensors that were computed with, their arrays, and whether they require gradients.
    had_grad : list of tuple
        Leaves, and whether they had a gradient.
    written : list
        Weak references to the tensors that were written in place.
    sources : list of Source
        The scalars that change from replay to replay.
    reach : Reach
        What the step's Python code reads.
    returned : object
        The results of this run.
    """

    calls: list[Call]
    inputs: list[Value]
    results: Any
    grads: list[tuple[Any, Value | None]]
    held: list[tuple[Any, Any, bool]]
    had_grad: list[tuple[Any, bool]]
    written: list[ref[Any]]
    sources: list[graph_capture.Source]
    reach: Reach
    returned: Any = None
    take_back: Callable[[], None] = field(default=lambda: None)


class _Run:
    """One run of a step on recorded arrays."""

    def __init__(self, step: Callable[..., Any]) -> None:
        self.reach = Reach(step)
        self.recorder = Recorder(backend.space_of(np.empty(0)))
        self.recorder.adopt, self.recorder.look, self.recorder.cleared = self.adopt, self.refuse_drawn, self.cleared
        self.scalars = _Scalars()
        self.adopted: dict[Any, Any] = {}
        self.flags: dict[Any, bool] = {}
        self.tensors: dict[Any, Any] = {}
        """Leaves from before the step, with the gradient tensors that they had."""
        self.aliases: list[tuple[Any, Any]] = []
        self._alone: tuple[int, int] | None = None
        self._measure()

    # ------------------------------------------------------------------ before
    def adopt(self, tensors: Any) -> None:
        """Let tensors from before the step have recorded arrays."""
        for t in flatten(tuple(tensors))[0]:
            if isinstance(t, TensorBase) and type(t.array) is np.ndarray:
                if t.node is not None and t.needs_grad:
                    name = self.reach.name(t)
                    raise NotCapturable(f"{name} is the result of an op outside of the step; detach() or compute it inside")
                self.adopted[t] = t.array
                self.flags[t] = t.needs_grad
                t.array = self.recorder.held(t.array)
                self._remember_grad(t)

    def _remember_grad(self, t: Any) -> None:
        if t in self.tensors:
            return
        held = self.tensors[t] = t._grad
        if held is not None and type(held.array) is np.ndarray:
            if held.node is not None:
                raise NotCapturable("a gradient that is itself recorded (create_graph) is there before the step; clear it")
            self.adopted[held] = held.array
            held.array = self.recorder.held(held.array, "grad", t)

    def cleared(self) -> bool:
        """Whether the step has given up all gradients from before it, so that nothing of it can read them any more."""
        unread = not self.recorder.read_grads  # else there may be a view of one
        return unread and all(self.tensors[leaf] is None or self._is_alone(leaf) for leaf in self.tensors)

    def _is_alone(self, leaf: Any) -> bool:
        """Whether nobody holds the gradient that a leaf had, the leaf included, nor its array, as a detached tensor does."""
        held = self.tensors[leaf]
        holders = getrefcount(held), getrefcount(held.array)
        self._alone = self._alone or holders
        return holders[0] <= self._alone[0] and holders[1] <= self._alone[1]

    def _measure(self) -> None:
        """Count the holders of a gradient that nobody else holds; they differ between Pythons."""
        leaf = wrap(np.zeros(1, np.float32), True)
        leaf._grad = wrap(leaf.array.copy())
        self._remember_grad(leaf)
        leaf._grad = None
        self._is_alone(leaf)
        self.adopted.pop(self.tensors.pop(leaf))

    def refuse_drawn(self) -> None:
        """Refuse random numbers that are not dlengine's: where the next op is called, which is likely to use them."""
        drawn = self.reach.drawn()
        if drawn is not None:
            raise NotCapturable(
                f"the step draws from {drawn}, which a replay does not; draw with dlengine, or outside of the step"
            )

    def start(self, inputs: Sequence[Any]) -> list[Any]:
        """Take up all that the step reaches; gives what stands for the tensors among its arguments."""
        if self.reach.refusals:
            raise NotCapturable(self.reach.refusals[0])
        arrays = [x.array for x in inputs]
        if any(type(a) is not np.ndarray for a in arrays):
            raise NotCapturable("an argument is not on the CPU")
        grads = [None if x._grad is None else x._grad.array for x in inputs]
        self.adopt(t for t in self.reach.tensors if type(t.array) is np.ndarray)
        for t in self.reach.tensors:
            self._remember_grad(t)
        for x, array, grad in zip(inputs, arrays, grads, strict=True):
            if x.node is not None and x.needs_grad:
                raise NotCapturable("an argument is the result of an op that was recorded; detach() it, or compute it inside")
            if x.needs_grad and any(x is y for _, y in self.aliases):
                raise NotCapturable("an argument that requires a gradient is given twice")
            alias = wrap(self.recorder.input(array), x.needs_grad)
            alias.version, alias._hooks = x.version, x._hooks
            self.aliases.append((alias, x))
            self.tensors[alias] = None
            if grad is not None:
                alias._grad = wrap(self.recorder.held(grad, "grad", len(self.aliases) - 1))
                self.tensors[alias] = alias._grad
        return [alias for alias, _ in self.aliases]

    # ------------------------------------------------------------------ after
    def finish(self) -> None:
        """Give every tensor its plain array again."""
        replaced = False
        for t, array in self.adopted.items():
            now = t.array
            if isinstance(now, Noted) and now.plain is array:
                t.array = array
            else:
                replaced = True
                t.array = now.plain if isinstance(now, Noted) else now
        self.adopted.clear()
        survivors = self.recorder.survivors()
        if survivors:
            for holder in gc.get_referrers(*survivors):
                if isinstance(holder, TensorBase) and isinstance(holder.array, Noted):
                    holder.array = holder.array.plain
        for alias, _ in self.aliases:
            if isinstance(alias.array, Noted):
                alias.array = alias.array.plain
        if replaced:
            raise NotCapturable("the step gives a tensor another array, as t.to() and recorded writes do; write it in place")

    def take_back(self) -> None:
        """Undo what the step has done: to arrays, gradients, counts and generators."""
        self.recorder.take_back()
        for mark in reversed(self.scalars.marks):
            mark()
        for leaf, before in self.tensors.items():
            leaf._grad = before

    def grads(self) -> list[tuple[Any, Value | None]]:
        """The gradients that the step has replaced."""
        numbers = {alias: i for i, (alias, _) in enumerate(self.aliases)}
        found: list[tuple[Any, Value | None]] = []
        for leaf, before in self.tensors.items():
            now = leaf._grad
            if now is before:
                continue
            if now is not None and (now.node is not None or not isinstance(now.array, Noted)):
                raise NotCapturable("a gradient is set to what the step has not computed, or is itself recorded (create_graph)")
            found.append((numbers.get(leaf, leaf), None if now is None else now.array.value))
        return found

    def results(self, nest: Any) -> Any:
        """What the step returned, with values in place of tensors."""
        given = {alias: Given(i) for i, (alias, _) in enumerate(self.aliases)}

        def look(part: Any) -> Any:
            if part is None:
                return None
            if not isinstance(part, TensorBase):
                raise NotCapturable(f"a step returns tensors, got {type(part).__name__}, which a replay would not renew")
            if part in given:
                return given[part]
            if part in self.adopted:
                return Given(part)
            if carries_graph(part):
                raise NotCapturable(GRAPH_LEFT)
            if not isinstance(part.array, Noted):
                self.adopt([part])
            return part.array.value

        return mapped(nest, look)


GRAPH_LEFT = (
    "a result would carry its graph out of the step; compute its gradients inside, return x.detach(), or call the step under "
    "no_grad()"
)


def carries_graph(t: Any) -> bool:
    """Whether a gradient could still flow through a result."""
    return t.node is not None and t.needs_grad and t.node.pull is not None


Arguments: TypeAlias = tuple[tuple[Any, ...], dict[str, Any]]
"""The arguments of a call: those by position and those by name."""


def record(step: Callable[..., Any], arguments: Arguments, inputs: Sequence[Any]) -> Recording:
    """Run a step once and note what it does.

    Parameters
    ----------
    step : callable
        The step.
    arguments : tuple
        Its arguments, by position and by name.
    inputs : sequence of Tensor
        The tensors among them, in the order of `inputs_of`.

    Returns
    -------
    Recording
        What it did. The step has run, as it would have without.

    Raises
    ------
    NotCapturable
        If a replay could not repeat it; then all that it did is undone.
    """
    run = _Run(step)
    try:
        aliases = iter(run.start(inputs))
        given, named = mapped(arguments, lambda a: next(aliases) if isinstance(a, TensorBase) else a)
        with _scalars_of(run), recording_to(run.recorder):
            result = step(*given, **named)
            results, returned = run.results(result), _returned(result, run)
            grads = run.grads()
        made = Recording(
            run.recorder.calls,
            run.recorder.inputs,
            results,
            grads,
            [(t, run.adopted[t], flag) for t, flag in run.flags.items()],
            [(leaf, held is not None) for leaf, held in run.tensors.items() if leaf not in dict(run.aliases)],
            list(run.scalars.written.values()),
            run.scalars.sources,
            run.reach,
            returned,
            run.take_back,
        )
        del result, given, named
        _hand_over(run)
        run.finish()
        _check(run)
    except NotCapturable as error:
        _clean(run)
        run.take_back()
        told = f"{error}{place_of(error)}"
        told += "" if " at " in told else beginning_of(step)
        raise (NotYet if isinstance(error, NotYet) else NotCapturable)(told) from error
    except BaseException:
        _clean(run)
        raise
    finally:
        run.recorder.finished.set()
    return made


def _clean(run: _Run) -> None:
    """Give tensors their arrays after an error, whatever has become of them."""
    run.recorder.on = False
    _hand_over(run)
    try:
        run.finish()
    except NotCapturable:
        pass


@contextmanager
def _scalars_of(run: _Run) -> Iterator[None]:
    token = graph_capture.current_capture.set(run.scalars)
    try:
        yield
    finally:
        graph_capture.current_capture.reset(token)


def _hand_over(run: _Run) -> None:
    """Give the arguments the gradients of what stood for them."""
    for alias, x in run.aliases:
        before = run.tensors.get(alias)
        if alias._grad is not before:
            x._grad = alias._grad


def _check(run: _Run) -> None:
    """Refuse what the step has done to Python objects, since a replay would not do it again."""
    if run.recorder.awaited:
        raise NotCapturable("the step computes in another thread, which a replay does not start; compute in the step's own")
    unread = run.scalars.unbound()
    if unread:
        raise NotCapturable(f"{unread[0]} is used where a replay cannot renew it")
    changed = run.reach.changed()
    if changed is not None:
        raise NotCapturable(f"the step changes {changed}, which a replay does not; keep it in a tensor, t[...] = new")
    if any(x in run.flags and x.needs_grad for _, x in run.aliases):
        raise NotCapturable("an argument that requires a gradient is also held by the step; let it be one of both")
    switched = next((t for t, flag in run.flags.items() if t.needs_grad is not flag), None)
    if switched is not None:
        raise NotCapturable("the step changes whether a tensor requires a gradient; do that outside")
    run.refuse_drawn()


def _returned(result: Any, run: _Run) -> Any:
    """The results of this run; one that is given twice stays one."""
    made: dict[int, Any] = {}
    return mapped(result, lambda t: t if t is None else made.setdefault(id(t), _plain(t, run)))


def _plain(t: Any, run: _Run) -> Any:
    """A result of this run, without its graph."""
    if t in run.adopted:
        return t
    for alias, x in run.aliases:
        if t is alias:
            return x
    return wrap(t.array.plain if isinstance(t.array, Noted) else t.array)


def beginning_of(step: Any) -> str:
    """Where a step begins, for an error that has no line."""
    code = getattr(unwrap(getattr(step, "func", step)), "__code__", None) or getattr(type(step).__call__, "__code__", None)
    return "" if code is None else f" (the step at {code.co_filename}:{code.co_firstlineno})"
