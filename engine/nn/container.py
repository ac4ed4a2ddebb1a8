"""Modules that hold modules: in a row, in a list, by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..errors import DTypeError, ShapeError
from .module import Module, in_dtype_of


class Sequential(Module):
    """One module after the other: Sequential(a, b, c), or Sequential({"first": a, "second": b})."""

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            named = dict(modules[0])
        else:
            named = {str(i): m for i, m in enumerate(modules)}  # type: ignore[misc]
        for name, m in named.items():
            _checked(self, m)
            self.add_module(name, m)

    def forward(self, x: Any) -> Any:
        for m in _held(self):
            x = m(x)
        return x

    def __len__(self) -> int:
        return len(_held(self))

    def __iter__(self) -> Iterator[Module]:
        return iter(_held(self))

    def __getitem__(self, index: int | slice) -> Any:
        return Sequential(*_held(self)[index]) if isinstance(index, slice) else _held(self)[index]

    def append(self, module: Module) -> Sequential:
        """Add a module at the end; returns self."""
        self.add_module(str(len(self)), _checked(self, module))
        return self


class Residual(Module):
    """A skip link: y = x + f(x), or shortcut(x) + f(x) where f changes the shape.

    Residual(f) or Residual(f, shortcut); x: whatever f takes, the sum must have one shape. Source: He et al. 2016,
    arXiv:1512.03385.
    """

    def __init__(self, module: Module, shortcut: Module | None = None) -> None:
        self.module = _checked(self, module)
        self.shortcut = shortcut if shortcut is None else _checked(self, shortcut)

    def forward(self, x: Any) -> Any:
        y, skip = self.module(x), x if self.shortcut is None else self.shortcut(x)
        if y.shape != skip.shape:
            raise ShapeError(f"Residual: the module gives {y.shape}, the skip link {skip.shape}; a shortcut must match them")
        return in_dtype_of(y, skip) + y


class ModuleList(Module):
    """A list of modules, whose parameters are found; it has no forward of its own."""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        self.extend(modules)

    def __len__(self) -> int:
        return len(_held(self))

    def __iter__(self) -> Iterator[Module]:
        return iter(_held(self))

    def __getitem__(self, index: int | slice) -> Any:
        return ModuleList(_held(self)[index]) if isinstance(index, slice) else _held(self)[index]

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, str(range(len(self))[index]), _checked(self, module))

    def append(self, module: Module) -> ModuleList:
        """Add a module at the end; returns self."""
        self.add_module(str(len(self)), _checked(self, module))
        return self

    def extend(self, modules: Iterable[Module]) -> ModuleList:
        """Add modules at the end; returns self."""
        for m in modules:
            self.append(m)
        return self


class ModuleDict(Module):
    """Modules by name, whose parameters are found; it has no forward of its own."""

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        for name, m in (modules or {}).items():
            self[name] = m

    def _table(self) -> dict[str, Module]:
        return {n: m for n, m in self.__dict__.items() if isinstance(m, Module)}

    def __len__(self) -> int:
        return len(self._table())

    def __iter__(self) -> Iterator[str]:
        return iter(self._table())

    def __contains__(self, name: object) -> bool:
        return name in self._table()

    def __getitem__(self, name: str) -> Module:
        return self._table()[name]

    def __setitem__(self, name: str, module: Module) -> None:
        self.add_module(name, _checked(self, module))

    def __delitem__(self, name: str) -> None:
        self._table()[name]  # a KeyError if it is no module
        delattr(self, name)

    def keys(self) -> Iterable[str]:
        """The names."""
        return self._table().keys()

    def values(self) -> Iterable[Module]:
        """The modules."""
        return self._table().values()

    def items(self) -> Iterable[tuple[str, Module]]:
        """(name, module) pairs."""
        return self._table().items()


def _held(container: Module) -> list[Module]:
    """The modules in order; one that is there twice counts twice."""
    return [m for m in container.__dict__.values() if isinstance(m, Module)]


def _checked(container: Module, module: Any) -> Module:
    if not isinstance(module, Module):
        name = type(container).__name__
        listed = isinstance(module, list | tuple) and isinstance(container, Sequential)
        way = "; give the modules one by one: Sequential(*modules)" if listed else ""
        way = f"; make one: {module.__name__}(...)" if isinstance(module, type) else way
        raise DTypeError(f"{name}: expected a Module, got {type(module).__name__}{way}")
    return module
