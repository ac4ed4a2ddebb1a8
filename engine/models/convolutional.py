"""Convolutional classifiers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import nn

if TYPE_CHECKING:
    from .._tensor import Tensor


class ConvNet(nn.Module):
    """Classify images: twice convolution, ReLU and pooling; then a hidden layer with dropout, and a linear layer.

    Shape: x (N,channels,size,size) -> scores (N,classes).

    Parameters
    ----------
    size : int
        The height and width of the images, a multiple of 4.
    channels : int
        The number of channels of the images.
    width : int
        The number of filters of the first convolution; the second has twice as many.
    hidden : int
        The number of hidden units.
    classes : int
        The number of classes.
    dropout : float
        The probability with which a hidden unit is dropped in training.

    Attributes
    ----------
    features : Sequential
        The convolutions.
    head : Sequential
        The hidden layer and the scores.

    References
    ----------
    After LeCun et al., 1998, "Gradient-based learning applied to document recognition".

    Examples
    --------
    >>> model = dl.models.ConvNet(size=8, width=4, hidden=16)
    >>> model(dl.zeros((2, 1, 8, 8))).shape
    (2, 10)
    """

    def __init__(
        self, size: int = 28, channels: int = 1, width: int = 32, hidden: int = 128, classes: int = 10, dropout: float = 0.5
    ) -> None:
        self.features = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(width, 2 * width, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.head = nn.Sequential(
            nn.Flatten(),
            nn.Linear(2 * width * (size // 4) ** 2, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.head(self.features(x))
        return scores
