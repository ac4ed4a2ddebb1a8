"""Modules that hold modules: in sequence, in a list, by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self, overload

from ..errors import DTypeError, ShapeError
from .module import Module, in_dtype_of

if TYPE_CHECKING:
    from .._tensor import Tensor


class _ListOfModules(Module):
    """What Sequential and ModuleList share: the ways of a list."""

    def _of(self, modules: Iterable[Module]) -> Any:
        """A container of the same kind."""
        raise NotImplementedError

    def _held(self) -> dict[str, Module]:
        """The modules by name, in order; a module that was added twice appears twice."""
        return {name: m for name, m in self.__dict__.items() if isinstance(m, Module)}

    def _arrange(self, modules: Iterable[tuple[str, Module]]) -> None:
        """Hold these modules alone; names that are numbers become the places in the order."""
        held = list(modules)
        for name in self._held():
            delattr(self, name)
        for place, (name, m) in enumerate(held):
            self.add_module(str(place) if name.isdecimal() else name, m)

    def __len__(self) -> int:
        return len(self._held())

    def __iter__(self) -> Iterator[Module]:
        return iter(list(self._held().values()))

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> Any:
        found = list(self)[index]
        return self._of(found) if isinstance(found, list) else found

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, list(self._held())[index], _require_module(self, module))

    def __delitem__(self, index: int | slice) -> None:
        held = list(self._held().items())
        del held[index]
        self._arrange(held)

    def __add__(self, modules: Iterable[Module]) -> Self:
        both: Self = self._of([*self, *modules])
        return both

    def __iadd__(self, modules: Iterable[Module]) -> Self:
        return self.extend(modules)

    def append(self, module: Module) -> Self:
        """Add a module at the end.

        Parameters
        ----------
        module : Module
            The module.

        Returns
        -------
        Sequential or ModuleList
            The container itself.
        """
        self.add_module(str(len(self)), _require_module(self, module))
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add modules at the end.

        Parameters
        ----------
        modules : iterable of Module
            The modules.

        Returns
        -------
        Sequential or ModuleList
            The container itself.
        """
        for m in list(modules):
            self.append(m)
        return self

    def insert(self, index: int, module: Module) -> Self:
        """Put a module before another.

        Parameters
        ----------
        index : int
            The place that it gets; from the end where it is negative, as for a list.
        module : Module
            The module.

        Returns
        -------
        Sequential or ModuleList
            The container itself.
        """
        held = list(self._held().items())
        held.insert(index, ("0", _require_module(self, module)))
        self._arrange(held)
        return self

    def pop(self, index: int = -1) -> Any:
        """Take a module out.

        Parameters
        ----------
        index : int
            Its place, the last by default.

        Returns
        -------
        Module
            The module.
        """
        found = self[index]
        del self[index]
        return found


class Sequential(_ListOfModules):
    """Apply modules one after another.

    ``len``, iteration, indexing, item assignment, ``del``, ``+`` and ``pop`` work as for a list; a slice is a new Sequential of
    the same modules.

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

    def _of(self, modules: Iterable[Module]) -> Any:
        return Sequential(*modules)

    def forward(self, x: Any) -> Any:
        for m in self._held().values():
            x = m(x)
        return x


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


class ModuleList(_ListOfModules):
    """A list of modules, whose parameters belong to the model.

    It has no forward of its own. ``len``, iteration, indexing, item assignment, ``del``, ``+`` and ``pop`` work as for a list.

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

    def _of(self, modules: Iterable[Module]) -> Any:
        return ModuleList(modules)


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


def _require_module(container: Module, module: object) -> Module:
    """Return the argument, or raise a DTypeError that says how to pass modules if it is something else."""
    if not isinstance(module, Module):
        name = type(container).__name__
        listed = isinstance(module, list | tuple) and isinstance(container, Sequential)
        advice = "; give the modules one by one: Sequential(*modules)" if listed else ""
        advice = f"; make one: {module.__name__}(...)" if isinstance(module, type) else advice
        raise DTypeError(f"{name}: expected a Module, got {type(module).__name__}{advice}")
    return module
