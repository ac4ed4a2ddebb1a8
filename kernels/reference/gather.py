"""Sums at places along an axis, and the largest elements."""

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
def top_k(xp: Namespace, x: Array, k: int, largest: bool) -> tuple[Array, Array]:
    """The k largest (or smallest) elements along the second axis, in order, and where they are.

    x: (L, N, R); NaN counts as the largest, and of equal ones the first come first. Returns values and places (L, k, R), int64.
    """
    places = xp.argsort(x, axis=1, descending=largest, stable=True)[:, :k, :]
    return xp.take_along_axis(x, places, axis=1), places
