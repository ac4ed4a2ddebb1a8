"""Decompositions of matrices, inverses and solutions. All take stacks of matrices (..., M, N).

The gradients of decompositions exist where the decomposition is unique up to signs: eigh and svd with repeated values give
Inf or NaN in the gradients of vectors, not in those of values. Sources: Giles 2008, "An extended collection of matrix
derivative results"; Seeger et al. 2017, arXiv:1710.08717; Walter, Lehmann 2012, arXiv:1001.1654 (QR).
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..autograd.op import op
from ..autograd.promotion import is_complex
from ..errors import ConfigError, GradientError, LinAlgError, ShapeError
from .creation import eye
from .elementwise import abs, cc
from .half import wide_text
from .linalg import matmul, vector_norm
from .reduce import max, min, others, sum
from .shape import broadcast_to

__all__ = [
    "cholesky", "det", "eig", "eigh", "eigvals", "eigvalsh", "inv", "matrix_norm", "matrix_power", "matrix_rank", "pinv", "qr",
    "slogdet", "solve", "svd", "svdvals",
]  # fmt: skip


def _h(xp: Any, x: Any) -> Any:
    """The conjugate transpose."""
    return xp.matrix_transpose(cc(xp, x))


def _matrix(name: str, x: Any, square: bool = True) -> None:
    if x.ndim < 2:
        raise ShapeError(f"{name}: x must be a matrix or a stack of them, it has shape {tuple(x.shape)}")
    if square and x.shape[-1] != x.shape[-2]:
        raise ShapeError(f"{name}: x must be square (..., M, M), it has shape {tuple(x.shape)}")


def _hermitian_part(xp: Any, x: Any) -> Any:
    return (x + _h(xp, x)) / 2


def _of_numbers(xp: Any, x: Any, values: Any) -> Any:
    """Eigenvalues, NaN for a matrix that holds NaN or Inf: LAPACK may say +-1.414 for [[NaN, 1], [1, 2]]."""
    return xp.where(xp.all(xp.isfinite(x), axis=(-2, -1))[..., None], values, math.nan)


def _diagonals(xp: Any, x: Any) -> Any:
    """Vectors (..., N) as diagonal matrices (..., N, N)."""
    return x[..., None] * xp.eye(x.shape[-1], dtype=x.dtype)


def _told(what: str, x: Any, compute: Callable[[], Any], probe: Callable[[Any], Any] = np.linalg.inv) -> Any:
    """compute(), and if a matrix makes that impossible, an error of ours that names the first such one of x.

    what: "inv: {} is singular", {} being the place. probe: NumPy's function that refuses this matrix alone.
    """
    try:
        return compute()
    except LinAlgError:
        raise
    except np.linalg.LinAlgError as error:
        stack = np.asarray(getattr(x, "_array", x))
        for at in np.ndindex(stack.shape[:-2]):
            try:
                probe(stack[at])
            except np.linalg.LinAlgError:
                raise LinAlgError(what.format(f"x{list(at)}" if at else "x")) from error
        raise LinAlgError(f"{what.split(':')[0]}: {error}") from error


# ---------------------------------------------------------------------- inverse, solution, determinant
@op(needs="y", promotes="float", complex=True)
@wide_text
def inv(xp, x, /):
    """The inverse of square matrices. Raises ShapeError, and LinAlgError on the CPU if one is singular."""
    _matrix("inv", x)
    y = _told("inv: {} is singular and has no inverse; pinv gives the pseudoinverse", x, lambda: xp.linalg.inv(x))
    return y, lambda gy: -xp.matmul(xp.matmul(_h(xp, y), gy), _h(xp, y))


@op(needs=("x1 y", "x1"), promotes="float", complex=True)
def solve(xp, x1, x2, /):
    """y with x1 y = x2. x1: (..., M, M). x2: a vector (M,) or matrices (..., M, K).

    Raises ShapeError, and LinAlgError on the CPU if a matrix of x1 is singular.
    """
    _matrix("solve", x1)
    vector = x2.ndim == 1
    if x2.ndim == 0 or x2.shape[0 if vector else -2] != x1.shape[-1]:
        raise ShapeError(f"solve: x2 {tuple(x2.shape)} must have {x1.shape[-1]} rows, as x1 {tuple(x1.shape)} has")
    singular = "solve: {} (x1) is singular, so the equations have no or many solutions; pinv(x1) @ x2 gives the least squares"
    y = _told(singular, x1, lambda: xp.linalg.solve(x1, x2))

    def right(gy):
        if not vector:
            return xp.linalg.solve(_h(xp, x1), gy)
        return xp.linalg.solve(_h(xp, x1), gy[..., None])[..., 0]

    def left(gy):
        g = right(gy)
        return -g[..., None] * cc(xp, y)[..., None, :] if vector else -xp.matmul(g, _h(xp, y))

    return y, (left, right)


@op(needs="x", promotes="float", complex=True)
@wide_text
def det(xp, x, /):
    """The determinants of square matrices. Their derivatives, the cofactors, exist for singular ones, too."""
    _matrix("det", x)

    def pull(gy):
        cofactors = None
        if x.shape[-1] > SMALL:  # det times the inverse, if there is one
            try:
                cofactors = cc(xp, xp.linalg.det(x))[..., None, None] * _h(xp, xp.linalg.inv(x))
            except np.linalg.LinAlgError:
                cofactors = None
        return gy[..., None, None] * (cc(xp, _cofactors(xp, x)) if cofactors is None else cofactors)

    return xp.linalg.det(x), pull


SMALL, MINORS = 3, 12
"""Sizes up to which cofactors are better than an inverse, and up to which those of a singular matrix are taken one by one."""


def _cofactors(xp: Any, x: Any) -> Any:
    """The derivative of det for each element: the determinant without its row and column, signs as on a chessboard."""
    n, lead = x.shape[-1], tuple(x.shape[:-2])
    if n == 1:
        return xp.ones_like(x)
    if n > MINORS:  # x = u s vh, and cofactors of products are products of cofactors; those of s leave one value out
        u, s, vh = xp.linalg.svd(x)
        turn = cc(xp, xp.linalg.det(u) * xp.linalg.det(vh))[..., None, None]
        return cc(xp, turn * xp.matmul(u * others(xp, s)[..., None, :], vh))
    if n == 0:
        return x
    kept = xp.asarray([k for i in range(n) for k in range(n) if k != i], dtype=xp.int64)
    minors = xp.reshape(xp.take(x, kept, axis=x.ndim - 2), (*lead, n, n - 1, n))
    minors = xp.reshape(xp.take(minors, kept, axis=minors.ndim - 1), (*lead, n, n - 1, n, n - 1))
    k = len(lead)
    minors = xp.linalg.det(xp.permute_dims(minors, (*range(k), k, k + 2, k + 1, k + 3)))
    return minors * xp.astype(xp.asarray([[(-1.0) ** (i + j) for j in range(n)] for i in range(n)]), x.dtype)


class SlogdetResult(NamedTuple):
    """The sign (or phase) and the logarithm of the absolute value of determinants."""

    sign: Any
    logabsdet: Any


@op(needs="x", promotes="float", complex=True, none_cotangents=True, result=SlogdetResult)
def slogdet(xp, x, /):
    """sign and log |det| of square matrices, det = sign exp(logabsdet), without overflow; 0 and -Inf for a singular one,
    whose gradient raises LinAlgError on the CPU.
    """
    _matrix("slogdet", x)
    sign, size = xp.linalg.slogdet(x)
    phase = xp.asarray(sign, copy=True) if is_complex(x) else None

    def pull(gy):
        g_sign, g = gy
        if phase is not None and g_sign is not None:
            turn = -xp.imag(xp.conj(g_sign) * phase)
            g = turn * 1j if g is None else g + turn * 1j
        if g is None:
            return None
        singular = "slogdet: {} is singular, and at a determinant of 0 the logarithm has no derivative"
        return g[..., None, None] * _h(xp, _told(singular, x, lambda: xp.linalg.inv(x)))

    return (sign, size), pull


@op(needs="x y", promotes="float", complex=True)
@wide_text
def pinv(xp, x, /, *, rtol=None):
    """The pseudoinverse (Moore-Penrose). rtol: singular values below rtol times the largest count as zero.

    The gradient holds where the rank does not change. Source: Golub, Pereyra 1973.
    """
    _matrix("pinv", x, square=False)
    y = xp.linalg.pinv(x) if rtol is None else xp.linalg.pinv(x, rtol=rtol)

    def pull(gy):
        gh, yh = _h(xp, gy), _h(xp, y)
        if x.shape[-2] <= x.shape[-1]:
            k = xp.matmul(gh, y)
            kyh = xp.matmul(k, yh)
            return (
                kyh
                - _h(xp, xp.matmul(y, k))
                - xp.matmul(xp.matmul(x, y), kyh)
                + xp.matmul(xp.matmul(yh, y), gh - xp.matmul(k, x))
            )
        k = xp.matmul(y, gh)
        yhk = xp.matmul(yh, k)
        return (
            yhk
            - _h(xp, xp.matmul(k, y))
            + xp.matmul(xp.matmul(gh - xp.matmul(x, k), y), yh)
            - xp.matmul(xp.matmul(yhk, y), x)
        )

    return y, pull


def matrix_power(x: Any, n: int, /) -> Any:
    """Square matrices to the integer power n, by repeated squaring; negative n powers the inverse."""
    _matrix("matrix_power", x)
    if n < 0:
        x, n = inv(x), -n
    result = None
    while n:
        if n & 1:
            result = x if result is None else matmul(result, x)
        n >>= 1
        if n:
            x = matmul(x, x)
    if result is None:
        return broadcast_to(eye(x.shape[-1], dtype=x.dtype, device=x.device), x.shape)
    return result


@op(needs="")
def matrix_rank(xp, x, /, *, rtol=None):
    """How many singular values are above rtol times the largest; 0 for a matrix of no elements."""
    _matrix("matrix_rank", x, square=False)
    if 0 in x.shape[-2:]:
        return xp.zeros(x.shape[:-2], dtype=xp.int64), None
    rtol = getattr(rtol, "_array", rtol)
    return xp.linalg.matrix_rank(x) if rtol is None else xp.linalg.matrix_rank(x, rtol=rtol), None


# ---------------------------------------------------------------------- decompositions
@op(needs="y", promotes="float", complex=True)
@wide_text
def cholesky(xp, x, /, *, upper=False):
    """The lower triangular L with x = L L^H (upper: U with x = U^H U). The Hermitian part of x counts.

    Raises ShapeError, and LinAlgError on the CPU if a matrix is not positive definite.
    """
    _matrix("cholesky", x)
    part = _hermitian_part(xp, x)
    negative = "cholesky: {} is not positive definite, so it has no Cholesky factor"
    y = _told(negative, part, lambda: xp.linalg.cholesky(part, upper=upper), np.linalg.cholesky)

    def pull(gy):
        low, g = (_h(xp, y), _h(xp, gy)) if upper else (y, gy)
        inverse = xp.linalg.inv(low)
        middle = xp.matmul(_h(xp, low), g)
        half = xp.tril(middle) - _diagonals(xp, xp.linalg.diagonal(middle)) / 2
        return _hermitian_part(xp, xp.matmul(xp.matmul(_h(xp, inverse), half), inverse))

    return y, pull


class EighResult(NamedTuple):
    """Eigenvalues in ascending order and eigenvectors as columns."""

    eigenvalues: Any
    eigenvectors: Any


def _apart(xp: Any, values: Any) -> Any:
    """1 / (values[j] - values[i]) at (i, j), 0 on the diagonal."""
    gaps = values[..., None, :] - values[..., :, None]
    same = xp.eye(values.shape[-1], dtype=values.dtype)
    return (1 - same) / (gaps + same)


@op(needs="y", promotes="float", complex=True, none_cotangents=True, result=EighResult)
def eigh(xp, x, /):
    """Eigenvalues w (..., M) and eigenvectors v (..., M, M) of Hermitian matrices; the Hermitian part of x counts.

    The gradient through v holds for functions that do not depend on the sign (or phase) of its columns.
    """
    _matrix("eigh", x)
    part = _hermitian_part(xp, x)
    w, v = xp.linalg.eigh(part)
    w = _of_numbers(xp, part, w)

    def pull(gy):
        gw, gv = gy
        if gv is None:
            return _hermitian_part(xp, xp.matmul(v * gw[..., None, :], _h(xp, v)))
        middle = xp.matmul(_h(xp, v), gv) * _apart(xp, w)
        if gw is not None:
            middle = middle + _diagonals(xp, gw)
        return _hermitian_part(xp, xp.matmul(xp.matmul(v, middle), _h(xp, v)))

    return (w, v), pull


@op(needs="", promotes="float", complex=True)
@wide_text
def eigvalsh(xp, x, /, *, save):
    """The eigenvalues of Hermitian matrices in ascending order; the Hermitian part of x counts."""
    _matrix("eigvalsh", x)
    part = _hermitian_part(xp, x)
    if not save:
        return _of_numbers(xp, part, xp.linalg.eigvalsh(part)), None
    w, v = xp.linalg.eigh(part)
    return _of_numbers(xp, part, w), lambda gy: _hermitian_part(xp, xp.matmul(v * gy[..., None, :], _h(xp, v)))


class EigResult(NamedTuple):
    """Eigenvalues in no order and eigenvectors as columns, both complex."""

    eigenvalues: Any
    eigenvectors: Any


def _eig_pull(xp: Any, w: Any, v: Any, gw: Any, gv: Any) -> Any:
    vh = _h(xp, v)
    middle = None
    if gv is not None:
        along = xp.matmul(vh, gv)
        lengths = xp.astype(xp.real(xp.linalg.diagonal(along)), along.dtype)
        middle = (along - xp.matmul(vh, v) * lengths[..., None, :]) * cc(xp, _apart(xp, w))
    if gw is not None:
        middle = _diagonals(xp, gw) if middle is None else middle + _diagonals(xp, gw)
    defective = "eig: the eigenvectors of {} do not span the space, so the gradient does not exist"
    return _told(defective, vh, lambda: xp.linalg.solve(vh, xp.matmul(middle, vh)))


@op(needs="y", promotes="float", complex=True, none_cotangents=True, result=EigResult)
def eig(xp, x, /):
    """Eigenvalues w (..., M) and eigenvectors v (..., M, M) of length 1 of square matrices, complex.

    The gradient through v holds for functions that do not depend on the phase of its columns.
    """
    _matrix("eig", x)
    w, v = xp.linalg.eig(x)
    return (w, v), lambda gy: _eig_pull(xp, w, v, *gy)


@op(needs="", promotes="float", complex=True)
def eigvals(xp, x, /, *, save):
    """The eigenvalues of square matrices, complex, in no order."""
    _matrix("eigvals", x)
    if not save:
        return xp.linalg.eigvals(x), None
    w, v = xp.linalg.eig(x)
    return w, lambda gy: _eig_pull(xp, w, v, gy, None)


class SVDResult(NamedTuple):
    """Left vectors as columns, singular values in descending order, right vectors as rows."""

    U: Any
    S: Any
    Vh: Any


@op(needs="y", promotes="float", complex=True, none_cotangents=True, result=SVDResult)
def svd(xp, x, /, *, full_matrices=True):
    """u, s, vh with x = u diag(s) vh, s descending. full_matrices=False: only the min(M, N) first vectors.

    The gradient through u and vh holds for functions that do not depend on the signs (or phases) of the vectors; with
    full_matrices=True it exists for square x only.
    """
    _matrix("svd", x, square=False)
    m, n = x.shape[-2:]
    u, s, vh = xp.linalg.svd(x, full_matrices=full_matrices)

    def pull(gy):
        gu, gs, gvh = gy
        k = builtins.min(m, n)
        if gu is None and gvh is None:
            return xp.matmul(u[..., :, :k] * gs[..., None, :], vh[..., :k, :])
        if full_matrices and m != n:
            raise GradientError("svd: the gradient of full_matrices=True needs a square matrix; pass full_matrices=False")
        line, column = s[..., None, :], s[..., :, None]
        apart = _apart(xp, s * s)
        middle = None if gs is None else _diagonals(xp, gs)
        if gu is not None:
            twist = xp.matmul(_h(xp, u), gu)
            twist = twist - _h(xp, twist)
            part = twist * apart * line
            if is_complex(x):
                part = part + _diagonals(xp, xp.linalg.diagonal(twist) / (2 * s))
            middle = part if middle is None else middle + part
        if gvh is not None:
            twist = xp.matmul(vh, _h(xp, gvh))
            part = column * ((twist - _h(xp, twist)) * apart)
            middle = part if middle is None else middle + part
        g = xp.matmul(xp.matmul(u, middle), vh)
        if m > n and gu is not None:
            scaled = gu / line
            g = g + xp.matmul(scaled - xp.matmul(u, xp.matmul(_h(xp, u), scaled)), vh)
        if m < n and gvh is not None:
            scaled = gvh / column
            g = g + xp.matmul(u, scaled - xp.matmul(xp.matmul(scaled, _h(xp, vh)), vh))
        return g

    return (u, s, vh), pull


@op(needs="", promotes="float", complex=True)
@wide_text
def svdvals(xp, x, /, *, save):
    """The singular values in descending order."""
    _matrix("svdvals", x, square=False)
    if not save:
        return xp.linalg.svdvals(x), None
    u, s, vh = xp.linalg.svd(x, full_matrices=False)
    return s, lambda gy: xp.matmul(u * gy[..., None, :], vh)


class QRResult(NamedTuple):
    """Orthonormal columns and an upper triangle."""

    Q: Any
    R: Any


def _qr_pull(xp: Any, q: Any, r: Any, gq: Any, gr: Any) -> Any:
    """The gradient of the tall case: q (..., M, K), r (..., K, K)."""
    m = None if gr is None else xp.matmul(r, _h(xp, gr))
    if gq is not None:
        inner = xp.matmul(_h(xp, gq), q)
        m = -inner if m is None else m - inner
    low = xp.tril(m, k=-1)
    diagonal = _diagonals(xp, xp.real(xp.linalg.diagonal(m)) if is_complex(m) else xp.linalg.diagonal(m))
    g = xp.matmul(q, low + _h(xp, low) + diagonal)
    if gq is not None:
        g = g + gq
    dependent = "qr: the columns of {} depend on each other, so the gradient does not exist"
    return xp.matmul(g, _h(xp, _told(dependent, r, lambda: xp.linalg.inv(r))))


@op(needs="x y", promotes="float", complex=True, none_cotangents=True, result=QRResult)
def qr(xp, x, /, *, mode="reduced"):
    """q, r with x = q r, q with orthonormal columns, r upper triangular. mode: "reduced" or "complete".

    The gradient with mode="complete" exists for M <= N only.
    """
    _matrix("qr", x, square=False)
    if mode not in ("reduced", "complete"):
        raise ConfigError(f'qr: mode must be "reduced" or "complete", got {mode!r}')
    q, r = xp.linalg.qr(x, mode=mode)
    m, n = x.shape[-2:]

    def pull(gy):
        gq, gr = gy
        if m >= n:
            if mode == "complete" and m > n:
                raise GradientError('qr: the gradient of mode="complete" needs M <= N; use mode="reduced"')
            return _qr_pull(xp, q, r, gq, gr)
        # x = [a | b], r = [s | t] with a = q s and b = q t
        gt = None if gr is None else gr[..., :, m:]
        if gt is not None:
            more = xp.matmul(x[..., :, m:], _h(xp, gt))
            gq = more if gq is None else gq + more
        ga = _qr_pull(xp, q, r[..., :, :m], gq, None if gr is None else gr[..., :, :m])
        gb = xp.matmul(q, gt) if gt is not None else xp.zeros((*x.shape[:-1], n - m), dtype=ga.dtype)
        return xp.concat([ga, gb], axis=-1)

    return (q, r), pull


def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """A norm of the matrices in the last two axes: "fro", "nuc", 2, -2 (singular values), 1, -1 (columns), inf, -inf (rows).

    A matrix of no elements has the norm 0; the least of no values, which -1, -2 and -inf ask for, raises ShapeError.
    """

    def extreme(values: Any, axis: int, keepdims: bool) -> Any:
        if ord > 0 and not values.shape[axis]:
            return sum(values, axis=axis, keepdims=keepdims)
        return (max if ord > 0 else min)(values, axis=axis, keepdims=keepdims)

    if x.ndim < 2:
        raise ShapeError(f"matrix_norm: x must have two axes at least, it has shape {tuple(x.shape)}")
    if ord in ("fro", None):
        return vector_norm(x, axis=(-2, -1), keepdims=keepdims)
    if ord in ("nuc", 2, -2):
        values = svdvals(x)
        y = sum(values, axis=-1) if ord == "nuc" else extreme(values, -1, False)
        return y[..., None, None] if keepdims else y
    if ord in (1, -1, math.inf, -math.inf):
        summed, other = (-2, -1) if ord in (1, -1) else (-1, -2)
        lines = sum(abs(x), axis=summed, keepdims=True)
        y = extreme(lines, other, True)
        return y if keepdims else y[..., 0, 0]
    raise ConfigError(f"matrix_norm: ord must be 'fro', 'nuc', 1, -1, 2, -2, inf or -inf, got {ord!r}")
