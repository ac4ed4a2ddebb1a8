"""Expressions: elementwise formulas over arrays, as graphs in which equal parts are one object.

An expression knows its dtype and no shape. Sharing equal parts is how common subexpressions are found: whoever writes the same
formula twice gets the same object. Operators and the functions below build expressions; Python numbers take the dtype of what
they meet, as in the array API standard.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

COMPARISONS = frozenset(("lt", "le", "gt", "ge", "eq", "ne"))
PREDICATES = COMPARISONS | {"isnan", "isinf", "isfinite", "signbit"}
LOGIC = frozenset(("and", "or", "xor", "not"))
SHIFTS = frozenset(("shl", "shr"))
"""Bits moved up or down; by as many places as there are, or more, or fewer than none, only the sign is left, as in NumPy."""

EXACT = COMPARISONS | LOGIC | SHIFTS | frozenset(
    "add sub mul div neg abs sqrt max min floor ceil trunc round copy square isnan isinf isfinite signbit cast".split()
)
"""Functions that have one right result, so that NumPy and machine code give the same bits."""

OF_INTEGERS = COMPARISONS | LOGIC | SHIFTS | {"add", "sub", "mul", "neg", "abs", "max", "min", "copy", "square", "sign"}
"""What is computed of integers, wrapping around as in NumPy. Divisions, which must raise for 0, are left to it."""

DTYPES = (
    "float32", "float64", "bool", "float16", "bfloat16", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
)  # fmt: skip
"""The dtypes that the arrays of a formula may have."""

HALVES = frozenset(("float16", "bfloat16"))
"""Dtypes in memory only: their numbers are computed with as float32, and rounded once."""

_BOOL = np.dtype(bool)
_DOUBLE = np.dtype("float64")


class Expression:
    """One node of a formula.

    Attributes
    ----------
    kind : str
        ``"input"``, ``"const"``, or the name of an elementwise function.
    args : tuple of Expression
        What the function is applied to.
    dtype : numpy.dtype
        The dtype of the result.
    value : object
        The number of an input, the number that a constant is, the name of the C function of a ``"guarded"`` node.
    """

    __slots__ = ("__weakref__", "args", "dtype", "kind", "value")

    kind: str
    args: tuple[Expression, ...]
    dtype: Any
    value: Any

    @property
    def itemsize(self) -> int:
        return int(self.dtype.itemsize)

    def __add__(self, other: Any) -> Expression:
        return apply("add", self, other)

    def __radd__(self, other: Any) -> Expression:
        return apply("add", other, self)

    def __sub__(self, other: Any) -> Expression:
        return apply("sub", self, other)

    def __rsub__(self, other: Any) -> Expression:
        return apply("sub", other, self)

    def __mul__(self, other: Any) -> Expression:
        return apply("mul", self, other)

    def __rmul__(self, other: Any) -> Expression:
        return apply("mul", other, self)

    def __truediv__(self, other: Any) -> Expression:
        return apply("div", self, other)

    def __rtruediv__(self, other: Any) -> Expression:
        return apply("div", other, self)

    def __neg__(self) -> Expression:
        return apply("neg", self)

    def __lt__(self, other: Any) -> Expression:
        return apply("lt", self, other)

    def __le__(self, other: Any) -> Expression:
        return apply("le", self, other)

    def __gt__(self, other: Any) -> Expression:
        return apply("gt", self, other)

    def __ge__(self, other: Any) -> Expression:
        return apply("ge", self, other)

    def __and__(self, other: Any) -> Expression:
        return apply("and", self, other)

    def __or__(self, other: Any) -> Expression:
        return apply("or", self, other)

    def __xor__(self, other: Any) -> Expression:
        return apply("xor", self, other)

    def __invert__(self) -> Expression:
        return apply("not", self)

    def __repr__(self) -> str:
        return f"<{self.kind} {self.dtype}>"


_known: WeakValueDictionary[Any, Expression] = WeakValueDictionary()
_lock = threading.Lock()


def _renew_lock() -> None:
    """A forked child must not find the lock taken by a thread that it does not have."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


def node(kind: str, args: tuple[Expression, ...], dtype: Any, value: Any = None) -> Expression:
    """The one expression of this kind over these arguments."""
    dtype = np.dtype(dtype)
    key = (kind, args, dtype.name, type(value), repr(value))  # by repr, 0.0 and -0.0 are two, and NaN is one
    with _lock:
        found = _known.get(key)
        if found is None:
            found = Expression()
            found.kind, found.args, found.dtype, found.value = kind, args, dtype, value
            _known[key] = found
        return found


