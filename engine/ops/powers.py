"""Powers and roots, element by element, with broadcasting."""

from __future__ import annotations

import cmath
import math
from typing import TYPE_CHECKING

from ..autograd.op import op
from .arithmetic import cc

if TYPE_CHECKING:
    from ..typing import Namespace, RealLike, Tensor, TensorLike, ValueAndVJP

__all__ = ["hypot", "pow", "reciprocal", "sqrt", "square"]


@op(needs=("x1 x2", "x1 y"), promotes="join", complex=True)
def pow(xp: Namespace, x1: TensorLike, x2: TensorLike, /) -> ValueAndVJP:
    """Return ``x1`` to the power ``x2``, element by element with broadcasting.

    Parameters
    ----------
    x1 : Tensor or number
        The base.
    x2 : Tensor or number
        The exponent.

    Returns
    -------
    Tensor
        The broadcast shape and the promoted dtype. 0 to the power 0 is 1, and its derivatives are taken as 0.

    Examples
    --------
    >>> x = dl.tensor([2.0, 3.0], requires_grad=True)
    >>> y = dl.pow(x, 3)
    >>> y.sum().backward()
    >>> x.grad
    tensor([12., 27.])
    """
    y = xp.pow(x1, x2)

    def base(gy):
        if hasattr(x2, "dtype"):
            nothing = (x2 == 0) & (x1 * x1 == 0)  # 0 times 0^-1 would be NaN
            return gy * cc(xp, x2 * xp.pow(x1, xp.where(nothing, 1, x2) - 1))
        if x2 == 0:
            return None
        if x2 == 2:
            return 2 * (gy * cc(xp, x1))
        return gy * cc(xp, x2 * xp.pow(x1, x2 - 1))

    def exponent(gy):
        if hasattr(x1, "dtype"):
            zero = x1 == 0
            return gy * cc(xp, xp.where(zero, 0, y) * xp.log(xp.where(zero, 1, x1)))
        if x1 == 0:
            return None
        if isinstance(x1, complex):
            return gy * cc(xp, y * cmath.log(x1))
        return gy * cc(xp, y * (math.log(x1) if x1 > 0 else math.nan))

    return y, (base, exponent)


@op(needs="x", complex=True)
def square(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Return ``x * x``.

    Parameters
    ----------
    x : Tensor
        Any shape, numeric.

    Returns
    -------
    Tensor
        Shape and dtype of ``x``.

    Examples
    --------
    >>> dl.square(dl.asarray([-3.0, 0.5]))
    tensor([9.  , 0.25])
    """
    return xp.square(x), lambda gy: 2 * (gy * cc(xp, x))


@op(needs="y", promotes="float", complex=True)
def sqrt(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Return the square root.

    Parameters
    ----------
    x : Tensor
        Any shape.

    Returns
    -------
    Tensor
        Shape of ``x``, floating; NaN where ``x`` is negative.

    Examples
    --------
    >>> dl.sqrt(dl.asarray([4.0, 0.25]))
    tensor([2. , 0.5])
    """
    y = xp.sqrt(x)
    return y, lambda gy: gy / (2 * cc(xp, y))


@op(needs="y", promotes="float", complex=True)
def reciprocal(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Return ``1 / x``.

    Parameters
    ----------
    x : Tensor
        Any shape.

    Returns
    -------
    Tensor
        Shape of ``x``, floating; Inf where ``x`` is 0.

    Examples
    --------
    >>> dl.reciprocal(dl.asarray([2.0, -4.0]))
    tensor([ 0.5 , -0.25])
    """
    y = xp.reciprocal(x)
    return y, lambda gy: -gy * cc(xp, y * y)


@op(needs=("x1 y", "x2 y"), promotes="float")
def hypot(xp: Namespace, x1: RealLike, x2: RealLike, /) -> ValueAndVJP:
    """Return ``sqrt(x1**2 + x2**2)`` without overflow.

    Parameters
    ----------
    x1 : Tensor or number
        One side of a right triangle.
    x2 : Tensor or number
        The other side.

    Returns
    -------
    Tensor
        The broadcast shape, floating. All derivatives at the origin are taken as 0.

    Examples
    --------
    >>> dl.hypot(dl.asarray([3.0, 3e30]), dl.asarray([4.0, 4e30]))
    tensor([5.e+00, 5.e+30])
    """
    y = xp.hypot(x1, x2)

    def share(gy, x):
        none = y == 0
        return xp.where(none, 0, gy * (x / xp.where(none, 1, y)))

    return y, (lambda gy: share(gy, x1), lambda gy: share(gy, x2))
