"""checkpoint: forget what a function computed and compute it again when its gradient is asked for."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from .. import generator
from ..errors import DTypeError
from .base import TensorBase, enable_grad, no_grad, recording, wrap
from .call import touched
from .op import op
from .promotion import is_inexact
from .transforms import gradients

recomputing: ContextVar[bool] = ContextVar("dlengine_recomputing", default=False)
"""Whether a checkpointed function is running again: layers leave their buffers alone then."""


def checkpoint(f: Callable[..., Any], *args: Any) -> Any:
    """f(*args) without keeping its intermediate values: they are computed again in the backward pass.

    Gradients reach the tensors in args and every leaf that f used (found in the first run). Random numbers are the same
    in the second run, and buffers such as running statistics are updated once.
    f must return a tensor or a tuple of tensors. Source: Chen et al. 2016, arXiv:1604.06174.
    """
    if not recording.get():
        return f(*args)
    leaves: dict[TensorBase, None] = {}
    drawn: list[tuple[int, int]] = []
    seen, log = touched.set(leaves), generator.draws.set(drawn)
    try:
        with no_grad():
            y = f(*args)
    finally:
        touched.reset(seen)
        generator.draws.reset(log)
    single = isinstance(y, TensorBase)
    outputs = tuple(y) if isinstance(y, (tuple, list)) else (y,)
    if not all(isinstance(v, TensorBase) for v in outputs):
        raise DTypeError("checkpoint: f must return a tensor or a tuple of tensors")
    places = [i for i, a in enumerate(args) if isinstance(a, TensorBase)]
    inputs = [args[i] for i in places]
    extra = [t for t in leaves if all(t is not a for a in inputs)]
    first = [y]  # handed over once, so that the node does not keep its own output

    def run(tensors: list[Any]) -> Any:
        """f again, on these tensors in the places of the tensor arguments."""
        full = list(args)
        for i, t in zip(places, tensors, strict=True):
            full[i] = t
        again, redo = generator.replayed.set(iter(drawn)), recomputing.set(True)
        try:
            return f(*full)
        finally:
            generator.replayed.reset(again)
            recomputing.reset(redo)

    return _checkpointed([*inputs, *extra], run=run, first=first, count=len(inputs), leaves=extra, single=single)


@op(complex=True)
def _checkpointed(
    xp: Any, inputs: Any, /, *, run: Callable[..., Any], first: list[Any], count: int, leaves: list[Any], single: bool
) -> Any:
    """The recorded form of checkpoint: its pullback runs the function again, this time recording."""
    tensors = [x if isinstance(x, TensorBase) else wrap(x, is_inexact(x)) for x in inputs[:count]]
    differentiable = bool(inputs) and isinstance(inputs[0], TensorBase)
    y = first.pop() if first else None
    if y is None:
        with no_grad():
            y = run(tensors)
    arrays = y._array if single else tuple(v._array for v in y)

    def pull(gy: Any) -> list[Any]:
        with enable_grad():
            again = run(tensors)
        outs = [again] if single else list(again)
        given = [gy] if single else list(gy)
        pairs = [
            (o, g if isinstance(g, TensorBase) else wrap(g)) for o, g in zip(outs, given, strict=True) if o._requires_grad
        ]
        wanted = [t for t in (*tensors, *leaves) if t._requires_grad]
        found = gradients([o for o, _ in pairs], wanted, [g for _, g in pairs], create_graph=differentiable)
        grads = {id(t): g if differentiable else g._array for t, g in zip(wanted, found, strict=True)}
        return [grads.get(id(t)) for t in (*tensors, *leaves)]

    return arrays, pull
