"""Sums at places along an axis, and the places of the largest elements."""

from __future__ import annotations

from ..types import Array, Namespace
from .common import kernel


@kernel
def add_along(xp: Namespace, gy: Array, places: Array, size: int) -> Array:
    """The adjoint of taking along an axis: element (l, p, r) is the sum of gy[l, k, r] where places[l, k, r] is p.

    gy, places: (L, K, R). A negative place counts from the end. Returns (L, size, R).
    """
    lines, _, side = gy.shape
    key = (xp.reshape(xp.arange(lines), (-1, 1, 1)), places, xp.reshape(xp.arange(side), (1, 1, -1)))
    return xp.put_at(gy, key=key, shape=(lines, size, side))


@kernel
def top_places(xp: Namespace, x: Array, k: int, largest: bool) -> Array:
    """Where the k largest (or smallest) elements are along the second axis, in order; of equal ones the first come first.

    x: (L, N, R); NaN counts as the largest. Returns (L, k, R), int64.
    """
    return xp.argsort(x, axis=1, descending=largest, stable=True)[:, :k, :]
