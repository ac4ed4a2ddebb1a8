"""Linear algebra: products, the affine map, norms. What factors matrices and solves with them is in decompositions.py."""

from __future__ import annotations

import builtins
import math
from typing import Any

from ..autograd.base import must_be_tensors
from ..autograd.op import op
from ..autograd.promotion import is_complex, is_inexact
from ..errors import DTypeError, ShapeError
from .elementwise import cc, multiply
from .half import wide_text
from .reduce import axes_of, expand, extremum_pull, sum
from .shape import axis_of, matrix_transpose, permute_dims, reshape

__all__ = ["linear", "matmul", "matrix_transpose", "tensordot", "vecdot"]


@op(needs=("x2", "x1"), promotes="join", complex=True)
def matmul(xp, x1, x2, /):
    """The matrix product over the last two axes, (..., M, K) by (..., K, N) -> (..., M, N); vectors as in NumPy."""
    if not (hasattr(x1, "ndim") and hasattr(x2, "ndim")):
        number = x2 if hasattr(x1, "ndim") else x1
        raise DTypeError(f"matmul: x1 and x2 must be tensors, got the number {number!r}; multiply with *")
    if x1.ndim == 0 or x2.ndim == 0 or x1.shape[-1] != x2.shape[-2 if x2.ndim > 1 else 0]:
        k1, k2 = x1.shape[-1:], x2.shape[-2:-1] or x2.shape
        raise ShapeError(
            f"matmul: x1 (..., M, K)={tuple(x1.shape)} has K={k1[0] if k1 else 'none'} but "
            f"x2 (..., K, N)={tuple(x2.shape)} has K={k2[0] if k2 else 'none'}"
        )
    y = xp.matmul(x1, x2)

    def left(gy):
        if x1.ndim == 1 and x2.ndim == 1:
            return gy * cc(xp, x2)
        if x2.ndim == 1:
            return gy[..., None] * cc(xp, x2)
        if x1.ndim == 1:
            return xp.matmul(cc(xp, x2), gy[..., None])[..., 0]
        return xp.matmul(gy, xp.matrix_transpose(cc(xp, x2)))

    def right(gy):
        if x1.ndim == 1 and x2.ndim == 1:
            return gy * cc(xp, x1)
        if x1.ndim == 1:
            return cc(xp, x1)[:, None] * gy[..., None, :]
        if x2.ndim == 1:
            return xp.matmul(xp.matrix_transpose(cc(xp, x1)), gy[..., None])[..., 0]
        return xp.matmul(xp.matrix_transpose(cc(xp, x1)), gy)

    return y, (left, right)


@op(needs=("weight", "x", ""), name="linear")
def _linear(xp, x, weight, bias, /):
    """See linear."""

    def rows(a):
        return xp.reshape(a, (math.prod(a.shape[:-1]), a.shape[-1]))

    return xp.linear(x, weight, bias), (
        lambda gy: xp.matmul(gy, weight),
        lambda gy: xp.matmul(xp.matrix_transpose(rows(gy)), rows(x)),
        None if bias is None else lambda gy: xp.sum(rows(gy), axis=0),
    )


def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """x weight^T + bias, the affine map of a fully connected layer.

    x: (..., I). weight: (O,I). bias: (O,) or None. Dtypes are promoted. Returns (..., O). Raises ShapeError, DTypeError.
    """
    must_be_tensors("linear", x=x, weight=weight, bias=weight if bias is None else bias)
    if weight.ndim != 2:
        raise ShapeError(f"linear: weight must be (O,I), got shape {weight.shape}")
    if x.ndim < 1 or x.shape[-1] != weight.shape[1]:
        raise ShapeError(f"linear: input must be (..., I) with I={weight.shape[1]}, got shape {x.shape}")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ShapeError(f"linear: bias must be (O,)=({weight.shape[0]},), got {bias.shape}")
    if all(is_inexact(a) and not is_complex(a) for a in (x, weight, x if bias is None else bias)):
        return _linear(x, weight, bias)
    y = matmul(x, matrix_transpose(weight))  # which promotes
    return y if bias is None else y + bias


