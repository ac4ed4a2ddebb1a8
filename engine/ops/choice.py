"""Choosing among values: maximum, minimum, clip, where; and the neighbours and signs of floating numbers."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any

from ..autograd.op import op
from ..autograd.promotion import promote
from ..default_dtype import default_complex_dtype, get_default_dtype
from .half import is_half

if TYPE_CHECKING:
    from ..typing import Namespace, RealLike, Tensor, TensorLike, ValueAndVJP

__all__ = ["clip", "copysign", "maximum", "minimum", "nextafter", "where"]


@op(needs=("x1 x2", "x1 x2"), promotes="join")
def maximum(xp: Namespace, x1: RealLike, x2: RealLike, /) -> ValueAndVJP:
    """Return the larger of ``x1`` and ``x2``, element by element with broadcasting.

    Parameters
    ----------
    x1 : Tensor or number
        The first values.
    x2 : Tensor or number
        The second values.

    Returns
    -------
    Tensor
        The broadcast shape and the promoted dtype; NaN if either is NaN. Equal values share the gradient evenly.

    See Also
    --------
    max : The largest element of one tensor.

    Examples
    --------
    >>> dl.maximum(dl.asarray([1.0, 5.0]), 3)
    tensor([3., 5.])
    """
    return xp.maximum(x1, x2), (
        lambda gy: xp.where(x1 == x2, gy / 2, xp.where(x1 < x2, 0, gy)),
        lambda gy: xp.where(x1 == x2, gy / 2, xp.where(x2 < x1, 0, gy)),
    )


@op(needs=("x1 x2", "x1 x2"), promotes="join")
def minimum(xp: Namespace, x1: RealLike, x2: RealLike, /) -> ValueAndVJP:
    """Return the smaller of ``x1`` and ``x2``, element by element with broadcasting.

    Parameters
    ----------
    x1 : Tensor or number
        The first values.
    x2 : Tensor or number
        The second values.

    Returns
    -------
    Tensor
        The broadcast shape and the promoted dtype; NaN if either is NaN. Equal values share the gradient evenly.

    See Also
    --------
    min : The smallest element of one tensor.

    Examples
    --------
    >>> dl.minimum(dl.asarray([1.0, 5.0]), 3)
    tensor([1., 3.])
    """
    return xp.minimum(x1, x2), (
        lambda gy: xp.where(x1 == x2, gy / 2, xp.where(x1 > x2, 0, gy)),
        lambda gy: xp.where(x1 == x2, gy / 2, xp.where(x2 > x1, 0, gy)),
    )


@op(needs=("x min max", "x min max", "x min max"), arrays=3)
def clip(xp: Namespace, x: Tensor, /, min: RealLike | None = None, max: RealLike | None = None) -> ValueAndVJP:
    """Return ``x`` bounded from below and above.

    Parameters
    ----------
    x : Tensor
        Any shape, numeric.
    min : Tensor or number, optional
        The lower bound; none if None.
    max : Tensor or number, optional
        The upper bound; none if None. Where the bounds cross, it wins.

    Returns
    -------
    Tensor
        The broadcast shape. The gradient passes at the bounds.

    Examples
    --------
    >>> dl.clip(dl.asarray([-2.0, 0.5, 2.0]), -1, 1)
    tensor([-1. ,  0.5,  1. ])
    """
    x, least, most = promote(xp, [x, min, max], "join")

    def inside(gy: Any) -> Any:
        if least is not None:
            gy = xp.where(x < least, 0, gy)
        return gy if most is None else xp.where(x > most, 0, gy)

    def below(gy: Any) -> Any:
        low = x < least
        return xp.where(low if most is None else low & (least < most), gy, 0)

    def above(gy: Any) -> Any:
        high = x > most
        return xp.where(high if least is None else high | (most < least), gy, 0)

    bound = least  # the standard leaves bounds that cross undefined
    if least is not None and most is not None:
        arrays = hasattr(least, "dtype") or hasattr(most, "dtype")
        bound = xp.minimum(least, most) if arrays else builtins.min(least, most)
    if not is_half(x):
        return xp.clip(x, bound, most), (inside, below, above)
    y: Any = x if bound is None else xp.maximum(x, bound)  # the library's clip knows no bfloat16
    return y if most is None else xp.minimum(y, most), (inside, below, above)


def _held(xp: Any, number: Any, beside: Any) -> Any:
    """An integer beside an array of integers, in its dtype: NumPy's where would let one that is too large wrap around."""
    if type(number) is not int or not xp.isdtype(beside.dtype, "integral"):
        return number
    return xp.asarray(number, dtype=beside.dtype)


@op(needs=("", "condition", "condition"), complex=True)
def where(xp: Namespace, condition: Tensor, x1: TensorLike, x2: TensorLike, /) -> ValueAndVJP:
    """Return ``x1`` where a condition is true, else ``x2``, with broadcasting.

    Parameters
    ----------
    condition : Tensor
        Booleans.
    x1 : Tensor or number
        The values where it is true.
    x2 : Tensor or number
        The values where it is false.

    Returns
    -------
    Tensor
        The broadcast shape and the promoted dtype of ``x1`` and ``x2``.

    Examples
    --------
    >>> x = dl.asarray([-1.0, 2.0])
    >>> dl.where(x > 0, x, 0.0)
    tensor([0., 2.])
    """
    first: Any = getattr(x1, "dtype", None)
    if first is not None and first is getattr(x2, "dtype", None):
        pass
    elif hasattr(x1, "dtype") or hasattr(x2, "dtype"):
        x1, x2 = promote(xp, [x1, x2], "join")
        if type(x1) is int or type(x2) is int:
            x1, x2 = _held(xp, x1, x2), _held(xp, x2, x1)
    elif isinstance(x1, (float, complex)) or isinstance(x2, (float, complex)):  # two numbers take the default dtype
        both = {type(x1), type(x2)}
        x1 = xp.asarray(x1, dtype=xp.dtype(default_complex_dtype() if complex in both else get_default_dtype()))
    return xp.where(condition, x1, x2), (
        lambda gy: None,
        lambda gy: xp.where(condition, gy, 0),
        lambda gy: xp.where(condition, 0, gy),
    )


@op(needs=("x1 x2", ""), promotes="float")
def copysign(xp: Namespace, x1: RealLike, x2: RealLike, /) -> ValueAndVJP:
    """Return the magnitude of ``x1`` with the sign of ``x2``, with broadcasting.

    Parameters
    ----------
    x1 : Tensor or number
        The magnitudes.
    x2 : Tensor or number
        The signs; that of -0.0 counts.

    Returns
    -------
    Tensor
        The broadcast shape, floating.

    Examples
    --------
    >>> dl.copysign(dl.asarray([1.0, 2.0]), dl.asarray([-0.0, 3.0]))
    tensor([-1.,  2.])
    """
    return xp.copysign(x1, x2), (
        lambda gy: gy * xp.sign(x1) * xp.copysign(xp.ones_like(x1), x2),
        lambda gy: None,
    )


@op(needs="", promotes="float")
def nextafter(xp: Namespace, x1: RealLike, x2: RealLike, /) -> ValueAndVJP:
    """Return the next representable value after ``x1`` towards ``x2``; it has no derivative.

    Parameters
    ----------
    x1 : Tensor or number
        Where to start.
    x2 : Tensor or number
        The direction.

    Returns
    -------
    Tensor
        The broadcast shape, floating.

    Examples
    --------
    >>> dl.nextafter(dl.asarray(1.0), 2.0) > 1
    tensor(True)
    """
    return xp.nextafter(x1, x2), None
