"""checkpoint: forget what a function computed and compute it again when its gradient is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any

from .. import backend, generator
from ..errors import DTypeError, GradientError
from . import walk
from .base import TensorBase, enable_grad, graph, next_sequence, no_grad, recording, second_reading, touched, wrap
from .op import op

recomputing: ContextVar[bool] = ContextVar("dlengine_recomputing", default=False)
"""Whether a checkpointed function is running again: layers leave their buffers alone then."""


def checkpoint(f: Callable[..., Any], *args: Any) -> Any:
    """f(*args) without keeping its intermediate values: they are computed again in the backward pass.

    Gradients reach the tensors in args and every tensor that f used (found in the first run). Random numbers are the same
    in the second run, and buffers such as running statistics are updated once.
    f must return a tensor or a tuple of tensors, and do the same each time: what it reads must not be written in between.
    Source: Chen et al. 2016, arXiv:1604.06174.
    """
    if not recording.get():
        return f(*args)
    # f gets stand-ins of its arguments, so that one which it also closes over is seen as what it is: used twice
    places = [i for i, a in enumerate(args) if isinstance(a, TensorBase)]
    inputs = [args[i] for i in places]
    standing = [_stand_in(a) for a in inputs]
    start, policy = next_sequence(), backend.policy()
    used: dict[TensorBase, None] = {}
    drawn: list[generator.Drawn] = []

    def run(tensors: Sequence[Any]) -> Any:
        """f on these tensors in the places of the tensor arguments."""
        full = list(args)
        for i, t in zip(places, tensors, strict=True):
            full[i] = t
        return f(*full)

    def again(tensors: Sequence[Any]) -> Any:
        """f once more, with the same random numbers and kernels."""
        left = iter(drawn)
        replay, redo = generator.replayed.set(left), recomputing.set(True)
        try:
            with backend.in_force(policy):
                y = run(tensors)
        finally:
            generator.replayed.reset(replay)
            recomputing.reset(redo)
        if next(left, None) is not None:
            raise GradientError(
                "checkpoint: the function drew fewer random numbers when it ran again for its gradient; "
                "it must do the same on the same arguments"
            )
        return y

    seen, log = touched.set(used), generator.draws.set(drawn)
    try:
        with no_grad():
            y = run(standing)
    finally:
        touched.reset(seen)
        generator.draws.reset(log)
    outputs = tuple(y) if isinstance(y, (tuple, list)) else (y,)
    if not all(isinstance(v, TensorBase) for v in outputs):
        raise DTypeError("checkpoint: f must return a tensor or a tuple of tensors")
    used.update((v, None) for v in outputs if v._requires_grad)
    own = {id(t) for t in standing}
    extra = [t for t in _outside(used, start) if id(t) not in own]
    outer_seen, outer_log = touched.get(), generator.draws.get()
    if outer_seen is not None:  # inside the first run of another checkpoint, which must know them too
        outer_seen.update((t, None) for t in (*inputs, *extra) if t._requires_grad)
    if outer_log is not None:
        outer_log.extend(drawn)
    # what is an argument, or a view of one, would share memory with it unseen
    outputs = tuple([second_reading(v).clone(v.detach()) if v._view or v._requires_grad else v for v in outputs])
    if not any(t._requires_grad for t in (*inputs, *extra)):
        return outputs[0] if isinstance(y, TensorBase) else outputs
    tracked = [t._requires_grad for t in inputs]
    single = isinstance(y, TensorBase)
    first = [outputs]  # handed over once, so that the node does not keep its own outputs
    return _checkpointed([*inputs, *extra], again=again, first=first, tracked=tracked, leaves=extra, single=single)


def _stand_in(t: TensorBase) -> TensorBase:
    """A leaf with the same storage, of which it counts writes."""
    alias: TensorBase = wrap(t._array, t._requires_grad)
    alias._version, alias._view = t._version, True
    return alias


def _outside(used: dict[TensorBase, None], start: int) -> list[TensorBase]:
    """The tensors that were there before the sequence number start, or are leaves, and that the used ones depend on."""
    found: dict[TensorBase, None] = {}
    for t in used:
        if t._node is None or t._node.seq < start:
            found[t] = None
            continue
        for node in graph([t._node]):  # recorded within f: under enable_grad, or by a transform
            if node.seq > start:
                sources = [s[2]() if type(s) is tuple and s[0].seq < start else s for s in node.inputs]
                found.update((s, None) for s in sources if isinstance(s, TensorBase) and s._requires_grad)
    return list(found)


@op(complex=True)
def _checkpointed(
    xp: Any, inputs: Any, /, *, again: Callable[..., Any], first: list[Any], tracked: list[bool], leaves: list[Any], single: bool
) -> Any:
    """The recorded form of checkpoint: its pullback runs the function again, this time recording."""
    given = inputs[: len(tracked)]
    differentiable = any(isinstance(x, TensorBase) for x in inputs)

    def fresh(x: Any, track: bool) -> Any:
        if isinstance(x, TensorBase):
            return second_reading(x).multiply(x, 1) if track else x
        return wrap(x, track)

    def pull(gy: Any) -> list[Any]:
        with enable_grad():
            # fresh tensors, one a place: what is behind an argument is the caller's business, not this pullback's
            tensors = [fresh(x, t) for x, t in zip(given, tracked, strict=True)]
            ys = again(tensors)
        pairs = [
            (y, g if isinstance(g, TensorBase) else wrap(g))
            for y, g in zip([ys] if single else ys, [gy] if single else gy, strict=True)
            if y._requires_grad and g is not None
        ]
        roots = pairs if differentiable else [(y, g._array) for y, g in pairs]
        targets = [t for t in (*tensors, *leaves) if t._requires_grad]
        found = walk.run(roots, targets, create_graph=differentiable, retain_graph=differentiable, upto=True)
        return [found.get(t if t._node is None else (t._node, t._index)) for t in (*tensors, *leaves)]

    if differentiable:  # read for the pullback alone: the values are known
        return None, pull
    outputs = first.pop() if first else None
    if outputs is None:
        with no_grad():
            ys = again([wrap(x) for x in given])
        outputs = (ys,) if single else tuple(ys)
    arrays = tuple(v._array for v in outputs)
    return (arrays[0] if single else arrays), pull
