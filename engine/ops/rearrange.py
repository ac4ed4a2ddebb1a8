"""Elements in another order, and triangles of matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..autograd.op import op

if TYPE_CHECKING:
    from ..typing import Axis, Namespace, Shape, Tensor, ValueAndVJP

__all__ = ["flip", "roll", "tril", "triu"]


@op(needs="", view=True, complex=True)
def flip(xp: Namespace, x: Tensor, /, *, axis: Axis = None) -> ValueAndVJP:
    """Return a tensor backwards along axes.

    Parameters
    ----------
    x : Tensor
        Any shape.
    axis : int or tuple of int, optional
        The axes to reverse; all by default.

    Returns
    -------
    Tensor
        Shape of ``x``.

    Examples
    --------
    >>> dl.flip(dl.asarray([1, 2, 3]))
    tensor([3, 2, 1])
    """
    return xp.flip(x, axis=axis), lambda gy: xp.flip(gy, axis=axis)


@op(needs="", complex=True)
def roll(xp: Namespace, x: Tensor, /, shift: Shape, *, axis: Axis = None) -> ValueAndVJP:
    """Return a tensor whose elements are moved along axes, those beyond the end to the beginning.

    Parameters
    ----------
    x : Tensor
        Any shape.
    shift : int or tuple of int
        By how many places, for each axis.
    axis : int or tuple of int, optional
        The axes; by default the flattened tensor is rolled.

    Returns
    -------
    Tensor
        Shape of ``x``.

    Examples
    --------
    >>> dl.roll(dl.asarray([1, 2, 3, 4]), 1)
    tensor([4, 1, 2, 3])
    """
    shift = shift if isinstance(shift, int) else tuple(shift)
    back = -shift if isinstance(shift, int) else tuple(-s for s in shift)
    return xp.roll(x, shift, axis=axis), lambda gy: xp.roll(gy, back, axis=axis)


@op(needs="", complex=True)
def tril(xp: Namespace, x: Tensor, /, *, k: int = 0) -> ValueAndVJP:
    """Return the lower triangle of matrices; what is above is 0.

    Parameters
    ----------
    x : Tensor
        (..., M, N).
    k : int
        The diagonal up to which elements are kept: 0 the main one, negative below, positive above.

    Returns
    -------
    Tensor
        Shape of ``x``.

    Examples
    --------
    >>> dl.tril(dl.ones((2, 3)))
    tensor([[1., 0., 0.],
            [1., 1., 0.]])
    """
    return xp.tril(x, k=k), lambda gy: xp.tril(gy, k=k)


@op(needs="", complex=True)
def triu(xp: Namespace, x: Tensor, /, *, k: int = 0) -> ValueAndVJP:
    """Return the upper triangle of matrices; what is below is 0.

    Parameters
    ----------
    x : Tensor
        (..., M, N).
    k : int
        The diagonal from which elements are kept: 0 the main one, negative below, positive above.

    Returns
    -------
    Tensor
        Shape of ``x``.

    Examples
    --------
    >>> dl.triu(dl.ones((2, 3)), k=1)
    tensor([[0., 1., 1.],
            [0., 0., 1.]])
    """
    return xp.triu(x, k=k), lambda gy: xp.triu(gy, k=k)
