"""The walk: from outputs back to leaves, newest op first, doing once what every pullback would repeat.

It undoes broadcasting and promotion, skips what needs no gradient, accumulates in place only into buffers it owns, drops
closures as soon as they are used, and calls hooks. It is iterative and re-entrant.

With create_graph it first replays, oldest first and once, the values that have died, then reads each op's text again with
tensors, so the pullbacks are themselves recorded.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Sequence
from heapq import heappop, heappush
from typing import Any

import numpy as np

from .. import backend
from ..errors import GradientError
from .base import Node, TensorBase, graph, recording, second_reading, touched, unflatten, wrap
from .promotion import is_complex_dtype, kept, promote
from .quiet import quiet, unquiet


def _holders(value: Any) -> int:
    return sys.getrefcount(value)


def _baseline() -> int:
    value = object()
    return _holders(value)


_ALONE = _baseline()  # what _holders says of an object that one local variable of its caller holds; differs between Pythons


def run(
    roots: Sequence[tuple[Any, Any]],
    targets: Sequence[TensorBase] | None,
    *,
    create_graph: bool,
    retain_graph: bool,
    upto: bool = False,
) -> dict[Any, Any]:
    """Pull cotangents back from roots, pairs (tensor, cotangent), to leaves; with targets to these alone.

    upto: go no further than the targets, as if they all were leaves, and leave their hooks to the caller.
    Returns {leaf, or (node, index) of an intermediate target: gradient}; gradients are arrays, tensors with create_graph.
    """
    seen = touched.get()
    if seen is not None:
        seen.update((t, None) for t, _ in roots)
    token = recording.set(create_graph)
    silence = quiet()
    try:
        return _Walk(create_graph, retain_graph, targets, upto).run(roots)
    finally:
        unquiet(silence)
        recording.reset(token)


class _Walk:
    def __init__(self, create_graph: bool, retain_graph: bool, targets: Sequence[TensorBase] | None, upto: bool) -> None:
        self.create_graph = create_graph
        self.retain = retain_graph
        self.targets = targets
        self.wanted = {(t._node, t._index) for t in targets or () if t._node is not None}
        self.sinks = {t for t in targets or () if t._node is None}
        self.stop = self.wanted if upto else set()
        self.upto = upto
        self.pending: dict[Any, Any] = {}  # (node, index) -> cotangent
        self.owned: set[Any] = set()
        self.leaves: dict[Any, Any] = {}
        self.heap: list[tuple[int, Node]] = []
        self.queued: set[Node] = set()
        self.relevant: set[Node] | None = None
        self.values: dict[Node, list[Any]] = {}
        self.flat: list[Any] = []  # inputs of nodes whose derivative for them is 0 everywhere

    def run(self, roots: Sequence[tuple[Any, Any]]) -> dict[Any, Any]:
        nodes = [t._node for t, _ in roots if t._node is not None]
        if self.targets is not None:
            self.relevant = _leading_to(nodes, self.targets, self.stop)
        if self.create_graph:
            self.values = _replay(nodes, self.stop, (self.targets or ()) if self.upto else ())
        for t, g in roots:
            self.add(t._node, t._index, t, g)
        heap, pending = self.heap, self.pending
        found: dict[Any, Any] = {}
        while heap:
            node = heappop(heap)[1]
            self.queued.discard(node)
            if node.single:
                key = (node, 0)
                g = pending.pop(key)
                self.owned.discard(key)
                if isinstance(g, np.generic):
                    g = np.asarray(g)
                if node.hooks is not None:
                    g = self.hooked(node.hooks.get(0), g)
                if key in self.wanted:
                    found[key] = g
            else:
                g = self.collect(node, found)
            if self.relevant is not None and node not in self.relevant:
                continue
            self.step(node, g)
        if self.targets is None:
            self.give_zeros()
        if not self.upto:
            for leaf, g in self.leaves.items():
                if leaf._hooks is not None:
                    self.leaves[leaf] = self.hooked(leaf._hooks, g)
        return {**self.leaves, **found}

    def give_zeros(self) -> None:
        """A gradient of zeros for the leaves that are reached by way of zero derivatives alone (floor, x**0).

        Zeros are not carried through the graph: there they could meet an infinite value and become NaN.
        """
        behind = [s for node in graph([s[0] for s in self.flat if type(s) is tuple]) for s in node.inputs]
        for leaf in (*self.flat, *behind):
            if isinstance(leaf, TensorBase) and leaf._requires_grad and leaf not in self.leaves:
                zeros = backend.space_of(leaf._array).zeros(leaf._array.shape, dtype=leaf._array.dtype)
                self.leaves[leaf] = wrap(zeros) if self.create_graph else zeros

    def collect(self, node: Node, found: dict[Any, Any]) -> tuple[Any, ...]:
        """The cotangents of an op with several outputs; the missing ones are zeros unless the op takes None."""
        out = []
        for i, (shape, dtype) in enumerate(zip(node.shapes, node.dtypes, strict=True)):
            key = (node, i)
            g = self.pending.pop(key, None)
            self.owned.discard(key)
            if isinstance(g, np.generic):
                g = np.asarray(g)
            if g is not None and node.hooks is not None:
                g = self.hooked(node.hooks.get(i), g)
            if g is not None and key in self.wanted:
                found[key] = g
            if g is None and dtype is not None and not node.op.none_cotangents:
                zeros = node.xp.zeros(shape, dtype=dtype)
                g = wrap(zeros) if self.create_graph else zeros
            out.append(g)
        return tuple(out)

    def step(self, node: Node, gy: Any) -> None:
        """One op: check that what its pullbacks need is as it was, call them, hand on what they return."""
        if node.refusal is not None:
            raise GradientError(node.refusal)
        for cell in node.guards:
            if cell[0] > node.seq:
                raise GradientError(
                    f"{node.op.name}: a value that its gradient needs was overwritten in place after the forward; "
                    "write to a copy, or write before the op uses it"
                )
        if self.create_graph:
            pull = self.read_again(node)
        else:
            if node.xp.several:
                backend.make_current(gy if node.single else next(g for g in gy if g is not None))
            pull = node.pull
            if pull is None:
                raise GradientError(
                    f"{node.op.name}: its saved values are gone, backward already ran through this graph; "
                    "pass retain_graph=True the first time, or compute the forward again"
                )
            if not self.retain:
                node.pull = None
        inputs = node.inputs
        if type(pull) is list:
            for source, p in zip(inputs, pull, strict=True):
                if p is not None and (self.relevant is None or self.leads(source)):
                    g = p(gy)
                    if g is not None:
                        self.hand_on(node, source, g)
                    else:
                        self.flat.append(source)
            return
        need = node.need
        if self.relevant is not None:
            need = tuple([n and self.leads(source) for source, n in zip(inputs, need, strict=True)])
        if node.layout is None:
            grads = pull(gy, need)
        else:
            grads = pull(gy) if len(node.layout) == 1 else pull(gy, need)
            grads, _ = _spread(grads, node.layout)
        for source, n, g in zip(inputs, need, grads, strict=True):
            if n and g is not None:
                self.hand_on(node, source, g)
            elif n:
                self.flat.append(source)

    def leads(self, source: Any) -> bool:
        """Whether an input is a target, or depends on one."""
        if type(source) is tuple:
            return source[0] in self.relevant or (source[0], source[1]) in self.wanted  # type: ignore[operator]
        return source in self.sinks

    def hand_on(self, node: Node, source: Any, g: Any) -> None:
        if node.trace is not None:
            _check_finite(node, g)
        if type(source) is tuple:
            parent, index, _ = source
            shape, dtype = parent.shapes[index], parent.dtypes[index]
        else:
            parent, index = None, 0
            a = source._array
            shape, dtype = a.shape, a.dtype
        if g.shape != shape or g.dtype != dtype:
            g = _fit(node, g, shape, dtype)
        self.add(parent, index, source, g)

    def add(self, node: Node | None, index: int, source: Any, g: Any) -> None:
        """Accumulate a cotangent; in place only where the buffer is this walk's own."""
        if node is None:
            if not source._requires_grad:
                return
            store: dict[Any, Any] = self.leaves
            key: Any = source
        elif self.upto and (node, index) in self.stop:
            store, key = self.leaves, (node, index)
        else:
            store, key = self.pending, (node, index)
            if node not in self.queued:
                self.queued.add(node)
                heappush(self.heap, (-node.seq, node))
        held = store.get(key)
        if held is None:
            store[key] = g
        elif key in self.owned:
            held += g
            store[key] = held  # a 0-d sum is a NumPy scalar, which += replaces
        else:
            store[key] = held + g
            if not self.create_graph:
                self.owned.add(key)

    def hooked(self, hooks: Any, g: Any) -> Any:
        """A gradient after its hooks. It may be the gradient of other tensors too, so a hook must not write to it."""
        for hook in tuple((hooks or {}).values()):
            given = g if self.create_graph else wrap(np.asarray(g) if isinstance(g, np.generic) else g)
            before, version = given._array, given._version[0]
            changed = hook(given)
            if given._array is not before or given._version[0] != version:
                raise GradientError("register_hook: the hook wrote to the gradient in place; return a new tensor instead")
            if changed is None:
                continue
            shape, dtype = tuple(before.shape), before.dtype
            if not isinstance(changed, TensorBase):
                raise GradientError(
                    f"register_hook: the hook must return None or a tensor of shape {shape} and dtype {dtype}, "
                    f"got {type(changed).__name__}"
                )
            if type(changed._array) is not type(before) or tuple(changed._array.shape) != shape or changed._array.dtype != dtype:
                raise GradientError(
                    f"register_hook: the hook must return a gradient of shape {shape} and dtype {dtype}, "
                    f"got {tuple(changed._array.shape)} and {changed._array.dtype} on {backend.device_of(changed._array)}"
                )
            g = changed if self.create_graph else changed._array
        return g

    def read_again(self, node: Node) -> Any:
        """The op's pullbacks as functions on tensors."""
        args = self.values[node]
        if any(isinstance(a, TensorBase) and a._version[0] > node.seq for a in args):
            raise GradientError(
                f"{node.op.name}: an argument was overwritten in place after the forward, and create_graph computes with it "
                "again; write to a copy"
            )
        anchor = next(a for a in args if isinstance(a, TensorBase))
        consts = {**node.consts, "save": True} if node.op.save else node.consts
        _, pull = node.op.text(second_reading(anchor), *unflatten(args, node.layout), **consts)
        if node.layout is None and type(pull) is tuple:
            return [p if n else None for p, n in zip(pull, node.need, strict=True)]
        if node.layout is None and len(node.need) == 1:
            return [pull]
        return pull


