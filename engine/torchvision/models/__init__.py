"""torchvision.models: architectures with PyTorch's names of parameters, without weights, which nothing downloads here."""

from __future__ import annotations

from typing import Any

from .plain import VGG as VGG
from .plain import AlexNet as AlexNet
from .plain import alexnet as alexnet
from .plain import vgg11 as vgg11
from .plain import vgg11_bn as vgg11_bn
from .plain import vgg13 as vgg13
from .plain import vgg13_bn as vgg13_bn
from .plain import vgg16 as vgg16
from .plain import vgg16_bn as vgg16_bn
from .plain import vgg19 as vgg19
from .plain import vgg19_bn as vgg19_bn
from .resnet import BasicBlock as BasicBlock
from .resnet import Bottleneck as Bottleneck
from .resnet import ResNet as ResNet
from .resnet import resnet18 as resnet18
from .resnet import resnet34 as resnet34
from .resnet import resnet50 as resnet50
from .resnet import resnet101 as resnet101
from .resnet import resnet152 as resnet152
from .small import DenseNet as DenseNet
from .small import MobileNetV2 as MobileNetV2
from .small import SqueezeNet as SqueezeNet
from .small import densenet121 as densenet121
from .small import densenet161 as densenet161
from .small import densenet169 as densenet169
from .small import densenet201 as densenet201
from .small import mobilenet_v2 as mobilenet_v2
from .small import squeezenet1_0 as squeezenet1_0
from .small import squeezenet1_1 as squeezenet1_1


class _NoWeights:
    """The names of weights, which can be given to nothing: a model with them raises."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return f"{self._name}.{name}"


def __getattr__(name: str) -> Any:
    if name.endswith("_Weights"):
        return _NoWeights(name)
    if name.startswith("__"):
        raise AttributeError(name)
    from ...torch.missing import explain

    raise AttributeError(explain(f"torchvision.models.{name}"))
