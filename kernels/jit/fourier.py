"""Fourier transforms of complex64 and float32 arrays along one axis, of as many signals at a time as a vector has lanes.

Signals that lie in rows are transposed into vectors, those in columns are there already. A real signal goes in as a real part,
with another one as the imaginary part. The inverse exchanges real and imaginary parts before and after. A single long signal is
transformed as a matrix: its columns, which are turned, then its rows (Bailey, "FFTs in external or hierarchical memory", 1990).

What a function here does not do (sizes with large prime factors, few signals) it answers with None.
"""

from __future__ import annotations

from functools import lru_cache
from math import isqrt, log2, prod
from typing import NamedTuple

import numpy as np
from numba import prange

from ..types import Array
from .machine.address import address
from .machine.butterflies import (
    RADICES,
    butterflies,
    joined,
    load_columns,
    load_real,
    load_rows,
    parted,
    store_columns,
    store_real,
    store_rows,
)  # fmt: skip
from .machine.compile import dense, inner, jit, threads_for
from .machine.vector import VECTOR_BYTES
from .machine.views import Rows

LANES = VECTOR_BYTES // 4

LONGEST = 2048
"""The longest signal whose blocks stay in the cache."""

_COMPLEX, _REAL = np.dtype(np.complex64), np.dtype(np.float32)


class Passes(NamedTuple):
    """How a signal of n numbers is transformed: the radix of each pass, and their weights one after the other."""

    n: int
    radices: Array
    weights: Array


