"""Linear algebra: products, the affine map, norms. What factors matrices and solves with them is in decompositions.py."""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.base import TensorBase, must_be_tensors
from ..autograd.op import op
from ..autograd.promotion import REAL_FLOATS, is_complex, is_inexact
from ..autograd.short import short
from ..errors import DTypeError, ShapeError
from .elementwise import cc
from .layouts import rows, turned
from .shape import axis_of, matrix_transpose, permute_dims, refuse_flag, reshape

if TYPE_CHECKING:
    from ..typing import DTypeLike, Namespace, Tensor, ValueAndVJP

__all__ = ["linear", "matmul", "matrix_transpose", "tensordot", "vecdot"]


_TENSOR: Any = TensorBase
_USUAL = (np.dtype("float32"), np.dtype("float64"))  # which `in` compares by identity first
"""What an argument is tested against that may be anything, whatever its annotation says."""


@op(needs=("x2", "x1"), promotes="join", complex=True)
def matmul(xp: Namespace, x1: Tensor, x2: Tensor, /) -> ValueAndVJP:
    """Return the matrix product over the last two axes.

    Parameters
    ----------
    x1 : Tensor
        (..., M, K), or a vector (K,).
    x2 : Tensor
        (..., K, N), or a vector (K,). Leading axes broadcast.

    Returns
    -------
    Tensor
        (..., M, N); the axis of a vector goes, as in NumPy.

    Raises
    ------
    ShapeError
        If the two K differ.
    DTypeError
        If one of them is a number.

    Examples
    --------
    >>> dl.matmul(dl.asarray([[1.0, 2.0], [3.0, 4.0]]), dl.asarray([1.0, 1.0]))
    tensor([3., 7.])
    """
    s1, s2 = getattr(x1, "shape", None), getattr(x2, "shape", None)
    if s1 is None or s2 is None:
        number = x1 if s1 is None else x2
        raise DTypeError(f"matmul: x1 and x2 must be tensors, got the number {number!r}; multiply with *")
    if not s1 or not s2 or s1[-1] != s2[-2 if len(s2) > 1 else 0]:
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
        if x1.shape[-2] == 1 and turned(x2):  # numbers that are one product each: the same in x2's order of memory
            return xp.matrix_transpose(xp.matmul(xp.matrix_transpose(gy), cc(xp, x1)))
        return xp.matmul(xp.matrix_transpose(cc(xp, x1)), gy)

    return y, (left, right)


@op(needs=("weight", "x", ""), name="linear", adds=("matmul", (1,)))
def _linear(xp, x, weight, bias, /):
    """See linear."""
    return xp.linear(x, weight, bias), (
        lambda gy: xp.matmul(gy, weight),
        lambda gy: xp.matmul(xp.matrix_transpose(rows(xp, gy)), rows(xp, x)),
        None if bias is None else lambda gy: xp.sum(rows(xp, gy), axis=0),
    )


