"""The walk: from outputs back to leaves, newest op first, doing once what every pullback would repeat.

It undoes broadcasting and promotion, skips what needs no gradient, accumulates in place only into buffers it owns, drops
closures as soon as they are used, and calls hooks. It is iterative and re-entrant.

With create_graph it first replays, oldest first and once, the values that have died, then reads each op's definition again
with tensors, so the pullbacks are themselves recorded. The parts: plan.py (where to go), replay.py (values), accumulate.py
(sums); this file takes the steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from heapq import heappop
from typing import Any

from dlengine.kernels.totals import Offer, offer

from .. import backend
from ..errors import GradientError
from ..recording.recorded import SCALARS, solid
from .accumulate import Accumulator
from .base import Node, TensorBase, graph, recording, touched, wrap
from .fp_errors import ignore_fp_errors, restore_fp_errors
from .hooks import run_hooks
from .plan import EVERYWHERE, Plan
from .replay import read_again, replay
from .watch import Watched, watchers


def run(
    roots: Sequence[tuple[Any, Any]],
    targets: Sequence[TensorBase] | None,
    *,
    create_graph: bool,
    retain_graph: bool,
    upto: bool = False,
) -> dict[Any, Any]:
    """Pull cotangents back from roots, pairs (tensor, cotangent), to all leaves, or to the targets alone.

    upto: go no further than the targets, as if they all were leaves, and leave their hooks to the caller.
    Returns {leaf, or (node, index) of an intermediate target: gradient}; gradients are arrays, tensors with create_graph.
    """
    seen = touched.get()
    if seen is not None:
        seen.update((t, None) for t, _ in roots)
    token = recording.set(create_graph)
    silence = ignore_fp_errors()
    watched: Watched | None = None
    try:
        if targets is None and not upto:
            plan = EVERYWHERE
        else:
            plan = Plan([t.node for t, _ in roots if t.node is not None], targets, upto)
        watched = Watched(t.node for t, _ in roots if t.node is not None) if watchers and targets is None else None
        return _Walk(plan, create_graph, retain_graph).run(roots, watched)
    except BaseException:
        if watched is not None:
            watched.abandon()
        raise
    finally:
        restore_fp_errors(silence)
        recording.reset(token)


class _Walk:
    def __init__(self, plan: Plan, create_graph: bool, retain_graph: bool) -> None:
        self.plan = plan
        self.create_graph = create_graph
        self.retain = retain_graph or create_graph
        self.sums = Accumulator(plan.stop, create_graph)
        self.values: dict[Node, list[Any]] = {}  # of every node's inputs, for create_graph
        self.without_gradient: list[Any] = []  # inputs of nodes whose derivative for them is 0 everywhere

    def run(self, roots: Sequence[tuple[Any, Any]], watched: Watched | None) -> dict[Any, Any]:
        plan, sums = self.plan, self.sums
        if self.create_graph:
            nodes = [t.node for t, _ in roots if t.node is not None]
            self.values = replay(nodes, plan.stop, plan.targets if plan.upto else ())
        for t, g in roots:
            sums.add(None, t if t.node is None else (t.node, t._index, None), g)
        heap = sums.heap
        found: dict[Any, Any] = {}
        everything = not (self.create_graph or plan.inner or plan.relevant is not None)
        while heap:
            node = heappop(heap)[1]
            if everything and not node.rare:
                self.usual_step(node)
            else:
                self.rare_step(node, found)
            if watched is not None:
                watched.after(node, sums.leaves)
        leaves = sums.leaves
        if plan.relevant is None:
            self.give_zeros(leaves)
        if watched is not None:
            watched.finish(leaves)
        if not plan.upto:
            for leaf, g in leaves.items():
                if leaf._hooks is not None:
                    leaves[leaf] = run_hooks(leaf._hooks, g, self.create_graph)
        return {**leaves, **found}

    def usual_step(self, node: Node) -> None:
        """What `rare_step` does, for a node with nothing unusual about it in a walk to all leaves. Hot: no call too many."""
        sums = self.sums
        g = sums.pending.pop(node)
        if sums.owned:
            sums.owned.discard(node)
        if isinstance(g, SCALARS):
            g = solid(g)
        seq = node.seq
        for cell in node.guards:
            if cell[0] > seq:
                raise overwritten(node)
        pull = node.pull
        if pull is None or node.xp.several:
            pull = self.pullback(node, g)
        if not self.retain:
            node.pull = None
        if type(pull) is not list:
            self.propagate(node, pull, g)
            return
        add = sums.add
        if sums.owned and node.op.adds:
            pull = self.offering(node, pull, node.need)
        fresh = node.op.fresh
        for source, p in zip(node.inputs, pull):  # noqa: B905 - of equal length
            if p is not None:
                found = p(g)
                if found is not None:
                    add(node, source, found)
                    if fresh and found is not g:
                        sums.own(source, found)
                else:
                    self.without_gradient.append(source)

    def offering(self, node: Node, pull: Any, need: tuple[bool, ...]) -> Any:
        """The pullbacks of a node, whose kernels may add to the sums of its inputs; see dlengine.kernels.totals."""
        op, (kernel, places) = node.op, node.op.adds
        totals = self.sums.totals(node, places)
        joint = type(pull) is not list
        if op.text is not op.original or not (any(t is not None for t in totals) or (joint and not need[0])):
            return pull
        if joint:
            return partial(offer, Offer(kernel, totals, need[0]), pull)
        pull = pull.copy()
        for i, total in zip(places, totals, strict=True):
            if total is not None and pull[i] is not None:
                pull[i] = partial(offer, Offer(kernel, [total]), pull[i])
        return pull

    def rare_step(self, node: Node, found: dict[Any, Any]) -> None:
        """One node: its cotangent, after its hooks, and the gradients of its inputs. found: those of the walk's targets."""
        g = self.cotangents(node, found)
        if self.plan.relevant is None or node in self.plan.relevant:
            self.step(node, g[0] if node.single else g)

    def give_zeros(self, leaves: dict[Any, Any]) -> None:
        """A gradient of zeros for the leaves that are reached by way of zero derivatives alone (floor, x**0).

        Zeros are not carried through the graph: there they could meet an infinite value and become NaN.
        """
        reached = self.without_gradient
        if not reached:
            return
        behind = [s for node in graph([s[0] for s in reached if type(s) is tuple]) for s in node.inputs]
        for leaf in (*reached, *behind):
            if isinstance(leaf, TensorBase) and leaf.needs_grad and leaf not in leaves:
                zeros = backend.space_of(leaf.array).zeros(leaf.array.shape, dtype=leaf.array.dtype)
                leaves[leaf] = wrap(zeros) if self.create_graph else zeros

    def cotangents(self, node: Node, found: dict[Any, Any]) -> tuple[Any, ...]:
        """The cotangents of an op's outputs; of several, the missing ones are zeros unless the op takes None."""
        out = []
        self.sums.queued.discard(node)
        for i, (shape, dtype) in enumerate(zip(node.shapes, node.dtypes, strict=True)):
            g = self.sums.take((node, i) if i else node)
            if g is not None and node.hooks is not None:
                g = run_hooks(node.hooks.get(i), g, self.create_graph)
            if g is not None and (node, i) in self.plan.inner:
                found[node, i] = g
            if g is None and dtype is not None and not node.op.none_cotangents:
                zeros = node.xp.zeros(shape, dtype=dtype)
                g = wrap(zeros) if self.create_graph else zeros
            out.append(g)
        return tuple(out)

    def step(self, node: Node, gy: Any) -> None:
        """One op: check that what its pullbacks need is as it was, call them, propagate what they return."""
        if node.refusal is not None:
            raise GradientError(node.refusal)
        for cell in node.guards:
            if cell[0] > node.seq:
                raise overwritten(node)
        pull = node.pull
        if pull is None or self.create_graph or node.xp.several:
            pull = self.pullback(node, gy)
        if not self.retain:
            node.pull = None
        if type(pull) is not list:
            self.propagate(node, pull, gy)
            return
        plan, add = self.plan, self.sums.add
        for source, p in zip(node.inputs, pull, strict=True):
            if p is not None and (plan.relevant is None or plan.reaches_target(source)):
                g = p(gy)
                if g is not None:
                    add(node, source, g)
                else:
                    self.without_gradient.append(source)

    def pullback(self, node: Node, gy: Any) -> Any:
        """The pullback of a node where it is not simply at hand: read again with tensors, used up, or on one of several GPUs."""
        if self.create_graph:
            return read_again(node, self.values[node])
        if node.pull is None:
            raise GradientError(
                f"{node.op.name}: its saved values are gone, backward already ran through this graph; "
                "pass retain_graph=True the first time, or compute the forward again"
            )
        backend.make_current(gy if node.single else next(g for g in gy if g is not None))
        return node.pull

    def propagate(self, node: Node, pull: Any, gy: Any) -> None:
        """One pullback for all inputs: (gy, need) to their gradients, or gy to those of a list argument."""
        need = node.need
        if self.plan.relevant is not None:
            need = tuple([n and self.plan.reaches_target(source) for source, n in zip(node.inputs, need, strict=True)])
        if node.op.adds:
            pull = self.offering(node, pull, need)
        if node.layout is None:
            grads = pull(gy, need)
        else:
            grads = _spread(pull(gy) if len(node.layout) == 1 else pull(gy, need), node.layout)
        for source, n, g in zip(node.inputs, need, grads, strict=True):
            if n and g is not None:
                self.sums.add(node, source, g)
            elif n:
                self.without_gradient.append(source)


def overwritten(node: Node) -> GradientError:
    """The error for a node whose pullbacks would compute with other values than its forward did."""
    return GradientError(
        f"{node.op.name}: a value that its gradient needs was overwritten in place after the forward; "
        "write to a copy, or write before the op uses it"
    )


def _spread(grads: Any, layout: tuple[int, ...]) -> list[Any]:
    """The gradients of all arguments in one list, those of list arguments one by one."""
    if len(layout) == 1:
        return list(grads)
    flat: list[Any] = []
    for n, g in zip(layout, grads, strict=True):
        flat += [g] if n < 0 else (list(g) if g is not None else [None] * n)
    return flat
