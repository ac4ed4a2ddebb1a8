"""What the expansions are written with: constants, choices, fused products, polynomials."""

from __future__ import annotations

from functools import reduce
from typing import Any

from . import coefficients
from .expression import Expression, apply, cast, constant, where


class NoExpansion(Exception):
    """A function that has no expansion here: NumPy computes it."""


def fma(a: Any, b: Any, c: Any) -> Expression:
    """a b + c, rounded once."""
    return apply("fma", a, b, c)


def poly(name: str, x: Expression, bits: int = 0, scale: float = 1.0) -> Expression:
    """A polynomial of coefficients.py in x; bits: the precision that is wanted, by default that of x; scale: a factor."""
    first, *rest = [scale * c for c in getattr(coefficients, f"{name}{bits or 8 * x.itemsize}")]
    return reduce(lambda p, c: fma(p, x, c), rest, constant(first, x.dtype))


def pick(condition: Expression, a: float, b: float, like: Expression) -> Expression:
    """The number a where the condition holds, elsewhere b."""
    return where(condition, constant(a, like.dtype), constant(b, like.dtype))


def at_most(x: Expression, bound: float) -> Expression:
    """The smaller of x and a number, which also takes the place of NaN: one instruction."""
    return where(x < bound, x, bound)


def at_least(x: Expression, bound: float) -> Expression:
    """The larger of x and a number, which also takes the place of NaN."""
    return where(x > bound, x, bound)


def equal(a: Any, b: Any) -> Expression:
    return apply("eq", a, b)


def size(x: Expression) -> Expression:
    """|x|."""
    return apply("abs", x)


def signed(x: Expression, like: Expression) -> Expression:
    """|x| with the sign of another number."""
    return apply("copysign", x, like)


def negative(x: Expression) -> Expression:
    """Whether the sign is set, also that of -0.0 and of NaN."""
    return apply("copysign", constant(1, x.dtype), x) < 0


def double(x: Expression) -> Expression:
    """A float32 as float64, which leaves room for the errors of many steps; float64 as it is."""
    return cast(x, "float64")
