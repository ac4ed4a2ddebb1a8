"""Linear algebra by the definitions: sums of products, elimination, Jacobi rotations. No call of LAPACK or BLAS.

Functions on stacks of matrices work matrix by matrix; extended precision (np.longdouble) where the platform has it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import permutations
from typing import Any

import numpy as np

SWEEPS = 60
"""Rounds of Jacobi rotations, far more than small matrices need."""


def _wide(x: Any) -> Any:
    """x in extended precision; integers unchanged."""
    kinds = {"f": np.longdouble, "c": np.clongdouble}
    return x.astype(kinds[x.dtype.kind]) if x.dtype.kind in kinds else x


def _narrow(x: Any) -> Any:
    """Back to float64 or complex128."""
    x = np.asarray(x)
    return x.astype({"f": np.float64, "c": np.complex128}.get(x.dtype.kind, x.dtype))


def stacked(f: Callable[..., Any]) -> Callable[..., Any]:
    """Apply a function of one matrix to stacks of matrices (..., M, N); tuples become tuples of stacks."""

    def each(x: Any, **consts: Any) -> Any:
        lead = x.shape[:-2]
        found = [f(_wide(x[i]), **consts) for i in np.ndindex(*lead)]
        if isinstance(found[0], tuple):
            return tuple(_narrow(np.reshape(np.stack(part), (*lead, *part[0].shape))) for part in zip(*found, strict=True))
        return _narrow(np.reshape(np.stack(found), (*lead, *np.shape(found[0]))))

    each.__doc__ = f.__doc__
    return each


# ---------------------------------------------------------------------- products
def matmul(x1: Any, x2: Any) -> Any:
    """sum over k of x1[..., i, k] x2[..., k, j]; vectors as in NumPy."""
    a = x1[None, :] if x1.ndim == 1 else x1
    b = x2[:, None] if x2.ndim == 1 else x2
    y = np.sum(a[..., :, :, None] * b[..., None, :, :], axis=-2)
    if x1.ndim == 1:
        y = y[..., 0, :]
    return y[..., 0] if x2.ndim == 1 else y


def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """sum over i of x[..., i] weight[o, i], plus bias[o]."""
    y = np.sum(x[..., None, :] * weight, axis=-1)
    return y if bias is None else y + bias


def vecdot(x1: Any, x2: Any, axis: int = -1) -> Any:
    """sum of conj(x1) x2 along an axis of the two broadcast."""
    return np.sum(np.conj(x1) * x2, axis=axis)


def tensordot(x1: Any, x2: Any, axes: Any = 2) -> Any:
    """Every product of an element of x1 with one of x2, kept where the indices of the summed axes agree."""
    if isinstance(axes, int):
        axes = (range(x1.ndim - axes, x1.ndim), range(axes))
    letters = [chr(97 + i) for i in range(x1.ndim + x2.ndim)]
    first, second = letters[: x1.ndim], letters[x1.ndim :]
    for i, j in zip(*axes, strict=True):
        second[j] = first[i]
    out = [c for c in first + second if (first + second).count(c) == 1]
    return np.einsum(f"{''.join(first)},{''.join(second)}->{''.join(out)}", x1, x2)


def cross(x1: Any, x2: Any, axis: int = -1) -> Any:
    """The three components, one by one."""
    a = [np.take(x1, i, axis=axis) for i in range(3)]
    b = [np.take(x2, i, axis=axis) for i in range(3)]
    parts = [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
    return np.stack(parts, axis=axis)


def diagonal(x: Any, offset: int = 0) -> Any:
    """x[..., i, i + offset] wherever there is one."""
    rows, columns = x.shape[-2:]
    found = [x[..., i, i + offset] for i in range(rows) if 0 <= i + offset < columns]
    return np.stack(found, axis=-1) if found else np.zeros((*x.shape[:-2], 0), x.dtype)


def trace(x: Any, offset: int = 0) -> Any:
    """The sum of the diagonal."""
    return np.sum(diagonal(x, offset), axis=-1)


# ---------------------------------------------------------------------- norms
def vector_norm(x: Any, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """(sum of |x|^ord)^(1/ord), in extended precision so that squares do not overflow."""
    size = np.abs(_wide(x))
    along = {"axis": axis, "keepdims": keepdims}
    if ord in (math.inf, -math.inf):
        return _narrow((np.max if ord > 0 else np.min)(size, **along))
    if ord == 0:
        return _narrow(np.sum(np.asarray(size != 0, dtype=size.dtype), **along))
    return _narrow(np.sum(size**ord, **along) ** (1 / np.longdouble(ord)))


def matrix_norm(x: Any, keepdims: bool = False, ord: Any = "fro") -> Any:
    """Sums of squares, of singular values, of the absolute values of columns (1, -1) or rows (inf, -inf)."""
    size = np.abs(x)
    if ord == "fro":
        y = np.sqrt(np.sum(size**2, axis=(-2, -1)))
    elif ord in ("nuc", 2, -2):
        s = svdvals(x)
        y = np.sum(s, axis=-1) if ord == "nuc" else s[..., 0 if ord == 2 else -1]
    else:
        y = (np.max if ord > 0 else np.min)(np.sum(size, axis=-2 if ord in (1, -1) else -1), axis=-1)
    return y[..., None, None] if keepdims else y


# ---------------------------------------------------------------------- inverse, solution, determinant
def _eliminate(a: Any, b: Any) -> Any:
    """The solution of a y = b for matrices: Gauss and Jordan, with the largest pivot."""
    a, b = a.copy(), np.array(b, dtype=np.result_type(a, b))
    n = len(a)
    for k in range(n):
        p = k + int(np.argmax(np.abs(a[k:, k])))
        a[[k, p]], b[[k, p]] = a[[p, k]], b[[p, k]]
        b[k], a[k] = b[k] / a[k, k], a[k] / a[k, k]
        for i in range(n):
            if i != k:
                b[i], a[i] = b[i] - a[i, k] * b[k], a[i] - a[i, k] * a[k]
    return b


@stacked
def inv(x: Any) -> Any:
    """The inverse by elimination."""
    return _eliminate(x, np.eye(len(x), dtype=x.dtype))


def solve(x1: Any, x2: Any) -> Any:
    """y with x1 y = x2 by elimination; x2 a vector or matrices, stacks broadcast."""
    b = x2[:, None] if x2.ndim == 1 else x2
    lead = np.broadcast_shapes(x1.shape[:-2], b.shape[:-2])
    x1 = np.broadcast_to(x1, (*lead, *x1.shape[-2:]))
    b = np.broadcast_to(b, (*lead, *b.shape[-2:]))
    y = np.zeros(b.shape, np.result_type(x1, b))
    for i in np.ndindex(*lead):
        y[i] = _narrow(_eliminate(_wide(x1[i]), _wide(b[i])))
    return y[..., 0] if x2.ndim == 1 else y


@stacked
def det(x: Any) -> Any:
    """Leibniz: the sum over all permutations of their sign times the product of the elements they name."""
    n = len(x)
    total = x.dtype.type(0)
    for p in permutations(range(n)):
        turned = sum(p[i] > p[j] for i in range(n) for j in range(i + 1, n))
        total += (-1) ** turned * np.prod([x[i, p[i]] for i in range(n)])
    return total


def slogdet(x: Any) -> Any:
    """The determinant's phase and the logarithm of its size."""
    d = det(x)
    return d / np.abs(d), np.log(np.abs(d))


