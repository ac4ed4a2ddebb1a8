"""Arithmetic, element by element, with broadcasting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..autograd.op import op
from ..autograd.promotion import is_complex

if TYPE_CHECKING:
    from ..typing import Namespace, Tensor, TensorLike, ValueAndVJP

__all__ = ["abs", "add", "divide", "floor_divide", "fmod", "multiply", "negative", "positive", "remainder", "sign", "subtract"]


def cc(xp: Any, x: Any) -> Any:
    """The complex conjugate; a real value as it is (PyTorch's convention: pullbacks multiply by conjugates)."""
    if not hasattr(x, "dtype"):
        return x.conjugate()
    return xp.conj(x) if is_complex(x) else x


@op(needs="", promotes="join", complex=True)
def add(xp: Namespace, x1: TensorLike, x2: TensorLike, /) -> ValueAndVJP:
    """Return ``x1 + x2``, element by element with broadcasting.

    Parameters
    ----------
    x1 : Tensor or number
        The first term.
    x2 : Tensor or number
        The second term.

    Returns
    -------
    Tensor
        The broadcast shape and the promoted dtype.

    Examples
    --------
    >>> dl.add(dl.asarray([1.0, 2.0]), 10)
    tensor([11., 12.])
    """
    return xp.add(x1, x2), (lambda gy: gy, lambda gy: gy)


@op(needs="", promotes="join", complex=True)
def subtract(xp: Namespace, x1: TensorLike, x2: TensorLike, /) -> ValueAndVJP:
    """Return ``x1 - x2``, element by element with broadcasting.

    Parameters
    ----------
    x1 : Tensor or number
        What is subtracted from.
    x2 : Tensor or number
        What is subtracted.

    Returns
    -------
    Tensor
        The broadcast shape and the promoted dtype.

    Examples
    --------
    >>> dl.subtract(dl.asarray([1.0, 2.0]), 0.5)
    tensor([0.5, 1.5])
    """
    return xp.subtract(x1, x2), (lambda gy: gy, lambda gy: -gy)


@op(needs=("x2", "x1"), promotes="join", complex=True)
def multiply(xp: Namespace, x1: TensorLike, x2: TensorLike, /) -> ValueAndVJP:
    """Return ``x1 * x2``, element by element with broadcasting.

    Parameters
    ----------
    x1 : Tensor or number
        The first factor.
    x2 : Tensor or number
        The second factor.

    Returns
    -------
    Tensor
        The broadcast shape and the promoted dtype.

    Examples
    --------
    >>> dl.multiply(dl.asarray([1.0, 2.0]), dl.asarray([[3.0], [4.0]]))
    tensor([[3., 6.],
            [4., 8.]])
    """
    return xp.multiply(x1, x2), (lambda gy: gy * cc(xp, x2), lambda gy: gy * cc(xp, x1))


@op(needs=("x2", "x2 y"), promotes="float", complex=True)
def divide(xp: Namespace, x1: TensorLike, x2: TensorLike, /) -> ValueAndVJP:
    """Return ``x1 / x2``, element by element with broadcasting.

    Parameters
    ----------
    x1 : Tensor or number
        The numerator.
    x2 : Tensor or number
        The denominator.

    Returns
    -------
    Tensor
        The broadcast shape. Integers become the default floating dtype; division by 0 gives Inf or NaN.

    Examples
    --------
    >>> dl.divide(dl.asarray([1, 2]), 4)
    tensor([0.25, 0.5 ])
    """
    y = xp.divide(x1, x2)
    return y, (lambda gy: gy / cc(xp, x2), lambda gy: -gy * cc(xp, y) / cc(xp, x2))


@op(needs="", promotes="join")
def floor_divide(xp: Namespace, x1: TensorLike, x2: TensorLike, /) -> ValueAndVJP:
    """Return the largest integer not above ``x1 / x2``; its derivative is zero.

    Parameters
    ----------
    x1 : Tensor or number
        The numerator.
    x2 : Tensor or number
        The denominator. Floats divided by 0 give Inf or NaN.

    Returns
    -------
    Tensor
        The broadcast shape and the promoted dtype.

    Raises
    ------
    DivisionByZero
        If an integer is divided by 0 on the CPU. A GPU, which is not waited for, gives 0.

    Examples
    --------
    >>> dl.floor_divide(dl.asarray([-7, 7]), 2)
    tensor([-4,  3])
    """
    return xp.floor_divide(x1, x2), (lambda gy: None, lambda gy: None)


@op(needs=("", "x1 x2"), promotes="join")
def remainder(xp: Namespace, x1: TensorLike, x2: TensorLike, /) -> ValueAndVJP:
    """Return ``x1 - floor(x1 / x2) * x2``, the remainder of a division; its sign is that of ``x2``.

    Parameters
    ----------
    x1 : Tensor or number
        The numerator.
    x2 : Tensor or number
        The denominator; for 0 see `floor_divide`.

    Returns
    -------
    Tensor
        The broadcast shape and the promoted dtype.

    Raises
    ------
    DivisionByZero
        If an integer is divided by 0 on the CPU.

    Examples
    --------
    >>> dl.remainder(dl.asarray([-7, 7]), 3)
    tensor([2, 1])
    """
    return xp.remainder(x1, x2), (lambda gy: gy, lambda gy: -gy * xp.floor_divide(x1, x2))


@op(needs=("", "x1 x2"), promotes="join")
def fmod(xp: Namespace, x1: TensorLike, x2: TensorLike, /) -> ValueAndVJP:
    """Return ``x1 - trunc(x1 / x2) * x2``, C's remainder of a division; its sign is that of ``x1``.

    Parameters
    ----------
    x1 : Tensor or number
        The numerator.
    x2 : Tensor or number
        The denominator; floats divided by 0 give NaN.

    Returns
    -------
    Tensor
        The broadcast shape and the promoted dtype.

    Raises
    ------
    DivisionByZero
        If an integer is divided by 0 on the CPU.

    Examples
    --------
    >>> dl.fmod(dl.asarray([-7, 7]), 3)
    tensor([-1,  1])
    """
    return xp.fmod(x1, x2), (lambda gy: gy, lambda gy: -gy * xp.trunc(x1 / x2))


@op(needs="", complex=True)
def negative(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Return ``-x``.

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
    >>> dl.negative(dl.asarray([1.0, -2.0]))
    tensor([-1.,  2.])
    """
    return xp.negative(x), lambda gy: -gy


@op(needs="", complex=True, same="ifc")
def positive(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Return ``+x``: the tensor itself, not a copy.

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
    >>> dl.positive(dl.asarray([1.0, -2.0]))
    tensor([ 1., -2.])
    """
    return xp.positive(x), lambda gy: gy


@op(needs="x", complex=True)
def abs(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Return the absolute value; its derivative at 0 is taken as 0.

    Parameters
    ----------
    x : Tensor
        Any shape, numeric.

    Returns
    -------
    Tensor
        Shape of ``x``; real also for complex ``x``.

    Examples
    --------
    >>> dl.abs(dl.asarray([-1.5, 2.0]))
    tensor([1.5, 2. ])
    """
    return xp.abs(x), lambda gy: gy * xp.sign(x)


@op(needs="x y", complex=True)
def sign(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Return -1, 0 or 1 by the sign of each element; ``x / abs(x)`` for complex ``x``.

    Parameters
    ----------
    x : Tensor
        Any shape, numeric.

    Returns
    -------
    Tensor
        Shape and dtype of ``x``. The derivative is zero for real ``x``.

    Examples
    --------
    >>> dl.sign(dl.asarray([-1.5, 0.0, 2.0]))
    tensor([-1.,  0.,  1.])
    """
    y = xp.sign(x)

    def pull(gy):
        if not is_complex(x):
            return None
        size = xp.abs(x)
        g = gy / xp.where(size == 0, 1, size)
        return xp.where(size == 0, 0, g - xp.real(g * xp.conj(y)) * y)  # chosen, not only guarded: as are all derivatives

    return y, pull
