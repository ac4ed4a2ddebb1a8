"""Elementwise arithmetic with broadcasting. Signatures and promotion follow the array API standard."""

from __future__ import annotations

from typing import Any

from ..autograd.op import op
from ..autograd.promotion import is_complex


def conj(xp: Any, x: Any) -> Any:
    """The complex conjugate; a real value as it is (PyTorch's convention: pullbacks multiply by conjugates)."""
    return xp.conj(x) if hasattr(x, "dtype") and is_complex(x.dtype) else x


@op(needs="", promotes="join", complex=True)
def add(xp, x1, x2, /):
    """x1 + x2."""
    return xp.add(x1, x2), (lambda gy: gy, lambda gy: gy)


@op(needs="", promotes="join", complex=True)
def subtract(xp, x1, x2, /):
    """x1 - x2."""
    return xp.subtract(x1, x2), (lambda gy: gy, lambda gy: -gy)


@op(needs=("x2", "x1"), promotes="join", complex=True)
def multiply(xp, x1, x2, /):
    """x1 x2."""
    return xp.multiply(x1, x2), (lambda gy: gy * conj(xp, x2), lambda gy: gy * conj(xp, x1))


@op(needs=("x2", "x2 y"), promotes="float", complex=True)
def divide(xp, x1, x2, /):
    """x1 / x2; integers become the default floating dtype."""
    y = xp.divide(x1, x2)
    return y, (lambda gy: gy / conj(xp, x2), lambda gy: -gy * conj(xp, y) / conj(xp, x2))


@op(needs="", complex=True)
def negative(xp, x, /):
    """-x."""
    return xp.negative(x), lambda gy: -gy


@op(needs="y", promotes="float", complex=True)
def exp(xp, x, /):
    """The exponential of x."""
    y = xp.exp(x)
    return y, lambda gy: gy * conj(xp, y)


@op(needs="x", promotes="float", complex=True)
def log(xp, x, /):
    """The natural logarithm of x."""
    return xp.log(x), lambda gy: gy / conj(xp, x)


@op(needs="y", promotes="float", complex=True)
def tanh(xp, x, /):
    """The hyperbolic tangent of x."""
    y = xp.tanh(x)
    return y, lambda gy: gy * conj(xp, 1 - y * y)
