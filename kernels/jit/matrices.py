"""Determinants, inverses and solutions for stacks of small matrices, and the product of vectors of three.

LAPACK does one matrix at a time, and for nine numbers its calls take longer than the arithmetic. Here each matrix is factored
in float64, with the largest element of a column as the pivot.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numba import prange

from ..types import Array
from .machine.compile import dense, inner, jit, threads_for
from .machine.gemm import outer as products

MOST = 8
"""Rows up to which this is faster than LAPACK."""


@inner()
def factor(m: Array, b: Array, size: int) -> float:
    """Turn the first `size` columns of m (M, M) into a triangle, doing the same to b (M, K): the sign of the exchanges of rows,
    0 where a pivot is 0."""
    sign = 1.0
    for k in range(size):
        best, top = k, abs(m[k, k])
        for i in range(k + 1, size):
            if abs(m[i, k]) > top:
                best, top = i, abs(m[i, k])
        if best != k:
            sign = -sign
            for j in range(k, size):
                m[k, j], m[best, j] = m[best, j], m[k, j]
            for j in range(b.shape[1]):
                b[k, j], b[best, j] = b[best, j], b[k, j]
        if m[k, k] == 0.0:
            return 0.0
        for i in range(k + 1, size):
            ratio = m[i, k] / m[k, k]
            for j in range(k + 1, size):
                m[i, j] -= ratio * m[k, j]
            for j in range(b.shape[1]):
                b[i, j] -= ratio * b[k, j]
    return sign


@inner()
def substitute(m: Array, b: Array, size: int) -> None:
    """Solve m y = b for an upper triangle, from the last row to the first; y takes the place of b."""
    for i in range(size - 1, -1, -1):
        for k in range(i + 1, size):
            for j in range(b.shape[1]):
                b[i, j] -= m[i, k] * b[k, j]
        for j in range(b.shape[1]):
            b[i, j] /= m[i, i]


@jit()
def _determinants(x: Array, signs: Array, y: Array, logarithm: bool, threads: int) -> None:
    count, size = x.shape[:2]
    for t in prange(threads):
        m, none = np.empty((size, size), np.float64), np.empty((size, 0), np.float64)
        for n in range(t * count // threads, (t + 1) * count // threads):
            for i in range(size):
                for j in range(size):
                    m[i, j] = x[n, i, j]
            sign, total = factor(m, none, size), 0.0 if logarithm else 1.0
            if sign == 0.0:
                total = -np.inf if logarithm else 0.0
            elif logarithm:
                for i in range(size):
                    total += np.log(abs(m[i, i]))
                    sign = -sign if m[i, i] < 0 else sign
            else:
                total = sign
                for i in range(size):
                    total *= m[i, i]
            if total != total:
                sign = total
            signs[n], y[n] = sign, total


@jit()
def _solutions(x: Array, b: Array, y: Array, singular: Array, threads: int) -> None:
    """b: (N, M, K), or (N, M, 0) for the identity."""
    count, size, columns = y.shape
    for t in prange(threads):
        m, part = np.empty((size, size), np.float64), np.empty((size, columns), np.float64)
        for n in range(t * count // threads, (t + 1) * count // threads):
            for i in range(size):
                for j in range(size):
                    m[i, j] = x[n, i, j]
                for j in range(columns):
                    part[i, j] = b[n, i, j] if b.shape[2] else np.float64(i == j)
            if factor(m, part, size) == 0.0:
                singular[t] = 1
            else:
                substitute(m, part, size)
                for i in range(size):
                    for j in range(columns):
                        y[n, i, j] = part[i, j]


@jit()
def _cross(a: Array, b: Array, y: Array, threads: int) -> None:
    for t in prange(threads):
        for n in range(t * len(y) // threads, (t + 1) * len(y) // threads):
            y[n, 0] = a[n, 1] * b[n, 2] - a[n, 2] * b[n, 1]
            y[n, 1] = a[n, 2] * b[n, 0] - a[n, 0] * b[n, 2]
            y[n, 2] = a[n, 0] * b[n, 1] - a[n, 1] * b[n, 0]


def cross(a: Array, b: Array) -> Array:
    """The vector products of (..., 3)."""
    y = np.empty(a.shape, a.dtype)
    rows = (a.size // 3, 3)
    _cross(dense(a).reshape(rows), dense(b).reshape(rows), y.reshape(rows), threads_for(a.size // 3, 0.8 * a.size))
    return y


def outer(a: Array, b: Array) -> Array:
    """The products of all pairs of elements of two vectors."""
    y = np.empty((a.size, b.size), a.dtype)
    products(dense(a), dense(b), y, a.size, b.size, threads_for(a.size, 0.1 * y.size))
    return y


def _stack(x: Array) -> Array:
    return dense(x).reshape(prod(x.shape[:-2]), *x.shape[-2:])


def _threads(x: Array) -> int:
    return threads_for(prod(x.shape[:-2]), 3.0 * x.size * x.shape[-1])


def determinants(x: Array, logarithm: bool) -> tuple[Array, Array]:
    """Of (..., M, M): the signs and the determinants (...), or the logarithms of their absolute values."""
    lead = x.shape[:-2]
    signs, y = np.empty(prod(lead), x.dtype), np.empty(prod(lead), x.dtype)
    _determinants(_stack(x), signs, y, logarithm, _threads(x))
    return signs.reshape(lead), y.reshape(lead)


def solutions(x: Array, b: Array | None) -> Array | None:
    """y with x y = b, or the inverses for None; None where one of the matrices is singular. x: (..., M, M). b: (..., M, K)."""
    y = np.empty(x.shape if b is None else b.shape, x.dtype)
    threads, stack = _threads(x), _stack(x)
    right = np.empty((len(stack), stack.shape[1], 0), x.dtype) if b is None else _stack(b)
    singular: Any = np.zeros(threads, np.int8)
    _solutions(stack, right, y.reshape(len(stack), *y.shape[-2:]), singular, threads)
    return None if any(singular.tolist()) else y
