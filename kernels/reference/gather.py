"""Sums at places along an axis, values put there, and the largest elements."""

from __future__ import annotations

import math

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


def _flat(xp: Namespace, places: Array, size: int) -> Array:
    """Where the elements that places (L, K, R) name along the second axis are in an array (L, size, R) as one row, in order.

    One flat index: NumPy may go through an index of several arrays in another order, and then another of equal places would win.
    """
    lines, _, side = places.shape
    line, column = xp.reshape(xp.arange(lines), (-1, 1, 1)), xp.reshape(xp.arange(side), (1, 1, -1))
    return xp.reshape((line * size + places) * side + column, (-1,))


@kernel
def put_along(xp: Namespace, x: Array, places: Array, values: Array) -> Array:
    """x with element (l, places[l, k, r], r) replaced by values[l, k, r]; of equal places the last one counts.

    x: (L, N, R). places: (L, K, R), from 0 to N - 1. values: (L, K, R). A GPU does not look at places before it uses them: one
    that does not exist changes another element of x, or one that its library takes in its stead.
    """
    key = _flat(xp, places, x.shape[1])
    return xp.reshape(xp.set_at(xp.reshape(x, (-1,)), xp.reshape(values, (-1,)), key=key), x.shape)


@kernel
def put_along_grad(xp: Namespace, gy: Array, places: Array) -> tuple[Array, Array]:
    """Its gradients: gy without what was replaced, and what it has there, for the value that counts."""
    key, row = _flat(xp, places, gy.shape[1]), xp.reshape(gy, (-1,))
    order = xp.arange(math.prod(places.shape))
    last = xp.get_at(xp.set_at(xp.zeros(row.shape, dtype=xp.int64), order, key=key), key) == order
    gx = xp.reshape(xp.set_at(row, 0, key=key), gy.shape)
    return gx, xp.reshape(xp.where(last, xp.get_at(row, key), 0), places.shape)


@kernel
def weighted_places(xp: Namespace, x: Array, places: Array, weights: Array) -> Array:
    """y[n, c, t] = sum over k of weights[n, k, t] x[n, c, places[n, k, t]].

    x: (N, C, M). places: (N, K, T), from 0 to M - 1. weights: (N, K, T). Returns (N, C, T).
    """
    return xp.sum(_read(xp, x, places) * xp.expand_dims(weights, axis=1), axis=2)


def _read(xp: Namespace, x: Array, places: Array) -> Array:
    """x[n, c, places[n, k, t]] as (N, C, K, T)."""
    return xp.get_at(x, _of_each(xp, x, places))


def _of_each(xp: Namespace, x: Array, places: Array) -> tuple[Array, Array, Array]:
    samples, channels = xp.arange(x.shape[0]), xp.arange(x.shape[1])
    return xp.reshape(samples, (-1, 1, 1, 1)), xp.reshape(channels, (1, -1, 1, 1)), xp.expand_dims(places, axis=1)


@kernel
def weighted_places_grad(xp: Namespace, gy: Array, x: Array, places: Array, weights: Array) -> tuple[Array, Array]:
    """Its gradients. gy: (N, C, T)."""
    g = xp.expand_dims(gy, axis=2)
    gx = xp.put_at(g * xp.expand_dims(weights, axis=1), key=_of_each(xp, x, places), shape=x.shape)
    return gx, xp.sum(_read(xp, x, places) * g, axis=1)


@kernel
def top_k(xp: Namespace, x: Array, k: int, largest: bool) -> tuple[Array, Array]:
    """The k largest (or smallest) elements along the second axis, in order, and where they are.

    x: (L, N, R); NaN counts as the largest, and of equal ones the first come first. Returns values and places (L, k, R), int64.
    """
    places = xp.argsort(x, axis=1, descending=largest, stable=True)[:, :k, :]
    return xp.take_along_axis(x, places, axis=1), places
