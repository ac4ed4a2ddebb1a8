"""Short ways of functions of single elements, see short.py."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...ops.activation import relu, sigmoid, silu
from .elementwise import BINARY, FLOATING, PREDICATES, UNARY
from .engine import dl
from .short import FLOATS, Answer, Tools, Ways

_TENSOR: Any = dl.Tensor
_BOOL, _INTEGERS = np.dtype(bool), (np.dtype(np.int64), np.dtype(np.int32))
_LONG = 1 << 12
"""Elements from which on the general way is as fast, and threads share what it does."""


def _one(f: Any) -> Callable[[Tools], Any]:
    def recorded(input: Any) -> Any:
        return f(input) if input.array.dtype in FLOATS else None

    return lambda tools: Ways(tools.of(f.op), recorded=recorded)


_UFUNCS: dict[str, np.ufunc] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.true_divide, "maximum": np.maximum, "minimum": np.minimum,
    "remainder": np.remainder, "fmod": np.fmod, "floor_divide": np.floor_divide,
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
}  # fmt: skip
"""What computes tensors of two shapes, or of integers."""

_SECOND = {"subtract": "sub", "multiply": "mul", "divide": "div", "true_divide": "div", "not_equal": "ne", "less": "lt",
           "less_equal": "le", "greater": "gt", "greater_equal": "ge"}  # fmt: skip

_OF_INTEGERS = frozenset(_UFUNCS) - {"div"}
_SCALED = frozenset(("add", "sub", "subtract"))
_DIVIDES = frozenset(("remainder", "fmod", "floor_divide"))
_TWO = {**BINARY, "remainder": dl.remainder, "fmod": dl.fmod,
        "add": dl.add, "sub": dl.subtract, "subtract": dl.subtract, "div": dl.divide, "divide": dl.divide}


def _two(name: str, f: Any) -> Callable[[Tools], Any]:
    """Dense tensors of one shape, or a tensor and a number, by a C function; others by NumPy's function."""
    ufunc: Any = _UFUNCS.get(_SECOND.get(name, name))
    integers, divides, scaled = _SECOND.get(name, name) in _OF_INTEGERS, name in _DIVIDES, name in _SCALED

    def make(tools: Tools) -> Any:
        of_floats = tools.of(f.op)

        def recorded(input: Any, other: Any) -> Any:
            a = input.array if isinstance(input, _TENSOR) else other.array
            if a.dtype not in FLOATS:
                return None
            for b in (input, other):
                if isinstance(b, _TENSOR):
                    if b.array.dtype is not a.dtype:
                        return None
                elif type(b) is not float and type(b) is not int:
                    return None
            return f(input, other)

        if ufunc is None:
            return Ways(of_floats, recorded=recorded)
        held, leaf, computed, product = tools.held, tools.leaf, tools.quietly(ufunc), tools.quietly(np.multiply)

        def rest(input: Any, other: Any, *, alpha: Any = None) -> Any:
            a, b = held(input), held(other)
            if alpha is not None:
                if not scaled or a is None or b is None or type(alpha) not in (int, float) or a.dtype not in FLOATS:
                    return None
                same = a.dtype is b.dtype and a.shape == b.shape and a.ndim
                return leaf(computed(a, product(b, alpha))) if same else None
            if a is None or b is None:
                fits = integers and type(other) is int and abs(other) < 2**31 and (other or not divides)
                if b is None and a is not None and fits:
                    return leaf(ufunc(a, other)) if a.dtype in _INTEGERS and a.ndim and a.size < _LONG else None
                return None
            if divides or a.dtype is not b.dtype or not (a.dtype in FLOATS or (integers and a.dtype in _INTEGERS)):
                return None
            y = computed(a, b) if a.size < _LONG and b.size < _LONG else None
            return leaf(y) if type(y) is np.ndarray else None

        return Ways(of_floats, rest, recorded)

    return make


def _clamp(tools: Tools) -> Ways:
    of_op, held, leaf = tools.of(dl.clip.op), tools.held, tools.leaf
    clip = tools.quietly(tools.xp.clip)

    def answer(input: Any, min: Any = None, max: Any = None) -> Any:
        a = held(input)
        if a is None or a.dtype not in FLOATS or a.size >= _LONG or not a.ndim:
            return None
        bounds = [b if b is None else float(b) for b in (min, max) if b is None or type(b) in (int, float)]
        if len(bounds) < 2 or bounds == [None, None]:
            return None
        low, high = bounds
        if low is not None and high is not None:
            return None if low > high else of_op(input, low, high) if of_op is not None else leaf(clip(a, low, high))
        return leaf(clip(a, low, high))

    def recorded(input: Any, min: Any = None, max: Any = None) -> Any:
        bounds = [b for b in (min, max) if b is not None]
        if input.array.dtype not in FLOATS or not bounds or [b for b in bounds if type(b) not in (int, float)]:
            return None
        return None if min is not None and max is not None and min > max else dl.clip(input, min=min, max=max)

    return Ways(answer, recorded=recorded)