def pinv(x: Any, rtol: Any = None) -> Any:
    """sum over the singular triples of v u^H / s, those with s above rtol times the largest."""
    u, s, vh = svd(x)
    limit = (max(x.shape[-2:]) * np.finfo(np.float64).eps if rtol is None else rtol) * np.max(s, axis=-1, keepdims=True)
    one_over = np.where(s > limit, 1 / np.where(s == 0, 1, s), 0)
    return matmul(np.conj(np.swapaxes(vh, -1, -2)) * one_over[..., None, :], np.conj(np.swapaxes(u, -1, -2)))


def matrix_power(x: Any, n: int) -> Any:
    """|n| factors one after another, of the inverse if n is negative."""
    y = np.broadcast_to(np.eye(x.shape[-1], dtype=x.dtype), x.shape)
    factor = inv(x) if n < 0 else x
    for _ in range(abs(n)):
        y = matmul(y, factor)
    return y


def matrix_rank(x: Any, rtol: Any = None) -> Any:
    """How many singular values are above rtol times the largest; rtol as in the standard if None."""
    s = svdvals(x)
    rtol = max(x.shape[-2:]) * np.finfo(np.float64).eps if rtol is None else rtol
    return np.sum(s > rtol * np.max(s, axis=-1, keepdims=True), axis=-1)


# ---------------------------------------------------------------------- decompositions
@stacked
def cholesky(x: Any, upper: bool = False) -> Any:
    """Column by column: l[i, j] = (x[i, j] - sum of l[i, k] conj(l[j, k]) over k < j) / l[j, j]."""
    x = (x + np.conj(x.T)) / 2
    low = np.zeros_like(x)
    for j in range(len(x)):
        low[j, j] = np.sqrt(np.real(x[j, j] - np.sum(low[j, :j] * np.conj(low[j, :j]))))
        for i in range(j + 1, len(x)):
            low[i, j] = (x[i, j] - np.sum(low[i, :j] * np.conj(low[j, :j]))) / low[j, j]
    return np.conj(low.T) if upper else low


def _rotation(alpha: Any, beta: Any, gamma: Any) -> tuple[Any, Any, Any]:
    """Cosine, sine and phase of the rotation that makes [[alpha, gamma], [conj(gamma), beta]] diagonal."""
    zeta = (beta - alpha) / (2 * np.abs(gamma))
    t = (1 if zeta >= 0 else -1) / (np.abs(zeta) + np.sqrt(1 + zeta * zeta))
    c = 1 / np.sqrt(1 + t * t)
    return c, c * t, gamma / np.abs(gamma)


