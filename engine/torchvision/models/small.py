"""Networks with few weights: SqueezeNet (arXiv:1602.07360), MobileNetV2 (arXiv:1801.04381), DenseNet (arXiv:1608.06993)."""

from __future__ import annotations

from typing import Any

from ... import torch
from .resnet import no_weights

nn = torch.nn


def _begin(model: Any, *, convolution: Any, last: float | None = None) -> None:
    """Initial values: those of a function for convolutions, biases of 0, and linear layers of a deviation."""
    for m in model.modules():
        if isinstance(m, nn.Conv2d):
            convolution(m.weight)
        elif isinstance(m, nn.Linear) and last is not None:
            nn.init.normal_(m.weight, 0, last)
        if isinstance(m, nn.Conv2d | nn.Linear) and m.bias is not None:
            nn.init.zeros_(m.bias)


# ---------------------------------------------------------------------- SqueezeNet
class Fire(nn.Module):  # type: ignore[misc]
    """A narrow convolution of 1 x 1, then wide ones of 1 x 1 and 3 x 3 side by side."""

    def __init__(self, inplanes: int, squeeze_planes: int, expand1x1_planes: int, expand3x3_planes: int) -> None:
        super().__init__()
        self.inplanes = inplanes
        self.squeeze, self.squeeze_activation = nn.Conv2d(inplanes, squeeze_planes, 1), nn.ReLU(inplace=True)
        self.expand1x1, self.expand1x1_activation = nn.Conv2d(squeeze_planes, expand1x1_planes, 1), nn.ReLU(inplace=True)
        self.expand3x3 = nn.Conv2d(squeeze_planes, expand3x3_planes, 3, padding=1)
        self.expand3x3_activation = nn.ReLU(inplace=True)

    def forward(self, x: Any) -> Any:
        x = self.squeeze_activation(self.squeeze(x))
        return torch.cat([self.expand1x1_activation(self.expand1x1(x)), self.expand3x3_activation(self.expand3x3(x))], 1)


_FIRES: dict[str, Any] = {
    "1_0": ((96, 7), ((16, 64), (16, 64), (32, 128), None, (32, 128), (48, 192), (48, 192), (64, 256), None, (64, 256))),
    "1_1": ((64, 3), ((16, 64), (16, 64), None, (32, 128), (32, 128), None, (48, 192), (48, 192), (64, 256), (64, 256))),
}
"""The first convolution's channels and size, then widths inside and outside of each Fire; None is a pooling."""


class SqueezeNet(nn.Module):  # type: ignore[misc]
    """Fires between poolings, and a convolution as classifier."""

    def __init__(self, version: str = "1_0", num_classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        (inputs, size), fires = _FIRES[version]
        self.num_classes = num_classes
        layers: list[Any] = [nn.Conv2d(3, inputs, size, stride=2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, ceil_mode=True)]
        for fire in fires:
            if fire is None:
                layers.append(nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True))
                continue
            layers.append(Fire(inputs, fire[0], fire[1], fire[1]))
            inputs = 2 * fire[1]
        self.features = nn.Sequential(*layers)
        last = nn.Conv2d(inputs, num_classes, kernel_size=1)
        self.classifier = nn.Sequential(nn.Dropout(p=dropout), last, nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d((1, 1)))
        _begin(self, convolution=nn.init.kaiming_uniform_)
        nn.init.normal_(last.weight, 0, 0.01)

    def forward(self, x: Any) -> Any:
        return torch.flatten(self.classifier(self.features(x)), 1)


