"""Softmax along an axis as layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..ops import softmax as ops
from .activation import _Activation

if TYPE_CHECKING:
    from .._tensor import Tensor


class Softmax(_Activation):
    """Probabilities from scores: ``exp(x)`` divided by the sum of ``exp(x)`` along an axis.

    Shape: x of any shape -> the same shape.

    Parameters
    ----------
    dim : int
        The axis along which the outputs add up to 1.

    References
    ----------
    Bridle, "Probabilistic interpretation of feedforward classification network outputs", 1990.

    Examples
    --------
    >>> dl.nn.Softmax()(dl.zeros((2, 4)))
    tensor([[0.25, 0.25, 0.25, 0.25],
            [0.25, 0.25, 0.25, 0.25]])
    """

    op = staticmethod(ops.softmax)

    def __init__(self, dim: int = -1) -> None:
        super().__init__(axis=dim)


class Softmin(Softmax):
    """Softmax of ``-x``: the smallest input gets the largest probability.

    Shape: x of any shape -> the same shape.

    Parameters
    ----------
    dim : int
        The axis along which the outputs add up to 1.

    References
    ----------
    Bridle, "Probabilistic interpretation of feedforward classification network outputs", 1990.

    Examples
    --------
    >>> dl.nn.Softmin()(dl.asarray([0.0, 0.0, 200.0]))
    tensor([0.5, 0.5, 0. ])
    """

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(-x)


class LogSoftmax(_Activation):
    """Logarithm of softmax along an axis, computed without overflow.

    Shape: x of any shape -> the same shape.

    Parameters
    ----------
    dim : int
        The axis along which the exponentials of the outputs add up to 1.

    References
    ----------
    Bridle, "Probabilistic interpretation of feedforward classification network outputs", 1990.

    Examples
    --------
    >>> dl.nn.LogSoftmax()(dl.asarray([-200.0, 0.0]))
    tensor([-200.,    0.])
    """

    op = staticmethod(ops.log_softmax)

    def __init__(self, dim: int = -1) -> None:
        super().__init__(axis=dim)
