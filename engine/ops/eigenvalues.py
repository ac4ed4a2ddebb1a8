"""Eigenvalues and eigenvectors of matrices."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from ..autograd.op import op
from .elementwise import cc
from .half import wide_text

if TYPE_CHECKING:
    from ..typing import Namespace, Tensor, ValueAndVJP
from .decompositions import check_matrix, conj_transpose, diagonal_matrix, hermitian_part, naming_the_matrix

__all__ = ["eig", "eigh", "eigvals", "eigvalsh"]


def _of_numbers(xp: Any, x: Any, values: Any) -> Any:
    """Eigenvalues, NaN for a matrix that holds NaN or Inf: LAPACK may say +-1.414 for [[NaN, 1], [1, 2]]."""
    return xp.where(xp.all(xp.isfinite(x), axis=(-2, -1))[..., None], values, math.nan)


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
def eigh(xp: Namespace, x: Tensor, /) -> tuple[Any, Any]:
    """Return eigenvalues and eigenvectors of Hermitian matrices.

    The gradient through the eigenvectors holds for functions that do not depend on the sign (or phase) of the columns.

    Parameters
    ----------
    x : Tensor
        (..., M, M); its Hermitian part counts.

    Returns
    -------
    EighResult
        ``eigenvalues`` (..., M) in ascending order, and ``eigenvectors`` (..., M, M) as columns.

    Examples
    --------
    >>> dl.linalg.eigh(dl.asarray([[1.0, 0.0], [0.0, 3.0]])).eigenvalues
    tensor([1., 3.])
    """
    check_matrix("eigh", x)
    part = hermitian_part(xp, x)
    w, v = xp.linalg.eigh(part)
    w = _of_numbers(xp, part, w)

    def pull(gy):
        gw, gv = gy
        if gv is None:
            return hermitian_part(xp, xp.matmul(v * gw[..., None, :], conj_transpose(xp, v)))
        middle = xp.matmul(conj_transpose(xp, v), gv) * _apart(xp, w)
        if gw is not None:
            middle = middle + diagonal_matrix(xp, gw)
        return hermitian_part(xp, xp.matmul(xp.matmul(v, middle), conj_transpose(xp, v)))

    return (w, v), pull


@op(save=True, needs="", promotes="float", complex=True)
@wide_text
def eigvalsh(xp: Namespace, save: bool, x: Tensor, /) -> ValueAndVJP:
    """Return the eigenvalues of Hermitian matrices.

    Parameters
    ----------
    x : Tensor
        (..., M, M); its Hermitian part counts.

    Returns
    -------
    Tensor
        (..., M), in ascending order.

    Examples
    --------
    >>> dl.linalg.eigvalsh(dl.asarray([[1.0, 0.0], [0.0, 3.0]]))
    tensor([1., 3.])
    """
    check_matrix("eigvalsh", x)
    part = hermitian_part(xp, x)
    if not save:
        return _of_numbers(xp, part, xp.linalg.eigvalsh(part)), None
    w, v = xp.linalg.eigh(part)
    return _of_numbers(xp, part, w), lambda gy: hermitian_part(xp, xp.matmul(v * gy[..., None, :], conj_transpose(xp, v)))


class EigResult(NamedTuple):
    """Eigenvalues in no order and eigenvectors as columns, both complex."""

    eigenvalues: Any
    eigenvectors: Any


def _eig_pull(xp: Any, w: Any, v: Any, gw: Any, gv: Any) -> Any:
    vh = conj_transpose(xp, v)
    middle = None
    if gv is not None:
        along = xp.matmul(vh, gv)
        lengths = xp.astype(xp.real(xp.linalg.diagonal(along)), along.dtype)
        middle = (along - xp.matmul(vh, v) * lengths[..., None, :]) * cc(xp, _apart(xp, w))
    if gw is not None:
        middle = diagonal_matrix(xp, gw) if middle is None else middle + diagonal_matrix(xp, gw)
    defective = "eig: the eigenvectors of {} do not span the space, so the gradient does not exist"
    return naming_the_matrix(defective, vh, lambda: xp.linalg.solve(vh, xp.matmul(middle, vh)))


@op(needs="y", promotes="float", complex=True, none_cotangents=True, result=EigResult)
def eig(xp: Namespace, x: Tensor, /) -> tuple[Any, Any]:
    """Return eigenvalues and eigenvectors of square matrices.

    The gradient through the eigenvectors holds for functions that do not depend on the phase of the columns.

    Parameters
    ----------
    x : Tensor
        (..., M, M).

    Returns
    -------
    EigResult
        ``eigenvalues`` (..., M) in no order, and ``eigenvectors`` (..., M, M) of length 1 as columns, both complex.

    Examples
    --------
    >>> dl.linalg.eig(dl.asarray([[2.0, 0.0], [0.0, 2.0]])).eigenvalues
    tensor([2.+0.j, 2.+0.j], dtype=complex64)
    """
    check_matrix("eig", x)
    w, v = xp.linalg.eig(x)
    return (w, v), lambda gy: _eig_pull(xp, w, v, *gy)


@op(save=True, needs="", promotes="float", complex=True)
def eigvals(xp: Namespace, save: bool, x: Tensor, /) -> ValueAndVJP:
    """Return the eigenvalues of square matrices.

    Parameters
    ----------
    x : Tensor
        (..., M, M).

    Returns
    -------
    Tensor
        (..., M), complex, in no order.

    Examples
    --------
    >>> dl.linalg.eigvals(dl.asarray([[2.0, 0.0], [0.0, 2.0]]))
    tensor([2.+0.j, 2.+0.j], dtype=complex64)
    """
    check_matrix("eigvals", x)
    if not save:
        return xp.linalg.eigvals(x), None
    w, v = xp.linalg.eig(x)
    return w, lambda gy: _eig_pull(xp, w, v, gy, None)
