"""Networks of layers one after another: AlexNet, and VGG of Simonyan and Zisserman 2015, arXiv:1409.1556."""

from __future__ import annotations

from typing import Any

from ... import torch
from .resnet import no_weights

nn = torch.nn


class AlexNet(nn.Module):  # type: ignore[misc]
    """Krizhevsky 2014, arXiv:1404.5997."""

    def __init__(self, num_classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, kernel_size=11, stride=4, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(64, 192, kernel_size=5, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(192, 384, kernel_size=3, padding=1), nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, kernel_size=3, padding=1), nn.ReLU(inplace=True),
            nn.Conv2d(256, 256, kernel_size=3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(kernel_size=3, stride=2),
        )  # fmt: skip
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
        self.classifier = nn.Sequential(
            nn.Dropout(p=dropout), nn.Linear(256 * 6 * 6, 4096), nn.ReLU(inplace=True), nn.Dropout(p=dropout),
            nn.Linear(4096, 4096), nn.ReLU(inplace=True), nn.Linear(4096, num_classes),
        )  # fmt: skip

    def forward(self, x: Any) -> Any:
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


class VGG(nn.Module):  # type: ignore[misc]
    """Convolutions of 3 x 3 between poolings, and three linear layers."""

    def __init__(self, features: Any, num_classes: int = 1000, init_weights: bool = True, dropout: float = 0.5) -> None:
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096), nn.ReLU(True), nn.Dropout(p=dropout), nn.Linear(4096, 4096), nn.ReLU(True),
            nn.Dropout(p=dropout), nn.Linear(4096, num_classes),
        )  # fmt: skip
        found: list[Any] = list(self.modules()) if init_weights else []
        for m in found:
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
                nn.init.zeros_(m.bias)
            elif isinstance(m, nn.Linear):
                nn.init.normal_(m.weight, 0, 0.01)
                nn.init.zeros_(m.bias)

    def forward(self, x: Any) -> Any:
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


_WIDTHS = (64, 128, 256, 512, 512)
_COUNTS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}


def _make(depth: int, norm: bool) -> Any:
    name = f"vgg{depth}{'_bn' if norm else ''}"

    def model(pretrained: Any = False, progress: bool = True, *, weights: Any = None, **options: Any) -> Any:
        no_weights(name, weights, pretrained)
        layers: list[Any] = []
        inputs = 3
        for width, count in zip(_WIDTHS, _COUNTS[depth], strict=True):
            for _ in range(count):
                layers += [nn.Conv2d(inputs, width, kernel_size=3, padding=1), *([nn.BatchNorm2d(width)] if norm else []),
                           nn.ReLU(inplace=True)]  # fmt: skip
                inputs = width
            layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
        return VGG(nn.Sequential(*layers), **options)

    model.__name__ = name
    return model


vgg11, vgg13, vgg16, vgg19 = (_make(d, False) for d in (11, 13, 16, 19))
vgg11_bn, vgg13_bn, vgg16_bn, vgg19_bn = (_make(d, True) for d in (11, 13, 16, 19))


def alexnet(pretrained: Any = False, progress: bool = True, *, weights: Any = None, **options: Any) -> AlexNet:
    """AlexNet without weights."""
    no_weights("alexnet", weights, pretrained)
    return AlexNet(**options)
