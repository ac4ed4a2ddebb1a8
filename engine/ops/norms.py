"""Norms of vectors and matrices."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..autograd.op import op
from ..autograd.promotion import is_complex
from ..autograd.short import short
from ..errors import ConfigError, ShapeError
from .factorizations import svdvals
from .half import wide_text
from .pieces import pointwise
from .reduce import axes_of, expand, extremum_pull, kept, max, min, sum

if TYPE_CHECKING:
    from ..typing import Axis, Namespace, Tensor, ValueAndVJP

__all__ = ["matrix_norm", "vector_norm"]


@op(needs="x y", promotes="float", complex=True)
@wide_text
def vector_norm(xp: Namespace, x: Tensor, /, *, axis: Axis = None, keepdims: bool = False, ord: float = 2) -> ValueAndVJP:
    """Return the norm of vectors: the sum of ``abs(x)**ord`` to the power ``1/ord``.

    Parameters
    ----------
    x : Tensor
        Any shape.
    axis : int or tuple of int, optional
        The axes of the vectors; all by default.
    keepdims : bool
        Whether reduced axes stay with size 1.
    ord : float
        The order: 2 is the Euclidean norm, ``inf`` and ``-inf`` the largest and smallest ``abs(x)``, 0 the count of
        what is not zero.

    Returns
    -------
    Tensor
        ``x`` without the reduced axes. It neither overflows nor underflows where the norm itself is a number of the
        dtype. Where the norm or an element is 0, all its derivatives are taken as 0; equal extrema share the gradient
        evenly.

    Examples
    --------
    >>> dl.linalg.vector_norm(dl.asarray([3.0, 4.0]))
    tensor(5.)
    """
    euclidean = ord == 2 and not is_complex(x)
    size = x if euclidean else xp.abs(x)
    y = xp.euclidean(x, axis=axis) if euclidean else _norm(xp, size, axis, ord)

    def pull(gy):
        if ord == 0:
            return None
        if ord == 2:
            return _along(xp, x, y, gy if keepdims else kept(xp, gy, x.shape, axis))
        g = expand(xp, gy, x.shape, axis, keepdims)
        if ord == 1:
            return g * xp.sign(x)
        if ord in (math.inf, -math.inf):
            whole = gy if keepdims else kept(xp, gy, x.shape, axis)
            return extremum_pull(xp, size, y, axis, True)(whole) * xp.sign(x)
        none = y == 0
        safe = xp.where(none, 1, y)
        zero = size == 0
        ratio = xp.where(zero, 1, size) / safe
        return xp.where(zero | none, 0, g * (xp.sign(x) * xp.pow(ratio, ord - 1)))

    return (y if keepdims else xp.reshape(y, () if axis is None else _left(x.shape, axis))), pull


@pointwise
def _along(xp: Any, x: Any, norm: Any, gy: Any) -> Any:
    """gy in the direction of x, 0 where the norm is 0: chosen at the end, not only guarded, else the second derivative at 0
    would be that of x."""
    none = norm == 0
    return xp.where(none, 0, gy * (x / xp.where(none, 1, norm)))


def _left(shape: tuple[int, ...], axis: Any) -> tuple[int, ...]:
    """What a reduction leaves of a shape."""
    if type(axis) is int and 0 <= axis + len(shape) < 2 * len(shape):
        at = axis % len(shape)
        return shape[:at] + shape[at + 1 :]
    reduced = axes_of(axis, len(shape))
    return tuple(n for i, n in enumerate(shape) if i not in reduced)


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
    if ord == 2:
        return xp.euclidean(size, axis=axis)
    if 0 in size.shape:
        return xp.pow(xp.sum(size, axis=axis, keepdims=True), 1 / ord)
    top = (xp.max if ord > 0 else xp.min)(size, axis=axis, keepdims=True)
    unit = xp.where((top == 0) | (top == math.inf), 1, top)
    zero, nothing = size == 0, 0 if ord > 0 else math.inf
    powers = xp.where(zero, xp.asarray(nothing, dtype=size.dtype), xp.pow(xp.where(zero, 1, size / unit), ord))
    total = xp.sum(powers, axis=axis, keepdims=True)
    none = total == nothing
    return unit * xp.where(none, 0, xp.pow(xp.where(none, 1, total), 1 / ord))


@short("short_products")
def matrix_norm(x: Tensor, /, *, keepdims: bool = False, ord: Any = "fro") -> Tensor:
    """Return a norm of matrices.

    A matrix of no elements has the norm 0; the least of no values, which -1, -2 and -inf ask for, raises ShapeError.

    Parameters
    ----------
    x : Tensor
        (..., M, N).
    keepdims : bool
        Whether the two axes stay with size 1.
    ord : {"fro", "nuc"} or number
        ``"fro"``: Frobenius. ``"nuc"``: the sum of the singular values. 2, -2: the largest, smallest singular value.
        1, -1: the largest, smallest sum of a column. ``inf``, ``-inf``: of a row.

    Returns
    -------
    Tensor
        (...).

    Raises
    ------
    ConfigError
        If ``ord`` is another one.

    Examples
    --------
    >>> dl.linalg.matrix_norm(dl.asarray([[3.0, 0.0], [0.0, 4.0]]))
    tensor(5.)
    """

    def extreme(values: Any, axis: int, keepdims: bool) -> Any:
        if ord > 0 and not values.shape[axis]:
            return sum(values, axis=axis, keepdims=keepdims)
        return (max if ord > 0 else min)(values, axis=axis, keepdims=keepdims)

    if x.ndim < 2:
        raise ShapeError(f"matrix_norm: x must have two axes at least, it has shape {tuple(x.shape)}")
    if ord in ("fro", None):
        return vector_norm(x, axis=(-2, -1), keepdims=keepdims) if keepdims or x.ndim > 2 else vector_norm(x)
    if ord in ("nuc", 2, -2):
        values = svdvals(x)
        y = sum(values, axis=-1) if ord == "nuc" else extreme(values, -1, False)
        return y[..., None, None] if keepdims else y
    if ord in (1, -1, math.inf, -math.inf):
        summed, other = (-2, -1) if ord in (1, -1) else (-1, -2)
        lines = sum(abs(x), axis=summed, keepdims=True)
        y = extreme(lines, other, True)
        return y if keepdims else y[..., 0, 0]
    raise ConfigError(f"matrix_norm: ord must be 'fro', 'nuc', 1, -1, 2, -2, inf or -inf, got {ord!r}")
