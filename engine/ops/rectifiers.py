"""Rectified linear units and their smooth relatives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..autograd.op import op

if TYPE_CHECKING:
    from ..typing import Namespace, Tensor, ValueAndVJP

__all__ = ["add_relu", "celu", "elu", "leaky_relu", "relu", "selu", "softplus"]


SELU_ALPHA = 1.6732632423543772


SELU_SCALE = 1.0507009873554805
"""Constants that make zero mean and unit variance the fixed point of a SELU network."""


@op(needs="y")
def relu(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Rectified linear unit: ``max(x, 0)``; its derivative at 0 is taken as 0.

    Parameters
    ----------
    x : Tensor
        Any shape, real.

    Returns
    -------
    Tensor
        Shape and dtype of ``x``.

    Examples
    --------
    >>> dl.relu(dl.asarray([-1.0, 2.0]))
    tensor([0., 2.])
    """
    y = xp.relu(x)
    return y, lambda gy: xp.relu_grad(gy, y)


@op(needs="y")
def add_relu(xp: Namespace, a: Tensor, b: Tensor, /) -> ValueAndVJP:
    """The end of a residual block, in one pass: ``max(a + b, 0)``; its derivative at 0 is taken as 0.

    Parameters
    ----------
    a, b : Tensor
        Any shape, real; they broadcast against each other.

    Returns
    -------
    Tensor
        The common shape and dtype.

    References
    ----------
    He et al., 2016, arXiv:1512.03385.

    Examples
    --------
    >>> dl.add_relu(dl.asarray([-1.0, 2.0]), dl.asarray([0.5, 1.0]))
    tensor([0., 3.])
    """
    if a.shape == b.shape and a.dtype == b.dtype:
        y = xp.add_relu(a, b)
    else:
        y = xp.relu(a + b)

    def pull(gy, need):
        g = xp.relu_grad(gy, y)
        return g, g

    return y, pull


@op(needs="x", promotes="float")
def leaky_relu(xp: Namespace, x: Tensor, /, *, negative_slope: float = 0.01) -> ValueAndVJP:
    """Leaky rectified linear unit: ``x`` where positive, ``negative_slope * x`` elsewhere.

    Parameters
    ----------
    x : Tensor
        Any shape.
    negative_slope : float
        The slope of the left side.

    Returns
    -------
    Tensor
        Shape of ``x``, floating.

    References
    ----------
    Maas et al., "Rectifier nonlinearities improve neural network acoustic models", 2013.

    Examples
    --------
    >>> dl.leaky_relu(dl.asarray([-1.0, 2.0]), negative_slope=0.5)
    tensor([-0.5,  2. ])
    """
    return xp.leaky_relu(x, negative_slope), lambda gy: xp.leaky_relu_grad(gy, x, negative_slope)


@op(needs="x", promotes="float")
def elu(xp: Namespace, x: Tensor, /, *, alpha: float = 1.0) -> ValueAndVJP:
    """Exponential linear unit: ``x`` where positive, ``alpha * (exp(x) - 1)`` elsewhere.

    Parameters
    ----------
    x : Tensor
        Any shape.
    alpha : float
        The limit on the left side is ``-alpha``.

    Returns
    -------
    Tensor
        Shape of ``x``, floating.

    References
    ----------
    Clevert et al., 2016, arXiv:1511.07289.

    Examples
    --------
    >>> dl.elu(dl.asarray([-1000.0, 2.0]))
    tensor([-1.,  2.])
    """

    def below():  # bounded first, so that neither branch overflows where the other is taken
        return xp.where(x > 0, 0, x)

    return (
        xp.where(x > 0, x, alpha * xp.expm1(below())),
        lambda gy: xp.where(x > 0, gy, gy * (alpha * xp.exp(below()))),
    )


@op(needs="x", promotes="float")
def softplus(xp: Namespace, x: Tensor, /, *, beta: float = 1.0) -> ValueAndVJP:
    """Smooth rectifier: ``log(1 + exp(beta * x)) / beta``, without overflow.

    Parameters
    ----------
    x : Tensor
        Any shape.
    beta : float
        How close to `relu` it comes.

    Returns
    -------
    Tensor
        Shape of ``x``, floating, positive.

    Examples
    --------
    >>> dl.softplus(dl.asarray([1000.0]))
    tensor([1000.])
    """
    return xp.softplus(x, beta), lambda gy: xp.softplus_grad(gy, x, beta)


@op(needs="x", promotes="float")
def selu(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Scaled exponential linear unit, which keeps mean 0 and variance 1.

    It is 1.0507 times ``x`` where positive, and 1.0507 times ``1.6733 * (exp(x) - 1)`` elsewhere.

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
    Klambauer et al., 2017, arXiv:1706.02515.

    Examples
    --------
    >>> dl.selu(dl.asarray([0.0]))
    tensor([0.])
    """

    def below():  # as in elu
        return xp.where(x > 0, 0, x)

    slope = SELU_SCALE * SELU_ALPHA
    return (
        xp.where(x > 0, SELU_SCALE * x, slope * xp.expm1(below())),
        lambda gy: gy * xp.where(x > 0, SELU_SCALE, slope * xp.exp(below())),
    )


@op(needs="x", promotes="float")
def celu(xp: Namespace, x: Tensor, /, *, alpha: float = 1.0) -> ValueAndVJP:
    """Continuously differentiable exponential linear unit: ``x`` where positive, ``alpha * (exp(x / alpha) - 1)`` elsewhere.

    Parameters
    ----------
    x : Tensor
        Any shape.
    alpha : float
        The limit on the left side is ``-alpha``.

    Returns
    -------
    Tensor
        Shape of ``x``, floating.

    References
    ----------
    Barron, 2017, arXiv:1704.07483.

    Examples
    --------
    >>> dl.celu(dl.asarray([-1000.0, 2.0]), alpha=0.5)
    tensor([-0.5,  2. ])
    """

    def below():  # bounded first, as in elu
        return xp.where(x > 0, 0, x) / alpha

    return xp.where(x > 0, x, alpha * xp.expm1(below())), lambda gy: xp.where(x > 0, gy, gy * xp.exp(below()))
