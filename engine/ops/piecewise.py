"""Activation functions made of straight pieces, the step of the perceptron, and maxout. Shapes: any in, the same out.

At a kink the derivative is that of the piece to the left, as in PyTorch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..autograd.op import op
from ..autograd.short import short
from ..errors import ConfigError, ShapeError
from .reduce import max
from .shape import axis_of, reshape

if TYPE_CHECKING:
    from ..typing import Namespace, Tensor, ValueAndVJP

__all__ = [
    "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "maxout", "prelu", "relu6", "softshrink", "step", "threshold",
]  # fmt: skip


@op(needs="x", promotes="float")
def hardtanh(xp: Namespace, x: Tensor, /, *, min_val: float = -1.0, max_val: float = 1.0) -> ValueAndVJP:
    """Cut values off at two bounds.

    Parameters
    ----------
    x : Tensor
        Any shape.
    min_val : float
        The lower bound.
    max_val : float
        The upper bound.

    Returns
    -------
    Tensor
        Shape of ``x``, floating.

    Raises
    ------
    ConfigError
        If ``min_val`` is not below ``max_val``.

    Examples
    --------
    >>> dl.hardtanh(dl.asarray([-3.0, 0.5, 3.0]))
    tensor([-1. ,  0.5,  1. ])
    """
    if min_val >= max_val:
        raise ConfigError(f"hardtanh: min_val={min_val} must be below max_val={max_val}")
    y = xp.minimum(xp.maximum(x, min_val), max_val)
    return y, lambda gy: xp.where((x > min_val) & (x < max_val), gy, 0)


def relu6(x: Tensor, /) -> Tensor:
    """Rectified linear unit that is bounded: ``min(max(x, 0), 6)``.

    Parameters
    ----------
    x : Tensor
        Any shape.

    Returns
    -------
    Tensor
        Shape of ``x``, floating.

    References
    ----------
    Krizhevsky, "Convolutional deep belief networks on CIFAR-10", 2010.

    Examples
    --------
    >>> dl.relu6(dl.asarray([-1.0, 3.0, 9.0]))
    tensor([0., 3., 6.])
    """
    return hardtanh(x, min_val=0.0, max_val=6.0)


@op(needs="x", promotes="float")
def hardsigmoid(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Sigmoid of straight pieces: ``min(max(x / 6 + 1/2, 0), 1)``.

    Parameters
    ----------
    x : Tensor
        Any shape.

    Returns
    -------
    Tensor
        Shape of ``x``, floating.

    References
    ----------
    Howard et al., 2019, arXiv:1905.02244.

    Examples
    --------
    >>> dl.hardsigmoid(dl.asarray([-4.0, 0.0, 4.0]))
    tensor([0. , 0.5, 1. ])
    """
    return xp.minimum(xp.maximum(x * (1 / 6) + 0.5, 0.0), 1.0), lambda gy: xp.where((x > -3) & (x < 3), gy * (1 / 6), 0)


