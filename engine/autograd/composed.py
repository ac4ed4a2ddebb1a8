"""@composed: a function of tensors of one shape, made of ops, that generated code may answer as one op.

    @composed
    def _huber(input, target, /, *, delta, reduction):
        ...                                     # ops of single elements, and at most one sum or mean of all

The function is read once with symbols in place of arrays: its ops run as ever, and the ordinary walk back through them gives the
gradients' formulas. Where that is not possible, or not worth it, the function simply runs. Either way the graph can be
differentiated again: then the function runs with the tensors.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar, cast

from dlengine.kernels.generated.expression import argument

from .. import backend
from ..backend import Policy, in_force, spaces
from ..backend.library import Unrecorded
from ..recording import NotPointwise
from ..recording.answers import FORMULAS, mode
from ..recording.generators import ARRAYS
from ..recording.symbols import Symbol, SymbolSpace
from ..recording.whole import whole
from . import walk
from .base import TensorBase, enable_grad, no_grad, recording, wrap
from .call import note_touched
from .declaration import Op
from .record import anomaly, record

F = TypeVar("F", bound=Callable[..., Any])

_UNKNOWN: Any = object()

_PLAIN = (str, float, int, bool, type(None))


def composed(function: F) -> F:
    """Let generated code answer a function of tensors: its positional-only parameters, which have one shape and dtype."""
    kernels: dict[Any, Any] = {}

    @wraps(function)
    def call(*tensors: Any, **consts: Any) -> Any:
        chosen = mode()
        if chosen == "off" or anomaly.get() or not tensors or not all([isinstance(t, TensorBase) for t in tensors]):
            return function(*tensors, **consts)
        x = tensors[0].array
        kind, dtype = type(x), x.dtype
        if kind not in ARRAYS or any(type(t.array) is not kind or t.array.dtype is not dtype for t in tensors):
            return function(*tensors, **consts)
        try:
            xp = spaces()[kind]
        except Unrecorded as met:
            met.recorder.adopt(tensors)
            return call(*tensors, **consts)
        if not xp.generates or dtype.kind != "f" or dtype.itemsize < 4:
            return function(*tensors, **consts)
        key = (dtype.char, *[(name, type(v), v or repr(v)) for name, v in consts.items() if type(v) in _PLAIN])
        found = kernels.get(key, _UNKNOWN)
        if found is _UNKNOWN:
            if len(kernels) >= FORMULAS or len(key) <= len(consts):
                return function(*tensors, **consts)
            found = kernels[key] = _read(function, len(tensors), dtype, consts)
        if found is None or (not x.size and chosen == "auto") or any(t.array.shape != x.shape for t in tensors):
            return function(*tensors, **consts)
        arrays = [t.array for t in tensors]
        out = wrap(found.value(*arrays))
        if any(t.requires_grad for t in tensors):
            if recording.get():
                record(found.op, xp, tensors, consts, False, tuple([_bound(g, arrays) for g in found.gradients]), out)
            else:
                note_touched(tensors)
        return out

    return cast(F, call)


def _bound(gradient: Any, arrays: Sequence[Any]) -> Callable[[Any], Any]:
    return lambda gy: None if gradient is None else gradient(*arrays, gy)


class _Kernels:
    """A function's value and gradients as kernels, and its op. For few numbers too: one op costs less than several."""

    __slots__ = ("gradients", "op", "value")

    def __init__(self, function: Callable[..., Any], value: Any, gradients: Sequence[Any]) -> None:
        name = function.__name__.strip("_")
        self.value = whole(f"generated:{name}", value)
        self.gradients = [g if g is None else whole(f"generated:{name}_grad", g) for g in gradients]
        self.op = _op_of(function, [() if g is None else g.takes for g in self.gradients])


class _SymbolPolicy(Policy):
    """The policy in force while a function is read: symbols have a namespace, and nothing else has one."""

    def __init__(self, outer: Policy) -> None:
        super().__init__(outer.host, outer.device, outer.creation)
        self.spaces = _SymbolSpaces({Symbol: SymbolSpace(sums=True)})  # type: ignore[assignment]


class _SymbolSpaces(dict[type, Any]):
    def __missing__(self, kind: type) -> Any:
        raise NotPointwise(f"computes with a {kind.__name__}")


def _read(function: Callable[..., Any], count: int, dtype: Any, consts: dict[str, Any]) -> _Kernels | None:
    """The kernels of a function, or None where it is not made of elements and one sum."""
    shape = frozenset((0,))
    try:
        with in_force(_SymbolPolicy(backend.policy())), enable_grad():
            tensors = [wrap(Symbol(argument(i, dtype), shape), True) for i in range(count)]
            y = function(*tensors, **consts)
            value = y.array
            gy = Symbol(argument(count, value.dtype), value.of)
            grads = walk.run([(y, gy)], tensors, create_graph=False, retain_graph=False)
        found = [grads.get(t) for t in tensors]
        return _Kernels(function, value.expression, [g if g is None else g.expression for g in found])
    except (NotPointwise, TypeError, AttributeError):  # what a symbol refuses, or is not
        return None


def _op_of(function: Callable[..., Any], taken: Sequence[Sequence[int]]) -> Op:
    """The op that the graph shows in place of the function's own; taken: the numbers of the arrays that each gradient reads."""
    own = list(inspect.signature(function).parameters.values())
    names = [p.name for p in own if p.kind is inspect.Parameter.POSITIONAL_ONLY]

    def values(xp: Any, *arrays: Any, **consts: Any) -> tuple[Any, Any]:
        with no_grad():
            return function(*[wrap(a) for a in arrays], **consts).array, None

    def again(xp: Any, *tensors: Any, **consts: Any) -> tuple[Any, Any]:
        y = function(*tensors, **consts)

        def pull(gy: Any, need: Sequence[bool]) -> list[Any]:
            wanted = list(dict.fromkeys(t for t, n in zip(tensors, need, strict=True) if n))
            grads = walk.run([(y, gy)], wanted, create_graph=True, retain_graph=True, upto=True)
            given = {t: grads.get(t if t.node is None else (t.node, t._index)) for t in wanted}
            return [given.pop(t, None) if n else None for t, n in zip(tensors, need, strict=True)]  # twice the same: all to one

        return y, pull if len(names) > 1 else lambda gy: pull(gy, (True,))[0]

    place = inspect.Parameter("xp", inspect.Parameter.POSITIONAL_ONLY)
    values.__signature__ = inspect.Signature([place, *own])  # type: ignore[attr-defined]
    needs = [" ".join(names[i] for i in takes if i < len(names)) for takes in taken]
    return Op(values, needs=needs, name=function.__name__.strip("_"), tensors=again, complex=True)
