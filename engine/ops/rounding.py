"""Rounding to integers. The results are piecewise constant: derivatives are zero."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..autograd.op import op

if TYPE_CHECKING:
    from ..typing import Namespace, Tensor, ValueAndVJP

__all__ = ["ceil", "floor", "round", "trunc"]


@op(needs="", complex=True)
def floor(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Return the largest integer not above each element.

    Parameters
    ----------
    x : Tensor
        Any shape, numeric.

    Returns
    -------
    Tensor
        Shape and dtype of ``x``. The derivative is zero.

    Examples
    --------
    >>> dl.floor(dl.asarray([-1.5, 2.7]))
    tensor([-2.,  2.])
    """
    return xp.floor(x), lambda gy: None


@op(needs="", complex=True)
def ceil(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Return the smallest integer not below each element.

    Parameters
    ----------
    x : Tensor
        Any shape, numeric.

    Returns
    -------
    Tensor
        Shape and dtype of ``x``. The derivative is zero.

    Examples
    --------
    >>> dl.ceil(dl.asarray([-1.5, 2.2]))
    tensor([-1.,  3.])
    """
    return xp.ceil(x), lambda gy: None


@op(needs="", complex=True)
def trunc(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Return each element rounded towards zero.

    Parameters
    ----------
    x : Tensor
        Any shape, numeric.

    Returns
    -------
    Tensor
        Shape and dtype of ``x``. The derivative is zero.

    Examples
    --------
    >>> dl.trunc(dl.asarray([-1.5, 2.7]))
    tensor([-1.,  2.])
    """
    return xp.trunc(x), lambda gy: None


@op(needs="", complex=True)
def round(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Return the nearest integer to each element; halves go to the even one.

    Parameters
    ----------
    x : Tensor
        Any shape, numeric.

    Returns
    -------
    Tensor
        Shape and dtype of ``x``. The derivative is zero.

    Examples
    --------
    >>> dl.round(dl.asarray([0.5, 1.5, 2.4]))
    tensor([0., 2., 2.])
    """
    return xp.round(x), lambda gy: None