def _spread(grads: Any, layout: tuple[int, ...]) -> tuple[list[Any], None]:
    if len(layout) == 1:
        return list(grads), None
    flat: list[Any] = []
    for n, g in zip(layout, grads, strict=True):
        flat += [g] if n < 0 else (list(g) if g is not None else [None] * n)
    return flat, None


def _fit(node: Node, g: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """Undo broadcasting (sum) and promotion (cast; the real part for a real input)."""
    xp = second_reading(g) if isinstance(g, TensorBase) else node.xp
    if g.shape != shape:
        extra = g.ndim - len(shape)
        axes = list(range(extra))
        for i, n in enumerate(shape, start=extra):
            if extra < 0 or (n != 1 and n != g.shape[i]):
                raise GradientError(
                    f"{node.op.name}: its gradient of shape {g.shape} cannot be summed to its input's shape {shape}"
                )
            if n == 1 and g.shape[i] != 1:
                axes.append(i)
        if axes:  # an array's own method saves the namespace's argument checks, which cost more than a small sum
            direct = hasattr(g, "sum") and g.size <= 1024 and g.dtype.itemsize > 2  # what is large needs the exact sum
            g = g.sum(axis=tuple(axes)) if direct else xp.sum(g, axis=tuple(axes))
        if g.shape != shape:
            g = xp.reshape(g, shape)
    if g.dtype != dtype:
        if is_complex_dtype(g.dtype) and not is_complex_dtype(dtype):
            g = xp.real(g)
        if g.dtype != dtype:
            g = xp.astype(g, dtype)
    return g


def _check_finite(node: Node, g: Any) -> None:
    a = g._array if isinstance(g, TensorBase) else g
    if bool(node.xp.any(node.xp.isnan(a))):
        raise GradientError(f"anomaly: the gradient of {node.op.name} is NaN; its forward ran at {node.trace}")


def _sources(node: Node) -> Iterable[tuple[Node, int, Any]]:
    return [s for s in node.inputs if type(s) is tuple]


def _leading_to(roots: list[Node], targets: Sequence[TensorBase], stop: Collection[Any]) -> set[Node]:
    """The nodes through which some target is reached, on a way that does not pass stop."""
    leaves = {t for t in targets if t._node is None}
    inner = {(t._node, t._index) for t in targets if t._node is not None}
    relevant: set[Node] = set()
    for node in graph(roots, stop):
        for s, n in zip(node.inputs, node.need, strict=True):
            if n and (_reaches(s, relevant, inner, stop) if type(s) is tuple else s in leaves):
                relevant.add(node)
                break
    return relevant


def _reaches(source: Any, relevant: set[Node], inner: Collection[Any], stop: Collection[Any]) -> bool:
    place = (source[0], source[1])
    return place in inner or (source[0] in relevant and place not in stop)


def _replay(roots: list[Node], stop: Collection[Any], held: Sequence[TensorBase]) -> dict[Node, list[Any]]:
    """Every node's inputs as tensors, the dead ones computed again from the leaves (or from held, where stop cuts)."""
    order = graph(roots, stop)
    alive: dict[tuple[Node, int], Any] = {(t._node, t._index): t for t in held if t._node is not None}
    dead: set[Node] = set()
    for node in reversed(order):
        for s in _sources(node):
            if (s[0], s[1]) in stop:
                continue
            t = s[2]()
            if t is not None and t._node is s[0] and t._index == s[1]:
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
    arrays = [a._array if isinstance(a, TensorBase) else a for a in args]
    consts = dict(node.consts)
    if node.op.save:
        consts["save"] = True
    if node.op.dtyped and consts.get("dtype") is not None:
        consts["dtype"] = node.xp.dtype(consts["dtype"])
    if any(isinstance(a, TensorBase) and a._version[0] > node.seq for a in args):
        raise GradientError(f"{node.op.name}: cannot be computed again, a value it uses was overwritten in place")
    if node.op.promotes is not None:
        arrays = promote(node.xp, arrays, node.op.promotes)
    y, _ = node.op.text(node.xp, *unflatten(arrays, node.layout), **consts)
    y = kept(arrays, consts, y)
    outs = []
    for i, v in enumerate((y,) if node.single else y):
        t = wrap(node.xp.asarray(v) if isinstance(v, np.generic) else v, True)
        t._node, t._index = node, i
        outs.append(t)
    return outs


def _whole(g: Any) -> bool:
    """Whether nothing else sees this array's memory: its own, or the whole of a buffer that it alone holds (when reshaped)."""
    base = getattr(g, "base", g)
    if base is None:
        return True
    if type(base) is not np.ndarray or base.nbytes != g.nbytes or not base.flags.owndata or not base.flags.writeable:
        return False
    return g.flags.c_contiguous and g.flags.writeable and _holders(base) == _ALONE + 1


def own(grads: dict[Any, Any]) -> list[tuple[Any, Any]]:
    """Empty a result of run() into (key, array) pairs whose arrays nothing else holds: copied where something may."""
    out = []
    while grads:
        key, g = grads.popitem()
        if isinstance(g, np.generic):
            g = np.asarray(g)
        elif _holders(g) > _ALONE or not _whole(g):
            g = backend.space_of(g).asarray(g, copy=True)
        out.append((key, g))
    return out
