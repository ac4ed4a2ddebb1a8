"""Deep convolutional networks with and without skip links, and a small one that makes codes of images."""

from __future__ import annotations

from typing import Any

from .. import nn


def _unit(before: int, after: int, stride: int) -> nn.Sequential:
    """Two 3x3 convolutions with batch norm: what a skip link goes around."""
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(),
        nn.Conv2d(after, after, 3, padding=1, bias=False), nn.BatchNorm2d(after),
    )  # fmt: skip


class PlainNet(nn.Module):
    """A first convolution, then stages of `units` pairs of convolutions, each at half the size and twice the width; scores.

    x: (N,channels,H,W). Returns (N,classes). Its layers with weights: 2 units stages + 2.
    Source: He, Zhang, Ren, Sun 2016, arXiv:1512.03385, section 4.2.
    """

    def __init__(self, units: int, width: int = 16, stages: int = 3, channels: int = 3, classes: int = 10) -> None:
        self.first = nn.Sequential(nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        widths = [width] + [width << stage for stage in range(stages) for _ in range(units)]
        body = [self.link(a, b) for a, b in zip(widths, widths[1:], strict=False)]
        self.body = nn.Sequential(*[nn.Sequential(unit, nn.ReLU()) for unit in body])
        self.head = nn.Sequential(nn.GlobalAvgPool(), nn.Flatten(), nn.Linear(widths[-1], classes))

    def link(self, before: int, after: int) -> nn.Module:
        """One pair of convolutions; a wider one halves the size."""
        return _unit(before, after, 1 if before == after else 2)

    def forward(self, x: Any) -> Any:
        return self.head(self.body(self.first(x)))


class ResNet(PlainNet):
    """The same network, in which every pair of convolutions only adds to what goes around it: y = x + f(x)."""

    def link(self, before: int, after: int) -> nn.Module:
        """One pair of convolutions with its skip link, which is a 1x1 convolution where the shape changes."""
        if before == after:
            return nn.Residual(_unit(before, after, 1))
        shortcut = nn.Sequential(nn.Conv2d(before, after, 1, 2, bias=False), nn.BatchNorm2d(after))
        return nn.Residual(_unit(before, after, 2), shortcut)


class ConvEncoder(nn.Module):
    """Blocks of convolution, batch norm, ReLU and pooling; x: (N,1,size,size) -> codes (N,D), the flattened last maps.

    Source: Snell, Swersky, Zemel 2017, arXiv:1703.05175, section 3.1.
    """

    def __init__(self, size: int = 28, width: int = 64, blocks: int = 4) -> None:
        layers: list[nn.Module] = []
        for k in range(blocks):
            layers += [nn.Conv2d(width if k else 1, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2)]
        self.layers = nn.Sequential(*layers, nn.Flatten())

    def forward(self, x: Any) -> Any:
        return self.layers(x)
