"""Segmentation: networks that classify every pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import nn
from ..ops.joining import concat

if TYPE_CHECKING:
    from .._tensor import Tensor


def _block(inputs: int, outputs: int) -> nn.Sequential:
    """Two convolutions with batch normalization and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(),
        nn.Conv2d(outputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(),
    )  # fmt: skip


class UNet(nn.Module):
    """U-Net: classify every pixel, with feature maps that become smaller and then larger again.

    On the way up, each step also gets the feature maps of its size from the way down.

    Shape: x (N,channels,S,S) -> scores (N,classes,S,S).

    Parameters
    ----------
    channels : int
        The number of channels of the images.
    classes : int
        The number of classes.
    width : int
        The number of filters at full size, doubled at each step down.
    depth : int
        The number of steps down; S must be divisible by ``2^depth``.

    References
    ----------
    Ronneberger, Fischer and Brox, 2015, arXiv:1505.04597.

    Examples
    --------
    >>> model = dl.models.UNet(channels=3, classes=5, width=4)
    >>> model(dl.zeros((2, 3, 8, 8))).shape
    (2, 5, 8, 8)
    """

    def __init__(self, channels: int = 3, classes: int = 5, width: int = 16, depth: int = 2) -> None:
        widths = [width * 2**k for k in range(depth + 1)]
        self.down = nn.ModuleList([_block(i, o) for i, o in zip([channels, *widths[:-1]], widths, strict=True)])
        self.widen = nn.ModuleList([nn.ConvTranspose2d(2 * w, w, 2, stride=2) for w in reversed(widths[:-1])])
        self.up = nn.ModuleList([_block(2 * w, w) for w in reversed(widths[:-1])])
        self.pool = nn.MaxPool2d(2)
        self.score = nn.Conv2d(width, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        passed = []
        for k, block in enumerate(self.down):
            x = block(self.pool(x) if k else x)
            passed.append(x)
        for widen, block, skip in zip(self.widen, self.up, reversed(passed[:-1]), strict=True):
            x = block(concat([widen(x), skip], axis=1))
        scores: Tensor = self.score(x)
        return scores