@op(needs="x", promotes="float")
def hardswish(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Swish of straight pieces: ``x * hardsigmoid(x)``.

    Parameters
    ----------
    x : Tensor
        Any shape.

    Returns
    -------
    Tensor
        Shape of ``x``, floating.

    References
    ----------
    Howard et al., 2019, arXiv:1905.02244.

    Examples
    --------
    >>> dl.hardswish(dl.asarray([-4.0, 0.0, 4.0]))
    tensor([-0.,  0.,  4.])
    """

    def pull(gy):
        return xp.where(x <= -3, 0, xp.where(x < 3, gy * (x / 3 + 0.5), gy))

    # bounded by -3, where the second factor is 0: -Inf times 0 would be NaN
    return xp.maximum(x, -3.0) * xp.minimum(xp.maximum(x * (1 / 6) + 0.5, 0.0), 1.0), pull


@op(needs="x", promotes="float")
def softshrink(xp: Namespace, x: Tensor, /, *, lambd: float = 0.5) -> ValueAndVJP:
    """Move values towards 0, and to 0 where they are close to it.

    Parameters
    ----------
    x : Tensor
        Any shape.
    lambd : float
        By how much; values within it of 0 become 0.

    Returns
    -------
    Tensor
        Shape of ``x``, floating.

    Raises
    ------
    ConfigError
        If ``lambd`` is negative.

    References
    ----------
    Donoho, "De-noising by soft-thresholding", 1995.

    Examples
    --------
    >>> dl.softshrink(dl.asarray([-2.0, 0.25, 2.0]))
    tensor([-1.5,  0. ,  1.5])
    """
    if lambd < 0:
        raise ConfigError(f"softshrink: lambd must not be negative, got {lambd}")
    y = xp.where(x > lambd, x - lambd, xp.where(x < -lambd, x + lambd, x * 0))
    return y, lambda gy: xp.where((x > lambd) | (x < -lambd), gy, 0)


@op(needs="x", promotes="float")
def hardshrink(xp: Namespace, x: Tensor, /, *, lambd: float = 0.5) -> ValueAndVJP:
    """Set values that are close to 0 to 0.

    Parameters
    ----------
    x : Tensor
        Any shape.
    lambd : float
        Values within it of 0 become 0.

    Returns
    -------
    Tensor
        Shape of ``x``, floating.

    Examples
    --------
    >>> dl.hardshrink(dl.asarray([-2.0, 0.25, 2.0]))
    tensor([-2.,  0.,  2.])
    """
    return xp.where((x > lambd) | (x < -lambd), x, x * 0), lambda gy: xp.where((x > lambd) | (x < -lambd), gy, 0)


@op(needs="x", promotes="float", name="threshold")
def _threshold(xp, x, /, *, threshold, value):
    """See threshold."""
    return xp.where(x <= threshold, value, x), lambda gy: xp.where(x <= threshold, 0, gy)


def threshold(x: Tensor, threshold: float, value: float, /) -> Tensor:
    """Replace values that are not above a threshold.

    Parameters
    ----------
    x : Tensor
        Any shape; NaN stays.
    threshold : float
        The threshold.
    value : float
        What replaces them.

    Returns
    -------
    Tensor
        Shape of ``x``, floating.

    Examples
    --------
    >>> dl.threshold(dl.asarray([-1.0, 0.5, 2.0]), 1.0, 0.0)
    tensor([0., 0., 2.])
    """
    return _threshold(x, threshold=threshold, value=value)


@op(needs="", promotes="float")
def step(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Step function of the perceptron: 1 where ``x >= 0``, else 0. Its derivative is 0.

    Parameters
    ----------
    x : Tensor
        Any shape; NaN stays.

    Returns
    -------
    Tensor
        Shape of ``x``, floating.

    References
    ----------
    Rosenblatt, "The perceptron", 1958.

    Examples
    --------
    >>> dl.step(dl.asarray([-1.0, 0.0, 2.0]))
    tensor([0., 1., 1.])
    """
    return xp.where(x >= 0, xp.ones_like(x), xp.where(x < 0, xp.zeros_like(x), x)), lambda gy: xp.zeros_like(gy)


@op(needs=("x slope", "x"), promotes="float", name="prelu")
def plain_prelu(xp, x, slope, /):
    """See prelu. Chosen, not only guarded: Inf, which is not scaled, sends the slope no Inf 0."""
    return xp.where(x > 0, x, xp.where(x > 0, 0, x) * slope), (
        lambda gy: xp.where(x > 0, gy, gy * slope),
        lambda gy: xp.where(x > 0, 0, gy * xp.where(x > 0, 0, x)),
    )


@short("short_products")
def prelu(x: Tensor, weight: Tensor, /) -> Tensor:
    """Parametric rectified linear unit: ``x`` where positive, ``weight * x`` elsewhere, with learned slopes.

    Parameters
    ----------
    x : Tensor
        (N,C,*S), or any shape with one slope.
    weight : Tensor
        (1,), or (C,) with one slope for each channel.

    Returns
    -------
    Tensor
        Shape of ``x``.

    Raises
    ------
    ShapeError
        If ``weight`` has another shape.

    References
    ----------
    He et al., 2015, arXiv:1502.01852.

    Examples
    --------
    >>> dl.prelu(dl.asarray([-2.0, 2.0]), dl.asarray([0.25]))
    tensor([-0.5,  2. ])
    """
    count, shape = weight.shape, x.shape
    if len(count) != 1 or count[0] not in (1, shape[1] if len(shape) > 1 else 1):
        raise ShapeError(f"prelu: weight must be (1,) or (C,), got {weight.shape} for x (N,C,*S)={x.shape}")
    if not shape:
        return plain_prelu(x, reshape(weight, ()))
    return plain_prelu(x, reshape(weight, (-1,) + (1,) * (len(shape) - 2)) if count[0] > 1 and len(shape) > 2 else weight)


def maxout(x: Tensor, pieces: int, /, *, axis: int = -1) -> Tensor:
    """The largest of each group of consecutive values along an axis.

    After an affine map it is ``max(w1 x + b1, w2 x + b2, ...)``.

    Parameters
    ----------
    x : Tensor
        (..., K pieces).
    pieces : int
        The size of a group.
    axis : int
        The axis.

    Returns
    -------
    Tensor
        (..., K).

    Raises
    ------
    ShapeError
        If the axis does not fall into such groups.

    References
    ----------
    Goodfellow et al., 2013, arXiv:1302.4389.

    Examples
    --------
    >>> dl.maxout(dl.asarray([1.0, 3.0, 2.0, 0.0]), 2)
    tensor([3., 2.])
    """
    at = axis_of("maxout", axis, x.ndim)
    size = x.shape[at]
    if pieces < 1 or size % pieces:
        raise ShapeError(f"maxout: axis {axis} of shape {x.shape} does not fall into groups of {pieces}")
    return max(reshape(x, (*x.shape[:at], size // pieces, pieces, *x.shape[at + 1 :])), axis=at + 1)
