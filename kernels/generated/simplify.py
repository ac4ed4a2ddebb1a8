"""Folding of constants, and the identities that hold for every number, NaN and infinities included."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .expression import Expression, constant, in_order, node

_FOLDED = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "neg": np.negative}


def simplify(root: Expression) -> Expression:
    """The same formula with less to compute."""
    new: dict[Expression, Expression] = {}
    for e in in_order([root]):
        args = tuple(new[a] for a in e.args)
        new[e] = _simpler(e, args)
    return new[root]


def _simpler(e: Expression, args: tuple[Expression, ...]) -> Expression:
    values = [a.value if a.kind == "const" else None for a in args]
    if e.kind in _FOLDED and args and None not in values and e.dtype.kind == "f":
        with np.errstate(all="ignore"):
            return constant(float(_FOLDED[e.kind](*[e.dtype.type(v) for v in values])), e.dtype)
    if e.kind in ("mul", "div") and values[1] == 1:
        return args[0]
    if e.kind == "mul" and values[0] == 1:
        return args[1]
    if e.kind == "where" and args[1] is args[2]:
        return args[1]
    if e.kind == "where" and values[0] is not None:
        return args[1] if values[0] else args[2]
    if e.kind == "neg" and args[0].kind == "neg":
        return args[0].args[0]
    if e.kind == "div" and values[1] is not None and _power_of_two(values[1]):
        return node("mul", (args[0], constant(1 / values[1], e.dtype)), e.dtype)
    return e if args == e.args else node(e.kind, args, e.dtype, e.value)


def _power_of_two(value: Any) -> bool:
    return math.isfinite(value) and value != 0 and abs(math.frexp(value)[0]) == 0.5 and abs(math.frexp(value)[1]) < 100
