"""Decompositions of matrices, inverses and solutions. All take stacks of matrices (..., M, N).

The gradients of decompositions exist where the decomposition is unique up to signs: eigh and svd with repeated values give
Inf or NaN in the gradients of vectors, not in those of values. Sources: Giles 2008, "An extended collection of matrix
derivative results"; Seeger et al. 2017, arXiv:1710.08717; Walter, Lehmann 2012, arXiv:1001.1654 (QR).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..autograd.op import op
from ..autograd.promotion import is_complex
from ..errors import LinAlgError, ShapeError
from .broadcasting import broadcast_to
from .creation import eye
from .elementwise import cc
from .half import wide_text
from .linalg import matmul

if TYPE_CHECKING:
    from ..typing import Namespace, Tensor, ValueAndVJP


__all__ = ["det", "inv", "matrix_power", "matrix_rank", "pinv", "slogdet", "solve"]


def conj_transpose(xp: Any, x: Any) -> Any:
    """The conjugate transpose."""
    return xp.matrix_transpose(cc(xp, x))


def check_matrix(name: str, x: Any, square: bool = True) -> None:
    if x.ndim < 2:
        raise ShapeError(f"{name}: x must be a matrix or a stack of them, it has shape {tuple(x.shape)}")
    if square and x.shape[-1] != x.shape[-2]:
        raise ShapeError(f"{name}: x must be square (..., M, M), it has shape {tuple(x.shape)}")


def hermitian_part(xp: Any, x: Any) -> Any:
    return (x + conj_transpose(xp, x)) / 2


def diagonal_matrix(xp: Any, x: Any) -> Any:
    """Vectors (..., N) as diagonal matrices (..., N, N)."""
    return x[..., None] * xp.eye(x.shape[-1], dtype=x.dtype)


def naming_the_matrix(what: str, x: Any, compute: Callable[[], Any], probe: Callable[[Any], Any] = np.linalg.inv) -> Any:
    """compute(), and if a matrix makes that impossible, an error of ours that names the first such one of x.

    what: "inv: {} is singular", {} being the place. probe: NumPy's function that refuses this matrix alone.
    """
    try:
        return compute()
    except LinAlgError:
        raise
    except np.linalg.LinAlgError as error:
        stack = np.asarray(getattr(x, "array", x))
        for at in np.ndindex(stack.shape[:-2]):
            try:
                probe(stack[at])
            except np.linalg.LinAlgError:
                raise LinAlgError(what.format(f"x{list(at)}" if at else "x")) from error
        raise LinAlgError(f"{what.split(':')[0]}: {error}") from error


# ---------------------------------------------------------------------- inverse, solution, determinant
@op(needs="y", promotes="float", complex=True)
@wide_text
def inv(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Return the inverse of square matrices.

    Parameters
    ----------
    x : Tensor
        (..., M, M).

    Returns
    -------
    Tensor
        (..., M, M), floating.

    Raises
    ------
    ShapeError
        If the matrices are not square.
    LinAlgError
        On the CPU, if one is singular.

    Examples
    --------
    >>> dl.linalg.inv(dl.asarray([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5 , 0.  ],
            [0.  , 0.25]])
    """
    check_matrix("inv", x)
    y = naming_the_matrix("inv: {} is singular and has no inverse; pinv gives the pseudoinverse", x, lambda: xp.linalg.inv(x))
    return y, lambda gy: -xp.matmul(xp.matmul(conj_transpose(xp, y), gy), conj_transpose(xp, y))


@op(needs=("x1 y", "x1"), promotes="float", complex=True)
def solve(xp: Namespace, x1: Tensor, x2: Tensor, /) -> ValueAndVJP:
    """Solve ``x1 @ y = x2`` for ``y``.

    Parameters
    ----------
    x1 : Tensor
        (..., M, M).
    x2 : Tensor
        A vector (M,), or matrices (..., M, K).

    Returns
    -------
    Tensor
        The shape of ``x2``, broadcast.

    Raises
    ------
    ShapeError
        If the sizes do not fit.
    LinAlgError
        On the CPU, if a matrix is singular.

    Examples
    --------
    >>> dl.linalg.solve(dl.asarray([[2.0, 0.0], [0.0, 4.0]]), dl.asarray([2.0, 2.0]))
    tensor([1. , 0.5])
    """
    check_matrix("solve", x1)
    vector = x2.ndim == 1
    if x2.ndim == 0 or x2.shape[0 if vector else -2] != x1.shape[-1]:
        raise ShapeError(f"solve: x2 {tuple(x2.shape)} must have {x1.shape[-1]} rows, as x1 {tuple(x1.shape)} has")
    singular = "solve: {} (x1) is singular, so the equations have no or many solutions; pinv(x1) @ x2 gives the least squares"
    y = naming_the_matrix(singular, x1, lambda: xp.linalg.solve(x1, x2))

    def right(gy):
        if not vector:
            return xp.linalg.solve(conj_transpose(xp, x1), gy)
        return xp.linalg.solve(conj_transpose(xp, x1), gy[..., None])[..., 0]

    def pull(gy, need):
        g = right(gy)
        if not need[0]:
            return None, g
        return -g[..., None] * cc(xp, y)[..., None, :] if vector else -xp.matmul(g, conj_transpose(xp, y)), g

    return y, pull