@op(needs=("x2", "x1"), promotes="join", complex=True)
def vecdot(xp, x1, x2, /, *, axis=-1):
    """The sum of conj(x1) x2 along an axis."""
    if x1.ndim == x2.ndim and axis >= 0:
        axis -= x1.ndim
    if not -builtins.min(x1.ndim, x2.ndim) <= axis < 0:
        raise ShapeError(f"vecdot: axis {axis} must count from the end and exist in {tuple(x1.shape)} and {tuple(x2.shape)}")
    if x1.shape[axis] != x2.shape[axis]:
        raise ShapeError(f"vecdot: x1 {tuple(x1.shape)} and x2 {tuple(x2.shape)} differ along axis {axis}")

    def back(gy):
        return xp.expand_dims(gy, axis=axis)

    return xp.vecdot(x1, x2, axis=axis), (
        lambda gy: cc(xp, back(gy)) * x2,
        lambda gy: back(gy) * x1,
    )


def tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Any:
    """The sum of products over axes: the last `axes` of x1 with the first of x2, or a pair of axis sequences."""
    if isinstance(axes, int):
        first = tuple(range(x1.ndim - axes, x1.ndim))
        second = tuple(range(axes))
    else:
        first, second = (tuple((a,) if isinstance(a, int) else a) for a in axes)
        first = tuple(axis_of("tensordot", a, x1.ndim) for a in first)
        second = tuple(axis_of("tensordot", a, x2.ndim) for a in second)
    if len(first) != len(second) or any(x1.shape[a] != x2.shape[b] for a, b in zip(first, second, strict=True)):
        raise ShapeError(f"tensordot: x1 {tuple(x1.shape)} and x2 {tuple(x2.shape)} do not match over axes {axes}")
    kept1 = tuple(i for i in range(x1.ndim) if i not in first)
    kept2 = tuple(i for i in range(x2.ndim) if i not in second)
    k = math.prod(x1.shape[a] for a in first)
    m, n = tuple(x1.shape[i] for i in kept1), tuple(x2.shape[i] for i in kept2)
    a = reshape(permute_dims(x1, kept1 + first), (math.prod(m), k))
    b = reshape(permute_dims(x2, second + kept2), (k, math.prod(n)))
    return reshape(matmul(a, b), m + n)


def outer(x1: Any, x2: Any, /) -> Any:
    """y[i, j] = x1[i] x2[j]."""
    if x1.ndim != 1 or x2.ndim != 1:
        raise ShapeError(f"outer: x1 and x2 must be vectors, they have shapes {tuple(x1.shape)} and {tuple(x2.shape)}")
    return multiply(x1[:, None], x2[None, :])


@op(needs=("x2", "x1"), promotes="join", complex=True)
def cross(xp, x1, x2, /, *, axis=-1):
    """The vector product along an axis of size 3."""
    if x1.ndim == x2.ndim and axis >= 0:
        axis -= x1.ndim
    for name, x in (("x1", x1), ("x2", x2)):
        if x.shape[axis_of("cross", axis, x.ndim)] != 3:
            raise ShapeError(f"cross: {name} must have size 3 along axis {axis}, it has shape {tuple(x.shape)}")
    return xp.linalg.cross(x1, x2, axis=axis), (
        lambda gy: xp.linalg.cross(cc(xp, x2), gy, axis=axis),
        lambda gy: xp.linalg.cross(gy, cc(xp, x1), axis=axis),
    )


@op(needs="", complex=True)
def diagonal(xp, x, /, *, offset=0):
    """The diagonals of the last two axes, `offset` above the main one: (..., M, N) -> (..., length)."""
    if x.ndim < 2:
        raise ShapeError(f"diagonal: x must have two axes at least, it has shape {tuple(x.shape)}")
    rows, columns = x.shape[-2:]

    def pull(gy):
        before = builtins.max(-offset, 0)
        after = rows - before - gy.shape[-1]
        lead = tuple(gy.shape[:-1])
        ends = [xp.zeros((*lead, n), dtype=gy.dtype) for n in (before, after)]
        by_row = xp.concat([ends[0], gy, ends[1]], axis=-1) if before or after else gy
        return by_row[..., None] * xp.eye(rows, columns, k=offset, dtype=gy.dtype)

    # a copy: NumPy's diagonal is a view that cannot be written
    return xp.asarray(xp.linalg.diagonal(x, offset=offset), copy=True), pull


