"""Activation functions, elementwise, composed of the standard's functions. Integers become the default floating dtype."""

from __future__ import annotations

import math

from ..autograd.op import op
from ..errors import ConfigError
from .elementwise import logistic

__all__ = ["elu", "erf", "gelu", "leaky_relu", "relu", "sigmoid", "silu", "softplus"]


@op(needs="y")
def relu(xp, x, /):
    """max(x, 0); its derivative at 0 is taken as 0."""
    y = xp.maximum(x, 0)
    return y, lambda gy: xp.where(y > 0, gy, 0)


@op(needs="x", promotes="float")
def leaky_relu(xp, x, /, *, negative_slope=0.01):
    """x where positive, negative_slope x elsewhere. Source: Maas et al. 2013."""
    return xp.where(x > 0, x, x * negative_slope), lambda gy: xp.where(x > 0, gy, gy * negative_slope)


@op(needs="x", promotes="float")
def elu(xp, x, /, *, alpha=1.0):
    """x where positive, alpha (exp(x) - 1) elsewhere. Source: Clevert et al. 2016, arXiv:1511.07289."""

    def below():  # bounded first, so that neither branch overflows where the other is taken
        return xp.where(x > 0, 0, x)

    return (
        xp.where(x > 0, x, alpha * xp.expm1(below())),
        lambda gy: xp.where(x > 0, gy, gy * (alpha * xp.exp(below()))),
    )


@op(needs="y", promotes="float")
def sigmoid(xp, x, /):
    """1 / (1 + exp(-x)), the logistic function."""
    y = logistic(xp, x)
    return y, lambda gy: gy * (y * (1 - y))


@op(needs="x", promotes="float")
def silu(xp, x, /):
    """x sigmoid(x), also called swish. Source: Elfwing et al. 2017, arXiv:1702.03118."""

    def pull(gy):
        s = logistic(xp, x)
        return gy * (s * (1 + x * (1 - s)))

    return x * logistic(xp, x), pull


@op(needs="x", promotes="float")
def softplus(xp, x, /, *, beta=1.0):
    """log(1 + exp(beta x)) / beta without overflow: a smooth relu."""
    return xp.logaddexp(x * beta, 0.0) / beta, lambda gy: gy * logistic(xp, x * beta)


@op(needs="x", promotes="float")
def erf(xp, x, /):
    """The error function, 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x."""
    return xp.erf(x), lambda gy: gy * (2 / math.sqrt(math.pi) * xp.exp(-x * x))


@op(needs="x", promotes="float")
def gelu(xp, x, /, *, approximate="none"):
    """x Phi(x), Phi the normal distribution function. approximate: "none" or "tanh".

    With "tanh", Phi(x) is (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2. Source: Hendrycks, Gimpel 2016, arXiv:1606.08415.
    """
    if approximate == "tanh":
        c = math.sqrt(2 / math.pi)

        def tanh():
            return xp.tanh(c * (x + 0.044715 * x * x * x))

        def pull(gy):
            t = tanh()
            return gy * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * (c * (1 + 3 * 0.044715 * x * x)))

        return 0.5 * x * (1 + tanh()), pull
    if approximate != "none":
        raise ConfigError(f'gelu: approximate must be "none" or "tanh", got {approximate!r}')

    def phi():
        return 0.5 * (1 + xp.erf(x * math.sqrt(0.5)))

    return x * phi(), lambda gy: gy * (phi() + x * xp.exp(-0.5 * x * x) / math.sqrt(2 * math.pi))
