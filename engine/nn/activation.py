"""Activation functions as layers. Shapes: any in, the same out, where nothing else is said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ops import activation as ops
from ..ops import elementwise, piecewise, softmax
from ..ops.creation import full
from ..ops.linalg import linear
from . import init
from .linear import positive
from .module import Module, Parameter, in_dtype_of


class _Activation(Module):
    """Keeps the op's settings and hands them on."""

    op: Callable[..., Any]
    settings: dict[str, Any]

    def __init__(self, **settings: Any) -> None:
        self.settings = settings

    def forward(self, x: Any) -> Any:
        return type(self).op(x, **self.settings)

    def extra_repr(self) -> str:
        return ", ".join(f"{k}={v!r}" for k, v in self.settings.items())


class _Plain(_Activation):
    def __init__(self) -> None:
        super().__init__()


class ReLU(_Plain):
    """max(x, 0), x of any shape. Source: Nair & Hinton 2010."""

    op = staticmethod(ops.relu)


class ReLU6(_Plain):
    """min(max(x, 0), 6), x of any shape. Source: Krizhevsky 2010, "Convolutional deep belief networks on CIFAR-10"."""

    op = staticmethod(piecewise.relu6)


class Sigmoid(_Plain):
    """1 / (1 + exp(-x)), x of any shape. Source: Verhulst 1845; as an activation Rumelhart et al. 1986."""

    op = staticmethod(ops.sigmoid)


class LogSigmoid(_Plain):
    """log(1 / (1 + exp(-x))) without overflow, x of any shape. Source: see Sigmoid."""

    op = staticmethod(ops.logsigmoid)


class Tanh(_Plain):
    """The hyperbolic tangent, x of any shape. Source: LeCun et al. 1998, "Efficient BackProp"."""

    op = staticmethod(elementwise.tanh)


class Tanhshrink(_Plain):
    """x - tanh(x), x of any shape. Source: see Tanh."""

    op = staticmethod(ops.tanhshrink)


class Softsign(_Plain):
    """x / (1 + |x|), x of any shape. Source: Glorot & Bengio 2010."""

    op = staticmethod(ops.softsign)


class SiLU(_Plain):
    """x sigmoid(x), also called swish, x of any shape. Source: Elfwing et al. 2017, arXiv:1702.03118."""

    op = staticmethod(ops.silu)


class Mish(_Plain):
    """x tanh(softplus(x)), x of any shape. Source: Misra 2019, arXiv:1908.08681."""

    op = staticmethod(ops.mish)


class SELU(_Plain):
    """1.0507 times x where positive, 1.0507 times 1.6733 (exp(x) - 1) elsewhere, x of any shape.

    Source: Klambauer et al. 2017, arXiv:1706.02515.
    """

    op = staticmethod(ops.selu)


class Hardsigmoid(_Plain):
    """min(max(x / 6 + 1/2, 0), 1), x of any shape. Source: Howard et al. 2019, arXiv:1905.02244."""

    op = staticmethod(piecewise.hardsigmoid)


class Hardswish(_Plain):
    """x hardsigmoid(x), x of any shape. Source: Howard et al. 2019, arXiv:1905.02244."""

    op = staticmethod(piecewise.hardswish)


class Step(_Plain):
    """1 where x >= 0, else 0, x of any shape; its gradient is 0. Source: Rosenblatt 1958."""

    op = staticmethod(piecewise.step)


class LeakyReLU(_Activation):
    """x where positive, negative_slope x elsewhere, x of any shape. Source: Maas et al. 2013."""

    op = staticmethod(ops.leaky_relu)

    def __init__(self, negative_slope: float = 0.01) -> None:
        super().__init__(negative_slope=negative_slope)


class ELU(_Activation):
    """x where positive, alpha (exp(x) - 1) elsewhere, x of any shape. Source: Clevert et al. 2016, arXiv:1511.07289."""

    op = staticmethod(ops.elu)

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__(alpha=alpha)


class CELU(_Activation):
    """x where positive, alpha (exp(x / alpha) - 1) elsewhere, x of any shape. Source: Barron 2017, arXiv:1704.07483."""

    op = staticmethod(ops.celu)

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__(alpha=alpha)


class GELU(_Activation):
    """x Phi(x), Phi the normal distribution function, x of any shape; approximate: "none" or "tanh".

    Source: Hendrycks & Gimpel 2016, arXiv:1606.08415.
    """

    op = staticmethod(ops.gelu)

    def __init__(self, approximate: str = "none") -> None:
        super().__init__(approximate=approximate)


