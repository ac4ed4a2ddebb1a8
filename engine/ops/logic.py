"""Comparisons, predicates and logic: values only, no gradient flows through them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..autograd.op import op

if TYPE_CHECKING:
    from ..typing import Namespace, RealLike, Tensor, TensorLike, ValueAndVJP

__all__ = [
    "equal", "greater", "greater_equal", "isfinite", "isinf", "isnan", "less", "less_equal", "logical_and", "logical_not",
    "logical_or", "logical_xor", "not_equal", "signbit",
]  # fmt: skip


@op(needs="")
def equal(xp: Namespace, x1: TensorLike, x2: TensorLike, /) -> ValueAndVJP:
    """Return whether ``x1 == x2``, element by element with broadcasting.

    Parameters
    ----------
    x1 : Tensor or number
        The first values.
    x2 : Tensor or number
        The second values.

    Returns
    -------
    Tensor
        Booleans of the broadcast shape; NaN equals nothing.

    Examples
    --------
    >>> dl.equal(dl.asarray([1.0, 2.0]), 2)
    tensor([False,  True])
    """
    return xp.equal(x1, x2), None


@op(needs="")
def not_equal(xp: Namespace, x1: TensorLike, x2: TensorLike, /) -> ValueAndVJP:
    """Return whether ``x1 != x2``, element by element with broadcasting.

    Parameters
    ----------
    x1 : Tensor or number
        The first values.
    x2 : Tensor or number
        The second values.

    Returns
    -------
    Tensor
        Booleans of the broadcast shape; NaN differs from everything.

    Examples
    --------
    >>> dl.not_equal(dl.asarray([1.0, 2.0]), 2)
    tensor([ True, False])
    """
    return xp.not_equal(x1, x2), None


@op(needs="")
def less(xp: Namespace, x1: RealLike, x2: RealLike, /) -> ValueAndVJP:
    """Return whether ``x1 < x2``, element by element with broadcasting.

    Parameters
    ----------
    x1 : Tensor or number
        The first values.
    x2 : Tensor or number
        The second values.

    Returns
    -------
    Tensor
        Booleans of the broadcast shape.

    Examples
    --------
    >>> dl.less(dl.asarray([1.0, 2.0]), 2)
    tensor([ True, False])
    """
    return xp.less(x1, x2), None


@op(needs="")
def less_equal(xp: Namespace, x1: RealLike, x2: RealLike, /) -> ValueAndVJP:
    """Return whether ``x1 <= x2``, element by element with broadcasting.

    Parameters
    ----------
    x1 : Tensor or number
        The first values.
    x2 : Tensor or number
        The second values.

    Returns
    -------
    Tensor
        Booleans of the broadcast shape.

    Examples
    --------
    >>> dl.less_equal(dl.asarray([1.0, 2.0]), 2)
    tensor([ True,  True])
    """
    return xp.less_equal(x1, x2), None


@op(needs="")
def greater(xp: Namespace, x1: RealLike, x2: RealLike, /) -> ValueAndVJP:
    """Return whether ``x1 > x2``, element by element with broadcasting.

    Parameters
    ----------
    x1 : Tensor or number
        The first values.
    x2 : Tensor or number
        The second values.

    Returns
    -------
    Tensor
        Booleans of the broadcast shape.

    Examples
    --------
    >>> dl.greater(dl.asarray([1.0, 3.0]), 2)
    tensor([False,  True])
    """
    return xp.greater(x1, x2), None


@op(needs="")
def greater_equal(xp: Namespace, x1: RealLike, x2: RealLike, /) -> ValueAndVJP:
    """Return whether ``x1 >= x2``, element by element with broadcasting.

    Parameters
    ----------
    x1 : Tensor or number
        The first values.
    x2 : Tensor or number
        The second values.

    Returns
    -------
    Tensor
        Booleans of the broadcast shape.

    Examples
    --------
    >>> dl.greater_equal(dl.asarray([1.0, 2.0]), 2)
    tensor([False,  True])
    """
    return xp.greater_equal(x1, x2), None


@op(needs="")
def isnan(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Return whether each element is NaN.

    Parameters
    ----------
    x : Tensor
        Any shape, numeric.

    Returns
    -------
    Tensor
        Booleans of the shape of ``x``.

    Examples
    --------
    >>> dl.isnan(dl.asarray([1.0, dl.nan]))
    tensor([False,  True])
    """
    return xp.isnan(x), None


