"""The perceptron: linear units with a step, and the rule by which they learn without gradients."""

from __future__ import annotations

from typing import Any

from ..autograd.base import no_grad
from ..errors import ShapeError
from ..ops.creation import zeros
from ..ops.linalg import linear, matmul
from ..ops.piecewise import step
from ..ops.reduce import sum
from .linear import positive
from .module import Module, Parameter, in_dtype_of


class Perceptron(Module):
    """y = 1 where x W^T + b >= 0, else 0.

    x: (N,I) or (I,). weight: (O,I), bias: (O,), zeros at first. Returns (N,O) or (O,). Source: Rosenblatt 1958.
    """

    def __init__(self, in_features: int, out_features: int = 1, *, device: str | None = None, dtype: Any = None) -> None:
        positive("Perceptron", in_features=in_features, out_features=out_features)
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(zeros((out_features, in_features), device=device, dtype=dtype), requires_grad=False)
        self.bias = Parameter(zeros((out_features,), device=device, dtype=dtype), requires_grad=False)

    def activation(self, x: Any) -> Any:
        """x W^T + b, before the step."""
        if x.ndim < 1 or x.shape[-1] != self.in_features:
            raise ShapeError(f"Perceptron: input must be (N,I) or (I,) with I={self.in_features}, got shape {x.shape}")
        return linear(in_dtype_of(self.weight, x), self.weight, self.bias)

    def forward(self, x: Any) -> Any:
        return step(self.activation(x))

    def learn(self, x: Any, target: Any, lr: float = 1.0) -> int:
        """One application of the learning rule: W += lr (t - y) x^T, b += lr (t - y), summed over the examples.

        x: (N,I) or (I,). target: (N,O) or (O,), 0 or 1. Returns how many outputs were wrong; on separable data, one
        example at a time, they become 0 after finitely many corrections. Source: Rosenblatt 1958; Novikoff 1962.
        """
        with no_grad():
            rows, wanted = (x[None], target[None]) if x.ndim == 1 else (x, target)
            y = self(rows)
            if wanted.shape != y.shape:
                raise ShapeError(f"Perceptron: target must be (N,O)={y.shape}, got {wanted.shape}")
            error = wanted.astype(y.dtype) - y
            self.weight += lr * matmul(error.T, in_dtype_of(self.weight, rows))
            self.bias += lr * sum(error, axis=0)
            return int(sum(error * error))

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}"
