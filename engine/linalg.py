"""dlengine.linalg: the array API's linear algebra extension."""

from __future__ import annotations

from .ops.decompositions import det, inv, matrix_power, matrix_rank, pinv, slogdet, solve
from .ops.eigenvalues import eig, eigh, eigvals, eigvalsh
from .ops.factorizations import cholesky, qr, svd, svdvals
from .ops.linalg import cross, diagonal, matmul, outer, tensordot, trace, vecdot
from .ops.norms import matrix_norm, vector_norm
from .ops.shape import matrix_transpose

__all__ = [
    "cholesky", "cross", "det", "diagonal", "eig", "eigh", "eigvals", "eigvalsh", "inv", "matmul", "matrix_norm",
    "matrix_power", "matrix_rank", "matrix_transpose", "outer", "pinv", "qr", "slogdet", "solve", "svd", "svdvals",
    "tensordot", "trace", "vecdot", "vector_norm",
]  # fmt: skip
