"""What running products have as their gradients: a recurrence of first order, and the product of all others."""

from __future__ import annotations

from ..types import Array, Namespace
from .common import kernel


@kernel
def recurrence(xp: Namespace, a: Array, b: Array) -> Array:
    """h[:, i] = a[:, i] + b[:, i] h[:, i + 1], where h is 0 behind the last. a, b: (L, N, R). Returns (L, N, R).

    It is solved by doubling: after s steps, each element knows the s behind it.
    """
    steps, count = 1, a.shape[1]
    while steps < count:
        a = a + b * _shifted(xp, a, steps)
        b = b * _shifted(xp, b, steps)
        steps *= 2
    return a


def _shifted(xp: Namespace, x: Array, steps: int) -> Array:
    """Element i + steps at place i, 0 at the end."""
    return xp.concat([x[:, steps:, :], xp.zeros_like(x[:, :steps, :])], axis=1)


@kernel
def others(xp: Namespace, x: Array) -> Array:
    """For each element the product of all others in its row: no division, so zeros are right. x: (L, N)."""
    return _before(xp, x) * xp.flip(_before(xp, xp.flip(x, axis=1)), axis=1)


def _before(xp: Namespace, x: Array) -> Array:
    """The product of all elements before each one in its row."""
    return xp.cumulative_prod(x, axis=1, include_initial=True)[:, :-1] if x.shape[1] else x
