"""What a recorded step consists of: values, and the calls that make them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np


class Storage:
    """A piece of memory that several arrays may be views of.

    Attributes
    ----------
    lasting : bool
        Whether the memory was there before the step: that of an input, a parameter, a buffer, a gradient.
    root : object
        A weak reference to the recorded array that is the whole of it, or None.
    """

    __slots__ = ("lasting", "root")

    root: Any

    def __init__(self, lasting: bool) -> None:
        self.lasting, self.root = lasting, None


class Value:
    """One array of a recorded step.

    Attributes
    ----------
    by : Call or None
        The call that made it; None for what was there before.
    kind : str
        ``"made"``; ``"scalar"`` for a NumPy scalar, ``"object"`` for what a kernel keeps for its gradient; ``"input"``, an
        argument of the step; ``"grad"``, the gradient that a leaf had; ``"held"``, an array that the step reaches otherwise.
    source : object
        The number of an input, the leaf of a gradient, or None.
    array : numpy.ndarray or None
        The array itself where it is held.
    """

    __slots__ = ("__weakref__", "array", "by", "dense", "dtype", "kind", "shape", "source", "storage", "strides")

    array: Any
    shape: Any
    dtype: Any
    strides: Any

    def __init__(self, array: Any, kind: str, storage: Storage | None, by: Call | None = None, source: Any = None) -> None:
        self.kind, self.storage, self.by, self.source = kind, storage, by, source
        self.array = array if kind == "held" else None
        self.shape = getattr(array, "shape", None)
        self.dtype = getattr(array, "dtype", None)
        self.strides = getattr(array, "strides", None)
        self.dense = isinstance(array, np.ndarray) and array.flags.c_contiguous and array.flags.aligned

    @property
    def lasting(self) -> bool:
        """Whether its memory was there before the step."""
        return self.storage is not None and self.storage.lasting

    @property
    def nbytes(self) -> int:
        """The bytes of its elements."""
        return 0 if self.dtype is None else int(np.prod(self.shape, dtype=np.int64)) * int(self.dtype.itemsize)

    def __repr__(self) -> str:
        return f"<{self.kind} {self.shape} {self.dtype}>"


@dataclass(eq=False)
class Call:
    """One call of a function of the namespace, of a kernel, or of an array's own method.

    Attributes
    ----------
    name : str
        What it is called in reports.
    function : callable
        What is called, on plain arrays.
    args, consts : list, dict
        The arguments: values, lists of them, scalars that change from replay to replay, or anything else as it is.
    outs : list of Value
        What it makes.
    result : object
        What it returns: a value, a nest of values, or something else.
    writes : tuple of Value
        The arguments that it writes to.
    expected : object
        For a call that is a guard: what it must return again. `NOTHING` for all others.
    moving : bool
        Whether the shape of its result may depend on the values of its arguments, so that a replay checks it.
    cleared : bool
        Whether the step had given up all gradients from before it when it made the call.
    where : str
        The line of the user's code that it comes from.
    """

    name: str
    function: Callable[..., Any]
    args: list[Any]
    consts: dict[str, Any]
    outs: list[Value] = field(default_factory=list)
    result: Any = None
    writes: tuple[Value, ...] = ()
    expected: Any = None
    guards: bool = False
    moving: bool = False
    cleared: bool = False
    where: str = ""

    @property
    def effect(self) -> bool:
        """Whether it must run although nobody reads what it makes."""
        return self.guards or bool(self.writes)

    def reads(self) -> list[Value]:
        """All values among its arguments."""
        return list(values_in((self.args, tuple(self.consts.values()))))


def values_in(nest: Any) -> Iterator[Value]:
    """All values in a nest of tuples, lists and dicts; also in slices, which indices hold."""
    if isinstance(nest, Value):
        yield nest
    elif isinstance(nest, (list, tuple)):
        for inner in nest:
            yield from values_in(inner)
    elif isinstance(nest, dict):
        for inner in nest.values():
            yield from values_in(inner)
    elif isinstance(nest, slice):
        yield from values_in((nest.start, nest.stop, nest.step))


def mapped(nest: Any, function: Callable[[Any], Any]) -> Any:
    """A nest of tuples (named ones too), lists, dicts and slices with a function applied to what it holds."""
    if isinstance(nest, tuple):
        parts = [mapped(inner, function) for inner in nest]
        return type(nest)(*parts) if hasattr(nest, "_fields") else tuple(parts)
    if type(nest) is list:
        return [mapped(inner, function) for inner in nest]
    if type(nest) is dict:
        return {key: mapped(inner, function) for key, inner in nest.items()}
    if type(nest) is slice:
        return slice(*(mapped(inner, function) for inner in (nest.start, nest.stop, nest.step)))
    return function(nest)
