"""Activation functions as layers, without parameters. Shapes: any in, the same out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ops import activation as ops
from ..ops import elementwise, softmax
from .module import Module


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
    """max(x, 0)."""

    op = staticmethod(ops.relu)


class Sigmoid(_Plain):
    """1 / (1 + exp(-x))."""

    op = staticmethod(ops.sigmoid)


class Tanh(_Plain):
    """The hyperbolic tangent."""

    op = staticmethod(elementwise.tanh)


class SiLU(_Plain):
    """x sigmoid(x), also called swish."""

    op = staticmethod(ops.silu)


class LeakyReLU(_Activation):
    """x where positive, negative_slope x elsewhere."""

    op = staticmethod(ops.leaky_relu)

    def __init__(self, negative_slope: float = 0.01) -> None:
        super().__init__(negative_slope=negative_slope)


class ELU(_Activation):
    """x where positive, alpha (exp(x) - 1) elsewhere."""

    op = staticmethod(ops.elu)

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__(alpha=alpha)


class GELU(_Activation):
    """x Phi(x), Phi the normal distribution function; approximate: "none" or "tanh"."""

    op = staticmethod(ops.gelu)

    def __init__(self, approximate: str = "none") -> None:
        super().__init__(approximate=approximate)


class Softplus(_Activation):
    """log(1 + exp(beta x)) / beta: a smooth ReLU."""

    op = staticmethod(ops.softplus)

    def __init__(self, beta: float = 1.0) -> None:
        super().__init__(beta=beta)


class Softmax(_Activation):
    """exp(x) / sum of exp(x) along the axis dim."""

    op = staticmethod(softmax.softmax)

    def __init__(self, dim: int = -1) -> None:
        super().__init__(axis=dim)


class LogSoftmax(_Activation):
    """The logarithm of softmax along the axis dim."""

    op = staticmethod(softmax.log_softmax)

    def __init__(self, dim: int = -1) -> None:
        super().__init__(axis=dim)
