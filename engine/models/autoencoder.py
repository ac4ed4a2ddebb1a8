"""Autoencoders: an encoder f to a short code and a decoder g back, x' = g(f(x))."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import nn
from ..ops.activation import sigmoid
from ..ops.creation import zeros
from ..ops.linalg import matmul


def perceptron(sizes: Sequence[int], last: nn.Module | None = None) -> nn.Sequential:
    """Linear layers of these sizes with ReLU between them, and after the last what is given."""
    layers: list[nn.Module] = []
    for before, after in zip(sizes[:-1], sizes[1:], strict=True):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1], *([last] if last is not None else []))


class Autoencoder(nn.Module):
    """Layers of sizes down to the code and, mirrored, up again: Autoencoder([784, 256, 32]) has a code of 32 numbers.

    x: (N,I), from 0 to 1; bounded=False leaves out the sigmoid at the end, for any numbers. Source: Hinton and
    Salakhutdinov 2006, "Reducing the dimensionality of data with neural networks".
    """

    def __init__(self, sizes: Sequence[int], bounded: bool = True) -> None:
        self.encoder = perceptron(sizes)
        self.decoder = perceptron(sizes[::-1], nn.Sigmoid() if bounded else None)

    def forward(self, x: Any) -> Any:
        return self.decoder(self.encoder(x))


class LinearAutoencoder(nn.Module):
    """x' = V W (x - m) + m: without curved functions between, W and V span what principal components span.

    x: (N,I). m, the mean, is given. Source: Baldi and Hornik 1989, "Neural networks and principal component analysis".
    """

    mean: Any

    def __init__(self, mean: Any, code: int) -> None:
        self.register_buffer("mean", mean)
        self.encoder = nn.Linear(mean.shape[0], code, bias=False)
        self.decoder = nn.Linear(code, mean.shape[0], bias=False)

    def forward(self, x: Any) -> Any:
        return self.decoder(self.encoder(x - self.mean)) + self.mean


class ConvAutoencoder(nn.Module):
    """Two convolutions of stride 2 and a linear layer to the code; the decoder is their mirror image.

    x: (N,1,S,S) from 0 to 1, S a multiple of 4. Source: Masci et al. 2011, "Stacked convolutional auto-encoders".
    """

    def __init__(self, size: int = 28, code: int = 32, width: int = 16) -> None:
        small = size // 4
        flat = 2 * width * small * small
        self.encoder = nn.Sequential(
            nn.Conv2d(1, width, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(flat, code),
        )
        self.decoder = nn.Sequential(
            nn.Linear(code, flat),
            nn.ReLU(),
            nn.Unflatten(1, (2 * width, small, small)),
            nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(width, 1, 4, stride=2, padding=1),
            nn.Sigmoid(),
        )

    def forward(self, x: Any) -> Any:
        return self.decoder(self.encoder(x))


class TiedLayer(nn.Module):
    """One layer of a stacked autoencoder: h = sigmoid(W x + b), x' = sigmoid(W^T h + c), the same W both ways.

    x: (N,I) from 0 to 1. Returns x'; encode(x) gives h (N,H). Source: Vincent et al. 2010, "Stacked denoising autoencoders".
    """

    def __init__(self, inputs: int, units: int) -> None:
        self.linear = nn.Linear(inputs, units)
        self.back = nn.Parameter(zeros((inputs,)))
        nn.init.xavier_uniform_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def encode(self, x: Any) -> Any:
        return sigmoid(self.linear(x))

    def forward(self, x: Any) -> Any:
        return sigmoid(matmul(self.encode(x), self.linear.weight) + self.back)


class StackedAutoencoder(nn.Module):
    """Tied layers one upon the other, and a linear layer that makes class scores (N,V) of the last one's features."""

    def __init__(self, sizes: Sequence[int], classes: int = 10) -> None:
        self.layers = nn.ModuleList(TiedLayer(a, b) for a, b in zip(sizes[:-1], sizes[1:], strict=True))
        self.head = nn.Linear(sizes[-1], classes)

    def encode(self, x: Any, depth: int | None = None) -> Any:
        """The features after so many layers, by default all."""
        layers: list[Any] = list(self.layers)[:depth]
        for layer in layers:
            x = layer.encode(x)
        return x

    def forward(self, x: Any) -> Any:
        return self.head(self.encode(x))
