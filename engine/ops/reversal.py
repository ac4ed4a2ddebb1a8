"""Gradient reversal: the identity forward, minus the gradient backward."""

from __future__ import annotations

from ..autograd.op import op

__all__ = ["gradient_reversal"]


@op(needs="", promotes="float")
def gradient_reversal(xp, x, /, *, alpha=1.0):
    """x itself; its gradient is -alpha times the one that arrives. Any shape. Source: Ganin & Lempitsky 2015, arXiv:1409.7495."""
    return xp.positive(x), lambda gy: gy * -alpha
