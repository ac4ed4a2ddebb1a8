"""Rows of inverses, determinants and decompositions.

The vectors of decompositions are compared without their signs or phases, which are not unique.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...errors import ConfigError, ShapeError
from ...ops import decompositions as dec
from ...ops import eigenvalues, factorizations, norms, shape
from ...ops import linalg as ops
from ...ops.elementwise import abs as _abs
from ...ops.elementwise import conj, real
from ...ops.gather import take
from ...ops.sort import argsort
from ..arguments import Arg, complex_normal, definite, given, normal
from ..bounds import exact, forward_error
from ..references import linalg as ref
from ..table import case, error, sample, unplanted

_SQUARE = error(ShapeError, "square", normal(2, 3))


def _separate(*shape: int, imaginary: bool = False) -> Arg:
    """Matrices with well separated singular values (and, of their Hermitian parts, eigenvalues)."""

    def draw(r: np.random.Generator) -> Any:
        x = r.standard_normal(shape) * 0.3
        if imaginary:
            x = x + 0.3j * r.standard_normal(shape)
        return x + np.eye(shape[-2], shape[-1]) * (np.arange(shape[-1]) * 2.0 + 2.0)

    return Arg(draw)


for _ord in ("fro", "nuc", 2, -2, 1, -1, math.inf, -math.inf):
    case(
        norms.matrix_norm,
        sample(_separate(3, 4), ord=_ord),
        sample(_separate(2, 4, 3), ord=_ord, keepdims=True),
        bound=forward_error(12, 16),
        name=f"matrix_norm_{_ord}",
        reference=ref.matrix_norm,
    )
case(
    norms.matrix_norm,
    sample(_separate(2, 3, 3, imaginary=True)),
    error(ConfigError, "ord", normal(3, 3), ord=3),
    error(ShapeError, "two axes", normal(3)),
    bound=forward_error(12, 16),
    reference=ref.matrix_norm,
)

_SOLID = forward_error(9, 64)
_LOW = given([[1.0, 2.0, 3.0, 4.0], [2.0, 4.0, 6.0, 8.0], [1.0, -1.0, 1.0, -1.0]])
"""A matrix of rank 2."""
case(
    dec.inv,
    sample(definite(3)),
    sample(definite(3, 2)),
    sample(_separate(3, 3, imaginary=True)),
    _SQUARE,
    bound=_SOLID,
    reference=ref.inv,
)
case(
    dec.det,
    sample(definite(3)),
    sample(_separate(2, 3, 3)),
    sample(_separate(3, 3, imaginary=True)),
    _SQUARE,
    bound=_SOLID,
    reference=ref.det,
)
case(
    dec.solve,
    sample(definite(3), normal(3, 2)),
    sample(definite(3), normal(3)),
    sample(definite(3, 2), normal(3, 2)),
    sample(_separate(3, 3, imaginary=True), complex_normal(3)),
    error(ShapeError, "3 rows", definite(3), normal(4, 2)),
    error(ShapeError, "square", normal(2, 3), normal(2)),
    bound=_SOLID,
    reference=ref.solve,
)
case(
    dec.slogdet,
    sample(definite(3)),
    sample(_separate(2, 3, 3)),
    sample(_separate(3, 3, imaginary=True)),
    _SQUARE,
    bound=_SOLID,
    reference=ref.slogdet,
)
case(
    dec.pinv,
    sample(_separate(3, 4)),
    sample(_separate(4, 3)),
    sample(_separate(2, 3, 3)),
    sample(_separate(4, 3, imaginary=True)),
    sample(_separate(3, 3), rtol=0.5, grad=False),
    sample(_LOW, rtol=1e-3, grad=False),
    bound=_SOLID,
    reference=ref.pinv,
)
case(
    dec.matrix_power,
    sample(normal(3, 3), 3),
    sample(definite(3), -2),
    sample(normal(2, 3, 3), 1),
    sample(normal(3, 3), 0, grad=False),
    bound=_SOLID,
    reference=ref.matrix_power,
)
case(
    dec.matrix_rank,
    sample(_separate(3, 4)),
    sample(_LOW),
    sample(normal(2, 3, 3), rtol=0.9),
    bound=exact,
    differentiable=False,
    reference=ref.matrix_rank,
)
case(
    factorizations.cholesky,
    sample(definite(3)),
    sample(definite(3, 2), upper=True),
    sample(definite(4)),
    _SQUARE,
    bound=_SOLID,
    reference=ref.cholesky,
)
case(
    eigenvalues.eigvalsh,
    sample(_separate(4, 4)),
    sample(_separate(2, 3, 3)),
    sample(_separate(3, 3, imaginary=True)),
    _SQUARE,
    bound=_SOLID,
    reference=ref.eigvalsh,
)
case(
    factorizations.svdvals,
    sample(_separate(3, 4)),
    sample(_separate(2, 4, 3)),
    sample(_separate(3, 3, imaginary=True)),
    bound=_SOLID,
    reference=ref.svdvals,
)


def _product(*factors: Any) -> Any:
    """The matrix product of the factors; vectors stand for diagonal matrices."""
    x = factors[0]
    for y in factors[1:]:
        x = x * y[..., None, :] if y.ndim < x.ndim else ops.matmul(x, y)
    return x


def _h(x: Any) -> Any:
    """The conjugate transpose."""
    return conj(shape.matrix_transpose(x))


def eigh(x: Any) -> Any:
    """eigh with the absolute values of its vectors, and the product of the factors."""
    w, v = eigenvalues.eigh(x)
    return w, _abs(v), _product(v, w, _h(v))


def svd(x: Any) -> Any:
    """svd with the absolute values of its vectors, and the product of the factors."""
    u, s, vh = factorizations.svd(x, full_matrices=False)
    return _abs(u), s, _abs(vh), _product(u, s, vh)


def qr(x: Any, **options: Any) -> Any:
    """qr with the absolute values of its factors, and their product."""
    q, r = factorizations.qr(x, **options)
    return _abs(q), _abs(r), ops.matmul(q, r)


def eig(x: Any) -> Any:
    """eig with the absolute values of its vectors, in the order of the eigenvalues, and the product of the factors."""
    w, v = eigenvalues.eig(x)
    order = argsort(real(w))
    return take(w, order), _abs(take(v, order, axis=-1)), _product(v, w, dec.inv(v))


def eigvals(x: Any) -> Any:
    """eigvals, sorted by their real parts."""
    w = eigenvalues.eigvals(x)
    return take(w, argsort(real(w)))


def _full_svd(x: Any) -> Any:
    """svd with all vectors: their Gram matrices, the singular values, and the product of the factors."""
    u, s, vh = factorizations.svd(x)
    k = s.shape[-1]
    return ops.matmul(_h(u), u), ops.matmul(vh, _h(vh)), s, _product(u[..., :, :k], s, vh[..., :k, :])


def _full_qr(x: Any) -> Any:
    """qr with all columns of q: their Gram matrix, r, and the product of the factors."""
    q, r = factorizations.qr(x, mode="complete")
    return ops.matmul(_h(q), q), r, ops.matmul(q, r)


def _eye_like(x: Any, axis: int) -> Any:
    """Identity matrices of the size of an axis, one per matrix of x."""
    n = x.shape[axis]
    return np.broadcast_to(np.eye(n, dtype=x.dtype), (*x.shape[:-2], n, n))


case(
    eig,
    sample(_separate(4, 4)),
    sample(_separate(3, 3, imaginary=True)),
    _SQUARE,
    bound=_SOLID,
    reference=lambda x: (ref.eig(x)[0], np.abs(ref.eig(x)[1]), x.astype("complex128")),
)
case(
    eigvals,
    sample(_separate(4, 4)),
    sample(_separate(3, 3, imaginary=True)),
    _SQUARE,
    bound=_SOLID,
    reference=ref.eigvals,
)
case(
    eigh,
    sample(_separate(4, 4)),
    sample(_separate(2, 3, 3)),
    sample(_separate(3, 3, imaginary=True)),
    _SQUARE,
    bound=_SOLID,
    reference=lambda x: (ref.eigh(x)[0], np.abs(ref.eigh(x)[1]), (x + np.conj(np.swapaxes(x, -1, -2))) / 2),
)
case(
    svd,
    sample(_separate(3, 4)),
    sample(_separate(2, 4, 3)),
    sample(_separate(3, 3)),
    sample(_separate(4, 3, imaginary=True)),
    sample(_separate(3, 4, imaginary=True)),
    error(ShapeError, "a matrix", normal(3)),
    bound=_SOLID,
    reference=lambda x: (np.abs(ref.svd(x)[0]), ref.svd(x)[1], np.abs(ref.svd(x)[2]), x),
)
case(
    _full_svd,
    sample(_separate(3, 4)),
    sample(_separate(2, 5, 3, imaginary=True)),
    bound=_SOLID,
    differentiable=False,
    name="svd_full",
    reference=lambda x: (_eye_like(x, -2), _eye_like(x, -1), ref.svdvals(x), x),
)
case(
    qr,
    sample(_separate(4, 3)),
    sample(_separate(2, 3, 3)),
    sample(_separate(3, 5)),
    sample(_separate(3, 3), mode="complete"),
    sample(_separate(4, 3, imaginary=True)),
    error(ConfigError, "mode", normal(3, 3), mode="full"),
    bound=_SOLID,
    reference=lambda x, mode="reduced": (*map(np.abs, ref.qr(x)), x),
)
case(
    _full_qr,
    sample(_separate(4, 3)),
    sample(_separate(2, 5, 2, imaginary=True)),
    bound=_SOLID,
    differentiable=False,
    name="qr_complete",
    properties=lambda out, x: [
        (out[0], _eye_like(x, -2)), (np.tril(out[1], -1), np.zeros_like(x)), (out[2], x),
        (np.conj(np.swapaxes(out[1], -1, -2)) @ out[1], np.conj(np.swapaxes(x, -1, -2)) @ x),
    ],  # fmt: skip
)
unplanted(
    "a factorization of a matrix with Inf or NaN has no meaning, and LAPACK's routines differ in their results",
    "inv", "solve", "det", "slogdet", "pinv", "matrix_power", "matrix_rank", "matrix_norm_nuc", "matrix_norm_2", "matrix_norm_-2",
    "cholesky", "eigh", "eigvalsh", "eig", "eigvals", "svd", "svd_full", "svdvals", "qr", "qr_complete",
)  # fmt: skip
