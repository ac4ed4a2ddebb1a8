"""Sequential, ModuleList, ModuleDict, ParameterList and ParameterDict with PyTorch's methods."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ... import nn
from .module import LAYERS, Module
from .parameter import Parameter


class Sequential(Module, nn.Sequential):  # type: ignore[misc]
    """Modules one after another, by position or, from an OrderedDict, by name."""

    def __init__(self, *modules: Any) -> None:
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            for name, m in modules[0].items():
                self.add_module(name, m)
        else:
            for i, m in enumerate(modules):
                self.add_module(str(i), m)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(dict(list(self._modules.items())[index]))
        return list(self._modules.values())[index]

    def _of(self, modules: Iterable[Any]) -> Any:
        return Sequential(*modules)

    def forward(self, input: Any) -> Any:
        for m in list(self.__dict__.values()):
            if isinstance(m, nn.Module):
                input = m(input)
        return input


class ModuleList(Module, nn.ModuleList):  # type: ignore[misc]
    """A list of modules."""

    def __init__(self, modules: Any = None) -> None:
        nn.ModuleList.__init__(self, modules or ())

    def _of(self, modules: Iterable[Any]) -> Any:
        return ModuleList(modules)


class ModuleDict(Module, nn.ModuleDict):  # type: ignore[misc]
    """Modules by name."""

    def __init__(self, modules: Any = None) -> None:
        nn.ModuleDict.__init__(self, dict(modules or {}))


class ParameterList(Module, nn.ParameterList):  # type: ignore[misc]
    """A list of parameters."""

    kind = Parameter

    def __init__(self, values: Any = None) -> None:
        nn.ParameterList.__init__(self, values)


class ParameterDict(Module, nn.ParameterDict):  # type: ignore[misc]
    """Parameters by name."""

    kind = Parameter

    def __init__(self, parameters: Any = None) -> None:
        nn.ParameterDict.__init__(self, parameters)


LAYERS.update({nn.Sequential: Sequential, nn.ModuleList: ModuleList, nn.ModuleDict: ModuleDict, nn.Module: Module,
               nn.ParameterList: ParameterList, nn.ParameterDict: ParameterDict})  # fmt: skip
NAMES: dict[str, Any] = {
    "Sequential": Sequential, "ModuleList": ModuleList, "ModuleDict": ModuleDict, "ParameterList": ParameterList,
    "ParameterDict": ParameterDict, "Module": Module, "Parameter": Parameter, "Container": Module,
}  # fmt: skip
