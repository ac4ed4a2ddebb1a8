"""checkpoint: forget what a function computed and compute it again when its gradient is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any, TypeVar, TypeVarTuple

from .. import backend, generator
from ..errors import DTypeError, GradientError
from . import walk
from .base import TensorBase, enable_grad, graph, next_sequence, no_grad, recording, touched, wrap
from .op import op

Arguments = TypeVarTuple("Arguments")
R = TypeVar("R")

recomputing: ContextVar[bool] = ContextVar("dlengine_recomputing", default=False)
"""Whether a checkpointed function is running again: layers leave their buffers alone then."""


def checkpoint(f: Callable[[*Arguments], R], *args: *Arguments) -> R:
    """Call a function without keeping its intermediate values; backward computes them again.

    Gradients reach the tensors in ``args`` and every tensor that ``f`` used. Random numbers are the same in the second run, and
    buffers such as running statistics are updated once.

    Parameters
    ----------
    f : callable
        It returns a tensor or a tuple of tensors, and must do the same each time: what it reads must not be written
        in between.
    *args : Tensor or any value
        Its arguments.

    Returns
    -------
    Tensor or tuple of Tensor
        ``f(*args)``.

    Raises
    ------
    DTypeError
        If ``f`` returns anything else.
    GradientError
        In backward, if ``f`` does something else in its second run.

    References
    ----------
    Chen et al., 2016, arXiv:1604.06174.

    Examples
    --------
    >>> x = dl.tensor([1.0, 2.0], requires_grad=True)
    >>> dl.checkpoint(lambda x: dl.exp(x * 0), x).sum().backward()
    >>> x.grad
    tensor([0., 0.])
    """
    y: R = _checkpoint(f, args) if recording.get() else f(*args)
    return y


def _checkpoint(f: Callable[..., Any], args: tuple[Any, ...]) -> Any:
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
    used.update((v, None) for v in outputs if v.needs_grad)
    own = {id(t) for t in standing}
    extra = [t for t in _outside(used, start) if id(t) not in own]
    outer_seen, outer_log = touched.get(), generator.draws.get()
    if outer_seen is not None:  # inside the first run of another checkpoint, which must know them too
        outer_seen.update((t, None) for t in (*inputs, *extra) if t.needs_grad)
    if outer_log is not None:
        outer_log.extend(drawn)
    # what is an argument, or a view of one, would share memory with it unseen
    outputs = tuple([v.detach().clone() if v._view or v.needs_grad else v for v in outputs])
    if not any(t.needs_grad for t in (*inputs, *extra)):
        return outputs[0] if isinstance(y, TensorBase) else outputs
    tracked = [t.needs_grad for t in inputs]
    single = isinstance(y, TensorBase)
    first = [outputs]  # handed over once, so that the node does not keep its own outputs
    return _checkpointed([*inputs, *extra], again=again, first=first, tracked=tracked, leaves=extra, single=single)


def _stand_in(t: TensorBase) -> TensorBase:
    """A leaf with the same storage, of which it counts writes."""
    alias: TensorBase = wrap(t.array, t.needs_grad)
    alias.version, alias._view = t.version, True
    return alias


def _outside(used: dict[TensorBase, None], start: int) -> list[TensorBase]:
    """The tensors that were there before the sequence number start, or are leaves, and that the used ones depend on."""
    found: dict[TensorBase, None] = {}
    for t in used:
        if t.node is None or t.node.seq < start:
            found[t] = None
            continue
        for node in graph([t.node]):  # recorded within f: under enable_grad, or by a transform
            if node.seq > start:
                sources = [s[2]() if type(s) is tuple and s[0].seq < start else s for s in node.inputs]
                found.update((s, None) for s in sources if isinstance(s, TensorBase) and s.needs_grad)
    return list(found)


def _gradients_again(
    again: Callable[..., Any], tensors: list[Any], leaves: list[Any], cotangents: list[Any], create_graph: bool
) -> list[Any]:
    """Run the function on these tensors, recording, and walk back from its outputs to them and to the leaves it used."""
    with enable_grad():
        ys = again(tensors)
    outputs = ys if isinstance(ys, (tuple, list)) else (ys,)
    roots = [(y, g) for y, g in zip(outputs, cotangents, strict=True) if y.needs_grad and g is not None]
    targets = [t for t in (*tensors, *leaves) if t.needs_grad]
    found = walk.run(roots, targets, create_graph=create_graph, retain_graph=create_graph, upto=True)
    return [found.get(t if t.node is None else (t.node, t._index)) for t in (*tensors, *leaves)]


def _with_tensors(
    xp: Any, inputs: Any, /, *, again: Callable[..., Any], first: list[Any], tracked: list[bool], leaves: list[Any], single: bool
) -> Any:
    """checkpoint read with tensors, for its pullback alone: the values are known."""

    def pull(gy: Any) -> list[Any]:
        # Fresh tensors, one for each argument: what is behind an argument is not this pullback's to differentiate.
        with enable_grad():
            tensors = [x.clone() if t else x for x, t in zip(inputs, tracked, strict=False)]
        return _gradients_again(again, tensors, leaves, [gy] if single else list(gy), True)

    return None, pull


@op(complex=True, tensors=_with_tensors)
def _checkpointed(
    xp: Any, inputs: Any, /, *, again: Callable[..., Any], first: list[Any], tracked: list[bool], leaves: list[Any], single: bool
) -> Any:
    """The recorded form of checkpoint: its pullback runs the function again, this time recording."""

    def pull(gy: Any) -> list[Any]:
        tensors = [wrap(x, t) for x, t in zip(inputs, tracked, strict=False)]
        return _gradients_again(again, tensors, leaves, [gy] if single else list(gy), False)

    outputs = first.pop() if first else None
    if outputs is None:
        with no_grad():
            ys = again([wrap(x) for x in inputs[: len(tracked)]])
        outputs = (ys,) if single else tuple(ys)
    arrays = tuple(v.array for v in outputs)
    return (arrays[0] if single else arrays), pull
