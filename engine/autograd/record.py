"""Recording: the node that an op which was just computed leaves in the graph."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any
from weakref import ref

from ..errors import GradientError
from .base import Node, TensorBase, flatten
from .declaration import Op
from .promotion import is_complex_dtype, is_inexact

anomaly: ContextVar[bool] = ContextVar("dlengine_anomaly", default=False)
"""Whether every forward and gradient is searched for NaN."""

_PACKAGE = Path(__file__).parents[1]


def refusal(op: Op) -> str:
    return f"{op.name} has no derivative; detach() its argument, or use a differentiable op"


def recorded(op: Op, xp: Any, args: tuple[Any, ...], consts: dict[str, Any], nested: bool, pull: Any) -> Node:
    """The node of an op that was just computed, but for what belongs to its outputs. Hot: no comprehension, no call too many."""
    node = Node()
    flat: Sequence[Any] = args
    if nested:
        flat, node.layout = flatten(args)
    inputs: list[Any] = []
    wanted: list[bool] = []
    pulls: Any = []
    each = type(pull) is tuple and not nested
    for i, a in enumerate(flat):
        if isinstance(a, TensorBase):
            parent = a._node
            inputs.append(a if parent is None else (parent, a._index, ref(a)))
            needed = a._requires_grad
        else:
            inputs.append(a)
            needed = False
        wanted.append(needed)
        if each:
            pulls.append(pull[i] if needed else None)
    if each:
        pull = pulls
    elif pull is None:
        node.refusal = refusal(op)
    elif not nested and len(wanted) == 1:
        pull = [pull]
    need = tuple(wanted)
    guards: list[list[int]] = []
    for slot in op.guards.get(need) or op.guarded(need):
        if slot >= 0 and isinstance(flat[slot], TensorBase):
            guards.append(flat[slot]._version)
    node.op = op
    node.xp = xp
    node.consts = consts
    node.inputs = inputs
    node.need = need
    node.pull = pull
    node.guards = guards
    return node


def refuse_complex(op: Op, node: Node, ys: tuple[Any, ...]) -> None:
    """An op whose pullbacks were not shown to hold for complex values raises in backward rather than be wrong."""
    dtypes = [s[0].dtypes[s[1]] if type(s) is tuple else s._array.dtype for s, n in zip(node.inputs, node.need, strict=True) if n]
    if any(is_complex_dtype(d) for d in (*dtypes, *(y.dtype for y in ys))):
        node.refusal = f"{op.name} has no derivative for complex values; work on real and imaginary parts"


def trace(op: Op, ys: tuple[Any, ...]) -> str:
    """Anomaly mode: the user's line that called the op; a NaN that appears here is reported at once."""
    frames = reversed(traceback.extract_stack())
    here = next((f for f in frames if _PACKAGE not in Path(f.filename).parents), None)
    line = f"{here.filename}:{here.lineno}: {here.line}" if here else "unknown line"
    for a in ys:
        if is_inexact(a) and bool((a != a).any() if hasattr(a, "any") else False):
            raise GradientError(f"anomaly: {op.name} made a NaN in its forward at {line}")
    return line
