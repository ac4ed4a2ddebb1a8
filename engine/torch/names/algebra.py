"""Products of matrices and vectors, distances, and what torch itself takes from linear algebra."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from ...autograd.op import op
from ...autograd.promotion import REAL_FLOATS
from . import pairs
from .core import aliasing, define, in_place, is_tensor, kind_of
from .engine import dl


def _same_dtype(name: str, *tensors: Any) -> None:
    first = tensors[0].dtype
    if any([t.dtype is not first for t in tensors]) and len(kinds := {t.dtype for t in tensors}) > 1:
        raise RuntimeError(f"{name}: expected scalar type {' and '.join(sorted(map(str, kinds)))} to be the same")


@define("matmul")
def matmul(input: Any, other: Any) -> Any:
    _same_dtype("matmul", input, other)
    return dl.matmul(input, other)


def _of_ranks(name: str, *wanted: tuple[Any, int]) -> None:
    for t, rank in wanted:
        if t.ndim != rank:
            raise RuntimeError(f"{name}: expected a tensor of {rank} dimensions, got {t.ndim}")


@define("mm")
def mm(input: Any, mat2: Any) -> Any:
    _of_ranks("mm", (input, 2), (mat2, 2))
    return matmul(input, mat2)


@define("bmm")
def bmm(input: Any, mat2: Any) -> Any:
    _of_ranks("bmm", (input, 3), (mat2, 3))
    return matmul(input, mat2)


@define("mv")
def mv(input: Any, vec: Any) -> Any:
    _of_ranks("mv", (input, 2), (vec, 1))
    return matmul(input, vec)


@define("dot")
def dot(input: Any, tensor: Any) -> Any:
    _of_ranks("dot", (input, 1), (tensor, 1))
    return matmul(input, tensor)


@define("vdot")
def _vdot(input: Any, other: Any) -> Any:
    return matmul(dl.conj(input) if kind_of(input.dtype) == 3 else input, other)


@define("inner")
def _inner(input: Any, other: Any) -> Any:
    if input.ndim == 0 or other.ndim == 0:
        return input * other
    return dl.tensordot(input, other, axes=((input.ndim - 1,), (other.ndim - 1,)))


@define("outer", "ger")
def _outer(input: Any, vec2: Any) -> Any:
    _of_ranks("outer", (input, 1), (vec2, 1))
    if input.array.dtype in REAL_FLOATS and input.array.dtype == vec2.array.dtype:
        return dl.linalg.outer(input, vec2)
    return dl.expand_dims(input, axis=1) * vec2


def _plus(input: Any, product: Any, beta: Any, alpha: Any) -> Any:
    """beta input + alpha product; an input times 0 is left out, NaN and all."""
    product = product if alpha == 1 else product * alpha
    if beta == 0:
        return dl.broadcast_to(product, dl.broadcast_shapes(input.shape, product.shape))
    return (input if beta == 1 else input * beta) + product


@define("addmm")
def _addmm(input: Any, mat1: Any, mat2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    return _plus(input, mm(mat1, mat2), beta, alpha)


@define("addmv")
def _addmv(input: Any, mat: Any, vec: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    return _plus(input, mv(mat, vec), beta, alpha)


@define("addr")
def _addr(input: Any, vec1: Any, vec2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    return _plus(input, _outer(vec1, vec2), beta, alpha)


@define("baddbmm")
def _baddbmm(input: Any, batch1: Any, batch2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    return _plus(input, bmm(batch1, batch2), beta, alpha)


@define("addbmm")
def _addbmm(input: Any, batch1: Any, batch2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    return _plus(input, dl.sum(bmm(batch1, batch2), axis=0), beta, alpha)


@define("chain_matmul", method=False)
def _chain_matmul(*matrices: Any) -> Any:
    return functools.reduce(mm, matrices)


@define("einsum", method=False)
def _einsum(equation: str, *operands: Any) -> Any:
    if len(operands) == 1 and isinstance(operands[0], list | tuple):
        operands = tuple(operands[0])
    return dl.einsum(equation, *operands)


@define("tensordot", method=False)
def _tensordot(a: Any, b: Any, dims: Any = 2) -> Any:
    if is_tensor(dims):
        dims = dims.tolist()
    if not isinstance(dims, int):
        pairs_ = [tuple(d) if isinstance(d, list | tuple) else (d,) for d in dims]
        for i, j in zip(*pairs_, strict=True):  # an axis of size 1 meets any other
            if a.shape[i] == 1 != b.shape[j]:
                b = dl.sum(b, axis=j, keepdims=True)
            elif b.shape[j] == 1 != a.shape[i]:
                a = dl.sum(a, axis=i, keepdims=True)
    return dl.tensordot(
        a, b, axes=dims if isinstance(dims, int) else tuple(tuple(d) if isinstance(d, list | tuple) else (d,) for d in dims)
    )


@define("kron")
def _kron(input: Any, other: Any) -> Any:
    rank = max(input.ndim, other.ndim)
    a, b = (dl.reshape(t, ((1,) * (rank - t.ndim) + tuple(t.shape))) for t in (input, other))
    wide = dl.reshape(a, tuple(n for m in a.shape for n in (m, 1))) * dl.reshape(b, tuple(n for m in b.shape for n in (1, m)))
    return dl.reshape(wide, tuple(m * n for m, n in zip(a.shape, b.shape, strict=True)))


@define("cross")
def _cross(input: Any, other: Any, dim: Any = None) -> Any:
    if dim is None:
        dim = next(i for i, n in enumerate(input.shape) if n == 3)
    return dl.linalg.cross(*dl.broadcast_arrays(input, other), axis=dim)


# ---------------------------------------------------------------------- diagonals
@define("diagonal")
def diagonal(input: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    if dim1 % input.ndim == dim2 % input.ndim:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    found = dl.linalg.diagonal(dl.moveaxis(input, (dim1, dim2), (-2, -1)), offset=offset)
    view = input.array.diagonal(offset, dim1, dim2)
    if not view.flags.writeable and input.array.flags.writeable:  # NumPy's is a view, and read-only out of caution
        view.flags.writeable = True
    return aliasing(found, input, view)


@define("trace")
def _trace(input: Any) -> Any:
    _of_ranks("trace", (input, 2))
    return dl.sum(dl.linalg.diagonal(input), **({"dtype": "int64"} if kind_of(input.dtype) < 2 else {}))


@define("diag_embed")
def diag_embed(input: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    n = input.shape[-1] + abs(offset)
    spread = dl.eye(input.shape[-1], n, k=max(offset, 0), dtype=input.dtype, device=input.device)
    rows = dl.eye(input.shape[-1], n, k=max(-offset, 0), dtype="bool", device=input.device)
    values = dl.expand_dims(input, axis=-1)
    wide = dl.where(spread != 0, values, dl.zeros((), dtype=input.dtype, device=input.device))  # row i: input[i] at its column
    pick = dl.astype(dl.matrix_transpose(rows), input.dtype)
    found = dl.matmul(pick, wide) if kind_of(input.dtype) >= 2 else dl.astype(
        dl.matmul(dl.astype(pick, "float64"), dl.astype(wide, "float64")), input.dtype)  # fmt: skip
    return dl.moveaxis(found, (-2, -1), (dim1, dim2))


@define("diag")
def _diag(input: Any, diagonal: int = 0) -> Any:
    if input.ndim == 1:
        return diag_embed(input, diagonal)
    return dl.clone(dl.linalg.diagonal(input, offset=diagonal))


@define("diagflat")
def _diagflat(input: Any, offset: int = 0) -> Any:
    return diag_embed(dl.reshape(input, (-1,)), offset)


@define("diagonal_scatter")
def _diagonal_scatter(input: Any, src: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    places = dl.reshape(dl.arange(math.prod(input.shape), device=input.device), input.shape)
    at = dl.reshape(diagonal(places, offset, dim1, dim2), (-1,))
    return dl.reshape(dl.set_at(dl.reshape(input, (-1,)), dl.reshape(src, (-1,)), key=at), input.shape)


# ---------------------------------------------------------------------- norms and distances
@define("norm")
def norm(input: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    if dtype is not None:
        input = dl.astype(input, dtype)
    if kind_of(input.dtype) < 2:
        raise RuntimeError("norm(): input dtype should be either floating point or complex")
    if p == "nuc":
        axes = tuple(dim) if dim is not None else (-2, -1)
        found = dl.linalg.matrix_norm(dl.moveaxis(input, axes, (-2, -1)), ord="nuc")
        if keepdim:
            for a in sorted(x % input.ndim for x in axes):
                found = dl.expand_dims(found, axis=a)
        return found
    order = 2 if p in ("fro", None) else float(p)
    return vector_norm(input, order, dim, keepdim)


def vector_norm(input: Any, order: Any, dim: Any, keepdim: bool) -> Any:
    """The norm over axes, of a number too."""
    if isinstance(dim, list | tuple):
        dim = tuple(dim) or None
    if input.ndim == 0:
        input, dim = dl.reshape(input, (1,)), 0
        keepdim = False
    if order == 0:
        return dl.sum(dl.astype(input != 0, dl.abs(input).dtype) + 0 * dl.abs(input), axis=dim, keepdims=keepdim)
    return dl.linalg.vector_norm(input, ord=order, axis=dim, keepdims=keepdim)


@define("dist")
def _dist(input: Any, other: Any, p: float = 2) -> Any:
    return vector_norm(input - other, p, None, False)


@define("renorm")
def _renorm(input: Any, p: float, dim: int, maxnorm: float) -> Any:
    axes = tuple(a for a in range(input.ndim) if a != dim % input.ndim)
    size = vector_norm(input, p, axes, True)
    return input * dl.where(size > maxnorm, maxnorm / (size + 1e-7), dl.ones_like(size))


@define("cdist", method=False)
def _cdist(x1: Any, x2: Any, p: float = 2.0, compute_mode: Any = None) -> Any:
    if min(x1.ndim, x2.ndim) < 2 or x1.shape[-1] != x2.shape[-1]:
        shapes = f"{tuple(x1.shape)} and {tuple(x2.shape)}"
        raise RuntimeError(f"cdist: x1 (..., P, M) and x2 (..., R, M) must agree in M, got {shapes}")
    _same_dtype("cdist", x1, x2)
    if kind_of(x1.dtype) != 2:
        raise RuntimeError(f"cdist only supports floating-point dtypes, got {x1.dtype}")
    if p < 0:
        raise RuntimeError(f"cdist only supports non-negative p values, got {p}")
    if p == 2 and x1.ndim == x2.ndim == 2:
        half = x1.dtype.itemsize == 2  # whose squares leave the range at distances of 256
        a, b = (dl.astype(x, "float32") for x in (x1, x2)) if half else (x1, x2)
        y = _root(dl.nn.functional.squared_distances(a, b))
        return dl.astype(y, x1.dtype) if half else y
    difference = dl.expand_dims(x1, axis=-2) - dl.expand_dims(x2, axis=-3)
    return distances(difference, p) if x1.shape[-1] else dl.sum(difference, axis=-1)


def _with_pullback(xp: Any, y: Any) -> Any:
    """Square roots, and their pullback, which is 0 where they are."""
    return y, lambda gy: xp.where(y == 0, 0.0, 0.5 * gy / xp.where(y == 0, 1.0, y))


def _root_again(xp: Any, x: Any, /) -> Any:
    """_root as it is read with tensors, so that further derivatives are 0 there too."""
    return _with_pullback(xp, _root(x))


@op(needs="y", name="cdist", tensors=_root_again)
def _root(xp: Any, x: Any, /) -> Any:
    """Square roots whose gradient is 0 where they are."""
    return _with_pullback(xp, xp.sqrt(x))


def distances(difference: Any, p: float) -> Any:
    """Norms over the last axis whose gradient is 0 where the difference is."""
    if p == 0:
        return dl.sum(dl.astype(difference != 0, difference.dtype) + 0 * difference, axis=-1)
    return dl.linalg.vector_norm(difference, ord=p, axis=-1)


@define("cov")
def cov(input: Any, *, correction: int = 1, fweights: Any = None, aweights: Any = None) -> Any:
    x = dl.reshape(input, (1, -1)) if input.ndim < 2 else input
    w = fweights if aweights is None else aweights if fweights is None else fweights * aweights
    total = float(x.shape[-1]) if w is None else dl.sum(w)
    mean = dl.mean(x, axis=-1, keepdims=True) if w is None else dl.sum(x * w, axis=-1, keepdims=True) / total
    if aweights is None or w is None:
        degrees = total - correction
    else:
        degrees = total - correction * dl.sum(w * aweights) / total
    degrees = max(degrees, 0.0) if isinstance(degrees, float) else dl.clip(degrees, min=0.0)
    centred = x - mean
    right = centred if w is None else centred * w
    right = dl.conj(right) if kind_of(x.dtype) == 3 else right
    numbers = dl.matmul(centred, dl.matrix_transpose(right))
    found = (
        numbers / degrees
        if not isinstance(degrees, float) or degrees
        else numbers / dl.zeros_like(dl.real(numbers) if kind_of(x.dtype) == 3 else numbers)
    )
    return dl.reshape(found, ()) if found.shape == (1, 1) else found


@define("corrcoef")
def _corrcoef(input: Any) -> Any:
    c = cov(input)
    if c.ndim == 0:
        return c / c
    d = dl.sqrt(dl.linalg.diagonal(dl.real(c) if kind_of(c.dtype) == 3 else c))
    found = c / dl.expand_dims(d, axis=1) / d
    if kind_of(found.dtype) == 3:
        return dl.clip(dl.real(found), -1, 1) + 1j * dl.clip(dl.imag(found), -1, 1)
    return dl.clip(found, -1, 1)


@define("det")
def _det(input: Any) -> Any:
    return dl.linalg.det(input)


@define("logdet")
def _logdet(input: Any) -> Any:
    sign, value = dl.linalg.slogdet(input)
    if kind_of(input.dtype) == 3:
        return value + dl.log(sign)
    return dl.where(sign < 0, math.nan, value)


@define("slogdet")
def _slogdet(input: Any) -> Any:
    return pairs.slogdet(*dl.linalg.slogdet(input))


@define("inverse")
def _inverse(input: Any) -> Any:
    return dl.linalg.inv(input)


@define("pinverse")
def _pinverse(input: Any, rcond: float = 1e-15) -> Any:
    return dl.linalg.pinv(input, rtol=rcond)


@define("matrix_power")
def _matrix_power(input: Any, n: int) -> Any:
    return dl.linalg.matrix_power(input, n)


# ---------------------------------------------------------------------- counts
@define("bincount")
def _bincount(input: Any, weights: Any = None, minlength: int = 0) -> Any:
    w = None if weights is None else weights.numpy_copy()
    return dl.asarray(np.bincount(input.numpy_copy(), w, minlength), device=input.device)


@define("histc")
def _histc(input: Any, bins: int = 100, min: float = 0, max: float = 0) -> Any:
    a = input.numpy_copy().reshape(-1)
    low, high = (float(a.min()), float(a.max())) if min == max == 0 and a.size else (float(min), float(max))
    if low == high:
        low, high = low - 1, high + 1
    return dl.asarray(np.histogram(a, bins, (low, high))[0].astype(a.dtype), device=input.device)


@define("histogram")
def _histogram(input: Any, bins: Any, *, range: Any = None, weight: Any = None, density: bool = False) -> Any:
    edges = bins.numpy_copy() if is_tensor(bins) else bins
    a = input.numpy_copy().reshape(-1)
    if range is None and isinstance(edges, int) and a.size and a.min() == a.max():
        range = (a.min() - 0.5, a.max() + 0.5)
    w = None if weight is None else weight.numpy_copy().reshape(-1)
    hist, ends = np.histogram(a, edges, range, density=density, weights=w)
    return pairs.histogram(*(dl.asarray(v.astype(a.dtype), device=input.device) for v in (hist, ends)))


in_place("addmm", "addmv", "addr", "baddbmm", "addbmm", "renorm")
