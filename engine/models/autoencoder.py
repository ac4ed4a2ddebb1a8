"""Autoencoders: an encoder f makes a short code, a decoder g reconstructs the input from it, x' = g(f(x))."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .. import nn
from ..ops.activation import sigmoid
from ..ops.creation import zeros
from ..ops.linalg import matmul

if TYPE_CHECKING:
    from .._tensor import Tensor


def perceptron(sizes: Sequence[int], last: nn.Module | None = None) -> nn.Sequential:
    """Linear layers of these sizes with ReLU between them, and a module after the last."""
    layers: list[nn.Module] = []
    for before, after in zip(sizes[:-1], sizes[1:], strict=True):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1], *([last] if last is not None else []))


class Autoencoder(nn.Module):
    """Autoencoder of linear layers with ReLU; the decoder has the sizes of the encoder in reverse order.

    Shape: x (N,I) -> reconstruction (N,I).

    Parameters
    ----------
    sizes : sequence of int
        The sizes of input, hidden layers and code.
    bounded : bool
        Whether the output goes through a sigmoid, for inputs from 0 to 1; False is for any numbers.

    Attributes
    ----------
    encoder : Sequential
        Makes the code.
    decoder : Sequential
        Reconstructs the input from the code.

    References
    ----------
    Hinton and Salakhutdinov, 2006, "Reducing the dimensionality of data with neural networks".

    Examples
    --------
    >>> model = dl.models.Autoencoder([784, 256, 32])
    >>> x = dl.rand(5, 784)
    >>> model.encoder(x).shape, model(x).shape
    ((5, 32), (5, 784))
    """

    def __init__(self, sizes: Sequence[int], bounded: bool = True) -> None:
        self.encoder = perceptron(sizes)
        self.decoder = perceptron(sizes[::-1], nn.Sigmoid() if bounded else None)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.decoder(self.encoder(x))
        return y


class LinearAutoencoder(nn.Module):
    """Linear autoencoder: ``x' = V W (x - m) + m``; trained, it spans the same space as the principal components.

    Shape: x (N,I) -> reconstruction (N,I).

    Parameters
    ----------
    mean : Tensor
        m, the mean of the data, shape (I,).
    code : int
        H, the length of the code.

    Attributes
    ----------
    encoder : Linear
        W, shape (H,I), without a bias.
    decoder : Linear
        V, shape (I,H), without a bias.

    References
    ----------
    Baldi and Hornik, 1989, "Neural networks and principal component analysis".

    Examples
    --------
    >>> model = dl.models.LinearAutoencoder(dl.zeros(6), code=2)
    >>> model(dl.ones((5, 6))).shape
    (5, 6)
    """

    mean: Tensor

    def __init__(self, mean: Tensor, code: int) -> None:
        self.register_buffer("mean", mean)
        self.encoder = nn.Linear(mean.shape[0], code, bias=False)
        self.decoder = nn.Linear(code, mean.shape[0], bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.decoder(self.encoder(x - self.mean))
        return y + self.mean


class ConvAutoencoder(nn.Module):
    """Convolutional autoencoder: two convolutions of stride 2 and a linear layer, and the reverse as decoder.

    Shape: x (N,1,S,S), from 0 to 1 -> reconstruction (N,1,S,S).

    Parameters
    ----------
    size : int
        S, a multiple of 4.
    code : int
        The length of the code.
    width : int
        The number of filters of the first convolution; the second has twice as many.

    References
    ----------
    Masci et al., 2011, "Stacked convolutional auto-encoders for hierarchical feature extraction".

    Examples
    --------
    >>> model = dl.models.ConvAutoencoder(size=8, code=3, width=4)
    >>> x = dl.rand(2, 1, 8, 8)
    >>> model.encoder(x).shape, model(x).shape
    ((2, 3), (2, 1, 8, 8))
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

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.decoder(self.encoder(x))
        return y


class TiedLayer(nn.Module):
    """One layer of a stacked autoencoder with tied weights: ``h = sigmoid(W x + b)``, ``x' = sigmoid(W^T h + c)``.

    Shape: x (N,I), from 0 to 1 -> reconstruction (N,I).

    Parameters
    ----------
    inputs : int
        I, the number of inputs.
    units : int
        H, the number of hidden units.

    Attributes
    ----------
    linear : Linear
        W, shape (H,I), drawn by ``nn.init.xavier_uniform_``, and b, shape (H,), zeros.
    back : Parameter
        c, shape (I,), zeros.

    References
    ----------
    Vincent et al., 2010, "Stacked denoising autoencoders".

    Examples
    --------
    >>> layer = dl.models.TiedLayer(inputs=6, units=2)
    >>> x = dl.rand(5, 6)
    >>> layer.encode(x).shape, layer(x).shape
    ((5, 2), (5, 6))
    """

    def __init__(self, inputs: int, units: int) -> None:
        self.linear = nn.Linear(inputs, units)
        self.back = nn.Parameter(zeros((inputs,)))
        nn.init.xavier_uniform_(self.linear.weight)
        if self.linear.bias is not None:
            nn.init.zeros_(self.linear.bias)

    def encode(self, x: Tensor) -> Tensor:
        """Compute the hidden units.

        Parameters
        ----------
        x : Tensor
            Inputs, shape (N,I).

        Returns
        -------
        Tensor
            h, shape (N,H).
        """
        return sigmoid(self.linear(x))

    def forward(self, x: Tensor) -> Tensor:
        return sigmoid(matmul(self.encode(x), self.linear.weight) + self.back)


class StackedAutoencoder(nn.Module):
    """Several ``TiedLayer`` one after another, and a linear layer that computes class scores from the last features.

    Shape: x (N,I), from 0 to 1 -> scores (N,V).

    Parameters
    ----------
    sizes : sequence of int
        I and the number of units of each layer.
    classes : int
        V, the number of classes.

    Attributes
    ----------
    layers : ModuleList
        The layers, which are trained one by one.
    head : Linear
        The layer that computes the scores.

    References
    ----------
    Vincent et al., 2010, "Stacked denoising autoencoders".

    Examples
    --------
    >>> model = dl.models.StackedAutoencoder([6, 4, 2], classes=3)
    >>> model(dl.rand(5, 6)).shape
    (5, 3)
    """

    def __init__(self, sizes: Sequence[int], classes: int = 10) -> None:
        self.layers = nn.ModuleList(TiedLayer(a, b) for a, b in zip(sizes[:-1], sizes[1:], strict=True))
        self.head = nn.Linear(sizes[-1], classes)

    def encode(self, x: Tensor, depth: int | None = None) -> Tensor:
        """Compute the features after some layers.

        Parameters
        ----------
        x : Tensor
            Inputs, shape (N,I).
        depth : int or None
            The number of layers; None is all.

        Returns
        -------
        Tensor
            The features, shape (N,H) for H units of the last of these layers.
        """
        layers: list[Any] = list(self.layers)[:depth]
        for layer in layers:
            x = layer.encode(x)
        return x

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.head(self.encode(x))
        return scores
