"""Factorizations of matrices: Cholesky, singular values, QR."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..autograd.op import op
from ..autograd.promotion import is_complex
from ..errors import ConfigError, GradientError
from .half import wide_text

if TYPE_CHECKING:
    from ..typing import Namespace, Tensor, ValueAndVJP
from .decompositions import check_matrix, conj_transpose, diagonal_matrix, hermitian_part, naming_the_matrix
from .eigenvalues import _apart

__all__ = ["cholesky", "qr", "svd", "svdvals"]


@op(needs="y", promotes="float", complex=True)
@wide_text
def cholesky(xp: Namespace, x: Tensor, /, *, upper: bool = False) -> ValueAndVJP:
    """Return the Cholesky factor of positive definite matrices.

    Parameters
    ----------
    x : Tensor
        (..., M, M); its Hermitian part counts.
    upper : bool
        Whether to return the upper triangular U with ``x = U^H U`` instead of the lower triangular L with ``x = L
        L^H``.

    Returns
    -------
    Tensor
        (..., M, M).

    Raises
    ------
    LinAlgError
        On the CPU, if a matrix is not positive definite.

    Examples
    --------
    >>> dl.linalg.cholesky(dl.asarray([[4.0, 2.0], [2.0, 5.0]]))
    tensor([[2., 0.],
            [1., 2.]])
    """
    check_matrix("cholesky", x)
    part = hermitian_part(xp, x)
    negative = "cholesky: {} is not positive definite, so it has no Cholesky factor"
    y = naming_the_matrix(negative, part, lambda: xp.linalg.cholesky(part, upper=upper), np.linalg.cholesky)

    def pull(gy):
        low, g = (conj_transpose(xp, y), conj_transpose(xp, gy)) if upper else (y, gy)
        inverse = xp.linalg.inv(low)
        middle = xp.matmul(conj_transpose(xp, low), g)
        half = xp.tril(middle) - diagonal_matrix(xp, xp.linalg.diagonal(middle)) / 2
        return hermitian_part(xp, xp.matmul(xp.matmul(conj_transpose(xp, inverse), half), inverse))

    return y, pull


class SVDResult(NamedTuple):
    """Left vectors as columns, singular values in descending order, right vectors as rows."""

    U: Any
    S: Any
    Vh: Any


@op(needs="y", promotes="float", complex=True, none_cotangents=True, result=SVDResult)
def svd(xp: Namespace, x: Tensor, /, *, full_matrices: bool = True) -> tuple[Any, Any]:
    """Return the singular value decomposition of matrices, ``x = u @ diag(s) @ vh``.

    The gradient through ``U`` and ``Vh`` holds for functions that do not depend on the signs (or phases) of the vectors; with
    ``full_matrices=True`` it exists for square ``x`` only.

    Parameters
    ----------
    x : Tensor
        (..., M, N).
    full_matrices : bool
        Whether ``u`` and ``vh`` are square, or have the ``K = min(M, N)`` first vectors alone, which a gradient
        needs.

    Returns
    -------
    SVDResult
        ``U`` (..., M, M) or (..., M, K), ``S`` (..., K) in descending order, ``Vh`` (..., N, N) or (..., K, N).

    Examples
    --------
    >>> dl.linalg.svd(dl.asarray([[3.0, 0.0], [0.0, 2.0]]), full_matrices=False).S
    tensor([3., 2.])
    """
    check_matrix("svd", x, square=False)
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
        middle = None if gs is None else diagonal_matrix(xp, gs)
        if gu is not None:
            twist = xp.matmul(conj_transpose(xp, u), gu)
            twist = twist - conj_transpose(xp, twist)
            part = twist * apart * line
            if is_complex(x):
                part = part + diagonal_matrix(xp, xp.linalg.diagonal(twist) / (2 * s))
            middle = part if middle is None else middle + part
        if gvh is not None:
            twist = xp.matmul(vh, conj_transpose(xp, gvh))
            part = column * ((twist - conj_transpose(xp, twist)) * apart)
            middle = part if middle is None else middle + part
        g = xp.matmul(xp.matmul(u, middle), vh)
        if m > n and gu is not None:
            scaled = gu / line
            g = g + xp.matmul(scaled - xp.matmul(u, xp.matmul(conj_transpose(xp, u), scaled)), vh)
        if m < n and gvh is not None:
            scaled = gvh / column
            g = g + xp.matmul(u, scaled - xp.matmul(xp.matmul(scaled, conj_transpose(xp, vh)), vh))
        return g

    return (u, s, vh), pull


@op(save=True, needs="", promotes="float", complex=True)
@wide_text
def svdvals(xp: Namespace, save: bool, x: Tensor, /) -> ValueAndVJP:
    """Return the singular values of matrices.

    Parameters
    ----------
    x : Tensor
        (..., M, N).

    Returns
    -------
    Tensor
        (..., min(M, N)), in descending order.

    Examples
    --------
    >>> dl.linalg.svdvals(dl.asarray([[3.0, 0.0], [0.0, 2.0]]))
    tensor([3., 2.])
    """
    check_matrix("svdvals", x, square=False)
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
    m = None if gr is None else xp.matmul(r, conj_transpose(xp, gr))
    if gq is not None:
        inner = xp.matmul(conj_transpose(xp, gq), q)
        m = -inner if m is None else m - inner
    low = xp.tril(m, k=-1)
    diagonal = diagonal_matrix(xp, xp.real(xp.linalg.diagonal(m)) if is_complex(m) else xp.linalg.diagonal(m))
    g = xp.matmul(q, low + conj_transpose(xp, low) + diagonal)
    if gq is not None:
        g = g + gq
    dependent = "qr: the columns of {} depend on each other, so the gradient does not exist"
    return xp.matmul(g, conj_transpose(xp, naming_the_matrix(dependent, r, lambda: xp.linalg.inv(r))))


@op(needs="x y", promotes="float", complex=True, none_cotangents=True, result=QRResult)
def qr(xp: Namespace, x: Tensor, /, *, mode: str = "reduced") -> tuple[Any, Any]:
    """Return the QR decomposition of matrices, ``x = q @ r``.

    The gradient with ``mode="complete"`` exists for M <= N only.

    Parameters
    ----------
    x : Tensor
        (..., M, N).
    mode : {"reduced", "complete"}
        Whether ``q`` has the ``min(M, N)`` first columns alone, or is square.

    Returns
    -------
    QRResult
        ``Q`` with orthonormal columns and ``R``, upper triangular.

    Raises
    ------
    ConfigError
        If ``mode`` is another word.

    Examples
    --------
    >>> dl.linalg.qr(dl.asarray([[3.0, 1.0], [4.0, 2.0]])).Q.shape
    (2, 2)
    """
    check_matrix("qr", x, square=False)
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
            more = xp.matmul(x[..., :, m:], conj_transpose(xp, gt))
            gq = more if gq is None else gq + more
        ga = _qr_pull(xp, q, r[..., :, :m], gq, None if gr is None else gr[..., :, :m])
        gb = xp.matmul(q, gt) if gt is not None else xp.zeros((*x.shape[:-1], n - m), dtype=ga.dtype)
        return xp.concat([ga, gb], axis=-1)

    return (q, r), pull
