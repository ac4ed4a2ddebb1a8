"""Reductions over axes. axis: an int, a tuple of ints, or None for all; keepdims keeps reduced axes with size 1."""

from __future__ import annotations

from typing import Any

from ..autograd.op import op


def expand(xp: Any, g: Any, shape: tuple[int, ...], axis: Any, keepdims: bool) -> Any:
    """A reduction's cotangent spread back over the reduced axes."""
    if not keepdims and axis is not None:
        axes = (axis,) if isinstance(axis, int) else axis
        reduced = {a % len(shape) for a in axes}
        g = xp.reshape(g, tuple(1 if i in reduced else n for i, n in enumerate(shape)))
    return xp.broadcast_to(g, shape)


@op(needs="", complex=True)
def sum(xp, x, /, *, axis=None, dtype=None, keepdims=False):
    """The sum of x over axes. dtype: of the result and the accumulation; small integers accumulate in the default integer."""
    shape = x.shape
    return xp.sum(x, axis=axis, dtype=dtype, keepdims=keepdims), lambda gy: expand(xp, gy, shape, axis, keepdims)
