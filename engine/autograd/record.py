"""Recording: the node that an op which was just computed leaves in the graph."""

from __future__ import annotations

import linecache
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any, TypeAlias
from weakref import ref

from ..errors import GradientError
from ..recording.callers import where
from .base import Node, TensorBase, flatten, next_sequence
from .declaration import Op
from .promotion import is_complex_dtype, is_inexact

anomaly: ContextVar[bool] = ContextVar("dlengine_anomaly", default=False)
"""Whether every forward and gradient is searched for NaN."""

Outputs: TypeAlias = TensorBase | list[TensorBase]
"""The tensor of an op with one output, or the list of those of an op with several."""


def refusal(op: Op) -> str:
    return f"{op.name} has no derivative; detach() its argument, or use a differentiable op"


def make_node(
    op: Op, xp: Any, consts: dict[str, Any], inputs: list[Any], need: tuple[bool, ...], pull: Any, guards: Sequence[list[int]],
    outputs: Outputs,
) -> Node:  # fmt: skip
    """Record an op that was just computed: the only place where nodes are made and outputs are tied to them.

    inputs, need, pull, guards: the node's fields (see Node). outputs: of an op with several, a gradient flows through those
    for which carries_gradient() holds.
    """
    node = Node()
    node.op = op
    node.xp = xp
    node.consts = consts
    node.inputs = inputs
    node.need = need
    node.pull = pull
    node.guards = guards
    if pull is None:
        node.refusal, node.rare = refusal(op), True
    if isinstance(outputs, list):
        node.single, node.rare = False, True
        node.shapes = tuple([out.array.shape for out in outputs])
        node.dtypes = tuple([out.array.dtype if carries_gradient(op, i, out) else None for i, out in enumerate(outputs)])
        for i, out in enumerate(outputs):
            if node.dtypes[i] is not None:
                out.node, out._index, out.needs_grad = node, i, True
    else:
        y = outputs.array
        node.shapes = (y.shape,)
        node.dtypes = (y.dtype,)
        outputs.node = node
        outputs.needs_grad = True
    node.seq = next_sequence()
    return node


def carries_gradient(op: Op, i: int, out: TensorBase) -> bool:
    """Whether a gradient flows through output i of an op with several outputs."""
    return i not in op.constants and is_inexact(out.array)


def record(
    op: Op, xp: Any, args: tuple[Any, ...], consts: dict[str, Any], nested: bool, pull: Any, outputs: Outputs
) -> None:
    """Record an op of any arguments. Hot: no comprehension, no call too many. outputs: as make_node takes them."""
    flat: Sequence[Any] = args
    layout = None
    if nested:
        flat, layout = flatten(args)
    inputs: list[Any] = []
    wanted: list[bool] = []
    for a in flat:
        if isinstance(a, TensorBase):
            parent = a.node
            inputs.append(a if parent is None else (parent, a._index, ref(a)))
            wanted.append(a.needs_grad)
        else:
            inputs.append(a)
            wanted.append(False)
    if type(pull) is tuple and not nested:
        pull = [p if n else None for p, n in zip(pull, wanted, strict=True)]
    elif pull is not None and not nested and len(wanted) == 1:
        pull = [pull]
    need = tuple(wanted)
    slots = op.guards.get(need) or op.guarded(need)
    outs = outputs if isinstance(outputs, list) else [outputs]
    guards = version_cells(slots, flat, outs) if slots else ()
    node = make_node(op, xp, consts, inputs, need, pull, guards, outputs)
    if nested:
        node.layout = layout
    if not op.complex:
        refuse_complex(op, node, outs)
    if anomaly.get():
        node.trace, node.rare = trace(op, [out.array for out in outs]), True


def version_cells(slots: Sequence[int], inputs: Sequence[Any], outputs: Sequence[TensorBase]) -> list[list[int]]:
    """The version cells of the values at these slots: positions of inputs, -1 for every output, -2 - i for output i."""
    cells = []
    for slot in slots:
        if slot >= 0:
            if isinstance(inputs[slot], TensorBase):
                cells.append(inputs[slot].version)
        elif slot == -1:
            cells += [out.version for out in outputs]
        else:
            cells.append(outputs[-2 - slot].version)
    return cells


def refuse_complex(op: Op, node: Node, outputs: Sequence[TensorBase]) -> None:
    """An op whose pullbacks were not shown to hold for complex values raises in backward rather than be wrong."""
    dtypes = [s[0].dtypes[s[1]] if type(s) is tuple else s.array.dtype for s, n in zip(node.inputs, node.need, strict=True) if n]
    if any(is_complex_dtype(d) for d in (*dtypes, *[out.array.dtype for out in outputs])):
        node.refusal = f"{op.name} has no derivative for complex values; work on real and imaginary parts"
        node.rare = True


def trace(op: Op, ys: Sequence[Any]) -> str:
    """Anomaly mode: the user's line that called the op; a NaN that appears here is reported at once."""
    file, _, number = where().rpartition(":")
    line = f"{file}:{number}: {linecache.getline(file, int(number)).strip()}" if file else "unknown line"
    for a in ys:
        if is_inexact(a) and bool((a != a).any() if hasattr(a, "any") else False):
            raise GradientError(f"anomaly: {op.name} made a NaN in its forward at {line}")
    return line
