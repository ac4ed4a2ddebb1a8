"""Triangular factors by elimination, which gradients follow, and products of reflections."""

from __future__ import annotations

import math
from collections import namedtuple
from typing import Any

import numpy as np

from .core import kind_of
from .engine import dl

LU = namedtuple("LU", ["P", "L", "U"])
LUFactor = namedtuple("LUFactor", ["LU", "pivots"])


def _factors(A: Any) -> tuple[Any, Any]:
    """The rows in the order of pivoting (found on the host), and LAPACK's pivots."""
    import scipy.linalg

    a = A.numpy_copy()
    m, n = a.shape[-2:]
    flat = a.reshape(math.prod(a.shape[:-2]), m, n)
    orders, pivots = [], []
    for one in flat:
        _, steps = scipy.linalg.lu_factor(one) if min(m, n) else (None, np.zeros(0, int))
        order = np.arange(m)
        for i, j in enumerate(steps[: min(m, n)]):
            order[[i, j]] = order[[j, i]]
        orders.append(order)
        pivots.append(steps[: min(m, n)] + 1)
    shape = a.shape[:-2]
    return (np.asarray(orders, dtype=np.int64).reshape(*shape, m), np.asarray(pivots, dtype=np.int32).reshape(*shape, min(m, n)))


def _eliminated(A: Any) -> tuple[Any, Any]:
    """L and U of rows in their final order: columns one after another, which gradients follow."""
    m, n = A.shape[-2:]
    rest, lower, upper = A, [], []
    for k in range(min(m, n)):
        row = rest[..., :1, :]
        column = rest[..., :, :1] / row[..., :, :1]
        lower.append(dl.concat([dl.zeros((*A.shape[:-2], k, 1), dtype=A.dtype, device=A.device), column], axis=-2))
        upper.append(dl.concat([dl.zeros((*A.shape[:-2], 1, k), dtype=A.dtype, device=A.device), row], axis=-1))
        rest = rest[..., 1:, 1:] - dl.matmul(column[..., 1:, :], row[..., :, 1:])
    return dl.concat(lower, axis=-1), dl.concat(upper, axis=-2)


def _ordered(A: Any, order: Any) -> Any:
    index = dl.asarray(np.broadcast_to(order[..., None], A.shape).copy(), device=A.device)
    return dl.take_along_axis(A, index, axis=-2)


def lu(A: Any, *, pivot: bool = True) -> Any:
    """Permutation, lower and upper factor."""
    order, _ = _factors(A)
    low, up = _eliminated(_ordered(A, order))
    m = A.shape[-2]
    p = np.zeros((*order.shape, m))
    np.put_along_axis(p, order[..., None], 1.0, axis=-1)
    return LU(dl.asarray(np.swapaxes(p, -1, -2).astype(A.dtype), device=A.device), low, up)


def lu_factor(A: Any, *, pivot: bool = True) -> Any:
    """Both factors in one matrix, and the pivots."""
    order, pivots = _factors(A)
    low, up = _eliminated(_ordered(A, order))
    m, n = A.shape[-2:]
    k = min(m, n)
    low = dl.pad(dl.tril(low, k=-1), [(0, 0), (0, n - k)])
    up = dl.pad(dl.triu(up), [(0, m - k), (0, 0)])
    return LUFactor(low + up, dl.asarray(pivots, device=A.device))


def lu_factor_ex(A: Any, *, pivot: bool = True, check_errors: bool = False) -> Any:
    """lu_factor, and 0 where it was found."""
    return (*lu_factor(A, pivot=pivot), dl.zeros(A.shape[:-2], dtype="int32"))


def order_of(pivots: Any, m: int) -> Any:
    """The order of rows that LAPACK's pivots mean."""
    steps = pivots.numpy_copy()
    flat = steps.reshape(math.prod(steps.shape[:-1]), steps.shape[-1])
    orders = np.tile(np.arange(m), (len(flat), 1))
    for row, one in zip(orders, flat, strict=True):
        for i, j in enumerate(one - 1):
            row[[i, j]] = row[[j, i]]
    return orders.reshape(*steps.shape[:-1], m)


def lu_solve(LU: Any, pivots: Any, B: Any, *, left: bool = True, adjoint: bool = False) -> Any:  # noqa: N803
    """The solution of A X = B by the factors of A."""
    m = LU.shape[-1]
    low = dl.tril(LU, k=-1) + dl.eye(m, dtype=LU.dtype, device=LU.device)
    order = order_of(pivots, m)
    back = np.argsort(order, axis=-1)
    a = dl.matmul(low, dl.triu(LU))
    a = _ordered(a, back)
    if adjoint:
        a = dl.matrix_transpose(dl.conj(a) if kind_of(a.dtype) == 3 else a)
    if not left:
        return dl.matrix_transpose(dl.linalg.solve(dl.matrix_transpose(a), dl.matrix_transpose(B)))
    return dl.linalg.solve(a, B)


def householder_product(A: Any, tau: Any) -> Any:
    """The first columns of a product of reflections."""
    m, n = A.shape[-2:]
    q = dl.broadcast_to(dl.eye(m, n, dtype=A.dtype, device=A.device), A.shape)
    if not tau.shape[-1]:
        return q + 0 * A
    for k in reversed(range(tau.shape[-1])):
        v = dl.concat(
            [
                dl.zeros((*A.shape[:-2], k, 1), dtype=A.dtype, device=A.device),
                dl.ones((*A.shape[:-2], 1, 1), dtype=A.dtype, device=A.device),
                A[..., k + 1 :, k : k + 1],
            ],
            axis=-2,
        )
        vh = dl.matrix_transpose(dl.conj(v) if kind_of(v.dtype) == 3 else v)
        q = q - tau[..., k : k + 1, None] * dl.matmul(v, dl.matmul(vh, q))
    return q


def lu_unpack(LU_data: Any, LU_pivots: Any, unpack_data: bool = True, unpack_pivots: bool = True) -> Any:  # noqa: N803
    """Permutation, lower and upper factor from the packed form."""
    m, n = LU_data.shape[-2:]
    k = min(m, n)
    low = dl.tril(LU_data[..., :, :k], k=-1) + dl.eye(m, k, dtype=LU_data.dtype, device=LU_data.device)
    order = order_of(LU_pivots, m)
    p = np.zeros((*order.shape, m))
    np.put_along_axis(p, order[..., None], 1.0, axis=-1)
    eye = dl.asarray(np.swapaxes(p, -1, -2).astype(LU_data.dtype), device=LU_data.device)
    empty = dl.zeros(0, dtype=LU_data.dtype)
    return LU(
        eye if unpack_pivots else empty, low if unpack_data else empty, dl.triu(LU_data[..., :k, :]) if unpack_data else empty
    )
