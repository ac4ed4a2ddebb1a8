"""Networks of fully connected layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import nn
from ..errors import ConfigError

ACTIVATIONS = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU}


class MLP(nn.Module):
    """x -> act(W1 x + b1) -> ... -> W x + b.

    sizes: of input, hidden layers, output. activation: sigmoid, tanh, relu, or maxout, where a hidden unit is the larger
    of two affine maps. x: (N,sizes[0]) or images of as many pixels. Returns (N,sizes[-1]).
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

    def forward(self, x: Any) -> Any:
        return self.layers(x)