# ---------------------------------------------------------------------- MobileNetV2
def _normed(inputs: int, outputs: int, size: int = 3, stride: int = 1, groups: int = 1) -> Any:
    conv = nn.Conv2d(inputs, outputs, size, stride, (size - 1) // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU6(inplace=True))


class InvertedResidual(nn.Module):  # type: ignore[misc]
    """Wider, a convolution of each channel by itself, narrower again, and a skip connection where shapes allow."""

    def __init__(self, inp: int, oup: int, stride: int, expand_ratio: int) -> None:
        super().__init__()
        hidden = round(inp * expand_ratio)
        self.use_res_connect = stride == 1 and inp == oup
        wider = [_normed(inp, hidden, 1)] if expand_ratio != 1 else []
        each = _normed(hidden, hidden, 3, stride, hidden)
        self.conv = nn.Sequential(*wider, each, nn.Conv2d(hidden, oup, 1, bias=False), nn.BatchNorm2d(oup))

    def forward(self, x: Any) -> Any:
        return x + self.conv(x) if self.use_res_connect else self.conv(x)


_INVERTED = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


def _eighths(width: float, divisor: int = 8) -> int:
    """The nearest multiple of the divisor that is not less than nine tenths of a width."""
    found = max(divisor, int(width + divisor / 2) // divisor * divisor)
    return found + divisor if found < 0.9 * width else found


class MobileNetV2(nn.Module):  # type: ignore[misc]
    """Inverted residual blocks."""

    def __init__(self, num_classes: int = 1000, width_mult: float = 1.0, inverted_residual_setting: Any = None,
                 round_nearest: int = 8, dropout: float = 0.2) -> None:  # fmt: skip
        super().__init__()
        inputs = _eighths(32 * width_mult, round_nearest)
        self.last_channel = _eighths(1280 * max(1.0, width_mult), round_nearest)
        layers = [_normed(3, inputs, stride=2)]
        for ratio, width, count, stride in inverted_residual_setting or _INVERTED:
            outputs = _eighths(width * width_mult, round_nearest)
            for i in range(count):
                layers.append(InvertedResidual(inputs, outputs, stride if i == 0 else 1, ratio))
                inputs = outputs
        layers.append(_normed(inputs, self.last_channel, 1))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(p=dropout), nn.Linear(self.last_channel, num_classes))
        _begin(self, convolution=lambda w: nn.init.kaiming_normal_(w, mode="fan_out"), last=0.01)

    def forward(self, x: Any) -> Any:
        return self.classifier(self.features(x).mean((2, 3)))


# ---------------------------------------------------------------------- DenseNet
class _DenseLayer(nn.Module):  # type: ignore[misc]
    def __init__(self, inputs: int, growth_rate: int, bn_size: int, drop_rate: float) -> None:
        super().__init__()
        inner = bn_size * growth_rate
        self.norm1, self.relu1 = nn.BatchNorm2d(inputs), nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(inputs, inner, kernel_size=1, bias=False)
        self.norm2, self.relu2 = nn.BatchNorm2d(inner), nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(inner, growth_rate, kernel_size=3, padding=1, bias=False)
        self.drop_rate = float(drop_rate)

    def forward(self, x: Any) -> Any:
        x = self.conv2(self.relu2(self.norm2(self.conv1(self.relu1(self.norm1(x))))))
        return nn.functional.dropout(x, self.drop_rate, self.training) if self.drop_rate else x


class _DenseBlock(nn.Module):  # type: ignore[misc]
    """Layers that see all that the ones before them made."""

    def __init__(self, count: int, inputs: int, bn_size: int, growth_rate: int, drop_rate: float) -> None:
        super().__init__()
        for i in range(count):
            self.add_module(f"denselayer{i + 1}", _DenseLayer(inputs + i * growth_rate, growth_rate, bn_size, drop_rate))

    def forward(self, x: Any) -> Any:
        for layer in self.children():
            x = torch.cat([x, layer(x)], 1)
        return x


class DenseNet(nn.Module):  # type: ignore[misc]
    """Dense blocks between convolutions of 1 x 1 with poolings."""

    def __init__(self, growth_rate: int = 32, block_config: Any = (6, 12, 24, 16), num_init_features: int = 64, bn_size: int = 4,
                 drop_rate: float = 0, num_classes: int = 1000) -> None:  # fmt: skip
        super().__init__()
        width = num_init_features
        parts: dict[str, Any] = {
            "conv0": nn.Conv2d(3, width, kernel_size=7, stride=2, padding=3, bias=False), "norm0": nn.BatchNorm2d(width),
            "relu0": nn.ReLU(inplace=True), "pool0": nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
        }  # fmt: skip
        for i, count in enumerate(block_config, start=1):
            parts[f"denseblock{i}"] = _DenseBlock(count, width, bn_size, growth_rate, drop_rate)
            width += count * growth_rate
            if i < len(block_config):
                parts[f"transition{i}"] = nn.Sequential({
                    "norm": nn.BatchNorm2d(width), "relu": nn.ReLU(inplace=True),
                    "conv": nn.Conv2d(width, width // 2, kernel_size=1, bias=False), "pool": nn.AvgPool2d(2, 2),
                })  # fmt: skip
                width //= 2
        parts["norm5"] = nn.BatchNorm2d(width)
        self.features = nn.Sequential(parts)
        self.classifier = nn.Linear(width, num_classes)
        _begin(self, convolution=nn.init.kaiming_normal_)

    def forward(self, x: Any) -> Any:
        x = nn.functional.relu(self.features(x), inplace=True)
        return self.classifier(torch.flatten(nn.functional.adaptive_avg_pool2d(x, (1, 1)), 1))


def _make(name: str, kind: Any, *settings: Any) -> Any:
    def model(pretrained: Any = False, progress: bool = True, *, weights: Any = None, **options: Any) -> Any:
        no_weights(name, weights, pretrained)
        return kind(*settings, **options)

    model.__name__ = name
    return model


squeezenet1_0, squeezenet1_1 = (_make(f"squeezenet{v}", SqueezeNet, v) for v in ("1_0", "1_1"))
mobilenet_v2 = _make("mobilenet_v2", MobileNetV2)
densenet121 = _make("densenet121", DenseNet, 32, (6, 12, 24, 16), 64)
densenet161 = _make("densenet161", DenseNet, 48, (6, 12, 36, 24), 96)
densenet169 = _make("densenet169", DenseNet, 32, (6, 12, 32, 32), 64)
densenet201 = _make("densenet201", DenseNet, 32, (6, 12, 48, 32), 64)
