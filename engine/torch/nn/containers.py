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

    def __setitem__(self, index: int, module: Any) -> None:
        setattr(self, list(self._modules)[index], module)

    def __delitem__(self, index: Any) -> None:
        names = list(self._modules)[index]
        for name in [names] if isinstance(names, str) else names:
            delattr(self, name)

    def extend(self, modules: Iterable[Any]) -> Any:
        """Add modules at the end."""
        for m in modules:
            self.append(m)
        return self

    def forward(self, input: Any) -> Any:
        for m in list(self._modules.values()):
            input = m(input)
        return input


class ModuleList(Module, nn.ModuleList):  # type: ignore[misc]
    """A list of modules."""

    def __init__(self, modules: Any = None) -> None:
        nn.ModuleList.__init__(self, modules or ())

    def __getitem__(self, index: Any) -> Any:
        found = list(self._modules.values())[index]
        return ModuleList(found) if isinstance(index, slice) else found

    def __iadd__(self, modules: Iterable[Any]) -> Any:
        self.extend(modules)
        return self

    def _replace(self, members: list[Any]) -> None:
        for name in list(self._modules):
            delattr(self, name)
        self.extend(members)

    def __delitem__(self, index: Any) -> None:
        members = list(self)
        del members[index]
        self._replace(members)

    def insert(self, index: int, module: Any) -> None:
        """Put a module before a place."""
        members = list(self)
        members.insert(index, module)
        self._replace(members)

    def pop(self, key: int = -1) -> Any:
        """Remove and return a module."""
        found = self[key]
        del self[key]
        return found


class ModuleDict(Module, nn.ModuleDict):  # type: ignore[misc]
    """Modules by name."""

    def __init__(self, modules: Any = None) -> None:
        nn.ModuleDict.__init__(self, dict(modules or {}))

    def update(self, modules: Any) -> None:
        """Add modules by name."""
        for name, m in dict(modules).items():
            self[name] = m

    def pop(self, key: str) -> Any:
        """Remove and return a module."""
        found = self[key]
        del self[key]
        return found


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
