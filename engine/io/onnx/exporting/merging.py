"""Several recordings of one network, at different sizes, read as one: numbers that differ belong to the dynamic axes."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from ....errors import OnnxError
from ....recording.instructions import Call, Value
from .runs import Run


class Vary(tuple[int, ...]):
    """A number that differs between the recordings: its value in each."""


class Merged:
    """Recordings at several sizes, call by call.

    Attributes
    ----------
    runs : list of Run
        The recordings; the first is the one whose values stand for all.
    versions : dict
        The values of all recordings, by that of the first.
    """

    def __init__(self, runs: list[Run]) -> None:
        self.runs = runs
        self.versions: dict[Value, list[Value]] = {}
        for values in zip(*(r.inputs for r in runs), strict=True):
            self.versions[values[0]] = list(values)
        for other in runs[1:]:
            self._compare(runs[0], other)

    def _compare(self, first: Run, other: Run) -> None:
        for a, b in zip(first.calls, other.calls, strict=False):
            if a.name != b.name:
                raise OnnxError(
                    f"{a.where or b.where}: the network calls {a.name} at one size and {b.name} at another; "
                    "its path must not depend on the sizes of dynamic axes"
                )
        if len(first.calls) != len(other.calls):
            longer = max(first.calls, other.calls, key=len)
            call = longer[min(len(first.calls), len(other.calls))]
            raise OnnxError(
                f"{call.where}: the network makes {len(first.calls)} calls at one size and {len(other.calls)} at another (the "
                f"next is {call.name}): a loop runs over a dynamic axis; fix that axis, or use a layer that takes whole sequences"
            )

    def align(self, k: int) -> None:
        """Enter the results of call number k."""
        for outs in zip(*(r.calls[k].outs for r in self.runs), strict=True):
            self.versions[outs[0]] = list(outs)

    def arguments(self, k: int) -> tuple[Call, list[Any], dict[str, Any]]:
        """Call number k with merged arguments; its results are entered."""
        calls = [r.calls[k] for r in self.runs]
        call = calls[0]
        try:
            args = self.merged([c.args for c in calls])
            consts = self.merged([c.consts for c in calls])
        except OnnxError as error:
            raise OnnxError(f"{call.where}: {call.name}: {error}") from None
        self.align(k)
        return call, args, consts

    def merged(self, parts: list[Any]) -> Any:
        """One nest of arguments out of those of all recordings."""
        first = parts[0]
        if isinstance(first, Value):
            return self._value(parts)
        if isinstance(first, list | tuple) and not hasattr(first, "_fields"):
            if any(len(p) != len(first) for p in parts):
                raise OnnxError("a list of numbers has another length at another size; compute it with tensors")
            return type(first)(self.merged(list(group)) for group in zip(*parts, strict=True))
        if isinstance(first, dict):
            return {key: self.merged([p[key] for p in parts]) for key in first}
        if isinstance(first, slice):
            return slice(*(self.merged([getattr(p, n) for p in parts]) for n in ("start", "stop", "step")))
        if is_dataclass(first) and not isinstance(first, type):
            return SimpleNamespace(**{f.name: self.merged([getattr(p, f.name) for p in parts]) for f in fields(first)})
        if isinstance(first, int | np.integer) and not isinstance(first, bool):
            return int(first) if all(int(p) == int(first) for p in parts) else Vary(int(p) for p in parts)
        if first is None or isinstance(first, bool | float | complex | str | np.generic | np.dtype | type) or first is Ellipsis:
            if any(p != first for p in parts[1:]) and first == first:
                raise OnnxError(f"the number {first} is {parts[1]} at another size and no whole number; compute it with tensors")
            return first
        raise OnnxError(f"an argument of type {type(first).__name__} has no counterpart in ONNX (random numbers have none)")

    def _value(self, parts: list[Any]) -> Any:
        first = parts[0]
        if not all(isinstance(p, Value) for p in parts):
            raise OnnxError("an argument is computed at one size and a constant at another")
        known = self.versions.get(first)
        if known is not None:
            if any(p is not q for p, q in zip(parts, known, strict=True)):
                raise OnnxError("other values are used at another size")
            return first
        self.versions[first] = parts
        if first.kind == "held":
            arrays = [p.array for p in parts]
            if not all(alike(a, arrays[0]) for a in arrays) and not counts(arrays) and not uniform(arrays):
                raise OnnxError(
                    "a constant made outside of the network's ops has another value at another size; make it with dl.arange, "
                    "dl.zeros or the like"
                )
        return first

    def shape(self, value: Value) -> list[Any]:
        """The sizes of a value, those of dynamic axes as `Vary`."""
        shapes: list[Any] = [v.shape for v in self.versions[value]]
        if any(len(s) != len(shapes[0]) for s in shapes):
            raise OnnxError("a value has another number of axes at another size")
        return [self.merged(list(sizes)) for sizes in zip(*shapes, strict=True)]

    def moves(self, value: Value) -> bool:
        """Whether a value, held from before, differs between the recordings."""
        versions = self.versions[value]
        return not all(alike(v.array, versions[0].array) for v in versions)


def alike(a: Any, b: Any) -> bool:
    """Whether two arrays have the same values."""
    return a is b or (a.shape == b.shape and np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))


def counts(arrays: list[Any]) -> bool:
    """Whether arrays are 0, 1, 2 ... up to their own lengths."""
    return all(a.ndim == 1 and a.dtype.kind in "iu" and np.array_equal(a, np.arange(a.size)) for a in arrays)


def uniform(arrays: list[Any]) -> bool:
    """Whether arrays hold one and the same number everywhere."""
    first = arrays[0].reshape(-1)[:1]
    return bool(first.size) and all(a.ndim == arrays[0].ndim and bool((a == first[0]).all()) for a in arrays)
