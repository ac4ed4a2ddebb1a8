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
from ...ops.elementwise import real
from ...ops.index import take
from ...ops.sort import argsort
from ..table import Arg, case, complex_normal, definite, error, exact, forward_error, integers, normal, sample


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
)
case(
    ops.vecdot,
    sample(normal(3, 4), normal(4)),
    sample(normal(3, 4), normal(3, 4), axis=-2),
    sample(complex_normal(3), complex_normal(2, 3)),
    error(ShapeError, "differ along", normal(3), normal(4)),
    bound=forward_error(4, absolute=True),
)
case(
    ops.tensordot,
    sample(normal(2, 3, 4), normal(3, 4, 2)),
    sample(normal(2, 3), normal(4, 3), axes=((1,), (1,))),
    sample(normal(2), normal(3), axes=0),
    error(ShapeError, "do not match", normal(2, 3), normal(2, 3), axes=1),
    bound=forward_error(12, absolute=True),
)
case(
    ops.outer,
    sample(normal(3), normal(4)),
    sample(complex_normal(3), complex_normal(2)),
    error(ShapeError, "vectors", normal(2, 2), normal(3)),
    bound=forward_error(1),
)
case(
    ops.cross,
    sample(normal(4, 3), normal(4, 3)),
    sample(normal(3, 4), normal(3, 4), axis=0),
    sample(normal(2, 1, 3), normal(4, 3)),
    sample(complex_normal(3), complex_normal(3)),
    error(ShapeError, "size 3", normal(4), normal(4)),
    bound=forward_error(2, absolute=False),
)
case(
    ops.diagonal,
    sample(normal(3, 4)),
    sample(normal(2, 4, 3), offset=1),
    sample(normal(4, 3), offset=-2),
    error(ShapeError, "two axes", normal(3)),
    bound=exact,
)
case(ops.trace, sample(normal(3, 4)), sample(normal(2, 4, 3), offset=-1), bound=forward_error(4, absolute=True))
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
)
for _ord in ("fro", "nuc", 2, -2, 1, -1, math.inf, -math.inf):
    case(
        dec.matrix_norm,
        sample(_separate(3, 4), ord=_ord),
        sample(_separate(2, 4, 3), ord=_ord, keepdims=True),
        bound=forward_error(12, 16),
        name=f"matrix_norm_{_ord}",
    )
case(
    dec.matrix_norm,
    sample(_separate(2, 3, 3, imaginary=True)),
    error(ConfigError, "ord", normal(3, 3), ord=3),
    error(ShapeError, "two axes", normal(3)),
    bound=forward_error(12, 16),
)

_SOLID = forward_error(9, 64)
case(dec.inv, sample(definite(3)), sample(definite(3, 2)), sample(_separate(3, 3, imaginary=True)), _SQUARE, bound=_SOLID)
case(dec.det, sample(definite(3)), sample(_separate(2, 3, 3)), sample(_separate(3, 3, imaginary=True)), _SQUARE, bound=_SOLID)
case(
    dec.solve,
    sample(definite(3), normal(3, 2)),
    sample(definite(3), normal(3)),
    sample(definite(3, 2), normal(3, 2)),
    sample(_separate(3, 3, imaginary=True), complex_normal(3)),
    error(ShapeError, "3 rows", definite(3), normal(4, 2)),
    error(ShapeError, "square", normal(2, 3), normal(2)),
    bound=_SOLID,
)
case(dec.slogdet, sample(definite(3)), sample(_separate(2, 3, 3)), sample(_separate(3, 3, imaginary=True)), _SQUARE, bound=_SOLID)
case(
    dec.pinv,
    sample(_separate(3, 4)),
    sample(_separate(4, 3)),
    sample(_separate(2, 3, 3)),
    sample(_separate(4, 3, imaginary=True)),
    bound=_SOLID,
)
case(
    dec.matrix_power,
    sample(normal(3, 3), 3),
    sample(definite(3), -2),
    sample(normal(2, 3, 3), 1),
    sample(normal(3, 3), 0, grad=False),
    bound=_SOLID,
)
case(dec.matrix_rank, sample(_separate(3, 4)), sample(normal(2, 3, 3), rtol=0.9), bound=exact, differentiable=False)
case(dec.cholesky, sample(definite(3)), sample(definite(3, 2), upper=True), sample(definite(4)), _SQUARE, bound=_SOLID)
case(
    dec.eigvalsh,
    sample(_separate(4, 4)),
    sample(_separate(2, 3, 3)),
    sample(_separate(3, 3, imaginary=True)),
    _SQUARE,
    bound=_SOLID,
)
case(dec.svdvals, sample(_separate(3, 4)), sample(_separate(2, 4, 3)), sample(_separate(3, 3, imaginary=True)), bound=_SOLID)


def eigh(x: Any) -> Any:
    """eigh, its vectors without their signs."""
    w, v = dec.eigh(x)
    return w, _abs(v)


def svd(x: Any) -> Any:
    """svd, its vectors without their signs."""
    u, s, vh = dec.svd(x, full_matrices=False)
    return _abs(u), s, _abs(vh)


def qr(x: Any, **options: Any) -> Any:
    """qr, its factors without their signs."""
    q, r = dec.qr(x, **options)
    return _abs(q), _abs(r)


def eig(x: Any) -> Any:
    """eig, its vectors without their phases, in order of the eigenvalues."""
    w, v = dec.eig(x)
    order = argsort(real(w))
    return take(w, order), _abs(take(v, order, axis=-1))


def eigvals(x: Any) -> Any:
    """eigvals in order."""
    w = dec.eigvals(x)
    return take(w, argsort(real(w)))


case(eig, sample(_separate(4, 4)), sample(_separate(3, 3, imaginary=True)), _SQUARE, bound=_SOLID)
case(eigvals, sample(_separate(4, 4)), sample(_separate(3, 3, imaginary=True)), _SQUARE, bound=_SOLID)
case(eigh, sample(_separate(4, 4)), sample(_separate(2, 3, 3)), sample(_separate(3, 3, imaginary=True)), _SQUARE, bound=_SOLID)
case(
    svd,
    sample(_separate(3, 4)),
    sample(_separate(2, 4, 3)),
    sample(_separate(3, 3)),
    sample(_separate(4, 3, imaginary=True)),
    sample(_separate(3, 4, imaginary=True)),
    error(ShapeError, "a matrix", normal(3)),
    bound=_SOLID,
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
    sample(complex_normal(2, 3), complex_normal(3), equation="ij,j->i"),
    error(ShapeError, "operand", normal(2, 3), equation="i->i"),
    error(ShapeError, "letter 'j'", normal(2, 3), normal(4, 5), equation="ij,jk->ik"),
    error(ShapeError, "names 2 operands", normal(2), equation="i,j"),
    bound=forward_error(16, 8),
)
