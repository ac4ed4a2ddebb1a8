"""Activation functions, elementwise, composed of the standard's functions. Integers become the default floating dtype."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..autograd.op import op
from ..errors import ConfigError, ShapeError
from .elementwise import logistic
from .half import wide_text
from .pieces import pointwise
from .rectifiers import add_relu as add_relu
from .rectifiers import celu as celu
from .rectifiers import elu as elu
from .rectifiers import leaky_relu as leaky_relu
from .rectifiers import relu as relu
from .rectifiers import selu as selu
from .rectifiers import softplus as softplus
from .shape import axis_of, key_along

if TYPE_CHECKING:
    from ..typing import Namespace, Tensor, ValueAndVJP


__all__ = [
    "add_relu", "celu", "elu", "erf", "erfc", "gelu", "glu", "leaky_relu", "logsigmoid", "mish", "relu", "selu", "sigmoid",
    "silu", "softplus", "softsign", "tanhshrink",
]  # fmt: skip


@op(needs="y", promotes="float")
def sigmoid(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Logistic function: ``1 / (1 + exp(-x))``.

    Parameters
    ----------
    x : Tensor
        Any shape.

    Returns
    -------
    Tensor
        Shape of ``x``, floating, between 0 and 1.

    Examples
    --------
    >>> dl.sigmoid(dl.asarray([-1000.0, 0.0]))
    tensor([0. , 0.5])
    """
    y = xp.sigmoid(x)
    return y, lambda gy: xp.sigmoid_grad(gy, y)


@op(needs="x", promotes="float")
def silu(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Sigmoid linear unit, also called swish: ``x * sigmoid(x)``.

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
    Elfwing et al., 2017, arXiv:1702.03118.

    Examples
    --------
    >>> dl.silu(dl.asarray([0.0]))
    tensor([0.])
    """
    return xp.silu(x), lambda gy: xp.silu_grad(gy, x)


@op(needs="x", promotes="float")
def erf(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Error function: ``2 / sqrt(pi)`` times the integral of ``exp(-t**2)`` from 0 to ``x``.

    Parameters
    ----------
    x : Tensor
        Any shape.

    Returns
    -------
    Tensor
        Shape of ``x``, floating, from -1 to 1.

    Examples
    --------
    >>> dl.erf(dl.asarray([0.0, 10.0]))
    tensor([0., 1.])
    """
    return xp.erf(x), lambda gy: gy * (2 / math.sqrt(math.pi) * xp.exp(-x * x))


@op(needs="x", promotes="float")
def erfc(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Complementary error function: ``1 - erf(x)``, with all its digits where that is small.

    Parameters
    ----------
    x : Tensor
        Any shape.

    Returns
    -------
    Tensor
        Shape of ``x``, floating, from 0 to 2.

    Examples
    --------
    >>> dl.erfc(dl.asarray([0.0, -10.0]))
    tensor([1., 2.])
    """
    return xp.erfc(x), lambda gy: gy * (-2 / math.sqrt(math.pi) * xp.exp(-x * x))


BOUND = 100.0
"""Beyond it, Phi(-x) is 0 in every dtype: factors are bounded there, so that an infinite x gives the limit and not Inf 0."""


@op(needs="x", promotes="float")
@wide_text
def gelu(xp: Namespace, x: Tensor, /, *, approximate: str = "none") -> ValueAndVJP:
    """Gaussian error linear unit: ``x * Phi(x)`` with ``Phi`` the normal distribution function.

    Parameters
    ----------
    x : Tensor
        Any shape; the value at -Inf is 0.
    approximate : {"none", "tanh"}
        With ``"tanh"``, ``Phi(x)`` is ``(1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))) / 2``.

    Returns
    -------
    Tensor
        Shape of ``x``, floating.

    Raises
    ------
    ConfigError
        If ``approximate`` is another word.

    References
    ----------
    Hendrycks and Gimpel, 2016, arXiv:1606.08415.

    Examples
    --------
    >>> dl.gelu(dl.asarray([0.0, 20.0]))
    tensor([ 0., 20.])
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


