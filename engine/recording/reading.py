"""From an op's definition to formulas: of its value, and of each of its pullbacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dlengine.kernels import jit
from dlengine.kernels.generated.expression import DTYPES, HALVES, Expression, argument, cast, in_order, inputs_of, substitute
from dlengine.kernels.registry import KernelSet

from .captured import captured, ours
from .symbols import NotPointwise, NotThisCall, Symbol, SymbolSpace

TAKEN = frozenset(DTYPES)
"""The dtypes of arrays that are read."""


@dataclass(frozen=True)
class Reading:
    """What reading a definition gave.

    Attributes
    ----------
    value : Expression
        The op's value. Input n of it is argument n of the op.
    pullbacks : tuple
        For each argument the gradient's formula, or None where the pullback returns None, or where there is no array. Beside
        the arguments, input `arguments` is the cotangent and input `arguments + 1` is the op's value.
    captured : tuple
        The numbers that the definition reads beside its arguments, see captured.py.
    by_hand : bool
        Whether the value is one call of a hand-written kernel.
    pulled : bool
        Whether there are pullbacks: an op without a derivative has none, and none is missed where the value is no float.
    """

    value: Expression
    pullbacks: tuple[Expression | None, ...]
    captured: tuple[Any, ...]
    by_hand: bool
    pulled: bool

    @property
    def arguments(self) -> int:
        return len(self.pullbacks)


def read(op: Any, args: Sequence[Any], consts: Mapping[str, Any] | None = None, kernels: KernelSet = jit.SET) -> Reading:
    """Read an op's definition.

    Parameters
    ----------
    op : Op
        The op, such as ``dl.gelu.op``.
    args : sequence
        For each array parameter a dtype (of the array that will be there), a Python number, or None.
    consts : mapping of str to object, optional
        The constants.
    kernels : KernelSet
        The set in force, whose kernels are those written by hand.

    Returns
    -------
    Reading
        The formulas.

    Raises
    ------
    NotPointwise
        If the definition does anything but call elementwise functions; the message says what.
    """
    if op.view or op.save or op.dtyped:
        raise NotPointwise("shares memory, saves, or takes a dtype")
    numbers = captured(op.text)
    dtypes = [_dtype(a) for a in args]
    half = _half(op, [d for d in dtypes if d is not None])
    symbols = [a if d is None else _symbol(i, d) for i, (a, d) in enumerate(zip(args, dtypes, strict=True))]
    if not any(isinstance(s, Symbol) for s in symbols):
        raise NotPointwise("no argument is an array")
    space = SymbolSpace(kernels, half)
    try:
        result = op.text(space, *symbols, **(consts or {}))
        if type(result) is not tuple or len(result) != 2:
            raise NotPointwise("returns no pair of a value and pullbacks")
        value, pull = result
        root = _value(value)
        by_hand = root in space.by_hand
        if half is not None and root.dtype == _SINGLE:
            root = cast(root, half)
        if root.kind == "input":
            raise NotThisCall("its value is its argument")
        pulls = _pullbacks(op, symbols, value, pull, root.dtype)
        return Reading(root, pulls, numbers, by_hand, pull is not None and value.dtype.kind == "f")
    except NotPointwise:
        raise
    except Exception as error:  # a definition may do anything with what is no array
        raise NotThisCall(f"{type(error).__name__}: {error}") from error


_SINGLE = np.dtype("float32")


def _half(op: Any, dtypes: Sequence[Any]) -> Any:
    """The half precision of all floating arguments, in which the value is stored then; None where there is none.

    Inside, formulas compute in float32. What is made of another definition's halves is unknown: that of a user may give
    float32.
    """
    halves = {d.name: d for d in dtypes if d.name in HALVES}
    if not halves:
        return None
    if len(halves) > 1 or any(d.kind == "f" and d.name not in HALVES for d in dtypes):
        raise NotThisCall("half precision beside another")
    if op.promotes is None and not ours(op.text):
        raise NotThisCall("half precision in a definition that does not say how its arguments promote")
    return next(iter(halves.values()))


def _symbol(i: int, dtype: Any) -> Symbol:
    """The symbol of an array: one of half precision is computed with as float32."""
    e = argument(i, dtype)
    return Symbol(cast(e, _SINGLE) if dtype.name in HALVES else e, frozenset((i,)))


def _dtype(a: Any) -> Any:
    """The dtype that stands for an array, or None for a number or None."""
    if a is None or type(a) in (bool, int, float):
        return None
    try:
        dtype = np.dtype(a)
    except TypeError:
        raise NotPointwise(f"an argument of type {type(a).__name__}") from None
    if dtype.name not in TAKEN or not dtype.isnative:
        raise NotPointwise(f"an array of {dtype}")
    return dtype


def _value(value: Any) -> Expression:
    if not isinstance(value, Symbol) or value.flat:
        raise NotPointwise("its value is no array of its arguments")
    root = value.expression
    used = {e.value for e in inputs_of(root)}
    if used != value.of:
        raise NotPointwise("its shape comes from an array that it does not read")
    return root


def _pullbacks(op: Any, symbols: list[Any], value: Symbol, pull: Any, dtype: Any) -> tuple[Expression | None, ...]:
    """The gradients' formulas; dtype: of the value, and of its cotangent, in memory."""
    count = len(symbols)
    if pull is None or value.dtype.kind != "f":
        return (None,) * count
    gy = Symbol(_symbol(count, dtype).expression, frozenset((count,)))
    wanted = tuple(isinstance(s, Symbol) and s.dtype.kind == "f" for s in symbols)
    if isinstance(pull, tuple):
        gradients = [p(gy) if w and p is not None else None for w, p in zip(wanted, pull, strict=True)]
        if any(w and p is None for w, p in zip(wanted, pull, strict=True)):
            raise NotPointwise("it lacks a pullback")
    elif count == 1:
        gradients = [pull(gy)]
    else:
        gradients = list(pull(gy, wanted))
    stored = _symbol(count + 1, dtype).expression
    return tuple(_gradient(op, i, g, (value, stored), symbols) for i, g in enumerate(gradients))


def _gradient(op: Any, i: int, g: Any, known: tuple[Symbol, Expression], symbols: list[Any]) -> Expression | None:
    """A pullback's formula, which reads only what the op says its pullbacks need: the rest may be overwritten meanwhile.

    known: the value, and what reads it from where it is kept.
    """
    if g is None or not isinstance(symbols[i], Symbol) or symbols[i].dtype.kind != "f":
        return None
    if not isinstance(g, Symbol) or g.flat:
        raise NotPointwise("a pullback returns no array of its arguments")
    count = len(symbols)
    slots = op.guarded(tuple(j == i for j in range(count)))
    root = g.expression
    value, stored = known
    if -1 in slots:
        root = substitute(root, value.expression, stored)
    used = {e.value for e in inputs_of(root)}
    if not used <= {count, count + 1, *slots}:
        raise NotPointwise("a pullback reads an argument that needs= does not name")
    if used and not used & {count, count + 1}:
        raise NotPointwise("a pullback does not read its cotangent")
    if root.dtype.kind != "f":
        raise NotPointwise(f"a pullback returns {root.dtype}")
    read_as = inputs_of(symbols[i].expression)[0].dtype
    return cast(root, read_as) if read_as.name in HALVES and root.dtype == _SINGLE else root


def steps(root: Expression) -> int:
    """How many functions a formula calls."""
    return sum(e.kind not in ("input", "const") for e in in_order([root]))


def halves(root: Expression) -> bool:
    """Whether a formula reads or gives half precision."""
    return any(e.dtype.name in HALVES for e in (root, *inputs_of(root)))
