"""A classifier whose features do not tell where an image comes from."""

from __future__ import annotations

from typing import Any

from .. import nn


class DANN(nn.Module):
    """Features, a head for the classes, and behind a reversal of gradients a head for the domain.

    x: (N,3,size,size), from 0 to 1. forward gives the scores of classes (N,classes); both() also those of domains (N,domains).
    Source: Ganin et al. 2016, "Domain-adversarial training of neural networks", figure 4.
    """

    def __init__(self, size: int, width: int = 32, hidden: int = 100, domains: int = 2, classes: int = 10) -> None:
        self.features = nn.Sequential(
            nn.Conv2d(3, width, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(width, 2 * width, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(),
        )  # fmt: skip
        count = 2 * width * (size // 4) ** 2
        self.label = nn.Sequential(nn.Linear(count, hidden), nn.ReLU(), nn.Linear(hidden, classes))
        self.reversal = nn.GradientReversal()
        self.domain = nn.Sequential(self.reversal, nn.Linear(count, hidden), nn.ReLU(), nn.Linear(hidden, domains))

    def forward(self, x: Any) -> Any:
        return self.label(self.features(2 * x - 1))

    def both(self, x: Any) -> Any:
        """Scores of classes and of domains."""
        f = self.features(2 * x - 1)
        return self.label(f), self.domain(f)
