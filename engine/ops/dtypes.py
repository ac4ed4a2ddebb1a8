"""Conversions between dtypes, and copies."""

from __future__ import annotations

from ..autograd.op import op


@op(needs="", view=True, complex=True)
def astype(xp, x, /, dtype, *, copy=True, device=None):
    """x with another dtype; the gradient is cast back by the walk."""
    return xp.astype(x, xp.dtype(dtype), copy=copy), lambda gy: gy


@op(needs="", complex=True)
def clone(xp, x, /):
    """A copy of x that shares nothing with it; gradients flow through."""
    return xp.asarray(x, copy=True), lambda gy: gy
