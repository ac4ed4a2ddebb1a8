"""The tree of modules: attributes that are parameters, buffers or other modules, and the iteration over them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar, cast

from .._tensor import Tensor
from ..errors import DTypeError
from .parameter import Parameter

if TYPE_CHECKING:
    from .module import Module

T = TypeVar("T", bound=Tensor)


class ModuleTree:
    """The part of Module that finds parameters, buffers and modules among its attributes."""

    if not TYPE_CHECKING:  # else every misspelt attribute would pass the type check

        def __getattr__(self, name: str) -> Any:
            """Compute a weight that depends on other parameters (see weight_norm)."""
            if self._is_parametrized(name):
                return self.__dict__["parametrizations"].__dict__[name]()
            return object.__getattribute__(self, name)  # raises Python's own error, or that of a failing property

    def __setattr__(self, name: str, value: Any) -> None:
        if type(value) is Tensor and isinstance(self.__dict__.get(name), Parameter):
            raise DTypeError(
                f"{type(self).__name__}.{name} is a parameter: assign nn.Parameter(t) to replace it, "
                "write its values under dl.no_grad(), or delete it first"
            )
        if self._is_parametrized(name):
            raise DTypeError(
                f"{type(self).__name__}.{name} is computed from the parameters in parametrizations.{name}: write those instead"
            )
        if isinstance(value, list | dict):
            self._warn_if_hidden(name, value)
        super().__setattr__(name, value)

    def _is_parametrized(self, name: str) -> bool:
        """Whether an attribute is a weight that is computed from others."""
        made = self.__dict__.get("parametrizations")
        return made is not None and is_module(made.__dict__.get(name))

    def _warn_if_hidden(self, name: str, held: list[Any] | dict[Any, Any]) -> None:
        """Warn that modules and parameters in a list or dict are not found; PyTorch ignores them too."""
        kinds = {type(v): v for v in (held.values() if isinstance(held, dict) else held)}
        found = next((v for v in kinds.values() if isinstance(v, ModuleTree | Parameter)), None)
        if found is not None:
            kind = type(held).__name__
            way = f"use nn.Module{kind.capitalize()}" if is_module(found) else "give each an attribute of its own"
            warnings.warn(
                f"{type(self).__name__}.{name} is a {kind}, in which no parameters are found: they are neither trained, moved "
                f"nor saved; {way}, or use a tuple if they belong to something else",
                stacklevel=3,
            )

    # ------------------------------------------------------------------ registration
    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Set an attribute that is a parameter.

        Parameters
        ----------
        name : str
            The name of the attribute, without a dot.
        param : Parameter or None
            The parameter; None where the module has none.

        Raises
        ------
        KeyError
            The name is not allowed, or the module has another attribute of this name.
        """
        setattr(self, self._checked_name(name, Parameter), param)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Set an attribute that is a buffer: a tensor that moves with the module but is not trained.

        Parameters
        ----------
        name : str
            The name of the attribute, without a dot.
        tensor : Tensor or None
            The buffer; None where the module has none.
        persistent : bool
            Whether ``state_dict`` contains it.

        Raises
        ------
        KeyError
            The name is not allowed, or the module has another attribute of this name.

        Examples
        --------
        >>> layer = dl.nn.ReLU()
        >>> layer.register_buffer("steps", dl.zeros(2))
        >>> [name for name, _ in layer.named_buffers()]
        ['steps']
        """
        setattr(self, self._checked_name(name, Tensor), tensor)
        self.__dict__.setdefault("_buffer_names", {})[name] = persistent

    def add_module(self, name: str, module: Module | None) -> None:
        """Set an attribute that is a module.

        Parameters
        ----------
        name : str
            The name of the attribute, without a dot.
        module : Module or None
            The module; None where there is none.

        Raises
        ------
        KeyError
            The name is not allowed, or the module has another attribute of this name.
        """
        setattr(self, self._checked_name(name, ModuleTree), module)

    def _checked_name(self, name: str, kind: type) -> str:
        """Return the name if an attribute of this kind may have it."""
        if not name or "." in name:
            raise KeyError(f"{type(self).__name__}: a name must not be empty or contain '.', got {name!r}")
        if hasattr(self, name) and not isinstance(getattr(self, name), kind | None):
            raise KeyError(f"{type(self).__name__} has an attribute {name!r} already")
        return name

    # ------------------------------------------------------------------ iteration
    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Iterate over the modules directly in this one, with their names.

        Yields
        ------
        tuple of str and Module
            The name and the module, each module once.
        """
        seen: set[int] = set()
        for name, m in tuple(self.__dict__.items()):
            if is_module(m) and id(m) not in seen:
                seen.add(id(m))
                yield name, m

    def children(self) -> Iterator[Module]:
        """Iterate over the modules directly in this one.

        Returns
        -------
        Iterator of Module
            The modules, each once.
        """
        return (m for _, m in self.named_children())

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """Iterate over this module and all modules inside it, with their dotted names.

        Parameters
        ----------
        prefix : str
            The name of this module.

        Yields
        ------
        tuple of str and Module
            The name and the module, each module once, outer ones first.

        Examples
        --------
        >>> model = dl.nn.Sequential(dl.nn.Linear(3, 2), dl.nn.Sequential(dl.nn.ReLU()))
        >>> [name for name, _ in model.named_modules()]
        ['', '0', '1', '1.0']
        """
        seen: set[int] = set()
        rest = [(prefix, cast("Module", self))]
        while rest:
            path, m = rest.pop()
            if id(m) not in seen:
                seen.add(id(m))
                yield path, m
                rest += [(_dotted(path, name), inner) for name, inner in reversed(list(m.named_children()))]

    def modules(self) -> Iterator[Module]:
        """Iterate over this module and all modules inside it.

        Yields
        ------
        Module
            The modules, each once, outer ones first.
        """
        if not _is_own(type(self), "named_modules"):
            yield from (m for _, m in self.named_modules())
            return
        seen: set[int] = set()
        rest: list[Module] = [cast("Module", self)]
        while rest:
            m = rest.pop()
            if id(m) not in seen:
                seen.add(id(m))
                yield m
                plain = type(m).named_children is ModuleTree.named_children or _is_own(type(m), "named_children")
                own = m.__dict__.values()
                inner: list[Any] = [v for v in own if isinstance(v, ModuleTree)] if plain else [v for _, v in m.named_children()]
                rest += reversed(inner)

    def named_parameters(self, prefix: str = "", recurse: bool = True) -> Iterator[tuple[str, Parameter]]:
        """Iterate over the parameters, with their dotted names.

        Parameters
        ----------
        prefix : str
            The name of this module.
        recurse : bool
            Whether the parameters of modules inside are included.

        Returns
        -------
        Iterator of tuple of str and Parameter
            The name and the parameter; a shared parameter once, under its first name.

        Examples
        --------
        >>> [(name, p.shape) for name, p in dl.nn.Linear(3, 2).named_parameters()]
        [('weight', (2, 3)), ('bias', (2,))]
        """
        return self._named(prefix, recurse, ModuleTree._own_parameters)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Iterate over the parameters.

        Parameters
        ----------
        recurse : bool
            Whether the parameters of modules inside are included.

        Yields
        ------
        Parameter
            The parameters, each once.
        """
        if not (_is_own(type(self), "named_parameters") and _is_own(type(self), "named_modules")):
            yield from (p for _, p in self.named_parameters(recurse=recurse))
            return
        seen: set[int] = set()
        for m in self.modules() if recurse else (self,):
            for value in tuple(m.__dict__.values()):
                if isinstance(value, Parameter) and id(value) not in seen:
                    seen.add(id(value))
                    yield value

    def named_buffers(self, prefix: str = "", recurse: bool = True) -> Iterator[tuple[str, Tensor]]:
        """Iterate over the buffers, with their dotted names.

        Parameters
        ----------
        prefix : str
            The name of this module.
        recurse : bool
            Whether the buffers of modules inside are included.

        Returns
        -------
        Iterator of tuple of str and Tensor
            The name and the buffer, each buffer once.
        """
        return self._named(prefix, recurse, ModuleTree._own_buffers)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Iterate over the buffers.

        Parameters
        ----------
        recurse : bool
            Whether the buffers of modules inside are included.

        Returns
        -------
        Iterator of Tensor
            The buffers, each once.
        """
        return (b for _, b in self.named_buffers(recurse=recurse))

    def _own_parameters(self) -> list[tuple[str, Parameter]]:
        """The parameters directly in this module."""
        return [(n, v) for n, v in self.__dict__.items() if isinstance(v, Parameter)]

    def _own_buffers(self) -> list[tuple[str, Tensor]]:
        """The buffers directly in this module."""
        names = self.__dict__.get("_buffer_names", {})
        held = ((n, self.__dict__.get(n)) for n in names)
        return [(n, t) for n, t in held if isinstance(t, Tensor) and not isinstance(t, Parameter)]  # it became a parameter

    def _named(
        self, prefix: str, recurse: bool, own: Callable[[ModuleTree], list[tuple[str, T]]]
    ) -> Iterator[tuple[str, T]]:
        """Iterate over what ``own`` finds in each module, with dotted names."""
        seen: set[int] = set()
        for path, m in self.named_modules(prefix) if recurse else [(prefix, self)]:
            for name, value in own(m):
                if id(value) not in seen:
                    seen.add(id(value))
                    yield _dotted(path, name), value


def _is_own(cls: type, name: str) -> bool:
    """Whether a method is this package's, not one of a user's class that names other things."""
    return bool(getattr(cls, name).__module__.partition(".")[0] == __name__.partition(".")[0])


def is_module(value: object) -> TypeGuard[Module]:
    """Whether a value is a Module."""
    return isinstance(value, ModuleTree)


def _dotted(prefix: str, name: str) -> str:
    """Join names with a dot."""
    return f"{prefix}.{name}" if prefix else name