def _real(x: Any) -> bool:
    """Whether a tensor is of real floating numbers."""
    return x.array.dtype in REAL_FLOATS or (is_inexact(x) and not is_complex(x))


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return ``x @ weight.T + bias``, the affine map of a fully connected layer.

    Parameters
    ----------
    x : Tensor
        (..., I).
    weight : Tensor
        (O, I).
    bias : Tensor, optional
        (O,).

    Returns
    -------
    Tensor
        (..., O), the promoted dtype.

    Raises
    ------
    ShapeError
        If the sizes do not fit.
    DTypeError
        If an argument is no tensor.

    Examples
    --------
    >>> dl.linear(dl.asarray([1.0, 2.0]), dl.asarray([[1.0, 1.0]]), dl.asarray([0.5]))
    tensor([3.5])
    """
    shift = weight if bias is None else bias
    if not (isinstance(x, _TENSOR) and isinstance(weight, _TENSOR) and isinstance(shift, _TENSOR)):
        must_be_tensors("linear", x=x, weight=weight, bias=shift)
    given, table = x.array.shape, weight.array.shape
    if len(table) != 2:
        raise ShapeError(f"linear: weight must be (O,I), got shape {weight.shape}")
    if not given or given[-1] != table[1]:
        raise ShapeError(f"linear: input must be (..., I) with I={weight.shape[1]}, got shape {x.shape}")
    if bias is not None and shift.array.shape != table[:1]:
        raise ShapeError(f"linear: bias must be (O,)=({weight.shape[0]},), got {bias.shape}")
    dtype = x.array.dtype
    if (dtype is weight.array.dtype is shift.array.dtype and dtype in _USUAL) or (_real(x) and _real(weight) and _real(shift)):
        return _linear(x, weight, bias)
    y = matmul(x, matrix_transpose(weight))  # which promotes
    return y if bias is None else y + bias


@op(needs=("x2", "x1"), promotes="join", complex=True)
def vecdot(xp: Namespace, x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> ValueAndVJP:
    """Return the sum of ``conj(x1) * x2`` along an axis.

    Parameters
    ----------
    x1 : Tensor
        Any shape that broadcasts.
    x2 : Tensor
        Any shape that broadcasts.
    axis : int
        The axis, counted from the end.

    Returns
    -------
    Tensor
        The broadcast shape without the axis.

    Raises
    ------
    ShapeError
        If the axis does not exist, or has two sizes.

    Examples
    --------
    >>> dl.vecdot(dl.asarray([1.0, 2.0]), dl.asarray([3.0, 4.0]))
    tensor(11.)
    """
    if x1.ndim == x2.ndim and axis >= 0:
        axis -= x1.ndim
    if not -builtins.min(x1.ndim, x2.ndim) <= axis < 0:
        raise ShapeError(f"vecdot: axis {axis} must count from the end and exist in {tuple(x1.shape)} and {tuple(x2.shape)}")
    if x1.shape[axis] != x2.shape[axis]:
        raise ShapeError(f"vecdot: x1 {tuple(x1.shape)} and x2 {tuple(x2.shape)} differ along axis {axis}")

    def back(gy):
        return xp.expand_dims(gy, axis=axis)

    def right(gy):
        if x2.ndim == 1 < x1.ndim and not is_complex(x1):  # the sum over all vectors of x1 is a product with a matrix
            return xp.matmul(xp.reshape(gy, (-1,)), xp.reshape(x1, (math.prod(x1.shape[:-1]), x1.shape[-1])))
        return back(gy) * x1

    return xp.vecdot(x1, x2, axis=axis), (lambda gy: cc(xp, back(gy)) * x2, right)


@short("short_products")
def tensordot(x1: Tensor, x2: Tensor, /, *, axes: int | tuple[Sequence[int] | int, Sequence[int] | int] = 2) -> Tensor:
    """Return the sum of products of two tensors over axes.

    Parameters
    ----------
    x1 : Tensor
        Any shape.
    x2 : Tensor
        Any shape.
    axes : int or pair of sequences of int
        How many axes: the last of ``x1`` with the first of ``x2``; or the axes of ``x1`` and those of ``x2``.

    Returns
    -------
    Tensor
        The other axes of ``x1``, then those of ``x2``.

    Raises
    ------
    ShapeError
        If the axes do not match.

    Examples
    --------
    >>> dl.tensordot(dl.ones((2, 3)), dl.ones((3, 4)), axes=1)
    tensor([[3., 3., 3., 3.],
            [3., 3., 3., 3.]])
    """
    if isinstance(axes, int):
        refuse_flag("tensordot", "axes", axes)
        first, second = tuple(range(x1.ndim - axes, x1.ndim)), tuple(range(axes))
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


@short("short_products")
@op(needs=("x2", "x1"), promotes="join", complex=True)
def outer(xp: Namespace, x1: Tensor, x2: Tensor, /) -> ValueAndVJP:
    """Return the products of all pairs of elements of two vectors.

    Parameters
    ----------
    x1 : Tensor
        (M,).
    x2 : Tensor
        (N,).

    Returns
    -------
    Tensor
        (M, N).

    Raises
    ------
    ShapeError
        If an argument is no vector.

    Examples
    --------
    >>> dl.linalg.outer(dl.asarray([1.0, 2.0]), dl.asarray([3.0, 4.0]))
    tensor([[3., 4.],
            [6., 8.]])
    """
    if x1.ndim != 1 or x2.ndim != 1:
        raise ShapeError(f"outer: x1 and x2 must be vectors, they have shapes {tuple(x1.shape)} and {tuple(x2.shape)}")
    return xp.linalg.outer(x1, x2), (
        lambda gy: xp.matmul(gy, cc(xp, x2)),
        lambda gy: xp.matmul(cc(xp, x1), gy),
    )


@op(needs=("x2", "x1"), promotes="join", complex=True)
def cross(xp: Namespace, x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> ValueAndVJP:
    """Return the vector product along an axis of size 3.

    Parameters
    ----------
    x1 : Tensor
        Any shape that broadcasts.
    x2 : Tensor
        Any shape that broadcasts.
    axis : int
        The axis of size 3.

    Returns
    -------
    Tensor
        The broadcast shape.

    Raises
    ------
    ShapeError
        If the axis has another size.

    Examples
    --------
    >>> dl.linalg.cross(dl.asarray([1.0, 0.0, 0.0]), dl.asarray([0.0, 1.0, 0.0]))
    tensor([0., 0., 1.])
    """
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
def diagonal(xp: Namespace, x: Tensor, /, *, offset: int = 0) -> ValueAndVJP:
    """Return the diagonals of matrices.

    Parameters
    ----------
    x : Tensor
        (..., M, N).
    offset : int
        Which diagonal: 0 the main one, positive above, negative below.

    Returns
    -------
    Tensor
        (..., length of the diagonal), a copy.

    Raises
    ------
    ShapeError
        If there are fewer than two axes.

    Examples
    --------
    >>> dl.linalg.diagonal(dl.asarray([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    if x.ndim < 2:
        raise ShapeError(f"diagonal: x must have two axes at least, it has shape {tuple(x.shape)}")
    shape = x.shape

    # a copy: NumPy's diagonal is a view that cannot be written
    return xp.asarray(xp.linalg.diagonal(x, offset=offset), copy=True), lambda gy: _on_diagonal(xp, gy, offset, shape)


def _on_diagonal(xp: Any, gy: Any, offset: int, shape: tuple[int, ...]) -> Any:
    """Matrices of a shape that hold gy on a diagonal, and 0 elsewhere: every (N + 1)-th element of the rows put together."""
    rows, columns = shape[-2:]
    first = offset if offset >= 0 else -offset * columns
    count = gy.shape[-1]
    key = (..., slice(first, first + (count - 1) * (columns + 1) + 1, columns + 1) if count else slice(0))
    return xp.reshape(xp.put_at(gy, key=key, shape=(*shape[:-2], rows * columns)), shape)


@op(needs="", complex=True)
def trace(xp: Namespace, x: Tensor, /, *, offset: int = 0, dtype: DTypeLike | None = None) -> ValueAndVJP:
    """Return the sums of the diagonals of matrices.

    Parameters
    ----------
    x : Tensor
        (..., M, N).
    offset : int
        Which diagonal: 0 the main one, positive above, negative below.
    dtype : dtype, optional
        Of the result and the accumulation.

    Returns
    -------
    Tensor
        (...).

    Examples
    --------
    >>> dl.linalg.trace(dl.asarray([[1, 2], [3, 4]]))
    tensor(5)
    """
    if x.ndim < 2:
        raise ShapeError(f"trace: x must have two axes at least, it has shape {tuple(x.shape)}")
    line, shape = xp.linalg.diagonal(x, offset=offset), x.shape

    def pull(gy):
        return _on_diagonal(xp, xp.broadcast_to(gy[..., None], line.shape), offset, shape)

    return xp.sum(line, axis=-1, dtype=dtype), pull
