"""Networks that label every pixel."""

from __future__ import annotations

from typing import Any

from .. import nn
from ..ops.shape import concat


def _block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(),
        nn.Conv2d(outputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(),
    )  # fmt: skip


class UNet(nn.Module):
    """Down to small maps that see much, and up again, each step joined by the maps of its size from the way down.

    x: (N,channels,S,S), S divisible by 2^depth. width: channels at full size, doubled at each step down.
    Returns scores (N,classes,S,S). Source: Ronneberger, Fischer, Brox 2015, arXiv:1505.04597.
    """

    def __init__(self, channels: int = 3, classes: int = 5, width: int = 16, depth: int = 2) -> None:
        widths = [width * 2**k for k in range(depth + 1)]
        self.down = nn.ModuleList([_block(i, o) for i, o in zip([channels, *widths[:-1]], widths, strict=True)])
        self.widen = nn.ModuleList([nn.ConvTranspose2d(2 * w, w, 2, stride=2) for w in reversed(widths[:-1])])
        self.up = nn.ModuleList([_block(2 * w, w) for w in reversed(widths[:-1])])
        self.pool = nn.MaxPool2d(2)
        self.score = nn.Conv2d(width, classes, 1)

    def forward(self, x: Any) -> Any:
        passed = []
        for k, block in enumerate(self.down):
            x = block(self.pool(x) if k else x)
            passed.append(x)
        for widen, block, skip in zip(self.widen, self.up, reversed(passed[:-1]), strict=True):
            x = block(concat([widen(x), skip], axis=1))
        return self.score(x)
