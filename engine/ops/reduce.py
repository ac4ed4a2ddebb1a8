"""Reductions over axes. axis: an int, a tuple of ints, or None for all; keepdims keeps reduced axes with size 1."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..autograd.op import op
from ..autograd.promotion import FLOATS
from .half import wide_text
from .pieces import pointwise

if TYPE_CHECKING:
    from ..typing import Axis, DTypeLike, Namespace, Tensor, ValueAndVJP

__all__ = ["logsumexp", "max", "mean", "min", "prod", "std", "sum", "var"]


def axes_of(axis: Any, rank: int) -> tuple[int, ...]:
    """The axes that an axis argument names, counted from the front."""
    if axis is None:
        return tuple(range(rank))
    if not rank:  # array libraries let a number be reduced over an axis 0 or -1 that it has not
        return ()
    return tuple(int(a) % rank for a in ((axis,) if hasattr(axis, "__index__") else axis))


def expand(xp: Any, g: Any, shape: tuple[int, ...], axis: Any, keepdims: bool) -> Any:
    """A reduction's cotangent (or result) spread back over the reduced axes."""
    if axis is None and not keepdims:
        return xp.broadcast_to(g, shape)
    if not keepdims:
        reduced = axes_of(axis, len(shape))
        g = xp.reshape(g, tuple(1 if i in reduced else n for i, n in enumerate(shape)))
    return xp.broadcast_to(g, shape)


def kept(xp: Any, g: Any, shape: tuple[int, ...], axis: Any) -> Any:
    """A reduction's cotangent (or result) with the reduced axes as axes of size 1."""
    reduced = axes_of(axis, len(shape))
    return xp.reshape(g, tuple(1 if i in reduced else n for i, n in enumerate(shape)))


def count(shape: Any, axis: Any) -> Any:
    """How many elements a reduction puts together."""
    if axis is None and hasattr(shape, "elements"):  # a symbol's, see dlengine.recording
        return shape.elements
    return math.prod(shape[a] for a in axes_of(axis, len(shape)))


def conj_of(xp: Any, x: Any) -> Any:
    return xp.conj(x) if xp.isdtype(x.dtype, "complex floating") else x


@op(needs="", complex=True)
def sum(xp: Namespace, x: Tensor, /, *, axis: Axis = None, dtype: DTypeLike | None = None, keepdims: bool = False) -> ValueAndVJP:
    """Return the sum over axes.

    Parameters
    ----------
    x : Tensor
        Any shape, numeric or boolean.
    axis : int or tuple of int, optional
        The axes to sum over; all by default.
    dtype : dtype, optional
        Of the result and the accumulation; small integers accumulate in int64 by default.
    keepdims : bool
        Whether reduced axes stay with size 1.

    Returns
    -------
    Tensor
        ``x`` without the axes that were summed over.

    Examples
    --------
    >>> x = dl.asarray([[1.0, 2.0], [3.0, 4.0]])
    >>> dl.sum(x, axis=0)
    tensor([4., 6.])
    >>> dl.sum(x, axis=1, keepdims=True)
    tensor([[3.],
            [7.]])
    """
    shape = x.shape
    if x.dtype not in FLOATS and x.dtype == xp.bool:
        if getattr(xp, "generates", False) and (dtype is None or dtype == xp.int64):
            dtype = xp.int64  # machine code widens them as it adds
        else:
            x = xp.astype(x, xp.int64)
    return xp.sum(x, axis=axis, dtype=dtype, keepdims=keepdims), lambda gy: expand(xp, gy, shape, axis, keepdims)


