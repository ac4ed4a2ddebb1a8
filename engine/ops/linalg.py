"""Linear algebra: products, decompositions, solutions."""

from __future__ import annotations

from ..autograd.op import op
from .elementwise import conj


@op(needs=("x2", "x1"), promotes="join", complex=True)
def matmul(xp, x1, x2, /):
    """The matrix product over the last two axes, (..., M, K) by (..., K, N) -> (..., M, N); vectors as in NumPy."""
    y = xp.matmul(x1, x2)

    def left(gy):
        if x1.ndim == 1 and x2.ndim == 1:
            return gy * conj(xp, x2)
        if x2.ndim == 1:
            return gy[..., None] * conj(xp, x2)
        if x1.ndim == 1:
            return xp.matmul(conj(xp, x2), gy[..., None])[..., 0]
        return xp.matmul(gy, xp.matrix_transpose(conj(xp, x2)))

    def right(gy):
        if x1.ndim == 1 and x2.ndim == 1:
            return gy * conj(xp, x1)
        if x1.ndim == 1:
            return conj(xp, x1)[:, None] * gy[..., None, :]
        if x2.ndim == 1:
            return xp.matmul(xp.matrix_transpose(conj(xp, x1)), gy[..., None])[..., 0]
        return xp.matmul(xp.matrix_transpose(conj(xp, x1)), gy)

    return y, (left, right)


@op(needs="", view=True, complex=True)
def matrix_transpose(xp, x, /):
    """The last two axes exchanged."""
    return xp.matrix_transpose(x), lambda gy: xp.matrix_transpose(gy)
