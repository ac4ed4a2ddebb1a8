"""Smooth activation functions, ReLU and the gated linear unit as layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..ops import activation as ops
from ..ops import elementwise, rectifiers
from .module import Module

if TYPE_CHECKING:
    from .._tensor import Tensor


class _Activation(Module):
    """Base of activation layers: stores the op's settings and calls the op with them."""

    op: Callable[..., Tensor]
    settings: dict[str, float | str]

    def __init__(self, **settings: float | str) -> None:
        self.settings = settings

    def forward(self, x: Tensor) -> Tensor:
        return type(self).op(x, **self.settings)

    def extra_repr(self) -> str:
        return ", ".join(f"{k}={v!r}" for k, v in self.settings.items())


class _Plain(_Activation):
    """Base of activation layers without settings."""

    def __init__(self) -> None:
        super().__init__()


class _InPlace(_Activation):
    """Base of activation layers of which PyTorch's may overwrite their input."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()


class ReLU(_InPlace):
    """Rectified linear unit: ``max(x, 0)``.

    The derivative at 0 is taken as 0. Shape: x of any shape -> the same shape.

    Parameters
    ----------
    inplace : bool
        PyTorch's permission to overwrite the input. Nothing is overwritten here.

    References
    ----------
    Nair and Hinton, "Rectified linear units improve restricted Boltzmann machines", 2010.

    Examples
    --------
    >>> dl.nn.ReLU()(dl.asarray([-1.0, 0.0, 2.0]))
    tensor([0., 0., 2.])
    """

    op = staticmethod(rectifiers.relu)


class Sigmoid(_Plain):
    """Logistic function: ``1 / (1 + exp(-x))``.

    Shape: x of any shape -> the same shape.

    References
    ----------
    Verhulst, 1845; as an activation: Rumelhart, Hinton and Williams, 1986.

    Examples
    --------
    >>> dl.nn.Sigmoid()(dl.asarray([0.0, 200.0]))
    tensor([0.5, 1. ])
    """

    op = staticmethod(ops.sigmoid)


class LogSigmoid(_Plain):
    """Logarithm of the logistic function, ``log(1 / (1 + exp(-x)))``, computed without overflow.

    Shape: x of any shape -> the same shape.

    References
    ----------
    Verhulst, 1845; see Sigmoid.

    Examples
    --------
    >>> dl.nn.LogSigmoid()(dl.asarray([-200.0]))
    tensor([-200.])
    """

    op = staticmethod(ops.logsigmoid)


class Tanh(_Plain):
    """Hyperbolic tangent.

    Shape: x of any shape -> the same shape.

    References
    ----------
    LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998.

    Examples
    --------
    >>> dl.nn.Tanh()(dl.asarray([-100.0, 0.0, 100.0]))
    tensor([-1.,  0.,  1.])
    """

    op = staticmethod(elementwise.tanh)


class Tanhshrink(_Plain):
    """The input minus its hyperbolic tangent: ``x - tanh(x)``.

    Shape: x of any shape -> the same shape.

    References
    ----------
    LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998, for tanh.

    Examples
    --------
    >>> dl.nn.Tanhshrink()(dl.asarray([-100.0, 0.0, 100.0]))
    tensor([-99.,   0.,  99.])
    """

    op = staticmethod(ops.tanhshrink)


class Softsign(_Plain):
    """Softsign: ``x / (1 + |x|)``, a function like tanh with slower saturation.

    Shape: x of any shape -> the same shape.

    References
    ----------
    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010.

    Examples
    --------
    >>> dl.nn.Softsign()(dl.asarray([-1.0, 0.0, 3.0]))
    tensor([-0.5 ,  0.  ,  0.75])
    """

    op = staticmethod(ops.softsign)


class SiLU(_InPlace):
    """Sigmoid linear unit, also called swish: ``x sigmoid(x)``.

    Shape: x of any shape -> the same shape.

    Parameters
    ----------
    inplace : bool
        PyTorch's permission to overwrite the input. Nothing is overwritten here.

    References
    ----------
    Elfwing, Uchibe and Doya, 2017, arXiv:1702.03118.

    Examples
    --------
    >>> dl.nn.SiLU()(dl.asarray([0.0, 100.0]))
    tensor([  0., 100.])
    """

    op = staticmethod(ops.silu)


class Mish(_InPlace):
    """Mish, a smooth activation: ``x tanh(softplus(x))``.

    Shape: x of any shape -> the same shape.

    Parameters
    ----------
    inplace : bool
        PyTorch's permission to overwrite the input. Nothing is overwritten here.

    References
    ----------
    Misra, 2019, arXiv:1908.08681.

    Examples
    --------
    >>> dl.nn.Mish()(dl.asarray([0.0, 100.0]))
    tensor([  0., 100.])
    """

    op = staticmethod(ops.mish)


class SELU(_InPlace):
    """Scaled exponential linear unit, which normalizes the activations of deep networks by itself.

    ``1.0507 x`` where x is positive, ``1.0507 * 1.6733 (exp(x) - 1)`` elsewhere. Shape: x of any shape -> the same shape.

    Parameters
    ----------
    inplace : bool
        PyTorch's permission to overwrite the input. Nothing is overwritten here.

    References
    ----------
    Klambauer, Unterthiner, Mayr and Hochreiter, 2017, arXiv:1706.02515.

    Examples
    --------
    >>> round(float(dl.nn.SELU()(dl.asarray(1.0))), 4)
    1.0507
    """

    op = staticmethod(rectifiers.selu)


class LeakyReLU(_Activation):
    """Leaky ReLU: ``x`` where x is positive, ``negative_slope x`` elsewhere.

    Shape: x of any shape -> the same shape.

    Parameters
    ----------
    negative_slope : float
        The slope for negative inputs.
    inplace : bool
        PyTorch's permission to overwrite the input. Nothing is overwritten here.

    References
    ----------
    Maas, Hannun and Ng, "Rectifier nonlinearities improve neural network acoustic models", 2013.

    Examples
    --------
    >>> dl.nn.LeakyReLU(0.5)(dl.asarray([-2.0, 2.0]))
    tensor([-1.,  2.])
    """

    op = staticmethod(rectifiers.leaky_relu)

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__(negative_slope=negative_slope)


class ELU(_Activation):
    """Exponential linear unit: ``x`` where x is positive, ``alpha (exp(x) - 1)`` elsewhere.

    Shape: x of any shape -> the same shape.

    Parameters
    ----------
    alpha : float
        The output tends to ``-alpha`` for large negative inputs.
    inplace : bool
        PyTorch's permission to overwrite the input. Nothing is overwritten here.

    References
    ----------
    Clevert, Unterthiner and Hochreiter, 2016, arXiv:1511.07289.

    Examples
    --------
    >>> dl.nn.ELU(alpha=2.0)(dl.asarray([-200.0, 0.0, 3.0]))
    tensor([-2.,  0.,  3.])
    """

    op = staticmethod(rectifiers.elu)

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(alpha=alpha)


class CELU(_Activation):
    """Continuously differentiable ELU: ``x`` where x is positive, ``alpha (exp(x / alpha) - 1)`` elsewhere.

    Shape: x of any shape -> the same shape.

    Parameters
    ----------
    alpha : float
        The output tends to ``-alpha`` for large negative inputs.
    inplace : bool
        PyTorch's permission to overwrite the input. Nothing is overwritten here.

    References
    ----------
    Barron, 2017, arXiv:1704.07483.

    Examples
    --------
    >>> dl.nn.CELU(alpha=2.0)(dl.asarray([-200.0, 0.0, 3.0]))
    tensor([-2.,  0.,  3.])
    """

    op = staticmethod(rectifiers.celu)

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(alpha=alpha)


class GELU(_Activation):
    """Gaussian error linear unit: ``x Phi(x)``, where Phi is the standard normal distribution function.

    Shape: x of any shape -> the same shape.

    Parameters
    ----------
    approximate : str
        "none" computes Phi exactly, "tanh" approximates it by a hyperbolic tangent.

    References
    ----------
    Hendrycks and Gimpel, 2016, arXiv:1606.08415.

    Examples
    --------
    >>> dl.nn.GELU()(dl.asarray([-100.0, 0.0, 100.0])).tolist()[1:]
    [0.0, 100.0]
    """

    op = staticmethod(ops.gelu)

    def __init__(self, approximate: str = "none") -> None:
        super().__init__(approximate=approximate)


class Softplus(_Activation):
    """Softplus, a smooth ReLU: ``log(1 + exp(beta x)) / beta``.

    Shape: x of any shape -> the same shape.

    Parameters
    ----------
    beta : float
        The sharpness: the larger it is, the closer the function is to ReLU.

    References
    ----------
    Dugas, Bengio, Bélisle, Nadeau and Garcia, "Incorporating second-order functional knowledge for better option pricing", 2001.

    Examples
    --------
    >>> dl.nn.Softplus()(dl.asarray([-200.0, 200.0]))
    tensor([  0., 200.])
    """

    op = staticmethod(rectifiers.softplus)

    def __init__(self, beta: float = 1.0) -> None:
        super().__init__(beta=beta)


class GLU(_Activation):
    """Gated linear unit: ``a sigmoid(b)``, where a and b are the first and second half of an axis.

    Shape: x (..., 2 D) -> (..., D), if ``dim`` is the last axis.

    Parameters
    ----------
    dim : int
        The axis that is halved; its size must be even.

    References
    ----------
    Dauphin, Fan, Auli and Grangier, 2017, arXiv:1612.08083.

    Examples
    --------
    >>> dl.nn.GLU()(dl.asarray([4.0, 6.0, 0.0, 200.0]))
    tensor([2., 6.])
    """

    op = staticmethod(ops.glu)

    def __init__(self, dim: int = -1) -> None:
        super().__init__(axis=dim)
