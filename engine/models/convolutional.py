"""Convolutional classifiers."""

from __future__ import annotations

from typing import Any

from .. import nn


class ConvNet(nn.Module):
    """Convolution, ReLU, pooling, twice; then a hidden layer with dropout, and scores.

    x: (N,channels,size,size). width: filters of the first convolution; the second has twice as many. Returns (N,classes).
    Source: after LeCun et al. 1998.
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

    def forward(self, x: Any) -> Any:
        return self.head(self.features(x))
