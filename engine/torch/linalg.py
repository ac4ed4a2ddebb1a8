"""torch.linalg."""

from __future__ import annotations

import functools
import math
from collections import namedtuple
from typing import Any

import numpy as np

from .names import triangles as _lu
from .names.algebra import diagonal as _diagonal
from .names.algebra import vector_norm as _vector_norm
from .names.core import FUNCTIONS, is_tensor, kind_of, lifted, own, refuse
from .names.engine import dl

_L = dl.linalg
QR = namedtuple("QR", ["Q", "R"])
SVD = namedtuple("SVD", ["U", "S", "Vh"])
SVDParts = namedtuple("SVDParts", ["U", "S", "V"])
TriangularSolve = namedtuple("TriangularSolve", ["solution", "cloned_coefficient"])
Eigen = namedtuple("Eigen", ["eigenvalues", "eigenvectors"])
SlogDet = namedtuple("SlogDet", ["sign", "logabsdet"])
WithInfo = namedtuple("WithInfo", ["L", "info"])
Lstsq = namedtuple("Lstsq", ["solution", "residuals", "rank", "singular_values"])


def _entry(f: Any) -> Any:
    made = lifted(f)
    made.__name__ = f.__name__.removesuffix("_of")
    return made


@_entry
def norm(A: Any, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The norm of vectors or matrices."""
    x = A if dtype is None else dl.astype(A, dtype)
    if dim is None and ord is None:
        return _vector_norm(x, 2, None, keepdim)
    if dim is None and x.ndim == 2 or (not isinstance(dim, int) and dim is not None and len(dim) == 2 and ord is not None):
        return matrix_norm(x, "fro" if ord is None else ord, (-2, -1) if dim is None else dim, keepdim)
    return _vector_norm(x, 2 if ord is None else ord, dim, keepdim)


@_entry
def vector_norm(x: Any, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The norm of vectors, over all axes or some."""
    return _vector_norm(x if dtype is None else dl.astype(x, dtype), float(ord), dim, keepdim)


@_entry
def matrix_norm(A: Any, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The norm of matrices."""
    x = A if dtype is None else dl.astype(A, dtype)
    axes = tuple(d % x.ndim for d in dim)
    found = _L.matrix_norm(dl.moveaxis(x, axes, (-2, -1)), ord=ord)
    for a in sorted(axes) if keepdim else ():
        found = dl.expand_dims(found, axis=a)
    return found


@_entry
def cond(A: Any, p: Any = None) -> Any:
    """The condition number."""
    if p in (None, 2, -2):
        s = _L.svdvals(A)
        largest, smallest = s[..., 0], s[..., -1]
        return smallest / largest if p == -2 else largest / smallest
    return _L.matrix_norm(A, ord=p) * _L.matrix_norm(_L.inv(A), ord=p)


det, inv = _entry(lambda A: _L.det(A)), _entry(lambda A: _L.inv(A))
matrix_power = _entry(lambda A, n: _L.matrix_power(A, n) if n else _L.matrix_power(A, 0) + 0 * A)
svdvals = _entry(lambda A, *, driver=None: _L.svdvals(A))
eigvals = _entry(lambda A: _L.eigvals(A))
diagonal = _entry(lambda A, *, offset=0, dim1=-2, dim2=-1: _diagonal(A, offset, dim1, dim2))
matmul = FUNCTIONS["matmul"]
cross = _entry(lambda input, other, *, dim=-1: _L.cross(*dl.broadcast_arrays(input, other), axis=dim))
slogdet = _entry(lambda A: SlogDet(*_L.slogdet(A)))
inv_ex = _entry(lambda A, *, check_errors=False: WithInfo(_L.inv(A), dl.zeros(A.shape[:-2], dtype="int32")))


@_entry
def vecdot(x: Any, y: Any, *, dim: int = -1) -> Any:
    """The products of vectors, the first conjugated."""
    a, b = dl.broadcast_arrays(x, y)
    return dl.sum((dl.conj(a) if kind_of(a.dtype) == 3 else a) * b, axis=dim)


def _triangle(A: Any, upper: bool) -> Any:
    """A Hermitian matrix from one triangle of A; its gradient is that of the whole, as PyTorch's."""
    return A + (_hermitian(A.detach(), upper) - A.detach())


def _hermitian(A: Any, upper: bool) -> Any:
    low = dl.matrix_transpose(dl.conj(A) if kind_of(A.dtype) == 3 else A) if upper else A
    strict = dl.tril(low, k=-1)
    d = dl.real(low) + 0j if kind_of(low.dtype) == 3 else low
    diagonal_ = dl.tril(dl.triu(d))
    other = dl.matrix_transpose(dl.conj(strict) if kind_of(strict.dtype) == 3 else strict)
    return strict + diagonal_ + other


@_entry
def eigh(A: Any, UPLO: str = "L") -> Any:  # noqa: N803 - PyTorch's name
    """Eigenvalues and vectors of Hermitian matrices."""
    return Eigen(*_L.eigh(_triangle(A, UPLO.upper() == "U")))


@_entry
def eigvalsh(A: Any, UPLO: str = "L") -> Any:  # noqa: N803 - PyTorch's name
    """Eigenvalues of Hermitian matrices."""
    return _L.eigvalsh(_triangle(A, UPLO.upper() == "U"))


eig = _entry(lambda A: Eigen(*_L.eig(A)))


@_entry
def svd(A: Any, full_matrices: bool = True, *, driver: Any = None) -> Any:
    """Singular values and vectors."""
    return SVD(*_L.svd(A, full_matrices=full_matrices))


@_entry
def qr(A: Any, mode: str = "reduced") -> Any:
    """An orthogonal and a triangular factor."""
    if mode == "r":
        r = _L.qr(A.detach())[1]
        return QR(dl.zeros(0, dtype=A.dtype), r)
    return QR(*_L.qr(A, mode=mode))


@_entry
def cholesky(A: Any, *, upper: bool = False) -> Any:
    """The triangular factor of positive matrices."""
    return _L.cholesky(_triangle(A, upper), upper=upper)


@_entry
def cholesky_ex(A: Any, *, upper: bool = False, check_errors: bool = False) -> Any:
    """The factor, and 0 where it was found."""
    return WithInfo(_L.cholesky(_triangle(A, upper), upper=upper), dl.zeros(A.shape[:-2], dtype="int32"))


@_entry
def solve(A: Any, B: Any, *, left: bool = True) -> Any:  # noqa: N803 - PyTorch's names
    """The solution of A X = B, or of X A = B."""
    vector = B.ndim == 1 or (B.ndim == A.ndim - 1 and B.shape == A.shape[:-1])
    if not left:
        return dl.matrix_transpose(solve(dl.matrix_transpose(A), dl.matrix_transpose(B)))
    if vector:
        return _L.solve(A, dl.expand_dims(B, axis=-1))[..., 0]
    return _L.solve(A, B)


solve_ex = _entry(
    lambda A, B, *, left=True, check_errors=False: WithInfo(solve(A, B, left=left), dl.zeros(A.shape[:-2], dtype="int32"))
)


@_entry
def solve_triangular(A: Any, B: Any, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Any:  # noqa: N803
    """The solution with a triangular matrix, of which the other triangle is not read."""
    t = dl.triu(A, k=int(unitriangular)) if upper else dl.tril(A, k=-int(unitriangular))
    if unitriangular:
        t = t + dl.eye(A.shape[-1], dtype=A.dtype, device=A.device)
    return solve(t, B, left=left)


@_entry
def pinv(A: Any, rcond: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None) -> Any:
    """The pseudo-inverse."""
    tolerance = rtol if rcond is None else rcond
    A = _triangle(A, False) if hermitian else A
    if is_tensor(tolerance):
        tolerance = own(tolerance.detach())
    if atol is not None:
        largest = _L.svdvals(A.detach())[..., 0]
        floor = atol / largest
        tolerance = floor if tolerance is None else dl.maximum(floor, floor * 0 + tolerance)
    return _L.pinv(A, rtol=tolerance)


@_entry
def matrix_rank(A: Any, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None) -> Any:
    """The number of singular values that count as not zero."""
    s = _L.svdvals(A.detach())
    top = dl.max(s, axis=-1, keepdims=True) if s.shape[-1] else s
    absolute = atol if tol is None else tol
    if rtol is None:
        rtol = 0.0 if absolute is not None and not is_tensor(absolute) and absolute > 0 or is_tensor(absolute) else (
            max(A.shape[-2:]) * float(dl.finfo(s.dtype).eps))  # fmt: skip
    bounds: tuple[Any, ...] = (0.0 if absolute is None else absolute, rtol)
    wide = [dl.expand_dims(v, axis=-1) if is_tensor(v) and v.ndim else v for v in bounds]
    limit = top * wide[1]
    limit = dl.maximum(limit, limit * 0 + wide[0])
    return dl.sum(dl.astype(s > limit, "int64"), axis=-1)


@_entry
def lstsq(A: Any, B: Any, rcond: Any = None, *, driver: Any = None) -> Any:  # noqa: N803 - PyTorch's names
    """Least squares by the pseudo-inverse."""
    solution = dl.matmul(_L.pinv(A) if rcond is None else _L.pinv(A, rtol=rcond), B)
    m, n = A.shape[-2:]
    rest = dl.zeros(0, dtype=A.dtype)
    driver = driver or "gelsy"
    ranks = dl.zeros(0, dtype="int64") if driver == "gels" else matrix_rank(A)
    values = _L.svdvals(A.detach()) if driver in ("gelsd", "gelss") else dl.zeros(0, dtype=A.dtype)
    if m > n and driver != "gelsy" and (driver == "gels" or bool(dl.all(ranks == n))):
        gap = dl.matmul(A, solution) - B
        rest = dl.sum(dl.real(gap * dl.conj(gap)) if kind_of(gap.dtype) == 3 else gap * gap, axis=-2)
    return Lstsq(solution, rest, ranks, values)


@_entry
def multi_dot(tensors: Any) -> Any:
    """The product of several matrices."""
    return functools.reduce(dl.matmul, tensors)


@_entry
def matrix_exp(A: Any) -> Any:
    """The exponential of matrices, by scaling and squaring of a series."""
    if not A.shape[-1]:
        return dl.clone(A)
    size = float(dl.max(dl.sum(dl.abs(A.detach()), axis=-1))) if A.array.size else 0.0
    squarings = max(0, math.ceil(math.log2(size)) + 1) if size > 0 else 0
    x = A / 2.0**squarings
    total = term = dl.broadcast_to(dl.eye(A.shape[-1], dtype=A.dtype, device=A.device), A.shape)
    for k in range(1, 19):
        term = dl.matmul(term, x) / k
        total = total + term
    for _ in range(squarings):
        total = dl.matmul(total, total)
    return total


@_entry
def tensorinv(A: Any, ind: int = 2) -> Any:
    """The inverse under tensordot."""
    first, second = A.shape[:ind], A.shape[ind:]
    return dl.reshape(_L.inv(dl.reshape(A, (math.prod(first), -1))), (*second, *first))


@_entry
def tensorsolve(A: Any, B: Any, dims: Any = None) -> Any:  # noqa: N803 - PyTorch's names
    """The solution X of tensordot(A, X) = B."""
    x = A
    if dims is not None:
        x = dl.moveaxis(A, tuple(dims), tuple(range(A.ndim - len(dims), A.ndim)))
    rest = x.shape[B.ndim :]
    return dl.reshape(_L.solve(dl.reshape(x, (-1, math.prod(rest))), dl.reshape(B, (-1, 1))), rest)


@_entry
def vander(x: Any, N: Any = None) -> Any:  # noqa: N803 - PyTorch's name
    """Powers of the elements, from 0 on."""
    x = dl.reshape(x, (1,)) if x.ndim == 0 else x
    n = x.shape[-1] if N is None else N
    columns = [dl.ones_like(x)]
    for _ in range(n - 1):
        columns.append(columns[-1] * x)
    return dl.stack(columns[:n], axis=-1)


lu, lu_factor, lu_factor_ex, lu_solve = (_entry(f) for f in (_lu.lu, _lu.lu_factor, _lu.lu_factor_ex, _lu.lu_solve))
householder_product = _entry(_lu.householder_product)


def _absent(name: str) -> Any:
    def call(*_: Any, **__: Any) -> Any:
        raise refuse(f"linalg.{name}", "this factorization is not supported; lu, cholesky and qr are")

    return call


ldl_factor, ldl_factor_ex, ldl_solve = map(_absent, ("ldl_factor", "ldl_factor_ex", "ldl_solve"))
LinAlgError = np.linalg.LinAlgError


# ---------------------------------------------------------------------- torch's own names for these
def _half(A: Any, upper: bool) -> Any:
    """A triangle of A; PyTorch's gradient is that of the whole."""
    return A + ((dl.triu if upper else dl.tril)(A.detach()) - A.detach())


def _cholesky_inverse(input: Any, upper: bool = False) -> Any:
    low = _half(input, upper)
    a = low if upper else dl.matrix_transpose(dl.conj(low) if kind_of(low.dtype) == 3 else low)
    ah = dl.matrix_transpose(dl.conj(a) if kind_of(a.dtype) == 3 else a)
    return _L.inv(dl.matmul(ah, a))


def _cholesky_solve(input: Any, input2: Any, upper: bool = False) -> Any:
    low = _half(input2, upper)
    other = dl.matrix_transpose(dl.conj(low) if kind_of(low.dtype) == 3 else low)
    return _L.solve(dl.matmul(other, low) if upper else dl.matmul(low, other), input)


def _svd(input: Any, some: bool = True, compute_uv: bool = True) -> Any:
    u, s, vh = _L.svd(input, full_matrices=not some)
    v = dl.matrix_transpose(dl.conj(vh) if kind_of(vh.dtype) == 3 else vh)
    return SVDParts(u, s, v)


def _triangular_solve(b: Any, A: Any, upper: bool = True, transpose: bool = False, unitriangular: bool = False) -> Any:  # noqa: N803
    t = dl.triu(A) if upper else dl.tril(A)
    if unitriangular:
        t = t - dl.tril(dl.triu(t)) + dl.eye(A.shape[-1], dtype=A.dtype, device=A.device)
    x = _L.solve(*_matched(dl.matrix_transpose(t) if transpose else t, b))
    return TriangularSolve(x, A)


def _matched(a: Any, b: Any) -> tuple[Any, Any]:
    lead = dl.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    return dl.broadcast_to(a, (*lead, *a.shape[-2:])), dl.broadcast_to(b, (*lead, *b.shape[-2:]))


ROOT: dict[str, Any] = {
    "cholesky": lambda input, upper=False: cholesky(input, upper=upper),
    "cholesky_inverse": _cholesky_inverse,
    "cholesky_solve": _cholesky_solve,
    "svd": _svd,
    "qr": lambda input, some=True: QR(*_L.qr(input, mode="reduced" if some else "complete")),
    "matrix_exp": lambda input: matrix_exp(input),
    "lu_unpack": _lu.lu_unpack,
    "triangular_solve": _triangular_solve,
    "lu_solve": lambda b, LU_data, LU_pivots: lu_solve(LU_data, LU_pivots, b),
    "lu": lambda A, pivot=True, get_infos=False: (
        (*lu_factor(A), dl.zeros(A.shape[:-2], dtype="int32")) if get_infos else lu_factor(A)
    ),
    "orgqr": lambda input, tau: householder_product(input, tau),
}
_ = own
