"""Rows of products, norms and einsum."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...errors import ShapeError
from ...ops import linalg as ops
from ...ops import norms
from ...ops.einsum import einsum as _einsum
from ..arguments import complex_normal, integers, normal
from ..bounds import exact, forward_error
from ..references import linalg as ref
from ..table import case, error, sample


def _inner(x: Any, *others: Any) -> float:
    return float(np.shape(x)[-1]) if np.ndim(x) else 1.0


_PRODUCT = forward_error(_inner, absolute=True)


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
    norms.vector_norm,
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
