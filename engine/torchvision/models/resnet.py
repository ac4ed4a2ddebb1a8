"""Residual networks of He et al. 2016, arXiv:1512.03385."""

from __future__ import annotations

from typing import Any

from ... import torch

nn = torch.nn


def no_weights(name: str, weights: Any, pretrained: Any = False) -> None:
    """Refuse trained weights, which would have to be downloaded."""
    if weights is not None or pretrained:
        raise NotImplementedError(
            f"torchvision.models.{name}: trained weights are not downloaded; build it with weights=None and load a local file "
            "with load_state_dict(dlengine.io.load_weights(path))"
        )


def _conv(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1, dilation: int = 1) -> Any:
    padding = dilation * (kernel // 2)
    return nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, groups, bias=False)


class BasicBlock(nn.Module):  # type: ignore[misc]
    """Two convolutions of 3 x 3 and a skip connection."""

    expansion = 1

    def __init__(self, inplanes: int, planes: int, stride: int = 1, downsample: Any = None, groups: int = 1,
                 base_width: int = 64, dilation: int = 1, norm_layer: Any = None) -> None:  # fmt: skip
        super().__init__()
        norm = norm_layer or nn.BatchNorm2d
        self.conv1, self.bn1 = _conv(inplanes, planes, 3, stride), norm(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2, self.bn2 = _conv(planes, planes, 3), norm(planes)
        self.downsample, self.stride = downsample, stride

    def forward(self, x: Any) -> Any:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):  # type: ignore[misc]
    """Convolutions of 1 x 1, 3 x 3 and 1 x 1 and a skip connection."""

    expansion = 4

    def __init__(self, inplanes: int, planes: int, stride: int = 1, downsample: Any = None, groups: int = 1,
                 base_width: int = 64, dilation: int = 1, norm_layer: Any = None) -> None:  # fmt: skip
        super().__init__()
        norm = norm_layer or nn.BatchNorm2d
        width = int(planes * (base_width / 64.0)) * groups
        self.conv1, self.bn1 = _conv(inplanes, width, 1), norm(width)
        self.conv2, self.bn2 = _conv(width, width, 3, stride, groups, dilation), norm(width)
        self.conv3, self.bn3 = _conv(width, planes * self.expansion, 1), norm(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample, self.stride = downsample, stride

    def forward(self, x: Any) -> Any:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):  # type: ignore[misc]
    """Four groups of blocks behind a convolution and a pooling."""

    def __init__(
        self,
        block: Any,
        layers: Any,
        num_classes: int = 1000,
        zero_init_residual: bool = False,
        groups: int = 1,
        width_per_group: int = 64,
        replace_stride_with_dilation: Any = None,
        norm_layer: Any = None,
    ) -> None:
        super().__init__()
        if replace_stride_with_dilation:
            raise NotImplementedError("torchvision.models.ResNet: replace_stride_with_dilation is not supported")
        self._norm, self.inplanes, self.groups, self.base_width = norm_layer or nn.BatchNorm2d, 64, groups, width_per_group
        self.conv1 = nn.Conv2d(3, 64, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1, self.relu = self._norm(64), nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layer1 = self._make_layer(block, 64, layers[0])
        self.layer2 = self._make_layer(block, 128, layers[1], 2)
        self.layer3 = self._make_layer(block, 256, layers[2], 2)
        self.layer4 = self._make_layer(block, 512, layers[3], 2)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512 * block.expansion, num_classes)
        found: list[Any] = list(self.modules())
        for m in found:
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
            if zero_init_residual and isinstance(m, Bottleneck | BasicBlock):
                nn.init.zeros_((m.bn3 if isinstance(m, Bottleneck) else m.bn2).weight)

    def _make_layer(self, block: Any, planes: int, blocks: int, stride: int = 1) -> Any:
        downsample = None
        if stride != 1 or self.inplanes != planes * block.expansion:
            downsample = nn.Sequential(
                _conv(self.inplanes, planes * block.expansion, 1, stride), self._norm(planes * block.expansion)
            )
        made = [block(self.inplanes, planes, stride, downsample, self.groups, self.base_width, 1, self._norm)]
        self.inplanes = planes * block.expansion
        for _ in range(1, blocks):
            made.append(block(self.inplanes, planes, 1, None, self.groups, self.base_width, 1, self._norm))
        return nn.Sequential(*made)

    def forward(self, x: Any) -> Any:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


def _make(name: str, block: Any, layers: Any) -> Any:
    def model(pretrained: Any = False, progress: bool = True, *, weights: Any = None, **options: Any) -> Any:
        no_weights(name, weights, pretrained)
        return ResNet(block, layers, **options)

    model.__name__ = name
    return model


resnet18, resnet34 = _make("resnet18", BasicBlock, (2, 2, 2, 2)), _make("resnet34", BasicBlock, (3, 4, 6, 3))
resnet50, resnet101 = _make("resnet50", Bottleneck, (3, 4, 6, 3)), _make("resnet101", Bottleneck, (3, 4, 23, 3))
resnet152 = _make("resnet152", Bottleneck, (3, 8, 36, 3))