@op(needs="x", promotes="float")
@wide_text
def mish(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Mish, a smooth activation: ``x * tanh(log(1 + exp(x)))``; 0 at -Inf.

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
    Misra, 2019, arXiv:1908.08681.

    Examples
    --------
    >>> dl.mish(dl.asarray([0.0, 100.0]))
    tensor([  0., 100.])
    """
    bound = 1000.0  # where exp(-x) is 0: see BOUND

    def pull(gy):
        t, b = xp.tanh(xp.logaddexp(x, 0.0)), xp.minimum(xp.maximum(x, -bound), bound)
        return gy * (t + b * (1 - t * t) * logistic(xp, x))

    return xp.maximum(x, -bound) * xp.tanh(xp.logaddexp(x, 0.0)), pull


@op(needs="x", promotes="float")
def softsign(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Softsign: ``x / (1 + abs(x))``; 1 and -1 at the infinities.

    Parameters
    ----------
    x : Tensor
        Any shape.

    Returns
    -------
    Tensor
        Shape of ``x``, floating, between -1 and 1.

    Examples
    --------
    >>> dl.softsign(dl.asarray([-1.0, 3.0]))
    tensor([-0.5 ,  0.75])
    """

    def pull(gy):
        d = 1 + xp.abs(x)
        return gy / (d * d)

    return xp.where(xp.isinf(x), xp.sign(x), x / (1 + xp.abs(x))), pull


@op(needs="x", promotes="float")
def logsigmoid(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Logarithm of the logistic function, without overflow.

    Parameters
    ----------
    x : Tensor
        Any shape.

    Returns
    -------
    Tensor
        Shape of ``x``, floating, not above 0.

    Examples
    --------
    >>> dl.logsigmoid(dl.asarray([-1000.0]))
    tensor([-1000.])
    """
    return xp.where(x < 0, x, 0) - xp.log1p(xp.exp(-xp.abs(x))), lambda gy: gy * xp.sigmoid(-x)


@op(needs="x", promotes="float")
def tanhshrink(xp: Namespace, x: Tensor, /) -> ValueAndVJP:
    """Tanhshrink: ``x - tanh(x)``.

    Parameters
    ----------
    x : Tensor
        Any shape.

    Returns
    -------
    Tensor
        Shape of ``x``, floating.

    Examples
    --------
    >>> dl.tanhshrink(dl.asarray([0.0]))
    tensor([0.])
    """

    def pull(gy):
        y = xp.tanh(x)
        return gy * (y * y)

    return x - xp.tanh(x), pull


@op(needs="x", promotes="float")
def glu(xp: Namespace, x: Tensor, /, *, axis: int = -1) -> ValueAndVJP:
    """Gated linear unit: ``a * sigmoid(b)``, with ``a`` and ``b`` the two halves of ``x`` along an axis.

    Parameters
    ----------
    x : Tensor
        Any shape with an even size along the axis.
    axis : int
        The axis to halve.

    Returns
    -------
    Tensor
        Half the size along the axis.

    Raises
    ------
    ShapeError
        If the size is odd.

    References
    ----------
    Dauphin et al., 2017, arXiv:1612.08083.

    Examples
    --------
    >>> dl.glu(dl.asarray([4.0, 0.0]))
    tensor([2.])
    """
    at = axis_of("glu", axis, x.ndim)
    if x.shape[at] % 2:
        raise ShapeError(f"glu: axis {axis} must have an even size, got shape {x.shape}")
    half = x.shape[at] // 2
    a, b = x[key_along(at, slice(None, half))], x[key_along(at, slice(half, None))]

    return _gated(xp, a, b), lambda gy: xp.concat([_gated(xp, gy, b), _gate_grad(xp, gy, a, b)], axis=at)


@pointwise
def _gated(xp: Namespace, a: Tensor, b: Tensor) -> Tensor:
    """a, opened as far as b says."""
    return a * xp.sigmoid(b)


@pointwise
def _gate_grad(xp: Namespace, gy: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """The gradient of b."""
    y = xp.sigmoid(b)
    return gy * a * (y * (1 - y))
