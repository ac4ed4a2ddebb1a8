"""Modules that hold parameters: in a list, by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, overload

from ..autograd.base import TensorBase
from ..errors import DTypeError
from .module import Module
from .parameter import Parameter

if TYPE_CHECKING:
    from .._tensor import Tensor


class _Parameters(Module):
    """Base of containers of parameters."""

    kind: ClassVar[type[Parameter]] = Parameter

    def _held(self) -> dict[str, Parameter]:
        """The parameters with their names, in order."""
        return {n: v for n, v in self.__dict__.items() if isinstance(v, Parameter)}

    def _made(self, value: object) -> Parameter:
        """The value as a parameter; a tensor becomes one, which shares its memory."""
        if isinstance(value, Parameter):
            return value
        if not isinstance(value, TensorBase):
            raise DTypeError(f"{type(self).__name__}: expected a Parameter or a tensor, got {type(value).__name__}")
        return self.kind(value)

    def __len__(self) -> int:
        return len(self._held())


class ParameterList(_Parameters):
    """A list of parameters, which belong to the model.

    It has no forward. ``len``, iteration, indexing, item assignment and ``+=`` work as for a list; a tensor becomes a
    parameter.

    Parameters
    ----------
    values : iterable of Parameter or Tensor or None
        The first parameters.

    Raises
    ------
    DTypeError
        A value is no tensor.

    Examples
    --------
    >>> weights = dl.nn.ParameterList([dl.ones((2, 3)), dl.ones(3)])
    >>> [name for name, _ in weights.named_parameters()], weights[1].shape
    (['0', '1'], (3,))
    """

    def __init__(self, values: Iterable[Tensor] | None = None) -> None:
        self.extend(values or ())

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self._held().values())

    @overload
    def __getitem__(self, index: int) -> Parameter: ...
    @overload
    def __getitem__(self, index: slice) -> ParameterList: ...
    def __getitem__(self, index: int | slice) -> Any:
        found = list(self)[index]
        return type(self)(found) if isinstance(found, list) else found

    def __setitem__(self, index: int, value: Tensor) -> None:
        setattr(self, str(range(len(self))[index]), self._made(value))

    def __iadd__(self, values: Iterable[Tensor]) -> ParameterList:
        return self.extend(values)

    def append(self, value: Tensor) -> ParameterList:
        """Add a parameter at the end.

        Parameters
        ----------
        value : Parameter or Tensor
            The parameter; a tensor becomes one.

        Returns
        -------
        ParameterList
            The list itself.
        """
        self.register_parameter(str(len(self)), self._made(value))
        return self

    def extend(self, values: Iterable[Tensor]) -> ParameterList:
        """Add parameters at the end.

        Parameters
        ----------
        values : iterable of Parameter or Tensor
            The parameters.

        Returns
        -------
        ParameterList
            The list itself.
        """
        for value in values:
            self.append(value)
        return self


class ParameterDict(_Parameters):
    """Parameters by name, which belong to the model.

    It has no forward. ``len``, iteration, ``in``, indexing, item assignment and ``del`` work as for a dict; a tensor becomes
    a parameter.

    Parameters
    ----------
    parameters : dict or None
        The first parameters, by name.

    Raises
    ------
    DTypeError
        A value is no tensor.

    Examples
    --------
    >>> weights = dl.nn.ParameterDict({"left": dl.ones(2)})
    >>> weights["right"] = dl.zeros(3)
    >>> list(weights), weights["right"].shape
    (['left', 'right'], (3,))
    """

    def __init__(self, parameters: Mapping[str, Tensor] | None = None) -> None:
        self.update(parameters or {})

    def update(self, parameters: Mapping[str, Tensor] | Iterable[tuple[str, Tensor]]) -> None:
        """Add parameters by name, in the place of those of the same names.

        Parameters
        ----------
        parameters : dict or iterable of (str, Tensor)
            The parameters.
        """
        for name, value in dict(parameters).items():
            self[name] = value

    def __iter__(self) -> Iterator[str]:
        return iter(self._held())

    def __contains__(self, name: object) -> bool:
        return name in self._held()

    def __getitem__(self, name: str) -> Parameter:
        return self._held()[name]

    def __setitem__(self, name: str, value: Tensor) -> None:
        self.register_parameter(name, self._made(value))

    def __delitem__(self, name: str) -> None:
        self._held()[name]  # a KeyError if it is no parameter
        delattr(self, name)

    def keys(self) -> Iterable[str]:
        """List the names.

        Returns
        -------
        iterable of str
            The names in the order in which they were added.
        """
        return self._held().keys()

    def values(self) -> Iterable[Parameter]:
        """List the parameters.

        Returns
        -------
        iterable of Parameter
            The parameters in the order in which they were added.
        """
        return self._held().values()

    def items(self) -> Iterable[tuple[str, Parameter]]:
        """List names and parameters.

        Returns
        -------
        iterable of (str, Parameter)
            The pairs in the order in which they were added.
        """
        return self._held().items()