def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    """The sum of the diagonals of the last two axes."""
    return sum(diagonal(x, offset=offset), axis=-1, dtype=dtype)


# ---------------------------------------------------------------------- norms
@op(needs="x y", promotes="float", complex=True)
@wide_text
def vector_norm(xp, x, /, *, axis=None, keepdims=False, ord=2):
    """(sum of |x|^ord)^(1/ord) over axes; inf and -inf are the largest and smallest |x|, 0 counts what is not zero.

    It neither overflows nor underflows where the norm itself is a number of the dtype. Where the norm or an element is 0,
    all its derivatives are taken as 0; equal extrema share the gradient evenly.
    """
    size = xp.abs(x)
    y = _norm(xp, size, axis, ord)

    def pull(gy):
        if ord == 0:
            return None
        g = expand(xp, gy, x.shape, axis, keepdims)
        if ord == 1:
            return g * xp.sign(x)
        if ord in (math.inf, -math.inf):
            whole = gy if keepdims else _kept(xp, gy, x.shape, axis)
            return extremum_pull(xp, size, y, axis, True)(whole) * xp.sign(x)
        none = y == 0
        safe = xp.where(none, 1, y)
        if ord == 2:  # chosen at the end, not only guarded: else the second derivative at 0 would be that of x
            return xp.where(none, 0, g * (x / safe))
        zero = size == 0
        ratio = xp.where(zero, 1, size) / safe
        return xp.where(zero | none, 0, g * (xp.sign(x) * xp.pow(ratio, ord - 1)))

    return (y if keepdims else xp.reshape(y, _left(x.shape, axis))), pull


def _left(shape: tuple[int, ...], axis: Any) -> tuple[int, ...]:
    """What a reduction leaves of a shape."""
    reduced = axes_of(axis, len(shape))
    return tuple(n for i, n in enumerate(shape) if i not in reduced)


def _kept(xp: Any, gy: Any, shape: tuple[int, ...], axis: Any) -> Any:
    """A reduction's cotangent with the reduced axes kept."""
    reduced = axes_of(axis, len(shape))
    return xp.reshape(gy, tuple(1 if i in reduced else n for i, n in enumerate(shape)))


def _norm(xp: Any, size: Any, axis: Any, ord: Any) -> Any:
    """The norm of the sizes |x|, reduced axes kept: scaled so that no power overflows, and none that counts underflows."""
    if ord == 0:
        return xp.sum(xp.astype(size != 0, size.dtype), axis=axis, keepdims=True)
    if ord == 1:
        return xp.sum(size, axis=axis, keepdims=True)
    if ord == math.inf:
        return xp.max(size, axis=axis, keepdims=True)
    if ord == -math.inf:
        return xp.min(size, axis=axis, keepdims=True)
    if 0 in size.shape:
        return xp.pow(xp.sum(size, axis=axis, keepdims=True), 1 / ord)
    top = (xp.max if ord > 0 else xp.min)(size, axis=axis, keepdims=True)
    if ord == 2:  # by powers of 2, which are exact, and only where the squares would leave the range
        far, near = (2.0**800, 2.0**400) if size.dtype == xp.float64 else (2.0**96, 2.0**50)
        unit = xp.where(top > near, far, xp.where(top < 1 / near, 1 / far, xp.ones_like(top)))
        part = size / unit
        total = xp.sum(part * part, axis=axis, keepdims=True)
        none = total == 0  # where the root has no derivative: read with tensors, this line is differentiated
        return unit * xp.where(none, 0, xp.sqrt(xp.where(none, 1, total)))
    unit = xp.where((top == 0) | (top == math.inf), 1, top)
    zero, nothing = size == 0, 0 if ord > 0 else math.inf
    powers = xp.where(zero, xp.asarray(nothing, dtype=size.dtype), xp.pow(xp.where(zero, 1, size / unit), ord))
    total = xp.sum(powers, axis=axis, keepdims=True)
    none = total == nothing
    return unit * xp.where(none, 0, xp.pow(xp.where(none, 1, total), 1 / ord))
