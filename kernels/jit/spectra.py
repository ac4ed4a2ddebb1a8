"""Eigenvalues, singular values and factors for stacks of small matrices, which LAPACK takes one at a time.

Eigenvalues are Jacobi's: each rotation makes one element off the diagonal zero, and after a few rounds all are negligible. A
block of matrices is rotated at once, one in each lane of a vector. Singular values of float32 are roots of eigenvalues of x x^T
in float64, whose errors are then below those of float32. Cholesky and QR are LAPACK's algorithms in float64, with its signs.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numba import prange

from ..types import Array
from .machine.compile import dense, inner, jit, threads_for

MOST, LONGEST = 8, 32
"""The smaller and the larger of rows and columns up to which this is faster than LAPACK."""

LANES = 16
"""Matrices of a block."""

ROUNDS = 30
"""Rounds after which a block is given up; five or six are needed."""

NEGLIGIBLE = 1e-30
"""Squares off the diagonal beside those on it."""


@inner()
def rotation(off: Array, low: Array, high: Array, c: Array, s: Array) -> None:
    """The rotations that make the elements `off` zero between diagonal elements `low` and `high`, which they change."""
    for lane in range(LANES):
        x = off[lane]
        ratio = (high[lane] - low[lane]) / (2.0 * x)
        t = 1.0 / (abs(ratio) + np.sqrt(ratio * ratio + 1.0))
        t = t if ratio >= 0.0 else -t
        t = t if x != 0.0 else 0.0
        low[lane] -= t * x
        high[lane] += t * x
        cosine = 1.0 / np.sqrt(t * t + 1.0)
        c[lane], s[lane] = cosine, t * cosine
        off[lane] = 0.0


@inner()
def rotate(first: Array, second: Array, c: Array, s: Array) -> None:
    for lane in range(LANES):
        x, y = first[lane], second[lane]
        first[lane] = c[lane] * x - s[lane] * y
        second[lane] = s[lane] * x + c[lane] * y


@inner()
def squares(x: Array, total: Array) -> None:
    for lane in range(LANES):
        total[lane] += x[lane] * x[lane]


@inner()
def diagonalise(m: Array, size: int, room: Array) -> bool:
    """Rotate a block, m (M, M, LANES) above its diagonal, until its diagonal holds the eigenvalues; whether it came to that."""
    for _ in range(ROUNDS):
        room[:2] = 0.0
        for i in range(size):
            squares(m[i, i], room[0])
            for j in range(i + 1, size):
                squares(m[i, j], room[1])
        busy = False
        for lane in range(LANES):
            busy |= not room[1, lane] <= NEGLIGIBLE * room[0, lane] < np.inf
        if not busy:
            return True
        for p in range(size):
            for q in range(p + 1, size):
                rotation(m[p, q], m[p, p], m[q, q], room[2], room[3])
                for r in range(size):
                    if r != p and r != q:
                        rotate(m[min(r, p), max(r, p)], m[min(r, q), max(r, q)], room[2], room[3])
    return False


@inner()
def load_symmetric(x: Array, n: int, here: int, m: Array) -> None:
    """Matrices n, n + 1, ... below their diagonals, as LAPACK reads them."""
    for lane in range(here):
        for i in range(x.shape[1]):
            for j in range(i, x.shape[1]):
                m[i, j, lane] = x[n + lane, j, i]


@inner()
def load_products(x: Array, n: int, here: int, m: Array) -> None:
    """The products of rows, or of columns where these are fewer."""
    rows, columns = x.shape[1:]
    for lane in range(here):
        for i in range(m.shape[0]):
            for j in range(i, m.shape[0]):
                total = 0.0
                if rows <= columns:
                    for k in range(columns):
                        total += np.float64(x[n + lane, i, k]) * np.float64(x[n + lane, j, k])
                else:
                    for k in range(rows):
                        total += np.float64(x[n + lane, k, i]) * np.float64(x[n + lane, k, j])
                m[i, j, lane] = total


@inner()
def store_sorted(values: Array, roots: bool, y: Array) -> None:
    """The numbers in ascending order, or the roots of those that are not negative in descending order."""
    count = values.size
    for i in range(1, count):
        v, j = values[i], i
        while j > 0 and values[j - 1] > v:
            values[j] = values[j - 1]
            j -= 1
        values[j] = v
    for i in range(count):
        y[i] = np.sqrt(max(values[count - 1 - i], 0.0)) if roots else values[i]


@jit()
def _spectra(x: Array, y: Array, roots: bool, failed: Array, threads: int) -> None:
    """y: (N, K). roots: whether singular values are asked for; failed (threads,) is set where one does not exist as a number."""
    count, size = y.shape
    for t in prange(threads):
        m, room, values = np.zeros((size, size, LANES)), np.zeros((4, LANES)), np.zeros(size)
        last = (t + 1) * count // threads
        for n in range(t * count // threads, last, LANES):
            here = min(LANES, last - n)
            m[:] = 0.0
            if roots:
                load_products(x, n, here, m)
            else:
                load_symmetric(x, n, here, m)
            if not diagonalise(m, size, room):
                failed[t] = 1
                break
            for lane in range(here):
                for i in range(size):
                    values[i] = m[i, i, lane]
                store_sorted(values, roots, y[n + lane])


@jit()
def _cholesky(x: Array, y: Array, failed: Array, threads: int) -> None:
    count, size = x.shape[:2]
    for t in prange(threads):
        low = np.zeros((size, size))
        for n in range(t * count // threads, (t + 1) * count // threads):
            for j in range(size):
                for i in range(j, size):
                    total = np.float64(x[n, i, j])
                    for k in range(j):
                        total -= low[i, k] * low[j, k]
                    if i == j:
                        if not total > 0.0 or total == np.inf:
                            failed[t] = 1
                        low[j, j] = np.sqrt(max(total, 0.0))
                    else:
                        low[i, j] = total / low[j, j]
            for i in range(size):
                for j in range(size):
                    y[n, i, j] = low[i, j]


@inner()
def reflect(m: Array, first: int, v: Array, factor: float, columns: int) -> None:
    """m -= factor v (v^T m), from a row on and in the columns behind `columns`; v begins with that row."""
    for j in range(columns, m.shape[1]):
        total = 0.0
        for i in range(first, m.shape[0]):
            total += v[i] * m[i, j]
        total *= factor
        for i in range(first, m.shape[0]):
            m[i, j] -= total * v[i]


@jit()
def _qr(x: Array, q: Array, r: Array, threads: int) -> None:
    """x: (N, M, K), q: (N, M, P), r: (N, P, K), P the smaller of M and K."""
    count, rows, columns = x.shape
    steps = r.shape[1]
    for t in prange(threads):
        m, v, own = np.zeros((rows, columns)), np.zeros((steps, rows)), np.zeros((rows, steps))
        factors = np.zeros(steps)
        for n in range(t * count // threads, (t + 1) * count // threads):
            for i in range(rows):
                for j in range(columns):
                    m[i, j] = x[n, i, j]
            for k in range(steps):
                below = 0.0
                for i in range(k + 1, rows):
                    below += m[i, k] * m[i, k]
                factors[k] = 0.0
                if below != 0.0:
                    head = m[k, k]
                    length = np.sqrt(head * head + below)
                    length = -length if head >= 0.0 else length
                    v[k, k] = 1.0
                    for i in range(k + 1, rows):
                        v[k, i] = m[i, k] / (head - length)
                        m[i, k] = 0.0
                    m[k, k] = length
                    factors[k] = (length - head) / length
                    reflect(m, k, v[k], factors[k], k + 1)
            own[:] = 0.0
            for k in range(steps):
                own[k, k] = 1.0
            for k in range(steps - 1, -1, -1):
                if factors[k] != 0.0:
                    reflect(own, k, v[k], factors[k], k)
            for j in range(steps):
                for i in range(rows):
                    q[n, i, j] = own[i, j]
                for i in range(columns):
                    r[n, j, i] = m[j, i] if i >= j else 0.0


def _stack(x: Array) -> Array:
    return dense(x).reshape(prod(x.shape[:-2]), *x.shape[-2:])


def _threads(x: Array) -> int:
    return threads_for(prod(x.shape[:-2]), 3.0 * x.size * x.shape[-1])


def _values(x: Array, roots: bool) -> Array | None:
    size = min(x.shape[-2:])
    y = np.empty((*x.shape[:-2], size), x.dtype)
    threads = threads_for(prod(x.shape[:-2]), 20.0 * prod(x.shape[:-2]) * size**3)
    failed: Any = np.zeros(threads, np.int8)
    _spectra(_stack(x), y.reshape(-1, size), roots, failed, threads)
    return None if any(failed.tolist()) else y


def eigenvalues(x: Array) -> Array | None:
    """Of (..., M, M), symmetric, float32: (..., M), ascending; None where there are elements that are no numbers."""
    return _values(x, False)


def singular_values(x: Array) -> Array | None:
    """Of (..., M, N), float32: (..., min(M, N)), descending; None where there are elements that are no numbers."""
    return _values(x, True)


def cholesky(x: Array) -> Array | None:
    """The lower factors of (..., M, M); None where a matrix is not positive definite."""
    y, threads = np.empty(x.shape, x.dtype), _threads(x)
    failed: Any = np.zeros(threads, np.int8)
    stack = _stack(x)
    _cholesky(stack, y.reshape(stack.shape), failed, threads)
    return None if any(failed.tolist()) else y


def qr(x: Array) -> tuple[Array, Array]:
    """q (..., M, P) and r (..., P, N) of (..., M, N), float32, P the smaller of M and N."""
    *lead, rows, columns = x.shape
    least = min(rows, columns)
    q, r = np.empty((*lead, rows, least), x.dtype), np.empty((*lead, least, columns), x.dtype)
    _qr(_stack(x), q.reshape(-1, rows, least), r.reshape(-1, least, columns), _threads(x))
    return q, r
