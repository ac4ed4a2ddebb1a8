"""Exponentials and logarithms."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..autograd.op import op
from .arithmetic import cc

if TYPE_CHECKING:
    from ..typing import Namespace, RealLike, Tensor, ValueAndVJP

__all__ = ["exp", "expm1", "log", "log10", "log1p", "log2", "logaddexp"]


@op(needs="y", promotes="float", complex=True)
def exp(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Return the exponential of each element.

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
    >>> dl.exp(dl.asarray([0.0, 1.0])).shape
    (2,)
    >>> float(dl.exp(dl.asarray(0.0)))
    1.0
    """
    y = xp.exp(x)
    return y, lambda gy: gy * cc(xp, y)


@op(needs="y", promotes="float", complex=True)
def expm1(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Return ``exp(x) - 1``, accurate also near 0.

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
    >>> dl.expm1(dl.asarray(1e-10))
    tensor(1.e-10)
    """
    y = xp.expm1(x)
    return y, lambda gy: gy * cc(xp, y + 1)


@op(needs="x", promotes="float", complex=True)
def log(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Return the natural logarithm of each element.

    Parameters
    ----------
    x : Tensor
        Any shape.

    Returns
    -------
    Tensor
        Shape of ``x``, floating; -Inf at 0, NaN where ``x`` is negative.

    Examples
    --------
    >>> dl.log(dl.asarray([1.0, 0.0]))
    tensor([  0., -inf])
    """
    return xp.log(x), lambda gy: gy / cc(xp, x)


@op(needs="x", promotes="float", complex=True)
def log1p(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Return ``log(1 + x)``, accurate also near 0.

    Parameters
    ----------
    x : Tensor
        Any shape.

    Returns
    -------
    Tensor
        Shape of ``x``, floating; -Inf at -1.

    Examples
    --------
    >>> dl.log1p(dl.asarray([0.0, 1e-10]))
    tensor([0.e+00, 1.e-10])
    """
    return xp.log1p(x), lambda gy: gy / cc(xp, x + 1)


@op(needs="x", promotes="float", complex=True)
def log2(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Return the logarithm to base 2 of each element.

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
    >>> dl.log2(dl.asarray([1.0, 8.0]))
    tensor([0., 3.])
    """
    return xp.log2(x), lambda gy: gy / (cc(xp, x) * math.log(2))


@op(needs="x", promotes="float", complex=True)
def log10(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Return the logarithm to base 10 of each element.

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
    >>> dl.log10(dl.asarray([0.1, 10.0]))
    tensor([-1.,  1.])
    """
    return xp.log10(x), lambda gy: gy / (cc(xp, x) * math.log(10))


def logistic(xp: Any, x: Any) -> Any:
    """1 / (1 + exp(-x)); exp never overflows, and small results keep all their digits."""
    e = xp.exp(xp.minimum(x, 0))
    return e / (e + xp.exp(-xp.maximum(x, 0)))


@op(needs="x1 x2", promotes="float")
def logaddexp(xp: Namespace, x1: RealLike, x2: RealLike, /) -> ValueAndVJP:
    """Return ``log(exp(x1) + exp(x2))`` without overflow.

    Parameters
    ----------
    x1 : Tensor or number
        Logarithm of the first term.
    x2 : Tensor or number
        Logarithm of the second term.

    Returns
    -------
    Tensor
        The broadcast shape, floating.

    Examples
    --------
    >>> dl.logaddexp(dl.asarray([-1000.0, 1000.0]), dl.asarray([-1000.0, 0.0])).round()
    tensor([-999., 1000.])
    """

    def share(a, b):
        d = a - b
        return logistic(xp, xp.where((d != d) & (x1 == x2), 0, d))  # Inf - Inf: equal shares

    return xp.logaddexp(x1, x2), (lambda gy: gy * share(x1, x2), lambda gy: gy * share(x2, x1))
