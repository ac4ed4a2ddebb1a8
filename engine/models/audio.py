"""Networks over waveforms."""

from __future__ import annotations

from typing import Any

from .. import nn


class ToneNet(nn.Module):
    """Strided 1-D convolutions with batch normalisation, the mean over time, scores. x: (N,1,T) -> (N,classes).

    The first layer's filters, long enough for a period of the lowest tone, become a bank of band-pass filters.
    Source: after Dai et al. 2017, arXiv:1610.00087.
    """

    def __init__(self, classes: int, width: int = 16) -> None:
        self.features = nn.Sequential(
            nn.Conv1d(1, width, 65, stride=4, padding=32), nn.BatchNorm1d(width), nn.ReLU(),
            nn.Conv1d(width, 2 * width, 9, stride=4, padding=4), nn.BatchNorm1d(2 * width), nn.ReLU(),
            nn.Conv1d(2 * width, 4 * width, 9, stride=4, padding=4), nn.BatchNorm1d(4 * width), nn.ReLU(),
        )  # fmt: skip
        self.head = nn.Linear(4 * width, classes)

    def forward(self, x: Any) -> Any:
        return self.head(self.features(x).mean(axis=2))
