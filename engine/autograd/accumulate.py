"""Sums of cotangents on their way through a graph, and which of their buffers may be written to."""

from __future__ import annotations

import sys
from collections.abc import Collection
from heapq import heappush
from typing import Any

import numpy as np

from .. import backend
from ..errors import GradientError
from ..recording.recorded import SCALARS, Recorded, solid
from .base import Node, TensorBase, second_reading
from .promotion import is_complex_dtype

_holders = sys.getrefcount


def _baseline() -> int:
    value = object()
    return _holders(value)


_ALONE = _baseline()  # what _holders says of an object that one local variable of its caller holds; differs between Pythons

LARGE = 1 << 16
"""Bytes from which on the namespace's copy may be faster than NumPy's."""


class Accumulator:
    """The cotangents of one walk, added up where several reach the same value.

    Attributes
    ----------
    leaves : dict
        Leaf, or an output (node, index) at which the walk stops, to its gradient so far.
    pending : dict
        Output to its cotangent so far: a node for its first output, (node, index) for the others.
    owned : set
        The keys of pending and leaves whose buffers only this walk holds: these are added to in place.
    heap : list
        The nodes that have a cotangent, newest first.
    queued : set
        Those of them that have several outputs.
    """

    __slots__ = ("create_graph", "heap", "leaves", "owned", "pending", "queued", "stop")

    def __init__(self, stop: Collection[Any], create_graph: bool) -> None:
        self.stop = stop
        self.create_graph = create_graph
        self.leaves: dict[Any, Any] = {}
        self.pending: dict[Any, Any] = {}
        self.owned: set[Any] = set()
        self.heap: list[tuple[int, Node]] = []
        self.queued: set[Node] = set()

    def add(self, node: Node | None, source: Any, g: Any) -> None:
        """Add a gradient to that of an input.

        node: the op whose pullback returned it, None at the start. source: the input, a leaf or (its node, output index, _).
        """
        kind: Any = type(source)
        if kind is not tuple:
            array = source.array
            if g.shape != array.shape or g.dtype != array.dtype or node is None or node.rare:
                g = _checked(node, g, array.shape, array.dtype)
            if not source.needs_grad:
                return
            store, key = self.leaves, source
        else:
            parent, index, _ = source
            if g.shape != parent.shapes[index] or g.dtype is not parent.dtypes[index] or node is None or node.rare:
                g = _checked(node, g, parent.shapes[index], parent.dtypes[index])
            key = (parent, index) if index else parent
            if self.stop and (parent, index) in self.stop:
                store, key = self.leaves, (parent, index)
            else:
                store = self.pending
                if not parent.single:
                    if parent not in self.queued:
                        self.queued.add(parent)
                        heappush(self.heap, (-parent.seq, parent))
                elif key not in store:
                    heappush(self.heap, (-parent.seq, parent))
        held = store.get(key)
        if held is None:
            store[key] = g
        elif key in self.owned:
            if held is g:  # a kernel has added to it
                return
            held += g
            store[key] = held  # a 0-d sum is a NumPy scalar, which += replaces
        else:
            store[key] = held + g
            if not self.create_graph and type(g) is not Recorded:  # whose sums a program writes in place itself
                self.owned.add(key)

    def totals(self, node: Node, places: tuple[int, ...]) -> list[Any]:
        """The sums so far of some inputs of a node that may be added to in place, None for the others."""
        found = []
        for i in places:
            store, key = self._place(node.inputs[i])
            found.append(store.get(key) if key in self.owned else None)
        return found

    def _place(self, source: Any) -> tuple[dict[Any, Any], Any]:
        """Where the gradient of an input is summed: the dictionary and the key."""
        if type(source) is not tuple:
            return self.leaves, source
        parent, index, _ = source
        key = (parent, index) if index else parent
        return (self.leaves, (parent, index)) if self.stop and (parent, index) in self.stop else (self.pending, key)

    def own(self, source: Any, g: Any) -> None:
        """Note that nothing else holds an array, if it has memory of its own and is all of an input's gradient so far."""
        store, key = self._place(source)
        if type(g) is np.ndarray and g.base is None and store.get(key) is g:
            self.owned.add(key)

    def take(self, key: Any) -> Any:
        """Remove and return the cotangent of an output, None if there is none."""
        self.owned.discard(key)
        g = self.pending.pop(key, None)
        return solid(g) if isinstance(g, SCALARS) else g


def _checked(node: Node | None, g: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """A gradient that was searched for NaN, if that is asked for, and fits its input."""
    if node is None:
        return g
    if node.trace is not None:
        _check_finite(node, g)
    return _fit(node, g, shape, dtype) if g.shape != shape or g.dtype != dtype else g


def _fit(node: Node, g: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """Undo broadcasting (sum) and promotion (cast; the real part for a real input)."""
    xp = second_reading(g) if issubclass(type(g), TensorBase) else node.xp
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
    a = g.array if isinstance(g, TensorBase) else g
    if bool(node.xp.any(node.xp.isnan(a))):
        raise GradientError(f"anomaly: the gradient of {node.op.name} is NaN; its forward ran at {node.trace}")


def _whole(g: Any) -> bool:
    """Whether nothing else sees this array's memory: its own, or the whole of a buffer that it alone holds (when reshaped)."""
    base = getattr(g, "base", g)
    if base is None:
        return True
    if type(base) is not np.ndarray:  # of another library: a reshaped view of the whole
        if base is g or type(base) is not type(g) or base.base is not None or base.nbytes != g.nbytes:
            return False
        return bool(g.flags.c_contiguous) and _holders(base) == _ALONE + 1
    if base.nbytes != g.nbytes or not base.flags.owndata or not base.flags.writeable:
        return False
    return g.flags.c_contiguous and g.flags.writeable and _holders(base) == _ALONE + 1


def take_ownership(grads: dict[Any, Any]) -> list[tuple[Any, Any]]:
    """Empty a result of run() into (key, array) pairs whose arrays nothing else holds: copied where something may."""
    out = []
    while grads:
        key, g = grads.popitem()
        if isinstance(g, SCALARS):
            g = solid(g)
        elif _holders(g) > _ALONE or not _whole(g):
            g = _copied(g)
        out.append((key, g))
    return out


def _copied(g: Any) -> Any:
    """A copy of a gradient, in the order of its axes."""
    if type(g) is not np.ndarray:
        return backend.space_of(g).asarray(g, copy=True)
    return g.copy() if g.nbytes < LARGE else backend.space_of(g).copy(g)
