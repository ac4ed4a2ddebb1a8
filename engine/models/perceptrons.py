"""Networks of fully connected layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .. import nn
from ..errors import ConfigError

ACTIVATIONS = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU}

if TYPE_CHECKING:
    from .._tensor import Tensor


class MLP(nn.Module):
    """Multilayer perceptron: ``act(W1 x + b1)``, further hidden layers, and a linear layer ``W x + b``.

    Shape: x (N,sizes[0]), or images of as many pixels -> (N,sizes[-1]).

    Parameters
    ----------
    sizes : sequence of int
        The sizes of input, hidden layers and output.
    activation : {"relu", "sigmoid", "tanh", "maxout"}
        The activation of the hidden layers. With "maxout", a hidden unit is the larger of two affine maps.

    Examples
    --------
    >>> model = dl.models.MLP([784, 32, 10])
    >>> model(dl.zeros((2, 1, 28, 28))).shape
    (2, 10)
    """

    def __init__(self, sizes: Sequence[int], activation: str = "relu") -> None:
        if activation not in (*ACTIVATIONS, "maxout"):
            raise ConfigError(f"MLP: activation must be one of {', '.join(ACTIVATIONS)}, maxout; got {activation!r}")
        layers: list[nn.Module] = [nn.Flatten()]
        for inputs, outputs in zip(sizes[:-2], sizes[1:-1], strict=True):
            if activation == "maxout":
                layers.append(nn.Maxout(inputs, outputs))
            else:
                layers += [nn.Linear(inputs, outputs), ACTIVATIONS[activation]()]
        self.layers = nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return y
