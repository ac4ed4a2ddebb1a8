"""Comparisons, predicates, logic and bits: values only, no gradient flows through them."""

from __future__ import annotations

from ..autograd.op import op

__all__ = [
    "bitwise_and", "bitwise_invert", "bitwise_left_shift", "bitwise_or", "bitwise_right_shift", "bitwise_xor", "equal",
    "greater", "greater_equal", "isfinite", "isinf", "isnan", "less", "less_equal", "logical_and", "logical_not", "logical_or",
    "logical_xor", "not_equal", "signbit",
]  # fmt: skip


@op(needs="")
def equal(xp, x1, x2, /):
    """Whether x1 == x2; NaN equals nothing."""
    return xp.equal(x1, x2), None


@op(needs="")
def not_equal(xp, x1, x2, /):
    """Whether x1 != x2."""
    return xp.not_equal(x1, x2), None


@op(needs="")
def less(xp, x1, x2, /):
    """Whether x1 < x2."""
    return xp.less(x1, x2), None


@op(needs="")
def less_equal(xp, x1, x2, /):
    """Whether x1 <= x2."""
    return xp.less_equal(x1, x2), None


@op(needs="")
def greater(xp, x1, x2, /):
    """Whether x1 > x2."""
    return xp.greater(x1, x2), None


@op(needs="")
def greater_equal(xp, x1, x2, /):
    """Whether x1 >= x2."""
    return xp.greater_equal(x1, x2), None


@op(needs="")
def isnan(xp, x, /):
    """Whether x is NaN."""
    return xp.isnan(x), None


@op(needs="")
def isinf(xp, x, /):
    """Whether x is infinite."""
    return xp.isinf(x), None


@op(needs="")
def isfinite(xp, x, /):
    """Whether x is neither infinite nor NaN."""
    return xp.isfinite(x), None


@op(needs="")
def signbit(xp, x, /):
    """Whether the sign bit is set: true for negative values and -0."""
    return xp.signbit(x), None


@op(needs="")
def logical_and(xp, x1, x2, /):
    """x1 and x2."""
    return xp.logical_and(x1, x2), None


@op(needs="")
def logical_or(xp, x1, x2, /):
    """x1 or x2."""
    return xp.logical_or(x1, x2), None


@op(needs="")
def logical_xor(xp, x1, x2, /):
    """Exactly one of x1 and x2."""
    return xp.logical_xor(x1, x2), None


@op(needs="")
def logical_not(xp, x, /):
    """not x."""
    return xp.logical_not(x), None


@op(needs="")
def bitwise_and(xp, x1, x2, /):
    """The bits set in both."""
    return xp.bitwise_and(x1, x2), None


@op(needs="")
def bitwise_or(xp, x1, x2, /):
    """The bits set in either."""
    return xp.bitwise_or(x1, x2), None


@op(needs="")
def bitwise_xor(xp, x1, x2, /):
    """The bits set in exactly one."""
    return xp.bitwise_xor(x1, x2), None


@op(needs="")
def bitwise_invert(xp, x, /):
    """Every bit flipped."""
    return xp.bitwise_invert(x), None


@op(needs="")
def bitwise_left_shift(xp, x1, x2, /):
    """x1 with its bits moved up by x2 places."""
    return xp.bitwise_left_shift(x1, x2), None


@op(needs="")
def bitwise_right_shift(xp, x1, x2, /):
    """x1 with its bits moved down by x2 places, keeping the sign."""
    return xp.bitwise_right_shift(x1, x2), None
