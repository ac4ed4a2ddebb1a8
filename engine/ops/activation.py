"""Activation functions, elementwise, composed of the standard's functions. Integers become the default floating dtype."""

from __future__ import annotations

import math
from typing import Any

from ..autograd.op import op
from ..errors import ConfigError, ShapeError
from .elementwise import logistic, tanh
from .half import wide_text
from .shape import axis_of, split

__all__ = [
    "celu", "elu", "erf", "erfc", "gelu", "glu", "leaky_relu", "logsigmoid", "mish", "relu", "selu", "sigmoid", "silu",
    "softplus", "softsign", "tanhshrink",
]  # fmt: skip

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
"""Constants that make zero mean and unit variance the fixed point of a SELU network."""


@op(needs="y")
def relu(xp, x, /):
    """max(x, 0); its derivative at 0 is taken as 0."""
    y = xp.relu(x)
    return y, lambda gy: xp.relu_grad(gy, y)


@op(needs="x", promotes="float")
def leaky_relu(xp, x, /, *, negative_slope=0.01):
    """x where positive, negative_slope x elsewhere. Source: Maas et al. 2013."""
    return xp.leaky_relu(x, negative_slope), lambda gy: xp.leaky_relu_grad(gy, x, negative_slope)


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
    y = xp.sigmoid(x)
    return y, lambda gy: xp.sigmoid_grad(gy, y)


@op(needs="x", promotes="float")
def silu(xp, x, /):
    """x sigmoid(x), also called swish. Source: Elfwing et al. 2017, arXiv:1702.03118."""
    return xp.silu(x), lambda gy: xp.silu_grad(gy, x)


@op(needs="x", promotes="float")
def softplus(xp, x, /, *, beta=1.0):
    """log(1 + exp(beta x)) / beta without overflow: a smooth relu."""
    return xp.softplus(x, beta), lambda gy: xp.softplus_grad(gy, x, beta)


@op(needs="x", promotes="float")
def erf(xp, x, /):
    """The error function, 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x."""
    return xp.erf(x), lambda gy: gy * (2 / math.sqrt(math.pi) * xp.exp(-x * x))


@op(needs="x", promotes="float")
def erfc(xp, x, /):
    """1 - erf(x), with all its digits where that is small."""
    return xp.erfc(x), lambda gy: gy * (-2 / math.sqrt(math.pi) * xp.exp(-x * x))


BOUND = 100.0
"""Beyond it, Phi(-x) is 0 in every dtype: factors are bounded there, so that an infinite x gives the limit and not Inf 0."""


@op(needs="x", promotes="float")
@wide_text
def gelu(xp, x, /, *, approximate="none"):
    """x Phi(x), Phi the normal distribution function; 0 at -Inf. approximate: "none" or "tanh".

    With "tanh", Phi(x) is (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2. Source: Hendrycks, Gimpel 2016, arXiv:1606.08415.
    """
    if approximate == "tanh":
        c = 2 * math.sqrt(2 / math.pi)

        def bounded():
            return xp.minimum(xp.maximum(x, -BOUND), BOUND)

        def share():  # (1 + tanh u) / 2 is sigmoid(2 u), which keeps its digits where tanh u is close to -1
            b = bounded()
            return xp.sigmoid(c * (b + 0.044715 * b * b * b))

        def pull(gy):
            s, b = share(), bounded()
            return gy * (s + b * (s * (1 - s)) * (c * (1 + 3 * 0.044715 * b * b)))

        return xp.maximum(x, -BOUND) * share(), pull
    if approximate != "none":
        raise ConfigError(f'gelu: approximate must be "none" or "tanh", got {approximate!r}')

    def phi():
        return 0.5 * xp.erfc(x * -math.sqrt(0.5))  # 1 + erf would lose the digits of the left tail

    def pull_exact(gy):
        b = xp.minimum(xp.maximum(x, -BOUND), BOUND)
        return gy * (phi() + b * xp.exp(-0.5 * b * b) / math.sqrt(2 * math.pi))

    return xp.maximum(x, -BOUND) * phi(), pull_exact


def selu(x: Any, /) -> Any:
    """1.0507 times x where positive, 1.0507 times 1.6733 (exp(x) - 1) elsewhere.

    Source: Klambauer et al. 2017, arXiv:1706.02515.
    """
    return elu(x, alpha=SELU_ALPHA) * SELU_SCALE


@op(needs="x", promotes="float")
def celu(xp, x, /, *, alpha=1.0):
    """x where positive, alpha (exp(x / alpha) - 1) elsewhere: smooth for every alpha. Source: Barron 2017, arXiv:1704.07483."""

    def below():  # bounded first, as in elu
        return xp.where(x > 0, 0, x) / alpha

    return xp.where(x > 0, x, alpha * xp.expm1(below())), lambda gy: xp.where(x > 0, gy, gy * xp.exp(below()))


@op(needs="x", promotes="float")
@wide_text
def mish(xp, x, /):
    """x tanh(log(1 + exp(x))); 0 at -Inf. Source: Misra 2019, arXiv:1908.08681."""
    bound = 1000.0  # where exp(-x) is 0: see BOUND

    def pull(gy):
        t, b = xp.tanh(xp.logaddexp(x, 0.0)), xp.minimum(xp.maximum(x, -bound), bound)
        return gy * (t + b * (1 - t * t) * logistic(xp, x))

    return xp.maximum(x, -bound) * xp.tanh(xp.logaddexp(x, 0.0)), pull


@op(needs="x", promotes="float")
def softsign(xp, x, /):
    """x / (1 + |x|); 1 and -1 at the infinities."""

    def pull(gy):
        d = 1 + xp.abs(x)
        return gy / (d * d)

    return xp.where(xp.isinf(x), xp.sign(x), x / (1 + xp.abs(x))), pull


def logsigmoid(x: Any, /) -> Any:
    """The logarithm of sigmoid(x), without overflow."""
    return -softplus(x * -1.0)  # a product, since -x would wrap among unsigned integers


def tanhshrink(x: Any, /) -> Any:
    """x - tanh(x)."""
    return x - tanh(x)


def glu(x: Any, /, *, axis: int = -1) -> Any:
    """a sigmoid(b), a and b the two halves of x along an axis. Source: Dauphin et al. 2017, arXiv:1612.08083."""
    at = axis_of("glu", axis, x.ndim)
    if x.shape[at] % 2:
        raise ShapeError(f"glu: axis {axis} must have an even size, got shape {x.shape}")
    a, b = split(x, x.shape[at] // 2, axis=at)
    return a * sigmoid(b)