@op(needs="")
def isinf(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Return whether each element is infinite.

    Parameters
    ----------
    x : Tensor
        Any shape, numeric.

    Returns
    -------
    Tensor
        Booleans of the shape of ``x``.

    Examples
    --------
    >>> dl.isinf(dl.asarray([1.0, -dl.inf]))
    tensor([False,  True])
    """
    return xp.isinf(x), None


@op(needs="")
def isfinite(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Return whether each element is neither infinite nor NaN.

    Parameters
    ----------
    x : Tensor
        Any shape, numeric.

    Returns
    -------
    Tensor
        Booleans of the shape of ``x``.

    Examples
    --------
    >>> dl.isfinite(dl.asarray([1.0, dl.inf]))
    tensor([ True, False])
    """
    return xp.isfinite(x), None


@op(needs="")
def signbit(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Return whether the sign bit is set: true for negative values and for -0.0.

    Parameters
    ----------
    x : Tensor
        Any shape, floating.

    Returns
    -------
    Tensor
        Booleans of the shape of ``x``.

    Examples
    --------
    >>> dl.signbit(dl.asarray([0.0, -0.0]))
    tensor([False,  True])
    """
    return xp.signbit(x), None


@op(needs="")
def logical_and(xp: Namespace, x1: TensorLike, x2: TensorLike, /) -> ValueAndVJP:
    """Return whether both ``x1`` and ``x2`` are true, element by element with broadcasting.

    Parameters
    ----------
    x1 : Tensor or number
        Booleans.
    x2 : Tensor or number
        Booleans.

    Returns
    -------
    Tensor
        Booleans of the broadcast shape.

    Examples
    --------
    >>> dl.logical_and(dl.asarray([True, False]), True)
    tensor([ True, False])
    """
    return xp.logical_and(x1, x2), None


@op(needs="")
def logical_or(xp: Namespace, x1: TensorLike, x2: TensorLike, /) -> ValueAndVJP:
    """Return whether ``x1`` or ``x2`` is true, or both, element by element with broadcasting.

    Parameters
    ----------
    x1 : Tensor or number
        Booleans.
    x2 : Tensor or number
        Booleans.

    Returns
    -------
    Tensor
        Booleans of the broadcast shape.

    Examples
    --------
    >>> dl.logical_or(dl.asarray([True, False]), False)
    tensor([ True, False])
    """
    return xp.logical_or(x1, x2), None


@op(needs="")
def logical_xor(xp: Namespace, x1: TensorLike, x2: TensorLike, /) -> ValueAndVJP:
    """Return whether exactly one of ``x1`` and ``x2`` is true, element by element with broadcasting.

    Parameters
    ----------
    x1 : Tensor or number
        Booleans.
    x2 : Tensor or number
        Booleans.

    Returns
    -------
    Tensor
        Booleans of the broadcast shape.

    Examples
    --------
    >>> dl.logical_xor(dl.asarray([True, False]), True)
    tensor([False,  True])
    """
    return xp.logical_xor(x1, x2), None


@op(needs="")
def logical_not(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Return whether each element is false.

    Parameters
    ----------
    x : Tensor
        Booleans.

    Returns
    -------
    Tensor
        Booleans of the shape of ``x``.

    Examples
    --------
    >>> dl.logical_not(dl.asarray([True, False]))
    tensor([False,  True])
    """
    return xp.logical_not(x), None
