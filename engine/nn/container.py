"""Modules that hold modules: in sequence, in a list, by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, overload

from ..errors import DTypeError, ShapeError
from .module import Module, in_dtype_of

if TYPE_CHECKING:
    from .._tensor import Tensor


class Sequential(Module):
    """Apply modules one after another.

    ``len``, iteration and indexing work as for a list; a slice is a new Sequential of the same modules.

    Parameters
    ----------
    *modules : Module or dict
        The modules in order, or one dict from names to modules.

    Examples
    --------
    >>> model = dl.nn.Sequential(dl.nn.Linear(3, 8), dl.nn.ReLU(), dl.nn.Linear(8, 2))
    >>> model(dl.ones((5, 3))).shape
    (5, 2)
    >>> dl.nn.Sequential({"hidden": model[0], "active": model[1]})
    Sequential(
      (hidden): Linear(in_features=3, out_features=8, bias=True)
      (active): ReLU()
    )
    """

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            named = dict(modules[0])
        else:
            named = {str(i): m for i, m in enumerate(modules)}  # type: ignore[misc]
        for name, m in named.items():
            self.add_module(name, _require_module(self, m))

    def forward(self, x: Any) -> Any:
        for m in _members(self):
            x = m(x)
        return x

    def __len__(self) -> int:
        return len(_members(self))

    def __iter__(self) -> Iterator[Module]:
        return iter(_members(self))

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Sequential: ...
    def __getitem__(self, index: int | slice) -> Any:
        return Sequential(*_members(self)[index]) if isinstance(index, slice) else _members(self)[index]

    def append(self, module: Module) -> Sequential:
        """Add a module at the end.

        Parameters
        ----------
        module : Module
            The module.

        Returns
        -------
        Sequential
            The container itself.
        """
        self.add_module(str(len(self)), _require_module(self, module))
        return self


class Residual(Module):
    """Add a skip connection to a module: ``y = x + f(x)``, or ``y = shortcut(x) + f(x)``.

    Shape: x is whatever the module takes; both terms of the sum must have one shape.

    Parameters
    ----------
    module : Module
        f.
    shortcut : Module or None
        A map of x to the shape of ``f(x)``, needed where f changes the shape; None adds x itself.

    References
    ----------
    He, Zhang, Ren and Sun, "Deep residual learning for image recognition", 2016, arXiv:1512.03385.

    Examples
    --------
    >>> dl.nn.Residual(dl.nn.ReLU())(dl.asarray([-1.0, 2.0]))
    tensor([-1.,  4.])
    >>> dl.nn.Residual(dl.nn.Linear(3, 4), shortcut=dl.nn.Linear(3, 4, bias=False))(dl.ones((2, 3))).shape
    (2, 4)
    """

    def __init__(self, module: Module, shortcut: Module | None = None) -> None:
        self.module = _require_module(self, module)
        self.shortcut = shortcut if shortcut is None else _require_module(self, shortcut)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.module(x)
        skip: Tensor = x if self.shortcut is None else self.shortcut(x)
        if y.shape != skip.shape:
            raise ShapeError(f"Residual: the module gives {y.shape}, the skip link {skip.shape}; a shortcut must match them")
        total: Tensor = in_dtype_of(y, skip) + y
        return total


class ModuleList(Module):
    """A list of modules, whose parameters belong to the model.

    It has no forward of its own. ``len``, iteration, indexing and item assignment work as for a list.

    Parameters
    ----------
    modules : iterable of Module
        The first modules.

    Examples
    --------
    >>> layers = dl.nn.ModuleList(dl.nn.Linear(4, 4) for _ in range(3))
    >>> len(layers), len(list(layers.parameters()))
    (3, 6)
    """

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        self.extend(modules)

    def __len__(self) -> int:
        return len(_members(self))

    def __iter__(self) -> Iterator[Module]:
        return iter(_members(self))

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> ModuleList: ...
    def __getitem__(self, index: int | slice) -> Any:
        return ModuleList(_members(self)[index]) if isinstance(index, slice) else _members(self)[index]

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, str(range(len(self))[index]), _require_module(self, module))

    def append(self, module: Module) -> ModuleList:
        """Add a module at the end.

        Parameters
        ----------
        module : Module
            The module.

        Returns
        -------
        ModuleList
            The list itself.
        """
        self.add_module(str(len(self)), _require_module(self, module))
        return self

    def extend(self, modules: Iterable[Module]) -> ModuleList:
        """Add modules at the end.

        Parameters
        ----------
        modules : iterable of Module
            The modules.

        Returns
        -------
        ModuleList
            The list itself.
        """
        for m in modules:
            self.append(m)
        return self


class ModuleDict(Module):
    """Modules by name, whose parameters belong to the model.

    It has no forward of its own. ``len``, iteration, ``in``, indexing, item assignment and ``del`` work as for a dict.

    Parameters
    ----------
    modules : dict or None
        The first modules, by name.

    Examples
    --------
    >>> heads = dl.nn.ModuleDict({"digit": dl.nn.Linear(8, 10)})
    >>> heads["parity"] = dl.nn.Linear(8, 2)
    >>> list(heads), heads["parity"](dl.ones((1, 8))).shape
    (['digit', 'parity'], (1, 2))
    """

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        for name, m in (modules or {}).items():
            self[name] = m

    def _by_name(self) -> dict[str, Module]:
        """Collect the modules with their names."""
        return {n: m for n, m in self.__dict__.items() if isinstance(m, Module)}

    def __len__(self) -> int:
        return len(self._by_name())

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name())

    def __contains__(self, name: object) -> bool:
        return name in self._by_name()

    def __getitem__(self, name: str) -> Module:
        return self._by_name()[name]

    def __setitem__(self, name: str, module: Module) -> None:
        self.add_module(name, _require_module(self, module))

    def __delitem__(self, name: str) -> None:
        self._by_name()[name]  # a KeyError if it is no module
        delattr(self, name)

    def keys(self) -> Iterable[str]:
        """List the names.

        Returns
        -------
        iterable of str
            The names in the order in which they were added.
        """
        return self._by_name().keys()

    def values(self) -> Iterable[Module]:
        """List the modules.

        Returns
        -------
        iterable of Module
            The modules in the order in which they were added.
        """
        return self._by_name().values()

    def items(self) -> Iterable[tuple[str, Module]]:
        """List names and modules.

        Returns
        -------
        iterable of (str, Module)
            The pairs in the order in which they were added.
        """
        return self._by_name().items()


def _members(container: Module) -> list[Module]:
    """List the modules in order; a module that was added twice appears twice."""
    return [m for m in container.__dict__.values() if isinstance(m, Module)]


def _require_module(container: Module, module: object) -> Module:
    """Return the argument, or raise a DTypeError that says how to pass modules if it is something else."""
    if not isinstance(module, Module):
        name = type(container).__name__
        listed = isinstance(module, list | tuple) and isinstance(container, Sequential)
        advice = "; give the modules one by one: Sequential(*modules)" if listed else ""
        advice = f"; make one: {module.__name__}(...)" if isinstance(module, type) else advice
        raise DTypeError(f"{name}: expected a Module, got {type(module).__name__}{advice}")
    return module
