"""Rows of linear algebra. Vectors of decompositions are compared without their signs, which are nobody's promise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...errors import ConfigError, ShapeError
from ...ops import decompositions as dec
from ...ops import linalg as ops
from ...ops.einsum import einsum as _einsum
from ...ops.elementwise import abs as _abs
from ...ops.elementwise import conj, real
from ...ops.index import take
from ...ops.sort import argsort
from ..references import linalg as ref
from ..table import Arg, case, complex_normal, definite, error, exact, forward_error, given, integers, normal, sample, unplanted


def _inner(x: Any, *others: Any) -> float:
    return float(np.shape(x)[-1]) if np.ndim(x) else 1.0


_PRODUCT = forward_error(_inner, absolute=True)
_SQUARE = error(ShapeError, "square", normal(2, 3))


def _separate(*shape: int, imaginary: bool = False) -> Arg:
    """Matrices with well separated singular values (and, of their Hermitian parts, eigenvalues)."""

    def draw(r: np.random.Generator) -> Any:
        x = r.standard_normal(shape) * 0.3
        if imaginary:
            x = x + 0.3j * r.standard_normal(shape)
        return x + np.eye(shape[-2], shape[-1]) * (np.arange(shape[-1]) * 2.0 + 2.0)

    return Arg(draw)


case(
    ops.matmul,
    sample(normal(3, 4), normal(4, 5)),
    sample(normal(2, 3, 4), normal(4, 2)),
    sample(normal(4), normal(4)),
    sample(normal(4), normal(2, 4, 3)),
    sample(normal(2, 3, 4), normal(4)),
    sample(normal(3, 0), normal(0, 2)),
    sample(normal(5, 1, 2, 3), normal(4, 3, 2)),
    sample(complex_normal(2, 3), complex_normal(3, 2)),
    sample(normal(2, 3), complex_normal(3)),
    sample(integers(0, 5, 2, 3), integers(0, 5, 3, 2), grad=False),
    error(ShapeError, "K=4", normal(3, 4), normal(5, 6)),
    error(ShapeError, "K=none", normal(), normal(3)),
    bound=_PRODUCT,
    kernels=("matmul",),
    reference=ref.matmul,
)
case(
    ops.linear,
    sample(normal(3, 4), normal(5, 4), normal(5)),
    sample(normal(3, 4), normal(5, 4), label="no bias"),
    sample(normal(2, 3, 4), normal(2, 4), normal(2)),
    sample(normal(4), normal(3, 4), normal(3)),
    sample(normal(0, 4), normal(3, 4), normal(3)),
    sample(normal(3, 0), normal(5, 0), normal(5)),
    sample(normal(90, 70), normal(65, 70), normal(65), label="tiles"),
    sample(normal(3, 4), complex_normal(5, 4), normal(5)),
    sample(integers(0, 5, 2, 3), integers(0, 5, 4, 3), grad=False),
    error(ShapeError, "weight must be (O,I)", normal(3, 4), normal(4)),
    error(ShapeError, "I=4", normal(3, 5), normal(2, 4)),
    error(ShapeError, "bias must be (O,)=(2,)", normal(3, 4), normal(2, 4), normal(3)),
    bound=_PRODUCT,
    kernels=("linear", "matmul"),
    reference=ref.linear,
)
case(
    ops.vecdot,
    sample(normal(3, 4), normal(4)),
    sample(normal(3, 4), normal(3, 4), axis=-2),
    sample(normal(3, 4, 2), normal(3, 4, 2), axis=1),
    sample(normal(4, 0), normal(4, 0)),
    sample(complex_normal(3), complex_normal(2, 3)),
    error(ShapeError, "differ along", normal(3), normal(4)),
    bound=forward_error(4, absolute=True),
    reference=ref.vecdot,
)
case(
    ops.tensordot,
    sample(normal(2, 3, 4), normal(3, 4, 2)),
    sample(normal(2, 3), normal(4, 3), axes=((1,), (1,))),
    sample(normal(2), normal(3), axes=0),
    sample(normal(2, 3, 4), normal(4, 5, 2), axes=((-1, 0), (0, 2))),
    sample(complex_normal(2, 3), complex_normal(3, 2), axes=1),
    error(ShapeError, "do not match", normal(2, 3), normal(2, 3), axes=1),
    bound=forward_error(12, absolute=True),
    reference=ref.tensordot,
)
case(
    ops.outer,
    sample(normal(3), normal(4)),
    sample(complex_normal(3), complex_normal(2)),
    error(ShapeError, "vectors", normal(2, 2), normal(3)),
    bound=forward_error(1),
    reference=np.multiply.outer,
)
case(
    ops.cross,
    sample(normal(4, 3), normal(4, 3)),
    sample(normal(3, 4), normal(3, 4), axis=0),
    sample(normal(2, 1, 3), normal(4, 3)),
    sample(normal(3, 2, 4), normal(3, 2, 4), axis=-3),
    sample(complex_normal(3), complex_normal(3)),
    error(ShapeError, "size 3", normal(4), normal(4)),
    bound=forward_error(2, absolute=False),
    reference=ref.cross,
)
case(
    ops.diagonal,
    sample(normal(3, 4)),
    sample(normal(2, 4, 3), offset=1),
    sample(normal(4, 3), offset=-2),
    sample(normal(3, 2), offset=5),
    sample(complex_normal(3, 3), offset=-1),
    error(ShapeError, "two axes", normal(3)),
    bound=exact,
    reference=ref.diagonal,
)
case(
    ops.trace,
    sample(normal(3, 4)),
    sample(normal(2, 4, 3), offset=-1),
    bound=forward_error(4, absolute=True),
    reference=ref.trace,
)
case(
    ops.vector_norm,
    sample(normal(3, 4)),
    sample(normal(3, 4), axis=1, ord=1),
    sample(normal(3, 4), axis=(0, 1), keepdims=True, ord=3),
    sample(normal(7), ord=math.inf),
    sample(normal(7), ord=-math.inf),
    sample(normal(7), ord=0, grad=False),
    sample(normal(5), ord=0.5),
    sample(normal(3, 4), axis=0, ord=-1),
    sample(complex_normal(4)),
    sample(complex_normal(4), ord=3),
    sample(complex_normal(4), ord=1),
    bound=forward_error(12, 16),
    reference=ref.vector_norm,
)
for _ord in ("fro", "nuc", 2, -2, 1, -1, math.inf, -math.inf):
    case(
        dec.matrix_norm,
        sample(_separate(3, 4), ord=_ord),
        sample(_separate(2, 4, 3), ord=_ord, keepdims=True),
        bound=forward_error(12, 16),
        name=f"matrix_norm_{_ord}",
        reference=ref.matrix_norm,
    )
case(
    dec.matrix_norm,
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
    dec.cholesky,
    sample(definite(3)),
    sample(definite(3, 2), upper=True),
    sample(definite(4)),
    _SQUARE,
    bound=_SOLID,
    reference=ref.cholesky,
)
case(
    dec.eigvalsh,
    sample(_separate(4, 4)),
    sample(_separate(2, 3, 3)),
    sample(_separate(3, 3, imaginary=True)),
    _SQUARE,
    bound=_SOLID,
    reference=ref.eigvalsh,
)
case(
    dec.svdvals,
    sample(_separate(3, 4)),
    sample(_separate(2, 4, 3)),
    sample(_separate(3, 3, imaginary=True)),
    bound=_SOLID,
    reference=ref.svdvals,
)


def _product(*factors: Any) -> Any:
    """The matrix product of all, values as diagonal matrices."""
    x = factors[0]
    for y in factors[1:]:
        x = x * y[..., None, :] if y.ndim < x.ndim else ops.matmul(x, y)
    return x


def _h(x: Any) -> Any:
    return conj(ops.matrix_transpose(x))


def eigh(x: Any) -> Any:
    """eigh, its vectors without their signs; and what the factors make together."""
    w, v = dec.eigh(x)
    return w, _abs(v), _product(v, w, _h(v))


def svd(x: Any) -> Any:
    """svd, its vectors without their signs; and what the factors make together."""
    u, s, vh = dec.svd(x, full_matrices=False)
    return _abs(u), s, _abs(vh), _product(u, s, vh)


def qr(x: Any, **options: Any) -> Any:
    """qr, its factors without their signs; and what they make together."""
    q, r = dec.qr(x, **options)
    return _abs(q), _abs(r), ops.matmul(q, r)


def eig(x: Any) -> Any:
    """eig, its vectors without their phases, in order of the eigenvalues; and what the factors make together."""
    w, v = dec.eig(x)
    order = argsort(real(w))
    return take(w, order), _abs(take(v, order, axis=-1)), _product(v, w, dec.inv(v))


def eigvals(x: Any) -> Any:
    """eigvals in order."""
    w = dec.eigvals(x)
    return take(w, argsort(real(w)))


def _full_svd(x: Any) -> Any:
    """All vectors of svd: how far they are from orthonormal, and what they make with the values."""
    u, s, vh = dec.svd(x)
    k = s.shape[-1]
    return ops.matmul(_h(u), u), ops.matmul(vh, _h(vh)), s, _product(u[..., :, :k], s, vh[..., :k, :])


def _full_qr(x: Any) -> Any:
    """All columns of q: how far they are from orthonormal; and what the factors make together."""
    q, r = dec.qr(x, mode="complete")
    return ops.matmul(_h(q), q), r, ops.matmul(q, r)


def _eye_like(x: Any, axis: int) -> Any:
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


def einsum(*operands: Any, equation: str) -> Any:
    """einsum with its equation as a constant."""
    return _einsum(equation, *operands)


case(
    einsum,
    sample(normal(2, 3), normal(3, 4), equation="ij,jk->ik"),
    sample(normal(5, 2, 3), normal(5, 3, 4), equation="bij,bjk"),
    sample(normal(3, 3), equation="ii"),
    sample(normal(4, 3, 3), equation="...ii->...i"),
    sample(normal(2, 3), equation="ij->ji"),
    sample(normal(2, 3), equation="ij->"),
    sample(normal(2), normal(3), normal(4), equation="i,j,k->kji"),
    sample(normal(2, 3), normal(3, 4), normal(4, 2), equation="ij,jk,kl->il"),
    sample(normal(2, 1, 3), normal(4, 3), equation="...i,...i->..."),
    sample(normal(3), normal(3), equation="i,i"),
    sample(normal(2, 3, 4), normal(4, 2), equation="abc,ca->b"),
    sample(complex_normal(2, 3), complex_normal(3), equation="ij,j->i"),
    error(ShapeError, "operand", normal(2, 3), equation="i->i"),
    error(ShapeError, "letter 'j'", normal(2, 3), normal(4, 5), equation="ij,jk->ik"),
    error(ShapeError, "names 2 operands", normal(2), equation="i,j"),
    bound=forward_error(16, 8),
    reference=lambda *operands, equation: np.einsum(equation, *operands),
)
unplanted(
    "a factorisation of a matrix with Inf or NaN means nothing; LAPACK's routines differ in what they make of it",
    "inv", "solve", "det", "slogdet", "pinv", "matrix_power", "matrix_rank", "matrix_norm_nuc", "matrix_norm_2", "matrix_norm_-2",
    "cholesky", "eigh", "eigvalsh", "eig", "eigvals", "svd", "svd_full", "svdvals", "qr", "qr_complete",
)  # fmt: skip
