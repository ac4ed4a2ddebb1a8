"""The ONNX graph as it is being built: names of values, constants, sizes of dynamic axes, and nodes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ....errors import OnnxError
from ....recording.instructions import Value, mapped, values_in
from ..values import library
from .merging import Merged, Vary, counts

MAX = 2**62


class Emitter:
    """Appends nodes, and knows what every value is called.

    Attributes
    ----------
    path : str
        The module whose calls are being written.
    call : str
        The name of the call that is being written.
    """

    def __init__(self, merged: Merged, input_names: Sequence[str], weights: dict[int, str], opset: int) -> None:
        self.merged, self.opset, self.path, self.call = merged, opset, "", ""
        self.onnx = library()
        self.nodes: list[Any] = []
        self.initializers: dict[str, Any] = {}
        self.constants: dict[Value, Any] = {}
        self.zeros: set[Value] = set()
        self._weights = weights
        self._names: dict[Value, str] = {}
        self._used: set[str] = set(input_names)
        self._numbers: dict[Any, str] = {}
        self._casts: dict[tuple[str, str], str] = {}
        self._sizes: list[tuple[Vary, str, int]] = []
        self._stale: set[Value] = set()
        self._by_storage: dict[Any, list[Value]] = {}
        for value, name in zip(merged.runs[0].inputs, input_names, strict=True):
            self.bind(value, name)

    # ------------------------------------------------------------------ what the network reads
    def needed(self, run: Any) -> list[bool]:
        """Which calls the outputs depend on; checks of values are none of them."""
        self._read = {value for value, _ in run.outputs}
        storages = {value.storage for value, _ in run.outputs}
        found = []
        for call in reversed(run.calls):
            results = [v for v in (*call.outs, *call.writes)]
            use = not call.guards and (
                any(v in self._read for v in results) or any(w.storage in storages and w.storage is not None for w in call.writes)
            )
            found.append(use)
            if use:
                self._read.update(call.reads())
                storages.update(v.storage for v in call.reads())
        return found[::-1]

    def is_read(self, value: Value) -> bool:
        """Whether a call, or the caller, reads a value."""
        return value in self._read

    def hold(self, value: Value) -> None:
        """Take up a value that was there before: a weight, a constant, or a range that grows with a dynamic axis."""
        if value.kind != "held" or value in self.constants or value in self._names:
            return
        if not self.merged.moves(value):
            self.constants[value] = value.array
            return
        dtype = value.dtype
        versions = [v.array for v in self.merged.versions[value]]
        if not counts(versions):
            number = self.constant(np.asarray(versions[0]).reshape(-1)[0])
            self.bind(value, self.node("Expand", [number, self.sizes(self.merged.shape(value))]))
            return
        length = self.merged.shape(value)[0]
        self.bind(value, self.node("Range", [self.number(0, dtype), self.number(length, dtype), self.number(1, dtype)]))

    def weight(self, t: Any) -> str | None:
        """The name of a parameter or buffer of the network; None if it is not one."""
        name = self._weights.get(id(t.array))
        if name is not None and name not in self.initializers:
            self._used.add(name)
            self.initializers[name] = t.array
        return name

    # ------------------------------------------------------------------ names
    def fresh(self, hint: str) -> str:
        """A name that is not taken."""
        name, k = hint, 1
        while name in self._used:
            k += 1
            name = f"{hint}_{k}"
        self._used.add(name)
        return name

    def bind(self, value: Value, name: str) -> None:
        """Give a value a name; its sizes become known."""
        self._names[value] = name
        if value.storage is not None:
            self._by_storage.setdefault(value.storage, []).append(value)
        for axis, size in enumerate(self.merged.shape(value)):
            if isinstance(size, Vary):
                self._sizes.append((size, name, axis))

    def written(self, value: Value, name: str) -> None:
        """A value was written in place: from now on it has this name, and views of its memory must not be read."""
        for other in self._by_storage.get(value.storage, ()):
            if other is not value:
                self._stale.add(other)
        self.constants.pop(value, None)
        self.zeros.discard(value)
        self._names[value] = name

    def name(self, x: Any, dtype: Any = None) -> str:
        """What a value or number is called, cast to a dtype if need be."""
        if not isinstance(x, Value):
            return self.number(x, dtype)
        if x in self._stale:
            raise OnnxError("memory that two tensors share is written through one and read through the other")
        array = self.constants.get(x)
        if array is not None and x not in self._names:
            return self.constant(array if dtype is None else array.astype(dtype), x)
        name = self._names.get(x)
        if name is None:
            raise OnnxError("a value is used that the network did not compute")
        return name if dtype is None or np.dtype(x.dtype) == np.dtype(dtype) else self.cast(name, dtype)

    def cast(self, name: str, dtype: Any) -> str:
        """A value in another dtype."""
        key = (name, np.dtype(dtype).name)
        if key not in self._casts:
            self._casts[key] = self.node("Cast", [name], to=self.type_of(dtype))
        return self._casts[key]

    def type_of(self, dtype: Any) -> int:
        """ONNX's number of a dtype."""
        return int(self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def constant(self, array: Any, value: Value | None = None, hint: str = "constant") -> str:
        """An initializer."""
        array = np.ascontiguousarray(array).reshape(np.shape(array))
        known = self._weights.get(id(value.array)) if value is not None and value.kind == "held" else None
        if known is not None and value is not None and array.dtype == value.dtype:
            if known not in self.initializers:
                self._used.add(known)
                self.initializers[known] = array
            return known
        key = (array.dtype.str, array.shape, array.tobytes()) if array.size < 64 else ("of", id(value)) if value else None
        if key is None or key not in self._numbers or array.dtype != self.initializers[self._numbers[key]].dtype:
            name = self.fresh(f"{self.path}.{hint}" if self.path else hint)
            self.initializers[name] = array
            if key is None:
                return name
            self._numbers[key] = name
        return self._numbers[key]

    def number(self, x: Any, dtype: Any = None) -> str:
        """A Python number as a constant without axes; one of a dynamic axis is computed."""
        if isinstance(x, Vary):
            scalar = self.node("Squeeze", [self.size(x), self.ints([0])])
            return scalar if dtype is None or np.dtype(dtype) == np.int64 else self.cast(scalar, dtype)
        return self.constant(np.asarray(x, dtype))

    def ints(self, values: Sequence[int]) -> str:
        """A constant list of integers."""
        return self.constant(np.asarray(values, np.int64).reshape(-1))

    # ------------------------------------------------------------------ sizes
    def size(self, x: Any) -> str:
        """A size as a tensor of one integer."""
        if not isinstance(x, Vary):
            return self.ints([x])
        if ("size", x) not in self._numbers:
            self._numbers["size", x] = self._explained(x)
        return self._numbers["size", x]

    def _dim(self, name: str, axis: int) -> str:
        key = ("dim", name, axis)
        if key not in self._numbers:
            self._numbers[key] = self.node("Shape", [name], start=axis, end=axis + 1)
        return self._numbers[key]

    def _explained(self, x: Vary) -> str:
        """A number that differs between the sizes, computed from sizes of values; OnnxError if none explains it."""
        known = {sizes: (name, axis) for sizes, name, axis in reversed(self._sizes)}
        if x in known:
            return self._dim(*known[x])
        for sizes, place in known.items():
            found = _line(sizes, x)
            if found is not None:
                factor, rest = found
                y = self._dim(*place)
                y = y if factor == 1 else self.node("Mul", [y, self.ints([factor])])
                return y if rest == 0 else self.node("Add", [y, self.ints([rest])])
        for sizes, place in known.items():
            for other, second in known.items():
                product = [a * b for a, b in zip(sizes, other, strict=True)]
                ratios = {v / p for v, p in zip(x, product, strict=True) if p}
                if len(ratios) == 1 and (ratio := ratios.pop()) == int(ratio) and ratio:
                    y = self.node("Mul", [self._dim(*place), self._dim(*second)])
                    return y if ratio == 1 else self.node("Mul", [y, self.ints([int(ratio)])])
        for sizes, place in known.items():
            for divisor in range(2, 65):
                for shift in range(divisor):
                    if all((s + shift) // divisor == v for s, v in zip(sizes, x, strict=True)):
                        y = self._dim(*place)
                        y = y if not shift else self.node("Add", [y, self.ints([shift])])
                        return self.node("Div", [y, self.ints([divisor])])
        raise OnnxError(f"a number is {', '.join(map(str, x))} at the sizes tried, which no size of a tensor explains")

    def sizes(self, shape: Sequence[Any]) -> str:
        """A shape as a list of integers, computed where it is dynamic."""
        if not any(isinstance(n, Vary) for n in shape):
            return self.ints(list(shape))
        parts: list[str] = []
        fixed: list[int] = []
        for n in shape:
            if isinstance(n, Vary):
                if fixed:
                    parts.append(self.ints(fixed))
                fixed = []
                parts.append(self.size(n))
            else:
                fixed.append(n)
        if fixed:
            parts.append(self.ints(fixed))
        return parts[0] if len(parts) == 1 else self.node("Concat", parts, axis=0)

    # ------------------------------------------------------------------ nodes
    def node(self, operator: str, inputs: Sequence[str], outputs: int = 1, **attributes: Any) -> Any:
        """Append a node; the name of its output, or a tuple of them."""
        label = self.fresh(f"{self.path}.{operator}" if self.path else operator)
        names = [self.fresh(f"{label}.{k}" if outputs > 1 else f"{label}.out") for k in range(outputs)]
        kept = {k: v for k, v in attributes.items() if v is not None}
        self.nodes.append(self.onnx.helper.make_node(operator, list(inputs), names, name=label, **kept))
        return names[0] if outputs == 1 else tuple(names)

    def fold(self, call: Any, args: list[Any], consts: dict[str, Any]) -> bool:
        """Compute a call of constants now; False if it depends on more."""
        nest = (args, tuple(consts.values()))
        if call.writes or call.guards or _has_vary(nest) or any(v not in self.constants for v in values_in(nest)):
            return False

        def plain(part: Any) -> Any:
            return self.constants[part] if isinstance(part, Value) else part

        found = call.function(*[mapped(a, plain) for a in call.args], **{k: mapped(v, plain) for k, v in call.consts.items()})
        parts = list(found) if isinstance(found, tuple | list) else [found]
        arrays = [np.asarray(p) for p in parts if isinstance(p, np.ndarray | np.generic)]
        if len(arrays) != len(call.outs):
            return False
        self.constants.update(zip(call.outs, arrays, strict=True))
        return True


def _has_vary(nest: Any) -> bool:
    if isinstance(nest, Vary):
        return True
    if isinstance(nest, list | tuple):
        return any(map(_has_vary, nest))
    if isinstance(nest, slice):
        return _has_vary((nest.start, nest.stop, nest.step))
    return isinstance(nest, dict) and any(map(_has_vary, nest.values()))


def _line(sizes: Vary, x: Vary) -> tuple[int, int] | None:
    """(factor, rest) with x = factor sizes + rest in all recordings, from three different sizes at least or with no rest."""
    pairs = sorted(set(zip(sizes, x, strict=True)))
    if len({s for s, _ in pairs}) != len(pairs) or len(pairs) < 2:
        return None
    (s0, x0), (s1, x1) = pairs[0], pairs[-1]
    if (x1 - x0) % (s1 - s0):
        return None
    factor = (x1 - x0) // (s1 - s0)
    rest = x0 - factor * s0
    if factor == 0 or any(factor * s + rest != v for s, v in pairs) or (rest and len(pairs) < 3):
        return None
    return factor, rest


def count(shape: Sequence[Any]) -> Any:
    """The number of elements; a Vary if the shape is dynamic."""
    varying = [n for n in shape if isinstance(n, Vary)]
    if not varying:
        return math.prod(shape)
    fixed = math.prod(n for n in shape if not isinstance(n, Vary))
    return Vary(fixed * math.prod(group) for group in zip(*varying, strict=True))
