"""Overwriting: if a value that backward needs is written in place after the forward pass, it must raise GradientError.

Whether a value is needed is found by a test: it is overwritten without the engine's knowledge, and is needed if that changes
the gradient. An op that declares too few values is found by a silently wrong gradient, and one that declares too many by an
unnecessary error.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._tensor import Tensor
from ..autograd.base import no_grad
from ..autograd.derivatives import gradients
from ..errors import GradientError
from ..ops.conversion import asarray
from .calls import consts, cotangent, differentiates, draw, flat, host, seeded, tensors
from .table import Case, Sample

DTYPE = "float64"


@dataclass
class _Recorded:
    """A forward pass: the tensors by place ("input 0", "output 1"), the leaves, the outputs and their cotangents."""

    places: dict[str, Any]
    leaves: list[Any]
    ends: list[Any]
    cotangents: list[Any]

    def pullbacks(self) -> tuple[bool, bool]:
        """Whether any op of the graph, and whether every op of it, has one pullback for all its inputs."""
        seen: set[Any] = set()
        joint = []
        stack = [y.node for y in self.ends if y.node is not None]
        while stack:
            node = stack.pop()
            if node in seen:
                continue
            seen.add(node)
            joint.append(type(node.pull) is not list)
            stack += [source[0] for source in node.inputs if type(source) is tuple]
        return any(joint), all(joint)

    def gradient(self, create_graph: bool = False) -> list[Any]:
        """The gradients of the leaves as NumPy arrays."""
        return [host(g) for g in gradients(self.ends, self.leaves, self.cotangents, create_graph=create_graph)]


def overwrites(row: Case, every: bool = True) -> list[str]:
    """Test the guards of a row on the current backend; returns what is wrong.

    every: all samples, the gradients of all inputs and of each, and of second order; otherwise those of all inputs, for one
    sample of those with the same options and as many arguments.
    """
    wrong: list[str] = []
    seen: set[tuple[Any, ...]] = set()
    harmful: set[tuple[str, str]] = set()
    stopped: dict[tuple[str, str], str] = {}
    for number, sample in enumerate(row.samples):
        kind = (*sorted(sample.consts), *(a is None for a in sample.args))
        if not differentiates(row, sample) or (kind in seen and not every):
            continue
        seen.add(kind)
        for chosen, label in _subsets(row, sample, number):
            first = _record(row, sample, number, chosen)
            joint, only_joint = first.pullbacks()
            if chosen is not None and (only_joint or not every):
                break  # the same pullback as for all inputs, which keeps and reads the same values
            # A pullback that computes all gradients at once needs what any of them needs.
            group = "all" if joint else label
            right = first.gradient()
            for place in first.places:
                key, what = (group, place), f"sample {number}, {label}, {place} overwritten"
                silent = _written(row, sample, number, chosen, place, guarded=False)
                if silent is None:
                    continue
                if not _same(silent.gradient(), right):
                    harmful.add(key)
                elif key not in harmful:  # the gradient of pieces changes only where a number gets into another piece
                    distant = _written(row, sample, number, chosen, place, guarded=False, far=True)
                    if distant is not None and not _same(distant.gradient(), right):
                        harmful.add(key)
                # A graph of the pullbacks is the same for one input as for all.
                for create_graph in (False, True) if chosen is None and every else (False,):
                    loud = _written(row, sample, number, chosen, place, guarded=True)
                    try:
                        found = loud.gradient(create_graph) if loud is not None else right
                    except GradientError:
                        if not create_graph:
                            stopped.setdefault(key, what)
                    else:
                        if not _same(found, right, exactly=not create_graph):
                            wrong.append(f"{what}: the gradient is silently wrong")
    unneeded = [what for key, what in stopped.items() if key not in harmful]
    wrong += [f"{what}: GradientError, but no pullback reads the value; take it out of needs=" for what in unneeded]
    return wrong


def _subsets(row: Case, sample: Sample, number: int) -> Iterator[tuple[set[int] | None, str]]:
    """The sets of leaves that require a gradient: all, and each alone."""
    _, leaves = tensors(sample, draw(row, number, DTYPE), grad=True)
    if leaves:
        yield None, "gradient of all inputs"
    if len(leaves) > 1:
        for i in range(len(leaves)):
            yield {i}, f"gradient of input {i}"


def _record(row: Case, sample: Sample, number: int, chosen: set[int] | None) -> _Recorded:
    args, leaves = tensors(sample, draw(row, number, DTYPE), grad=True)
    inputs = [t for t in flat(args) if isinstance(t, Tensor)]
    for i, t in enumerate(leaves):
        if chosen is not None and i not in chosen:
            t.requires_grad_(False)
    with seeded():
        outputs = flat(row.op(*args, **consts(sample)))
    tracked = [(i, y) for i, y in enumerate(outputs) if isinstance(y, Tensor)]
    places = {f"input {i}": t for i, t in enumerate(inputs)} | {f"output {i}": y for i, y in tracked}
    ends = [(i, y) for i, y in tracked if y.requires_grad]
    cotangents = [asarray(cotangent(i, y, DTYPE)) for i, y in ends]
    wanted = [t for t in leaves if t.requires_grad]
    return _Recorded(places, wanted, [y for _, y in ends], cotangents)


def _written(
    row: Case, sample: Sample, number: int, chosen: set[int] | None, place: str, *, guarded: bool, far: bool = False
) -> _Recorded | None:
    """A forward pass whose value at a place was overwritten afterwards; None if that memory is read-only.

    far: whether floating numbers are written that lie far on the other side of 0.
    """
    made = _record(row, sample, number, chosen)
    t = made.places[place]
    if not t.size or not getattr(getattr(t.array, "flags", None), "writeable", True):
        return None
    other = _different(host(t))
    if far and other.dtype.kind in "fc":
        other = -1000 * other
    if guarded:
        with no_grad():
            t[...] = asarray(other)
    else:
        t.array[...] = asarray(other).array
    return made


def _different(x: Any) -> Any:
    """Other values of the same kind, valid as labels, indices and masks if the old ones were."""
    if x.dtype.kind == "b":
        return ~x
    if x.dtype.kind in "iu":
        return np.roll(x.reshape(-1), 1).reshape(x.shape) if np.unique(x).size > 1 else np.zeros_like(x)
    rng = np.random.default_rng(x.size)
    return np.asarray(x * 1.5 + rng.uniform(0.5, 1.0, x.shape)).astype(x.dtype)


def _same(a: Sequence[Any], b: Sequence[Any], exactly: bool = True) -> bool:
    if exactly:
        return all(np.array_equal(x, y, equal_nan=True) for x, y in zip(a, b, strict=True))
    return all(np.allclose(x, y, rtol=1e-9, atol=1e-12, equal_nan=True) for x, y in zip(a, b, strict=True))