@op(needs="", promotes="float", complex=True)
def mean(xp: Namespace, x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> ValueAndVJP:
    """Return the arithmetic mean over axes.

    Parameters
    ----------
    x : Tensor
        Any shape; integers become the default floating dtype.
    axis : int or tuple of int, optional
        The axes to average over; all by default.
    keepdims : bool
        Whether reduced axes stay with size 1.

    Returns
    -------
    Tensor
        ``x`` without the axes that were averaged over; NaN where there is no element.

    Examples
    --------
    >>> dl.mean(dl.asarray([[1.0, 2.0], [3.0, 4.0]]), axis=1)
    tensor([1.5, 3.5])
    """
    shape = x.shape
    return xp.mean(x, axis=axis, keepdims=keepdims), lambda gy: expand(xp, gy / count(shape, axis), shape, axis, keepdims)


@op(needs="x", promotes="float")
def var(xp: Namespace, x: Tensor, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> ValueAndVJP:
    """Return the variance over axes: the sum of ``(x - mean)**2`` divided by ``n - correction``.

    Parameters
    ----------
    x : Tensor
        Any shape.
    axis : int or tuple of int, optional
        The axes to reduce; all by default.
    correction : float
        What is subtracted from the number of elements ``n``: 0 for the population's variance, 1 for the unbiased
        estimate (PyTorch's default).
    keepdims : bool
        Whether reduced axes stay with size 1.

    Returns
    -------
    Tensor
        ``x`` without the reduced axes; NaN where ``n`` is not above ``correction``.

    Examples
    --------
    >>> dl.var(dl.asarray([1.0, 3.0]), correction=1)
    tensor(2.)
    """

    def pull(gy):
        g = (gy if keepdims else kept(xp, gy, x.shape, axis)) * (2 / _degrees(count(x.shape, axis), correction))
        return _slope(xp, x, xp.mean(x, axis=axis, keepdims=True), g)

    return xp.var(x, axis=axis, correction=correction, keepdims=keepdims), pull


@pointwise
def _slope(xp: Any, x: Any, middle: Any, g: Any) -> Any:
    return g * (x - middle)


@pointwise
def _slope_unless(xp: Any, x: Any, middle: Any, g: Any, none: Any, share: Any) -> Any:
    return xp.where(none, 0, g * ((x - middle) * share))


def _degrees(n: int, correction: float) -> float:
    """n - correction as a divisor; none left give NaN, as the variance itself is then."""
    return n - correction if n > correction else math.nan


@op(needs="x y", promotes="float")
def std(xp: Namespace, x: Tensor, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> ValueAndVJP:
    """Return the standard deviation over axes, the square root of the variance.

    Parameters
    ----------
    x : Tensor
        Any shape.
    axis : int or tuple of int, optional
        The axes to reduce; all by default.
    correction : float
        What is subtracted from the number of elements, as for `var`.
    keepdims : bool
        Whether reduced axes stay with size 1.

    Returns
    -------
    Tensor
        ``x`` without the reduced axes. All derivatives where it is 0 are taken as 0.

    Examples
    --------
    >>> dl.std(dl.asarray([1.0, 3.0, 5.0, 7.0]), correction=1) > 2.5
    tensor(True)
    >>> dl.std(dl.asarray([1.0, 3.0]))
    tensor(1.)
    """
    y = xp.std(x, axis=axis, correction=correction, keepdims=keepdims)

    def pull(gy):
        none = y == 0
        g = gy / xp.where(none, 1, y)
        g, none = ((v if keepdims else kept(xp, v, x.shape, axis)) for v in (g, none))
        share = xp.full_like(g, 1 / _degrees(count(x.shape, axis), correction))
        return _slope_unless(xp, x, xp.mean(x, axis=axis, keepdims=True), g, none, share)

    return y, pull


@pointwise
def _chosen(xp: Any, x: Any, top: Any) -> Any:
    """1 where x is the extremum, or NaN, else 0."""
    return xp.astype((x == top) | (x != x), x.dtype)


def extremum_pull(xp: Any, x: Any, y: Any, axis: Any, keepdims: bool) -> Any:
    """Equal extrema share the gradient evenly; where there is a NaN, the NaNs get it."""

    def pull(gy):
        top, g = ((v if keepdims else kept(xp, v, x.shape, axis)) for v in (y, gy))
        share = _chosen(xp, x, top)
        return g / xp.sum(share, axis=axis, keepdims=True) * share

    return pull


@op(needs="x y")
def max(xp: Namespace, x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> ValueAndVJP:
    """Return the largest element over axes.

    Parameters
    ----------
    x : Tensor
        Any shape, real.
    axis : int or tuple of int, optional
        The axes to reduce; all by default.
    keepdims : bool
        Whether reduced axes stay with size 1.

    Returns
    -------
    Tensor
        ``x`` without the reduced axes; NaN if there is one. Equal largest elements share the gradient evenly.

    See Also
    --------
    maximum : The larger of two tensors, element by element.

    Examples
    --------
    >>> dl.max(dl.asarray([[1.0, 5.0], [3.0, 4.0]]), axis=0)
    tensor([3., 5.])
    """
    y = xp.max(x, axis=axis, keepdims=keepdims)
    return y, extremum_pull(xp, x, y, axis, keepdims)


@op(needs="x y")
def min(xp: Namespace, x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> ValueAndVJP:
    """Return the smallest element over axes.

    Parameters
    ----------
    x : Tensor
        Any shape, real.
    axis : int or tuple of int, optional
        The axes to reduce; all by default.
    keepdims : bool
        Whether reduced axes stay with size 1.

    Returns
    -------
    Tensor
        ``x`` without the reduced axes; NaN if there is one. Equal smallest elements share the gradient evenly.

    See Also
    --------
    minimum : The smaller of two tensors, element by element.

    Examples
    --------
    >>> dl.min(dl.asarray([[1.0, 5.0], [3.0, 4.0]]), axis=0)
    tensor([1., 4.])
    """
    y = xp.min(x, axis=axis, keepdims=keepdims)
    return y, extremum_pull(xp, x, y, axis, keepdims)


@op(needs="x", complex=True)
@wide_text
def prod(
    xp: Namespace, x: Tensor, /, *, axis: Axis = None, dtype: DTypeLike | None = None, keepdims: bool = False
) -> ValueAndVJP:
    """Return the product over axes.

    Parameters
    ----------
    x : Tensor
        Any shape, numeric or boolean.
    axis : int or tuple of int, optional
        The axes to multiply over; all by default.
    dtype : dtype, optional
        Of the result and the accumulation; small integers accumulate in int64 by default.
    keepdims : bool
        Whether reduced axes stay with size 1.

    Returns
    -------
    Tensor
        ``x`` without the reduced axes. The gradient is right also where elements are zero.

    Examples
    --------
    >>> x = dl.tensor([2.0, 0.0, 3.0], requires_grad=True)
    >>> dl.prod(x).backward()
    >>> x.grad
    tensor([0., 6., 0.])
    """

    def pull(gy):
        reduced = axes_of(axis, x.ndim)
        kept = tuple(i for i in range(x.ndim) if i not in reduced)
        order = kept + reduced
        lead = tuple(x.shape[i] for i in kept)
        lines = xp.reshape(xp.permute_dims(x, order), (math.prod(lead), count(x.shape, axis)))
        rest = xp.reshape(xp.others(lines), tuple(x.shape[i] for i in order))
        back = tuple(sorted(range(x.ndim), key=lambda i: order[i]))
        return expand(xp, gy, x.shape, axis, keepdims) * conj_of(xp, xp.permute_dims(rest, back))

    return xp.prod(x, axis=axis, dtype=dtype, keepdims=keepdims), pull


@pointwise
def _exp_below(xp: Any, x: Any, top: Any) -> Any:
    """exp(x - top)."""
    return xp.exp(xp.where(x == math.inf, 0, x - top))  # Inf from Inf is the distance 0


@pointwise
def _shared(xp: Any, x: Any, top: Any, total: Any, gy: Any) -> Any:
    """gy in the shares that the exponentials have of their total."""
    return _exp_below(xp, x, top) / xp.where(total == 0, 1, total) * gy


@op(needs="x", promotes="float")
@wide_text
def logsumexp(xp: Namespace, x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> ValueAndVJP:
    """Return ``log(sum(exp(x)))`` over axes without overflow.

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
        ``x`` without the reduced axes. Entries of +Inf share the gradient; where all are -Inf, it is 0.

    Examples
    --------
    >>> dl.logsumexp(dl.asarray([1000.0, -1000.0]))
    tensor(1000.)
    """

    top = xp.max(x, axis=axis, keepdims=True) if count(x.shape, axis) else xp.sum(x, axis=axis, keepdims=True)
    top = xp.where(top == -math.inf, 0, top)
    total = xp.sum(_exp_below(xp, x, top), axis=axis, keepdims=True)
    y = xp.log(total) + top
    if not keepdims:
        reduced = axes_of(axis, x.ndim)
        y = xp.reshape(y, tuple(n for i, n in enumerate(x.shape) if i not in reduced))

    def pull(gy):
        return _shared(xp, x, top, total, gy if keepdims else kept(xp, gy, x.shape, axis))

    return y, pull
