"""Reductions without a gradient: truth of all or any, counts, places of extrema."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..autograd.op import op

if TYPE_CHECKING:
    from ..typing import Axis, Namespace, Tensor, ValueAndVJP

__all__ = ["all", "any", "argmax", "argmin", "count_nonzero"]


@op(needs="")
def all(xp: Namespace, x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> ValueAndVJP:
    """Return whether every element over axes is true (not zero).

    Parameters
    ----------
    x : Tensor
        Any shape.
    axis : int or tuple of int, optional
        The axes to reduce; all by default.
    keepdims : bool
        Whether reduced axes stay with size 1.

    Returns
    -------
    Tensor
        Booleans, ``x`` without the reduced axes; true where there is no element.

    Examples
    --------
    >>> dl.all(dl.asarray([[True, False], [True, True]]), axis=1)
    tensor([False,  True])
    """
    return xp.all(x, axis=axis, keepdims=keepdims), None


@op(needs="")
def any(xp: Namespace, x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> ValueAndVJP:
    """Return whether some element over axes is true (not zero).

    Parameters
    ----------
    x : Tensor
        Any shape.
    axis : int or tuple of int, optional
        The axes to reduce; all by default.
    keepdims : bool
        Whether reduced axes stay with size 1.

    Returns
    -------
    Tensor
        Booleans, ``x`` without the reduced axes; false where there is no element.

    Examples
    --------
    >>> dl.any(dl.asarray([[True, False], [False, False]]), axis=1)
    tensor([ True, False])
    """
    return xp.any(x, axis=axis, keepdims=keepdims), None


@op(needs="")
def count_nonzero(xp: Namespace, x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> ValueAndVJP:
    """Return how many elements over axes are not zero.

    Parameters
    ----------
    x : Tensor
        Any shape.
    axis : int or tuple of int, optional
        The axes to reduce; all by default.
    keepdims : bool
        Whether reduced axes stay with size 1.

    Returns
    -------
    Tensor
        int64, ``x`` without the reduced axes.

    Examples
    --------
    >>> dl.count_nonzero(dl.asarray([[0.0, 2.0], [3.0, 4.0]]), axis=0)
    tensor([1, 2])
    """
    return xp.count_nonzero(x, axis=axis, keepdims=keepdims), None


@op(needs="")
def argmax(xp: Namespace, x: Tensor, /, *, axis: int | None = None, keepdims: bool = False) -> ValueAndVJP:
    """Return the index of the first largest element along an axis.

    Parameters
    ----------
    x : Tensor
        Any shape, real.
    axis : int, optional
        The axis to search along; by default the flattened tensor.
    keepdims : bool
        Whether the axis stays with size 1.

    Returns
    -------
    Tensor
        int64.

    Examples
    --------
    >>> dl.argmax(dl.asarray([[1.0, 5.0], [3.0, 2.0]]), axis=1)
    tensor([1, 0])
    """
    return xp.argmax(x, axis=axis, keepdims=keepdims), None


@op(needs="")
def argmin(xp: Namespace, x: Tensor, /, *, axis: int | None = None, keepdims: bool = False) -> ValueAndVJP:
    """Return the index of the first smallest element along an axis.

    Parameters
    ----------
    x : Tensor
        Any shape, real.
    axis : int, optional
        The axis to search along; by default the flattened tensor.
    keepdims : bool
        Whether the axis stays with size 1.

    Returns
    -------
    Tensor
        int64.

    Examples
    --------
    >>> dl.argmin(dl.asarray([[1.0, 5.0], [3.0, 2.0]]), axis=1)
    tensor([0, 1])
    """
    return xp.argmin(x, axis=axis, keepdims=keepdims), None