class Softplus(_Activation):
    """log(1 + exp(beta x)) / beta: a smooth ReLU, x of any shape. Source: Dugas et al. 2001."""

    op = staticmethod(ops.softplus)

    def __init__(self, beta: float = 1.0) -> None:
        super().__init__(beta=beta)


class Hardtanh(_Activation):
    """x cut off at min_val and max_val, x of any shape. Source: Collobert 2004, "Large scale machine learning"."""

    op = staticmethod(piecewise.hardtanh)

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0) -> None:
        super().__init__(min_val=min_val, max_val=max_val)


class Softshrink(_Activation):
    """x moved by lambd towards 0, 0 within lambd of it, x of any shape. Source: Donoho 1995."""

    op = staticmethod(piecewise.softshrink)

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__(lambd=lambd)


class Hardshrink(_Activation):
    """x, but 0 within lambd of 0, x of any shape. Source: Donoho & Johnstone 1994."""

    op = staticmethod(piecewise.hardshrink)

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__(lambd=lambd)


class Threshold(Module):
    """x where it is above threshold, value elsewhere, x of any shape. Source: see ReLU."""

    def __init__(self, threshold: float, value: float) -> None:
        self.threshold, self.value = threshold, value

    def forward(self, x: Any) -> Any:
        return piecewise.threshold(x, self.threshold, self.value)

    def extra_repr(self) -> str:
        return f"threshold={self.threshold}, value={self.value}"


class GLU(_Activation):
    """a sigmoid(b), a and b the halves of the axis dim: (..., 2 D) -> (..., D). Source: Dauphin et al. 2017, arXiv:1612.08083."""

    op = staticmethod(ops.glu)

    def __init__(self, dim: int = -1) -> None:
        super().__init__(axis=dim)


class Softmax(_Activation):
    """exp(x) / sum of exp(x) along the axis dim, x of any shape. Source: Bridle 1990."""

    op = staticmethod(softmax.softmax)

    def __init__(self, dim: int = -1) -> None:
        super().__init__(axis=dim)


class Softmin(Softmax):
    """Softmax of -x along the axis dim, x of any shape. Source: see Softmax."""

    def forward(self, x: Any) -> Any:
        return super().forward(-x)


class LogSoftmax(_Activation):
    """The logarithm of softmax along the axis dim, x of any shape. Source: see Softmax."""

    op = staticmethod(softmax.log_softmax)

    def __init__(self, dim: int = -1) -> None:
        super().__init__(axis=dim)


class PReLU(Module):
    """x where positive, weight x elsewhere; the slope is learned.

    x: (N,C,*S), or any shape with one slope. weight: (num_parameters,), 1 or C, at first init. Returns x's shape.
    Source: He et al. 2015, arXiv:1502.01852.
    """

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, *, device: str | None = None, dtype: Any = None
    ) -> None:
        positive("PReLU", num_parameters=num_parameters)
        self.num_parameters, self.init = num_parameters, init
        self.weight = Parameter(full((num_parameters,), init, device=device, dtype=dtype))

    def forward(self, x: Any) -> Any:
        return piecewise.prelu(in_dtype_of(self.weight, x), self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


class Maxout(Module):
    """max(w1 x + b1, w2 x + b2, ...): the largest of several affine maps for each output.

    x: (..., I). weight: (O pieces, I), bias: (O pieces,), the pieces of an output side by side. Returns (..., O).
    Source: Goodfellow et al. 2013, arXiv:1302.4389.
    """

    def __init__(
        self, in_features: int, out_features: int, pieces: int = 2, bias: bool = True, *, device: str | None = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        positive("Maxout", in_features=in_features, out_features=out_features, pieces=pieces)
        self.in_features, self.out_features, self.pieces = in_features, out_features, pieces
        rows = out_features * pieces
        self.weight = Parameter(full((rows, in_features), 0.0, device=device, dtype=dtype))
        self.bias = Parameter(full((rows,), 0.0, device=device, dtype=dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new initial values, U(-1/sqrt(I), 1/sqrt(I))."""
        for p in self.parameters():
            init.uniform_(p, -(self.in_features**-0.5), self.in_features**-0.5)

    def forward(self, x: Any) -> Any:
        return piecewise.maxout(linear(in_dtype_of(self.weight, x), self.weight, self.bias), self.pieces)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, pieces={self.pieces}"
