"""Bits of integers and booleans. No gradient flows through them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..autograd.op import op

if TYPE_CHECKING:
    from ..typing import Namespace, Tensor, TensorLike, ValueAndVJP

__all__ = ["bitwise_and", "bitwise_invert", "bitwise_left_shift", "bitwise_or", "bitwise_right_shift", "bitwise_xor"]


@op(needs="")
def bitwise_and(xp: Namespace, x1: TensorLike, x2: TensorLike, /) -> ValueAndVJP:
    """Return the bits that are set in both, element by element with broadcasting.

    Parameters
    ----------
    x1 : Tensor or number
        Integers or booleans.
    x2 : Tensor or number
        Integers or booleans.

    Returns
    -------
    Tensor
        The broadcast shape and the promoted dtype.

    Examples
    --------
    >>> dl.bitwise_and(dl.asarray([6, 5]), 3)
    tensor([2, 1])
    """
    return xp.bitwise_and(x1, x2), None


@op(needs="")
def bitwise_or(xp: Namespace, x1: TensorLike, x2: TensorLike, /) -> ValueAndVJP:
    """Return the bits that are set in either, element by element with broadcasting.

    Parameters
    ----------
    x1 : Tensor or number
        Integers or booleans.
    x2 : Tensor or number
        Integers or booleans.

    Returns
    -------
    Tensor
        The broadcast shape and the promoted dtype.

    Examples
    --------
    >>> dl.bitwise_or(dl.asarray([6, 5]), 3)
    tensor([7, 7])
    """
    return xp.bitwise_or(x1, x2), None


@op(needs="")
def bitwise_xor(xp: Namespace, x1: TensorLike, x2: TensorLike, /) -> ValueAndVJP:
    """Return the bits that are set in exactly one, element by element with broadcasting.

    Parameters
    ----------
    x1 : Tensor or number
        Integers or booleans.
    x2 : Tensor or number
        Integers or booleans.

    Returns
    -------
    Tensor
        The broadcast shape and the promoted dtype.

    Examples
    --------
    >>> dl.bitwise_xor(dl.asarray([6, 5]), 3)
    tensor([5, 6])
    """
    return xp.bitwise_xor(x1, x2), None


@op(needs="")
def bitwise_invert(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Return each element with every bit flipped.

    Parameters
    ----------
    x : Tensor
        Integers or booleans.

    Returns
    -------
    Tensor
        Shape and dtype of ``x``.

    Examples
    --------
    >>> dl.bitwise_invert(dl.asarray([0, 5]))
    tensor([-1, -6])
    """
    return xp.bitwise_invert(x), None


@op(needs="")
def bitwise_left_shift(xp: Namespace, x1: TensorLike, x2: TensorLike, /) -> ValueAndVJP:
    """Return ``x1`` with its bits moved up by ``x2`` places, element by element with broadcasting.

    Parameters
    ----------
    x1 : Tensor or number
        Integers.
    x2 : Tensor or number
        Integers, not negative.

    Returns
    -------
    Tensor
        The broadcast shape and the promoted dtype.

    Examples
    --------
    >>> dl.bitwise_left_shift(dl.asarray([1, 3]), 2)
    tensor([ 4, 12])
    """
    return xp.bitwise_left_shift(x1, x2), None


@op(needs="")
def bitwise_right_shift(xp: Namespace, x1: TensorLike, x2: TensorLike, /) -> ValueAndVJP:
    """Return ``x1`` with its bits moved down by ``x2`` places, keeping the sign, element by element with broadcasting.

    Parameters
    ----------
    x1 : Tensor or number
        Integers.
    x2 : Tensor or number
        Integers, not negative.

    Returns
    -------
    Tensor
        The broadcast shape and the promoted dtype.

    Examples
    --------
    >>> dl.bitwise_right_shift(dl.asarray([9, -8]), 2)
    tensor([ 2, -2])
    """
    return xp.bitwise_right_shift(x1, x2), None
