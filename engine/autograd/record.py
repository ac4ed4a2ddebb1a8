"""Recording: the node that an op which was just computed leaves in the graph."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any
from weakref import ref

from ..errors import GradientError
from .base import Node, TensorBase, flatten, next_sequence
from .declaration import Op
from .promotion import is_complex_dtype, is_inexact

anomaly: ContextVar[bool] = ContextVar("dlengine_anomaly", default=False)
"""Whether every forward and gradient is searched for NaN."""

_PACKAGE = Path(__file__).parents[1]


def refusal(op: Op) -> str:
    return f"{op.name} has no derivative; detach() its argument, or use a differentiable op"


def make_node(
    op: Op, xp: Any, consts: dict[str, Any], inputs: list[Any], need: tuple[bool, ...], pull: Any, guards: list[list[int]],
    outputs: Sequence[TensorBase], dtypes: tuple[Any, ...], layout: tuple[int, ...] | None = None, single: bool = True,
) -> Node:  # fmt: skip
    """Record an op that was just computed: the only place where nodes are made and outputs are tied to them.

    inputs, need, pull, guards, layout, single, dtypes: the node's fields (see Node). outputs: one tensor per dtype; those
    whose dtype is None carry no gradient.
    """
    node = Node()
    node.op = op
    node.xp = xp
    node.consts = consts
    node.inputs = inputs
    node.need = need
    node.pull = pull
    node.guards = guards
    node.dtypes = dtypes
    if pull is None:
        node.refusal = refusal(op)
    if single:
        (out,) = outputs
        node.shapes = (out._array.shape,)
        out._node = node
        out._requires_grad = True
    else:
        node.single = False
        node.shapes = tuple([out._array.shape for out in outputs])
        for i, out in enumerate(outputs):
            if dtypes[i] is not None:
                out._node, out._index, out._requires_grad = node, i, True
    if layout is not None:
        node.layout = layout
    node.seq = next_sequence()
    return node


def record(
    op: Op, xp: Any, args: tuple[Any, ...], consts: dict[str, Any], nested: bool, pull: Any, outputs: Sequence[TensorBase],
    dtypes: tuple[Any, ...], single: bool,
) -> None:  # fmt: skip
    """Record an op of any arguments. Hot: no comprehension, no call too many."""
    flat: Sequence[Any] = args
    layout = None
    if nested:
        flat, layout = flatten(args)
    inputs: list[Any] = []
    wanted: list[bool] = []
    for a in flat:
        if isinstance(a, TensorBase):
            parent = a._node
            inputs.append(a if parent is None else (parent, a._index, ref(a)))
            wanted.append(a._requires_grad)
        else:
            inputs.append(a)
            wanted.append(False)
    if type(pull) is tuple and not nested:
        pull = [p if n else None for p, n in zip(pull, wanted, strict=True)]
    elif pull is not None and not nested and len(wanted) == 1:
        pull = [pull]
    need = tuple(wanted)
    guards: list[list[int]] = []
    slots = op.guards.get(need) or op.guarded(need)
    for slot in slots:
        if slot >= 0 and isinstance(flat[slot], TensorBase):
            guards.append(flat[slot]._version)
    if slots and slots[0] < 0:
        for i, out in enumerate(outputs):
            if -1 in slots or -2 - i in slots:
                guards.append(out._version)
    node = make_node(op, xp, consts, inputs, need, pull, guards, outputs, dtypes, layout, single)
    if not op.complex:
        refuse_complex(op, node, outputs)
    if anomaly.get():
        node.trace = trace(op, [out._array for out in outputs])


def refuse_complex(op: Op, node: Node, outputs: Sequence[TensorBase]) -> None:
    """An op whose pullbacks were not shown to hold for complex values raises in backward rather than be wrong."""
    dtypes = [s[0].dtypes[s[1]] if type(s) is tuple else s._array.dtype for s, n in zip(node.inputs, node.need, strict=True) if n]
    if any(is_complex_dtype(d) for d in (*dtypes, *[out._array.dtype for out in outputs])):
        node.refusal = f"{op.name} has no derivative for complex values; work on real and imaginary parts"


def trace(op: Op, ys: Sequence[Any]) -> str:
    """Anomaly mode: the user's line that called the op; a NaN that appears here is reported at once."""
    frames = reversed(traceback.extract_stack())
    here = next((f for f in frames if _PACKAGE not in Path(f.filename).parents), None)
    line = f"{here.filename}:{here.lineno}: {here.line}" if here else "unknown line"
    for a in ys:
        if is_inexact(a) and bool((a != a).any() if hasattr(a, "any") else False):
            raise GradientError(f"anomaly: {op.name} made a NaN in its forward at {line}")
    return line
