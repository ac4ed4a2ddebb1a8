"""Networks over waveforms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import nn

if TYPE_CHECKING:
    from .._tensor import Tensor


class ToneNet(nn.Module):
    """Classify waveforms: strided 1-D convolutions with batch normalization, the mean over time, and a linear layer.

    The filters of the first layer have 65 samples, enough for a period of a low tone; trained, they are band-pass filters.

    Shape: x (N,1,T) -> scores (N,classes).

    Parameters
    ----------
    classes : int
        The number of classes.
    width : int
        The number of filters of the first layer; the next layers have two and four times as many.

    References
    ----------
    After Dai et al., 2017, arXiv:1610.00087.

    Examples
    --------
    >>> model = dl.models.ToneNet(classes=3, width=4)
    >>> model(dl.zeros((2, 1, 400))).shape
    (2, 3)
    """

    def __init__(self, classes: int, width: int = 16) -> None:
        self.features = nn.Sequential(
            nn.Conv1d(1, width, 65, stride=4, padding=32), nn.BatchNorm1d(width), nn.ReLU(),
            nn.Conv1d(width, 2 * width, 9, stride=4, padding=4), nn.BatchNorm1d(2 * width), nn.ReLU(),
            nn.Conv1d(2 * width, 4 * width, 9, stride=4, padding=4), nn.BatchNorm1d(4 * width), nn.ReLU(),
        )  # fmt: skip
        self.head = nn.Linear(4 * width, classes)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.head(self.features(x).mean(axis=2))
        return scores
