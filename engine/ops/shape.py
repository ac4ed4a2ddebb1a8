"""Shapes: reshape, permute, broadcast, join. None of these compute, and most return views."""

from __future__ import annotations

from ..autograd.op import op


@op(needs="", view=True, complex=True)
def reshape(xp, x, /, shape, *, copy=None):
    """x with another shape of the same size; one entry may be -1."""
    before = x.shape
    return xp.reshape(x, shape, copy=copy), lambda gy: xp.reshape(gy, before)


@op(needs="", view=True, complex=True)
def permute_dims(xp, x, /, axes):
    """x with its axes in another order."""
    inverse = sorted(range(len(axes)), key=lambda i: axes[i] % len(axes))
    return xp.permute_dims(x, axes), lambda gy: xp.permute_dims(gy, tuple(inverse))


@op(needs="", view=True, complex=True)
def broadcast_to(xp, x, /, shape):
    """x repeated along axes of size 1 and new leading axes, without copying."""
    return xp.broadcast_to(x, shape), lambda gy: gy


@op(needs="", complex=True)
def stack(xp, arrays, /, *, axis=0):
    """Arrays of one shape joined along a new axis."""
    rank = arrays[0].ndim + 1
    at = (slice(None),) * (axis % rank)
    return xp.stack(arrays, axis=axis), lambda gy: [gy[(*at, i, ...)] for i in range(len(arrays))]