@op(needs="x", promotes="float", complex=True)
@wide_text
def det(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Return the determinants of square matrices.

    Parameters
    ----------
    x : Tensor
        (..., M, M).

    Returns
    -------
    Tensor
        (...). The derivatives, the cofactors, exist for singular matrices, too.

    Raises
    ------
    ShapeError
        If the matrices are not square.

    Examples
    --------
    >>> dl.linalg.det(dl.asarray([[2.0, 0.0], [0.0, 4.0]]))
    tensor(8.)
    """
    check_matrix("det", x)
    y = xp.linalg.det(x)
    kept = xp.asarray(y, copy=True) if x.shape[-1] > SMALL else None

    def pull(gy):
        cofactors = None
        if kept is not None:  # det times the inverse, if there is one
            try:
                cofactors = cc(xp, kept)[..., None, None] * conj_transpose(xp, xp.linalg.inv(x))
            except np.linalg.LinAlgError:
                cofactors = None
        return gy[..., None, None] * (cc(xp, _cofactors(xp, x)) if cofactors is None else cofactors)

    return y, pull


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
        rest = xp.reshape(xp.others(xp.reshape(s, (math.prod(lead), n))), s.shape)
        return cc(xp, turn * xp.matmul(u * rest[..., None, :], vh))
    if n == 0:
        return x
    if n == 3:  # each row is the vector product of the other two
        return xp.linalg.cross(xp.roll(x, -1, axis=-2), xp.roll(x, -2, axis=-2))
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
def slogdet(xp: Namespace, x: Tensor, /) -> tuple[Any, Any]:
    """Return the signs of determinants and the logarithms of their absolute values, without overflow.

    Parameters
    ----------
    x : Tensor
        (..., M, M).

    Returns
    -------
    SlogdetResult
        ``sign`` and ``logabsdet`` with ``det = sign * exp(logabsdet)``; 0 and -Inf for a singular matrix, whose
        gradient raises LinAlgError on the CPU.

    Raises
    ------
    ShapeError
        If the matrices are not square.

    Examples
    --------
    >>> dl.linalg.slogdet(dl.asarray([[1.0, 0.0], [0.0, -1.0]])).sign
    tensor(-1.)
    """
    check_matrix("slogdet", x)
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
        return g[..., None, None] * conj_transpose(xp, naming_the_matrix(singular, x, lambda: xp.linalg.inv(x)))

    return (sign, size), pull


@op(needs="x y", promotes="float", complex=True)
@wide_text
def pinv(xp: Namespace, x: Tensor, /, *, rtol: Any = None) -> ValueAndVJP:
    """Return the pseudoinverse (Moore-Penrose) of matrices.

    The gradient holds where the rank does not change.

    Parameters
    ----------
    x : Tensor
        (..., M, N).
    rtol : float, optional
        Singular values below ``rtol`` times the largest count as zero; by default ``max(M, N)`` times the spacing of
        the dtype at 1.

    Returns
    -------
    Tensor
        (..., N, M).

    References
    ----------
    Golub and Pereyra, "The differentiation of pseudo-inverses", 1973.

    Examples
    --------
    >>> dl.linalg.pinv(dl.asarray([[2.0, 0.0], [0.0, 0.0]]))
    tensor([[0.5, 0. ],
            [0. , 0. ]])
    """
    check_matrix("pinv", x, square=False)
    y = xp.linalg.pinv(x) if rtol is None else xp.linalg.pinv(x, rtol=rtol)

    def pull(gy):
        gh, yh = conj_transpose(xp, gy), conj_transpose(xp, y)
        if x.shape[-2] <= x.shape[-1]:
            k = xp.matmul(gh, y)
            kyh = xp.matmul(k, yh)
            return (
                kyh
                - conj_transpose(xp, xp.matmul(y, k))
                - xp.matmul(xp.matmul(x, y), kyh)
                + xp.matmul(xp.matmul(yh, y), gh - xp.matmul(k, x))
            )
        k = xp.matmul(y, gh)
        yhk = xp.matmul(yh, k)
        return (
            yhk
            - conj_transpose(xp, xp.matmul(k, y))
            + xp.matmul(xp.matmul(gh - xp.matmul(x, k), y), yh)
            - xp.matmul(xp.matmul(yhk, y), x)
        )

    return y, pull


def matrix_power(x: Tensor, n: int, /) -> Tensor:
    """Return square matrices to an integer power.

    Parameters
    ----------
    x : Tensor
        (..., M, M).
    n : int
        The power; a negative one powers the inverse.

    Returns
    -------
    Tensor
        (..., M, M).

    Examples
    --------
    >>> dl.linalg.matrix_power(dl.asarray([[1.0, 1.0], [0.0, 1.0]]), 3)
    tensor([[1., 3.],
            [0., 1.]])
    """
    check_matrix("matrix_power", x)
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
def matrix_rank(xp: Namespace, x: Tensor, /, *, rtol: Any = None) -> ValueAndVJP:
    """Return how many singular values are not negligible.

    Parameters
    ----------
    x : Tensor
        (..., M, N).
    rtol : float, optional
        Those above ``rtol`` times the largest count; by default ``max(M, N)`` times the spacing of the dtype at 1.

    Returns
    -------
    Tensor
        (...), int64; 0 for a matrix without elements.

    Examples
    --------
    >>> dl.linalg.matrix_rank(dl.asarray([[1.0, 2.0], [2.0, 4.0]]))
    tensor(1)
    """
    check_matrix("matrix_rank", x, square=False)
    if 0 in x.shape[-2:]:
        return xp.zeros(x.shape[:-2], dtype=xp.int64), None
    rtol = getattr(rtol, "array", rtol)
    return xp.linalg.matrix_rank(x) if rtol is None else xp.linalg.matrix_rank(x, rtol=rtol), None


# ---------------------------------------------------------------------- decompositions
