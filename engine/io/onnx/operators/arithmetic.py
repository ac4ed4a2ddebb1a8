"""Arithmetic, comparison, logic and bits, element by element."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from .. import namespace as dl
from ..table import operator
from ..values import Host

_FUNCTIONS: dict[str, Any] = {
    "Abs": dl.abs, "Acos": dl.acos, "Acosh": dl.acosh, "Asin": dl.asin, "Asinh": dl.asinh, "Atan": dl.atan, "Atanh": dl.atanh,
    "Cos": dl.cos, "Cosh": dl.cosh, "Erf": dl.erf, "Exp": dl.exp, "Log": dl.log, "Neg": dl.negative, "Reciprocal": dl.reciprocal,
    "Round": dl.round, "Sign": dl.sign, "Sin": dl.sin, "Sinh": dl.sinh, "Sqrt": dl.sqrt, "Tan": dl.tan, "Tanh": dl.tanh,
    "IsNaN": dl.isnan, "Not": dl.logical_not, "BitwiseNot": dl.bitwise_invert,
    "And": dl.logical_and, "Or": dl.logical_or, "Xor": dl.logical_xor, "Equal": dl.equal, "Greater": dl.greater, "Less": dl.less,
    "GreaterOrEqual": dl.greater_equal, "LessOrEqual": dl.less_equal, "BitwiseAnd": dl.bitwise_and, "BitwiseOr": dl.bitwise_or,
    "BitwiseXor": dl.bitwise_xor, "Where": dl.where, "Floor": dl.floor, "Ceil": dl.ceil,
}  # fmt: skip
for _name, _function in _FUNCTIONS.items():
    operator(_name)(_function)


def aligned(x, y, axis):
    """The second operand of an old operator, whose axes start at an axis of the first."""
    if axis is None:
        return y
    start = axis % x.ndim if axis < 0 else axis
    return dl.reshape(y, (*y.shape, *(1,) * (x.ndim - start - y.ndim)))


def old(function):
    """Operators before opset 7, which broadcast only the second operand, from an axis on."""
    return lambda x, y, *, axis=None, broadcast=0: function(x, aligned(x, y, axis) if broadcast else y)


for _name, _function in {"Add": dl.add, "Sub": dl.subtract, "Mul": dl.multiply}.items():
    operator(_name, since=7)(_function)
    operator(_name)(old(_function))


@operator("Div", since=7)
def divide(x, y):
    """Integers are divided towards zero."""
    if x.dtype.kind not in "iu":
        return dl.divide(x, y)
    quotient = dl.floor_divide(x, y)
    if x.dtype.kind == "u":
        return quotient
    inexact = dl.not_equal(dl.multiply(quotient, y), x)
    return dl.where(dl.logical_and(inexact, dl.not_equal(dl.less(x, 0), dl.less(y, 0))), quotient + 1, quotient)


operator("Div")(old(divide))


@operator("Mod")
def mod(x, y, *, fmod=0):
    """The sign of the divisor, or with fmod that of the dividend."""
    return dl.fmod(x, y) if fmod else dl.remainder(x, y)


@operator("Pow", since=7)
def power(x, y):
    """The dtype is that of the base."""
    if x.dtype == y.dtype and x.dtype.kind == "f":
        return dl.pow(x, y)
    if x.dtype.kind in "iu" and y.dtype.kind in "iu":
        return dl.astype(dl.pow(dl.astype(x, "int64"), dl.astype(y, "int64")), x.dtype)
    if x.dtype.kind == "f":
        return dl.pow(x, dl.astype(y, x.dtype))
    return dl.astype(dl.pow(dl.astype(x, "float64"), dl.astype(y, "float64")), x.dtype)


operator("Pow")(old(power))


@operator("Max")
def maximum(*xs):
    return reduce(dl.maximum, xs)


@operator("Min")
def minimum(*xs):
    return reduce(dl.minimum, xs)


@operator("Sum")
def total(*xs):
    return reduce(dl.add, xs)


@operator("Mean")
def mean(*xs):
    return reduce(dl.add, xs) / len(xs)


@operator("Clip")
def clip_old(x, *, min=None, max=None):
    return dl.clip(x, min, max)


@operator("Clip", since=11)
def clip(x, low=None, high=None):
    """Where the bounds cross, the upper one wins."""
    x = x if low is None else dl.maximum(x, low)
    return x if high is None else dl.minimum(x, high)


@operator("IsInf")
def isinf(x, *, detect_negative=1, detect_positive=1):
    found = dl.isinf(x)
    if not detect_negative:
        found = dl.logical_and(found, dl.greater(x, 0))
    return found if detect_positive else dl.logical_and(found, dl.less(x, 0))


@operator("BitShift")
def shift(x: Host, y: Host, *, direction):
    """Left without the bits beyond the width; right with the sign. By the width or more, or by a negative number: all bits."""
    width = 8 * x.dtype.itemsize
    beyond = (y < 0) | (y >= width)
    by = np.where(beyond, 0, y).astype(x.dtype)
    if direction == "LEFT":
        return np.where(beyond, 0, x << by).astype(x.dtype)
    return np.where(beyond, np.where(x < 0, -1, 0) if x.dtype.kind == "i" else 0, x >> by).astype(x.dtype)


def cumulative(function, start):
    """A running total from either end, with or without its own element."""

    def run(x, axis: Host, *, exclusive=0, reverse=0):
        k = int(axis.item()) % x.ndim
        if reverse:
            x = dl.flip(x, axis=k)
        if exclusive:
            head = dl.full(tuple(1 if j == k else n for j, n in enumerate(x.shape)), start, dtype=x.dtype, device=x.device)
            x = dl.concat([head, x[(slice(None),) * k + (slice(0, -1),)]], axis=k)
        y = function(x, axis=k, dtype=x.dtype)
        return dl.flip(y, axis=k) if reverse else y

    return run


operator("CumSum", since=11)(cumulative(dl.cumulative_sum, 0))
operator("CumProd", since=26)(cumulative(dl.cumulative_prod, 1))