def _where(tools: Tools) -> Answer | None:
    of_op, held, leaf, where = tools.of(dl.where.op), tools.held, tools.leaf, tools.xp.where

    def answer(condition: Any, input: Any = None, other: Any = None) -> Any:
        if of_op is not None:
            y = of_op(condition, input, other)
            if y is not None:
                return y
        c, a, b = held(condition), held(input), held(other)
        if c is None or c.dtype is not _BOOL or c.size >= _LONG or not c.flags.c_contiguous:
            return None
        if a is None and b is not None and _fits(input) and type(input) is float and b.dtype in FLOATS:
            a = b.dtype.type(input)
        elif b is None and a is not None and _fits(other) and type(other) is float and a.dtype in FLOATS:
            b = a.dtype.type(other)
        if a is None or b is None or a.dtype is not b.dtype or a.dtype not in FLOATS or a.size >= _LONG or b.size >= _LONG:
            return None
        if not (a.flags.c_contiguous and b.flags.c_contiguous):
            return None
        y = where(c, a, b)
        return leaf(y) if type(y) is np.ndarray and y.ndim else None

    return answer


def _fits(value: Any) -> bool:
    """Whether a value is a number that float32 holds, if not to the last digit."""
    return (type(value) is float or type(value) is int) and (
        -3e38 < value < 3e38 or value != value or value in (math.inf, -math.inf)
    )


def _masked_fill(tools: Tools) -> Answer:
    held, leaf, where = tools.held, tools.leaf, tools.xp.where

    def answer(input: Any, mask: Any, value: Any) -> Any:
        a, c = held(input), held(mask)
        if a is None or c is None or a.dtype not in FLOATS or c.dtype is not _BOOL or not _fits(value):
            return None
        if not (a.ndim and a.size < _LONG and c.size < _LONG and a.flags.c_contiguous and c.flags.c_contiguous):
            return None
        return leaf(where(c, a.dtype.type(value), a))

    return answer


def _inverted(tools: Tools) -> Answer:
    held, leaf = tools.held, tools.leaf

    def answer(input: Any) -> Any:
        a = held(input)
        return leaf(np.logical_not(a)) if a is not None and a.dtype is _BOOL and a.ndim else None

    return answer


def _equal(tools: Tools) -> Answer:
    held = tools.held

    def answer(input: Any, other: Any) -> Any:
        a, b = held(input), held(other)
        if a is None or b is None or a.dtype is not b.dtype or a.size >= _LONG or not a.ndim:
            return None
        return a.shape == b.shape and bool((a == b).all())

    return answer


def _logical(name: str) -> Callable[[Tools], Answer]:
    ufunc = getattr(np, name)

    def make(tools: Tools) -> Answer:
        held, leaf = tools.held, tools.leaf

        def answer(input: Any, other: Any) -> Any:
            a, b = held(input), held(other)
            if a is None or b is None or a.dtype is not _BOOL or b.dtype is not _BOOL or not (a.ndim or b.ndim):
                return None
            return leaf(ufunc(a, b))

        return answer

    return make


def _clone(tools: Tools) -> Answer:
    held, leaf = tools.held, tools.leaf

    def answer(input: Any) -> Any:
        a = held(input)
        return leaf(a.copy()) if a is not None and a.flags.c_contiguous and a.size <= _LONG and a.ndim else None

    return answer


_ALONE = {
    **{name: f for name, f in {**UNARY, **PREDICATES}.items() if hasattr(f, "op") and name not in FLOATING},
    "sign": dl.sign, "relu": relu, "sigmoid": sigmoid, "silu": silu, "tanh": dl.tanh,
}  # fmt: skip
MAKERS: dict[str, Callable[[Tools], Any]] = {
    **{name: _one(f) for name, f in _ALONE.items() if hasattr(f, "op")},
    **{name: _two(name, f) for name, f in _TWO.items() if hasattr(f, "op") and "shift" not in name},
    "clamp": _clamp, "equal": _equal, "where": _where, "masked_fill": _masked_fill,
    "logical_not": _inverted, "bitwise_not": _inverted, "clone": _clone,
    "logical_and": _logical("logical_and"), "logical_or": _logical("logical_or"),
    "bitwise_and": _logical("bitwise_and"), "bitwise_or": _logical("bitwise_or"), "bitwise_xor": _logical("bitwise_xor"),
}  # fmt: skip
"""By name."""
