"""Trigonometric and hyperbolic functions and their inverses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..autograd.op import op
from .arithmetic import cc

if TYPE_CHECKING:
    from ..typing import Namespace, RealLike, Tensor, ValueAndVJP

__all__ = ["acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cos", "cosh", "sin", "sinh", "tan", "tanh"]


@op(needs="x", promotes="float", complex=True)
def sin(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Return the sine of each element.

    Parameters
    ----------
    x : Tensor
        Angles in radians, any shape.

    Returns
    -------
    Tensor
        Shape of ``x``, floating.

    Examples
    --------
    >>> x = dl.tensor([0.0], requires_grad=True)
    >>> dl.sin(x).sum().backward()
    >>> x.grad
    tensor([1.])
    """
    return xp.sin(x), lambda gy: gy * cc(xp, xp.cos(x))


@op(needs="x", promotes="float", complex=True)
def cos(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Return the cosine of each element.

    Parameters
    ----------
    x : Tensor
        Angles in radians, any shape.

    Returns
    -------
    Tensor
        Shape of ``x``, floating.

    Examples
    --------
    >>> dl.cos(dl.asarray([0.0]))
    tensor([1.])
    """
    return xp.cos(x), lambda gy: -gy * cc(xp, xp.sin(x))


@op(needs="y", promotes="float", complex=True)
def tan(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Return the tangent of each element.

    Parameters
    ----------
    x : Tensor
        Angles in radians, any shape.

    Returns
    -------
    Tensor
        Shape of ``x``, floating.

    Examples
    --------
    >>> dl.tan(dl.asarray([0.0]))
    tensor([0.])
    """
    y = xp.tan(x)
    return y, lambda gy: gy * cc(xp, y * y + 1)


@op(needs="x", promotes="float", complex=True)
def asin(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Return the inverse sine of each element.

    Parameters
    ----------
    x : Tensor
        Any shape.

    Returns
    -------
    Tensor
        Shape of ``x``, floating, in radians from -pi/2 to pi/2; NaN outside of [-1, 1].

    Examples
    --------
    >>> dl.asin(dl.asarray([0.0, 2.0]))
    tensor([ 0., nan])
    """
    return xp.asin(x), lambda gy: gy / cc(xp, xp.sqrt(1 - x * x))


@op(needs="x", promotes="float", complex=True)
def acos(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Return the inverse cosine of each element.

    Parameters
    ----------
    x : Tensor
        Any shape.

    Returns
    -------
    Tensor
        Shape of ``x``, floating, in radians from 0 to pi; NaN outside of [-1, 1].

    Examples
    --------
    >>> dl.acos(dl.asarray([1.0, 2.0]))
    tensor([ 0., nan])
    """
    return xp.acos(x), lambda gy: -gy / cc(xp, xp.sqrt(1 - x * x))


@op(needs="x", promotes="float", complex=True)
def atan(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Return the inverse tangent of each element.

    Parameters
    ----------
    x : Tensor
        Any shape.

    Returns
    -------
    Tensor
        Shape of ``x``, floating, in radians from -pi/2 to pi/2.

    Examples
    --------
    >>> dl.atan(dl.asarray([0.0]))
    tensor([0.])
    """
    return xp.atan(x), lambda gy: gy / cc(xp, x * x + 1)


@op(needs=("x1 x2", "x1 x2"), promotes="float")
def atan2(xp: Namespace, x1: RealLike, x2: RealLike, /) -> ValueAndVJP:
    """Return the angle of the point ``(x2, x1)``, seen from the origin.

    Parameters
    ----------
    x1 : Tensor or number
        The second coordinates.
    x2 : Tensor or number
        The first coordinates.

    Returns
    -------
    Tensor
        The broadcast shape, floating, in radians from -pi to pi. Derivatives at the origin are taken as 0.

    Examples
    --------
    >>> dl.atan2(dl.asarray([0.0, 0.0]), dl.asarray([1.0, 2.0]))
    tensor([0., 0.])
    """

    def over_square(g, x):  # by the distance twice: its square could overflow, or be 0
        r = xp.hypot(x1, x2)
        none = r == 0
        safe = xp.where(none, 1, r)
        return xp.where(none, 0, g * (x / safe / safe))

    return xp.atan2(x1, x2), (lambda gy: over_square(gy, x2), lambda gy: over_square(-gy, x1))


@op(needs="x", promotes="float", complex=True)
def sinh(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Return the hyperbolic sine of each element.

    Parameters
    ----------
    x : Tensor
        Any shape.

    Returns
    -------
    Tensor
        Shape of ``x``, floating.

    Examples
    --------
    >>> dl.sinh(dl.asarray([0.0]))
    tensor([0.])
    """
    return xp.sinh(x), lambda gy: gy * cc(xp, xp.cosh(x))


@op(needs="x", promotes="float", complex=True)
def cosh(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Return the hyperbolic cosine of each element.

    Parameters
    ----------
    x : Tensor
        Any shape.

    Returns
    -------
    Tensor
        Shape of ``x``, floating.

    Examples
    --------
    >>> dl.cosh(dl.asarray([0.0]))
    tensor([1.])
    """
    return xp.cosh(x), lambda gy: gy * cc(xp, xp.sinh(x))


@op(needs="y", promotes="float", complex=True)
def tanh(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Return the hyperbolic tangent of each element.

    Parameters
    ----------
    x : Tensor
        Any shape.

    Returns
    -------
    Tensor
        Shape of ``x``, floating, from -1 to 1.

    Examples
    --------
    >>> x = dl.tensor([0.0, 100.0], requires_grad=True)
    >>> dl.tanh(x).sum().backward()
    >>> x.grad
    tensor([1., 0.])
    """
    y = xp.tanh(x)
    return y, lambda gy: xp.tanh_grad(gy, cc(xp, y))


@op(needs="x", promotes="float", complex=True)
def asinh(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Return the inverse hyperbolic sine of each element.

    Parameters
    ----------
    x : Tensor
        Any shape.

    Returns
    -------
    Tensor
        Shape of ``x``, floating.

    Examples
    --------
    >>> dl.asinh(dl.asarray([0.0]))
    tensor([0.])
    """
    return xp.asinh(x), lambda gy: gy / cc(xp, xp.sqrt(x * x + 1))


@op(needs="x", promotes="float", complex=True)
def acosh(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Return the inverse hyperbolic cosine of each element.

    Parameters
    ----------
    x : Tensor
        Any shape.

    Returns
    -------
    Tensor
        Shape of ``x``, floating; NaN below 1.

    Examples
    --------
    >>> dl.acosh(dl.asarray([1.0, 0.0]))
    tensor([ 0., nan])
    """
    return xp.acosh(x), lambda gy: gy / cc(xp, xp.sqrt(x - 1) * xp.sqrt(x + 1))


@op(needs="x", promotes="float", complex=True)
def atanh(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Return the inverse hyperbolic tangent of each element.

    Parameters
    ----------
    x : Tensor
        Any shape.

    Returns
    -------
    Tensor
        Shape of ``x``, floating; NaN outside of [-1, 1].

    Examples
    --------
    >>> dl.atanh(dl.asarray([0.0, 1.0]))
    tensor([ 0., inf])
    """
    return xp.atanh(x), lambda gy: gy / cc(xp, 1 - x * x)