@lru_cache(maxsize=64)
def _passes(n: int) -> Passes | None:
    """None for a size with a large prime factor, or that is too long."""
    if not 2 <= n <= LONGEST:
        return None
    radices, left = [], n
    for radix in RADICES:
        while left % radix == 0:
            radices.append(radix)
            left //= radix
    if left > 1:
        return None
    weights, length = [], n
    for radix in radices:
        turns = np.outer(np.arange(length // radix), np.arange(1, radix)) * (-2j * np.pi / length)
        weights.append(np.exp(turns).astype(np.complex64).reshape(-1).view(np.float32))
        length //= radix
    return Passes(n, np.array(radices, np.int64), np.concatenate(weights))


@inner()
def transformed(a: Array, b: Array, n: int, radices: Array, weights: Array) -> int:
    """The transforms of the block a, in a or, as the result says with 1, in b."""
    m, s, at = n, 1, 0
    for i in range(radices.size):
        radix = radices[i]
        m //= radix
        if i % 2:
            butterflies(b, a, radix, m, s, weights, at)
        else:
            butterflies(a, b, radix, m, s, weights, at)
        at += 2 * (radix - 1) * m
        s *= radix
    return int(radices.size % 2)


class Job(NamedTuple):
    """Which signals of a flat array of float32 are transformed, and where to.

    Number k of signal i of group g lies at g * group + i * step + k * ahead, and goes to the places that the names with to_ say.
    Signals in rows have 2 in `ahead`, those in columns in `step`. swap, to_swap: whether real and imaginary parts change
    places on the way in and out. turned: whether results are multiplied by those of a table.
    begin: 0, or minus the signals of the first block that are not there, so that the others begin where vectors of memory do.
    """

    n: int
    groups: int
    signals: int
    group: int
    step: int
    ahead: int
    to_step: int
    to_ahead: int
    swap: int
    to_swap: int
    turned: int
    begin: int


@inner()
def rows_of(start: int, first: int, count: int, step: int, places: Array) -> None:
    """Where the rows from `first` on begin; those behind the last one are the last one again."""
    for i in range(places.size):
        places[i] = start + min(first + i, count - 1) * step


@inner()
def load(x: Array, job: Job, group: int, first: int, z: Array, places: Array) -> None:
    """A block of signals, from the one called `first` on."""
    start = group * job.group
    if job.ahead == 2:
        rows_of(start, first, job.signals, job.step, places)
        load_rows(x, places, job.n, z, 0, job.swap)
    else:
        load_columns(Rows(x, start + first * job.step, job.ahead), job.n, z, job.swap)


@inner()
def store(z: Array, y: Array, job: Job, group: int, first: int, scale: Array, turns: Array, places: Array) -> None:
    start = group * job.group
    if job.to_ahead == 2:
        rows_of(start, first, job.signals, job.to_step, places)
        store_rows(z, 0, job.n, y, places, job.to_swap, scale)
    else:
        target = Rows(y, start + first * job.to_step, job.to_ahead)
        store_columns(z, job.n, target, job.to_swap, scale, turns, job.turned)


@jit()
def _complex(
    x: Array, y: Array, job: Job, radices: Array, weights: Array, scale: Array, turns: Array, threads: int
) -> None:  # fmt: skip
    blocks = (job.signals - job.begin + LANES - 1) // LANES
    units, last = job.groups * blocks, max(0, job.signals - LANES)
    for t in prange(threads):
        a, b = np.empty(2 * job.n * LANES, x.dtype), np.empty(2 * job.n * LANES, x.dtype)
        places = np.empty(LANES, np.int64)
        for u in range(t * units // threads, (t + 1) * units // threads):
            group, first = u // blocks, min(max(0, job.begin + u % blocks * LANES), last)
            load(x, job, group, first, a, places)
            z = b if transformed(a, b, job.n, radices, weights) else a
            store(z, y, job, group, first, scale, turns, places)


@jit()
def _real(x: Array, y: Array, n: int, radices: Array, weights: Array, scale: Array, threads: int) -> None:
    """The halves of the transforms of real rows. x: (rows n,). y: (rows 2 (n // 2 + 1),)."""
    half, rows = n // 2 + 1, x.size // n
    units = (rows + 2 * LANES - 1) // (2 * LANES)
    for t in prange(threads):
        a, b = np.empty(2 * (n + 2) * LANES, x.dtype), np.empty(2 * (n + 2) * LANES, x.dtype)
        places = np.empty(LANES, np.int64)
        for u in range(t * units // threads, (t + 1) * units // threads):
            for part in range(2):
                rows_of(0, (2 * u + part) * LANES, rows, n, places)
                load_real(x, places, n, a, part)
            if transformed(a, b, n, radices, weights):
                a, b = b, a
            parted(a, n, b, half)
            for part in range(2):
                rows_of(0, (2 * u + part) * LANES, rows, 2 * half, places)
                store_rows(b, part * half, half, y, places, 0, scale)


@jit()
def _real_inverse(x: Array, y: Array, n: int, radices: Array, weights: Array, scale: Array, threads: int) -> None:
    """The rows whose halved transforms these are. x: (rows 2 (n // 2 + 1),). y: (rows n,)."""
    half, rows = n // 2 + 1, y.size // n
    units = (rows + 2 * LANES - 1) // (2 * LANES)
    for t in prange(threads):
        a, b = np.empty(2 * (n + 2) * LANES, x.dtype), np.empty(2 * (n + 2) * LANES, x.dtype)
        places = np.empty(LANES, np.int64)
        for u in range(t * units // threads, (t + 1) * units // threads):
            for part in range(2):
                rows_of(0, (2 * u + part) * LANES, rows, 2 * half, places)
                load_rows(x, places, half, a, part * half, 0)
            joined(a, half, b, n)
            if transformed(b, a, n, radices, weights) == 0:
                a, b = b, a
            for part in range(2):
                rows_of(0, (2 * u + part) * LANES, rows, n, places)
                store_real(a, n, y, places, 1 - part, scale)


_NO_TURNS = np.zeros(0, np.float32)


@lru_cache(maxsize=64)
def _scale(n: int, inverse: bool, norm: str) -> Array:
    """By what each number of a result is multiplied."""
    power = {"backward": float(inverse), "ortho": 0.5, "forward": float(not inverse)}[norm]
    return np.array([n**-power], np.float32)


def _threads(units: int, numbers: int, n: int) -> int:
    return threads_for(units, numbers * (0.5 + 0.15 * log2(n)) * 16 / LANES)


def _run(x: Array, y: Array, job: Job, passes: Passes, scale: Array, turns: Array) -> None:
    if job.to_step == 2:
        after = -address(y) % VECTOR_BYTES // 8
        job = job._replace(begin=after - LANES if after else 0)
    threads = _threads(job.groups * -(-job.signals // LANES), x.size, job.n)
    _complex(_numbers(x), _numbers(y), job, passes.radices, passes.weights, scale, turns, threads)


def _numbers(x: Array) -> Array:
    """A dense array of complex64 or float32 as one row of float32."""
    flat: Array = x.reshape(-1).view(np.float32)
    return flat


def transform(x: Array, axis: int, inverse: bool, norm: str) -> Array | None:
    """The transform of complex64 numbers along an axis, or its inverse, scaled as the array API's norm says.

    axis: not negative.
    """
    n = x.shape[axis]
    groups, count = prod(x.shape[:axis]), prod(x.shape[axis + 1 :])
    if count == 1 and 2 * groups < LANES:
        return _long(x, n, inverse, norm)
    passes = _passes(n)
    if passes is None or (2 * n < LANES if count == 1 else count < LANES):
        return None
    x = dense(x)
    y = np.empty(x.shape, x.dtype)
    if count == 1:
        place = (1, groups, 0, 2 * n, 2, 2 * n, 2)
    else:
        place = (groups, count, 2 * n * count, 2, 2 * count, 2, 2 * count)
    _run(x, y, Job(n, *place, int(inverse), int(inverse), 0, 0), passes, _scale(n, inverse, norm), _NO_TURNS)
    return y


@lru_cache(maxsize=64)
def _factors(n: int) -> tuple[Passes, Passes] | None:
    """The passes of the two factors next to the root of a size; None where one of them has none, or is less than a block."""
    for a in range(isqrt(n), LANES - 1, -1):
        if n % a == 0:
            columns, rows = _passes(a), _passes(n // a)
            return None if columns is None or rows is None else (columns, rows)
    return None


@lru_cache(maxsize=8)
def _turns(a: int, b: int) -> Array:
    """By what the first transforms of a long signal are turned before the second ones, (a b 2,)."""
    turns = np.exp(np.outer(np.arange(a), np.arange(b)) * (-2j * np.pi / (a * b)))
    return _numbers(turns.astype(np.complex64))


def _long(x: Array, n: int, inverse: bool, norm: str) -> Array | None:
    """A few long signals in rows, each of them as a matrix (a, b)."""
    factors = _factors(n)
    if factors is None:
        return None
    columns, rows = factors
    a, b = columns.n, rows.n
    x = dense(x)
    y, grid = np.empty(x.shape, x.dtype), np.empty(n, x.dtype)
    first = Job(a, 1, b, 0, 2, 2 * b, 2, 2 * b, int(inverse), 0, 1, 0)
    second = Job(b, 1, a, 0, 2 * b, 2, 2, 2 * a, 0, int(inverse), 0, 0)
    for signal, out in zip(x.reshape(-1, n), y.reshape(-1, n), strict=True):
        _run(signal, grid, first, columns, _ONE, _turns(a, b))
        _run(grid, out, second, rows, _scale(n, inverse, norm), _NO_TURNS)
    return y


_ONE = np.ones(1, np.float32)


def _real_passes(rows: int, n: int) -> Passes | None:
    """How real rows are transformed; None where they are too few or too short."""
    return _passes(n) if rows >= LANES <= n else None


def real_transform(x: Array, norm: str) -> Array | None:
    """The halved transforms of the rows of a float32 array, (..., n) to (..., n // 2 + 1)."""
    n = x.shape[-1]
    passes = _real_passes(x.size // n, n)
    if passes is None:
        return None
    y = np.empty((*x.shape[:-1], n // 2 + 1), _COMPLEX)
    threads = _threads(-(-x.size // n // (2 * LANES)), x.size // 2, n)
    _real(_numbers(dense(x)), _numbers(y), n, passes.radices, passes.weights, _scale(n, False, norm), threads)
    return y


def real_inverse(x: Array, n: int, norm: str) -> Array | None:
    """The inverse of real_transform, to rows of n numbers. n // 2 + 1 is the length of x's rows."""
    half = x.shape[-1]
    passes = _real_passes(x.size // half, n) if n // 2 + 1 == half else None
    if passes is None:
        return None
    y = np.empty((*x.shape[:-1], n), _REAL)
    threads = _threads(-(-y.size // n // (2 * LANES)), y.size // 2, n)
    _real_inverse(_numbers(dense(x)), _numbers(y), n, passes.radices, passes.weights, _scale(n, True, norm), threads)
    return y
