"""Weighted sums of what planes hold at places, as images are read between their pixels, and their gradients.

A plane is gone through for all points before the next one, so that what it holds stays in the nearest cache.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from ..types import Array
from .along import found_along
from .machine.compile import dense, inner, jit, threads_for

PACE = 1.0
"""Nanoseconds that one product takes."""


@inner()
def add_weighted(plane: Array, found: Array, weights: Array, y: Array) -> None:
    for t in range(y.size):
        y[t] += weights[t] * plane[found[t]]


@inner()
def add_four(plane: Array, found: Array, weights: Array, y: Array) -> None:
    """The same of four places for each point, one behind the other."""
    n = y.size
    for t in range(n):
        first = weights[t] * plane[found[t]] + weights[n + t] * plane[found[n + t]]
        y[t] += first + (weights[2 * n + t] * plane[found[2 * n + t]] + weights[3 * n + t] * plane[found[3 * n + t]])


@jit()
def _weighted(x: Array, places: Array, weights: Array, y: Array, wrong: Array, threads: int) -> None:
    """x: (N, C, M). places, weights: (N, K T). y: (N, C, T), zeros."""
    samples, channels, size = x.shape
    points = y.shape[2]
    several = places.shape[1] // points
    units = samples * channels
    for u in prange(threads):
        found, known = np.empty(places.shape[1], np.uint64), -1
        for unit in range(u * units // threads, (u + 1) * units // threads):
            n, c = unit // channels, unit % channels
            if n != known:
                known = n
                if not found_along(places[n], size, 1, 0, 0, found):
                    wrong[u] = 1
                    break
            plane, line, factors = x[n, c], y[n, c], weights[n]
            k = 0
            while k + 4 <= several:
                add_four(plane, found[k * points :], factors[k * points :], line)
                k += 4
            while k < several:
                add_weighted(plane, found[k * points :], factors[k * points :], line)
                k += 1


@inner(exact=True)
def spread_weighted(line: Array, plane: Array, found: Array, weights: Array, gplane: Array, gweights: Array) -> None:
    for t in range(line.size):
        at, g = found[t], line[t]
        gplane[at] += weights[t] * g
        gweights[t] += plane[at] * g


@jit()
def _weighted_grad(
    gy: Array, x: Array, places: Array, weights: Array, gx: Array, gweights: Array, wrong: Array, threads: int
) -> None:
    """gx and gweights are zeros."""
    samples, channels, size = x.shape
    points = gy.shape[2]
    several = places.shape[1] // points
    for u in prange(threads):
        found = np.empty(places.shape[1], np.uint64)
        for n in range(u * samples // threads, (u + 1) * samples // threads):
            if not found_along(places[n], size, 1, 0, 0, found):
                wrong[u] = 1
                break
            for c in range(channels):
                for k in range(several):
                    lo, hi = k * points, (k + 1) * points
                    spread_weighted(gy[n, c], x[n, c], found[lo:hi], weights[n, lo:hi], gx[n, c], gweights[n, lo:hi])


def _checked(wrong: Array, name: str, places: Array, size: int) -> None:
    if any(wrong.tolist()):
        raise IndexError(f"{name}: places run from {places.min()} to {places.max()}, a plane has {size} elements")


def weighted_places(x: Array, places: Array, weights: Array) -> Array:
    """y[n, c, t] = sum over k of weights[n, k, t] x[n, c, places[n, k, t]]. x: (N, C, M). places, weights: (N, K, T)."""
    (samples, channels, size), points = x.shape, places.shape[2]
    y = np.zeros((samples, channels, points), x.dtype)
    if y.size and places.size:
        threads = threads_for(samples * channels, PACE * channels * places.size)
        wrong, rows = np.zeros(threads, np.int8), (samples, -1)
        _weighted(dense(x), dense(places).reshape(rows), dense(weights).reshape(rows), y, wrong, threads)
        _checked(wrong, "weighted_places", places, size)
    return y


def weighted_places_grad(gy: Array, x: Array, places: Array, weights: Array) -> tuple[Array, Array]:
    """Its gradients, of x and of the weights. gy: (N, C, T)."""
    (samples, channels, size), rows = x.shape, (x.shape[0], -1)
    gx, gweights = np.zeros(x.shape, x.dtype), np.zeros(places.shape, x.dtype)
    if gy.size and places.size:
        threads = threads_for(samples, 2 * PACE * channels * places.size)
        wrong = np.zeros(threads, np.int8)
        given = dense(gy), dense(x), dense(places).reshape(rows), dense(weights).reshape(rows)
        _weighted_grad(*given, gx, gweights.reshape(rows), wrong, threads)
        _checked(wrong, "weighted_places_grad", places, size)
    return gx, gweights
