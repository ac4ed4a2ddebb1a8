"""Replay: the values that a graph's definitions are read again with, those that have died computed anew."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from ..errors import GradientError
from ..recording.recorded import SCALARS, solid
from .base import Node, TensorBase, graph, second_reading, unflatten, wrap
from .promotion import kept, promote


def _sources(node: Node) -> Iterable[tuple[Node, int, Any]]:
    return [s for s in node.inputs if type(s) is tuple]


def replay(roots: list[Node], stop: Collection[Any], held: Sequence[TensorBase]) -> dict[Node, list[Any]]:
    """Every node's inputs as tensors, the dead ones computed again from the leaves (or from held, where stop cuts)."""
    order = graph(roots, stop)
    alive: dict[tuple[Node, int], Any] = {(t.node, t._index): t for t in held if t.node is not None}
    dead: set[Node] = set()
    for node in reversed(order):
        for s in _sources(node):
            if (s[0], s[1]) in stop:
                continue
            t = s[2]()
            if t is not None and t.node is s[0] and t._index == s[1]:
                alive[s[0], s[1]] = t
            else:
                dead.add(s[0])
    for node in reversed(order):  # what a dead value is computed from must be known too
        if node in dead:
            dead.update(s[0] for s in _sources(node) if (s[0], s[1]) not in alive)
    values: dict[Node, list[Any]] = {}
    for node in order:
        args = [alive[s[0], s[1]] if type(s) is tuple else s for s in node.inputs]
        values[node] = args
        if node in dead:
            for i, t in enumerate(compute(node, args)):
                alive.setdefault((node, i), t)
    return values


def compute(node: Node, args: list[Any]) -> list[Any]:
    """One op's outputs again, as tensors in their old place in the graph."""
    arrays = [a.array if isinstance(a, TensorBase) else a for a in args]
    consts = dict(node.consts)
    if node.op.save:
        consts["save"] = True
    if node.op.dtyped and consts.get("dtype") is not None:
        consts["dtype"] = node.xp.dtype(consts["dtype"])
    if any(isinstance(a, TensorBase) and a.version[0] > node.seq for a in args):
        raise GradientError(f"{node.op.name}: cannot be computed again, a value it uses was overwritten in place")
    if node.op.promotes is not None:
        arrays = promote(node.xp, arrays, node.op.promotes)
    y, _ = node.op.text(node.xp, *unflatten(arrays, node.layout), **consts)
    y = kept(arrays, consts, y)
    outs = []
    for i, v in enumerate((y,) if node.single else y):
        t = wrap(solid(v) if isinstance(v, SCALARS) else v, True)
        t.node, t._index = node, i
        outs.append(t)
    return outs


def read_again(node: Node, args: list[Any]) -> Any:
    """An op's pullbacks as functions on tensors: its definition read with the tensor namespace and the node's inputs."""
    if any(isinstance(a, TensorBase) and a.version[0] > node.seq for a in args):
        raise GradientError(
            f"{node.op.name}: an argument was overwritten in place after the forward, and create_graph computes with it "
            "again; write to a copy"
        )
    anchor = next(a for a in args if isinstance(a, TensorBase))
    consts = {**node.consts, "save": True} if node.op.save else node.consts
    _, pull = node.op.tensor_text(second_reading(anchor), *unflatten(args, node.layout), **consts)
    if node.layout is None and type(pull) is tuple:
        return [p if n else None for p, n in zip(pull, node.need, strict=True)]
    if node.layout is None and len(node.need) == 1:
        return [pull]
    return pull
