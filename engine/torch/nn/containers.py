"""Sequential, ModuleList, ModuleDict, ParameterList and ParameterDict with PyTorch's methods."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ... import nn
from ..names.core import is_tensor
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


class ParameterList(Module):
    """A list of parameters."""

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        for v in values or ():
            self.append(v)

    def append(self, value: Any) -> Any:
        """Add one at the end; a tensor becomes a parameter."""
        setattr(self, str(len(self)), Parameter(value) if is_tensor(value) and not isinstance(value, nn.Parameter) else value)
        return self

    def extend(self, values: Iterable[Any]) -> Any:
        """Add several at the end."""
        for v in values:
            self.append(v)
        return self

    def _items(self) -> list[Any]:
        return [v for k, v in self.__dict__.items() if k.isdigit()]

    def __len__(self) -> int:
        return len(self._items())

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items())

    def __getitem__(self, index: Any) -> Any:
        found = self._items()[index]
        return ParameterList(found) if isinstance(index, slice) else found

    def __setitem__(self, index: int, value: Any) -> None:
        setattr(self, str(range(len(self))[index]), value)

    def __iadd__(self, values: Iterable[Any]) -> Any:
        return self.extend(values)


class ParameterDict(Module):
    """Parameters by name."""

    def __init__(self, parameters: Any = None) -> None:
        self.update(parameters or {})

    def _held(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if is_tensor(v)}

    def update(self, parameters: Any) -> None:
        """Add parameters by name."""
        for name, value in dict(parameters).items():
            self[name] = value

    def __setitem__(self, name: str, value: Any) -> None:
        setattr(self, name, Parameter(value) if is_tensor(value) and not isinstance(value, nn.Parameter) else value)

    def __getitem__(self, name: str) -> Any:
        return self._held()[name]

    def __delitem__(self, name: str) -> None:
        delattr(self, name)

    def __contains__(self, name: object) -> bool:
        return name in self._held()

    def __len__(self) -> int:
        return len(self._held())

    def __iter__(self) -> Iterator[str]:
        return iter(self._held())

    def keys(self) -> Any:
        """The names."""
        return self._held().keys()

    def values(self) -> Any:
        """The parameters."""
        return self._held().values()

    def items(self) -> Any:
        """Names and parameters."""
        return self._held().items()


LAYERS.update({nn.Sequential: Sequential, nn.ModuleList: ModuleList, nn.ModuleDict: ModuleDict, nn.Module: Module})
NAMES: dict[str, Any] = {
    "Sequential": Sequential, "ModuleList": ModuleList, "ModuleDict": ModuleDict, "ParameterList": ParameterList,
    "ParameterDict": ParameterDict, "Module": Module, "Parameter": Parameter, "Container": Module,
}  # fmt: skip