def _turn(a: Any, p: int, q: int, c: Any, s: Any, phase: Any) -> None:
    """Columns p and q of a rotated."""
    left, right = a[:, p].copy(), a[:, q] * np.conj(phase)
    a[:, p], a[:, q] = c * left - s * right, s * left + c * right


def _jacobi(a: Any) -> tuple[Any, Any, Any]:
    """u, s, v of a tall matrix: columns are turned in pairs until all are orthogonal. Source: Hestenes 1958."""
    a = a.copy()
    n = a.shape[1]
    v = np.eye(n, dtype=a.dtype)
    for _ in range(SWEEPS):
        turned = False
        for p in range(n):
            for q in range(p + 1, n):
                alpha, beta = (np.sum(np.abs(a[:, k]) ** 2) for k in (p, q))
                gamma = np.sum(np.conj(a[:, p]) * a[:, q])
                if np.abs(gamma) > 1e-19 * np.sqrt(alpha * beta):
                    turned = True
                    for m in (a, v):
                        _turn(m, p, q, *_rotation(alpha, beta, gamma))
        if not turned:
            break
    s = np.sqrt(np.sum(np.abs(a) ** 2, axis=0))
    order = np.argsort(-s)
    return a[:, order] / np.where(s == 0, 1, s)[order], s[order], v[:, order]


@stacked
def svd(x: Any) -> Any:
    """u, s, vh (the min(M, N) first vectors) by Jacobi rotations."""
    if x.shape[0] >= x.shape[1]:
        u, s, v = _jacobi(x)
        return u, s, np.conj(v.T)
    v, s, u = _jacobi(np.conj(x.T))
    return u, s, np.conj(v.T)


def svdvals(x: Any) -> Any:
    """The singular values, largest first."""
    return svd(x)[1]


@stacked
def eigh(x: Any) -> Any:
    """Eigenvalues in ascending order and vectors of the Hermitian part, by Jacobi rotations."""
    a = (x + np.conj(x.T)) / 2
    v = np.eye(len(a), dtype=a.dtype)
    for _ in range(SWEEPS):
        for p in range(len(a)):
            for q in range(p + 1, len(a)):
                if np.abs(a[p, q]) > 1e-22 * np.max(np.abs(a)):
                    turn = _rotation(np.real(a[p, p]), np.real(a[q, q]), a[p, q])
                    _turn(v, p, q, *turn)
                    _turn(a, p, q, *turn)
                    a = np.conj(a.T)
                    _turn(a, p, q, *turn)
                    a = np.conj(a.T)
    w = np.real(np.diag(a))
    order = np.argsort(w)
    return w[order], v[:, order]


def eigvalsh(x: Any) -> Any:
    """The eigenvalues of the Hermitian part in ascending order."""
    return eigh(x)[0]


@stacked
def eig(x: Any) -> Any:
    """Eigenvalues in order of their real parts, and vectors of length 1.

    The roots of the characteristic polynomial (Faddeev and LeVerrier; Weierstrass' iteration for all roots at once), then
    the vectors by inverse iteration.
    """
    n = len(x)
    x = x.astype(np.clongdouble)
    one = np.eye(n, dtype=x.dtype)
    coefficients, m = [x.dtype.type(1)], one
    for k in range(1, n + 1):
        product = matmul(x, m)
        coefficients.append(-np.sum(np.diag(product)) / k)
        m = product + coefficients[-1] * one
    size = np.max(np.abs(x)) * n
    roots = size * (0.4 + 0.9j) ** np.arange(n).astype(x.dtype)
    for _ in range(500):
        for i in range(n):
            value = x.dtype.type(0)
            for c in coefficients:
                value = value * roots[i] + c
            roots[i] -= value / np.prod([roots[i] - roots[j] for j in range(n) if j != i])
    roots = roots[np.argsort(np.real(roots))]
    vectors = []
    for w in roots:
        v = np.ones((n, 1), x.dtype) + 0.1 * np.arange(n)[:, None]
        for _ in range(4):
            v = _eliminate(x - (w + 1e-9 * size) * one, v)
            v = v / np.sqrt(np.sum(np.abs(v) ** 2))
        vectors.append(v[:, 0])
    return roots, np.stack(vectors, axis=1)


def eigvals(x: Any) -> Any:
    """The eigenvalues in order of their real parts."""
    return eig(x)[0]


@stacked
def qr(x: Any, mode: str = "reduced") -> Any:
    """Gram and Schmidt, each column made orthogonal twice; mode="complete" for M <= N, where it is the same."""
    m, n = x.shape
    q = np.zeros((m, min(m, n)), x.dtype)
    for k in range(min(m, n)):
        v = x[:, k]
        for _ in range(2):
            for j in range(k):
                v = v - q[:, j] * np.sum(np.conj(q[:, j]) * v)
        q[:, k] = v / np.sqrt(np.sum(np.abs(v) ** 2))
    return q, np.triu(matmul(np.conj(q.T), x))