def argument(number: int, dtype: Any) -> Expression:
    """Input number of a formula."""
    return node("input", (), dtype, number)


def constant(value: Any, dtype: Any) -> Expression:
    """A number in every element. Raises OverflowError for an integer that the dtype has not."""
    dtype = np.dtype(dtype)
    if dtype.kind in "iu":
        bounds = np.iinfo(dtype)
        if value != int(value) or not bounds.min <= value <= bounds.max:
            raise OverflowError(f"{value} is no {dtype}")
        return node("const", (), dtype, int(value))
    return node("const", (), dtype, bool(value) if dtype.kind == "b" else float(value))


def dtype_of(values: Iterable[Any]) -> Any:
    """The dtype of a function of expressions and Python numbers."""
    return np.result_type(*[v.dtype if isinstance(v, Expression) else v for v in values])


def apply(kind: str, *values: Any) -> Expression:
    """An elementwise function of expressions and Python numbers, by NumPy's rule of promotion."""
    dtype = dtype_of(values)
    own = [v.dtype.kind for v in values if isinstance(v, Expression)]
    if kind in LOGIC:
        if dtype.kind not in "biu" or any(k != dtype.kind for k in own):
            raise TypeError(f"{kind} of {dtype}")
    elif dtype == _BOOL and kind not in COMPARISONS:
        raise TypeError(f"{kind} of booleans is no arithmetic")
    elif kind in SHIFTS and dtype.kind not in "iu":
        raise TypeError(f"{kind} of {dtype}")
    elif dtype.kind in "iu":
        if kind == "div":
            dtype = _DOUBLE
        elif kind not in OF_INTEGERS:
            raise TypeError(f"{kind} of {dtype}")
    elif dtype.kind == "f" and kind in COMPARISONS and "f" not in own and any(k in "iu" for k in own) and len(set(own)) > 1:
        raise TypeError(f"{kind} of signed and unsigned integers")
    args = tuple(cast(v, dtype) if isinstance(v, Expression) else constant(v, dtype) for v in values)
    return node(kind, args, _BOOL if kind in PREDICATES else dtype)


def cast(x: Expression, dtype: Any) -> Expression:
    """x in another dtype."""
    dtype = np.dtype(dtype)
    if x.dtype == dtype:
        return x
    if x.kind == "cast" and dtype.name in HALVES and x.args[0].dtype == dtype:
        return x.args[0]  # float32 has room for every such number
    if dtype.kind in "iu" and x.dtype.kind == "f":
        raise TypeError(f"a cast of {x.dtype} to {dtype}: what is out of range differs between CPUs")
    if x.kind == "const" and dtype.name not in HALVES:
        return constant(x.value, dtype)
    return node("cast", (x,), dtype)


def where(condition: Expression, a: Any, b: Any) -> Expression:
    """a where the condition holds, elsewhere b."""
    dtype = dtype_of((a, b))
    values = [cast(v, dtype) if isinstance(v, Expression) else constant(v, dtype) for v in (a, b)]
    return node("where", (condition, *values), dtype)


def in_order(roots: Iterable[Expression]) -> list[Expression]:
    """Every expression below the roots, arguments first."""
    order: dict[Expression, None] = {}
    stack = [(r, False) for r in reversed(list(roots))]
    while stack:
        e, done = stack.pop()
        if e in order:
            continue
        if done:
            order[e] = None
        else:
            stack.append((e, True))
            stack += [(a, False) for a in reversed(e.args)]
    return list(order)


def inputs_of(root: Expression) -> list[Expression]:
    """The inputs that a formula uses, by number."""
    return sorted((e for e in in_order([root]) if e.kind == "input"), key=lambda e: e.value)


def in_places(root: Expression) -> tuple[Expression, tuple[int, ...]]:
    """The formula with its inputs counted through, and the numbers that they had."""
    inputs = inputs_of(root)
    for place, e in enumerate(inputs):  # places never exceed numbers, so nothing is renamed twice
        root = substitute(root, e, argument(place, e.dtype))
    return root, tuple(e.value for e in inputs)


def substitute(root: Expression, old: Expression, new: Expression) -> Expression:
    """The formula with one of its parts replaced."""
    made: dict[Expression, Expression] = {old: new}
    stack = [root]
    while stack:
        e = stack[-1]
        missing = [a for a in e.args if a not in made] if e not in made else []
        if missing:
            stack += missing
            continue
        stack.pop()
        if e not in made:
            args = tuple(made[a] for a in e.args)
            made[e] = e if args == e.args else node(e.kind, args, e.dtype, e.value)
    return made[root]
