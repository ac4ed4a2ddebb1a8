"""The parameters of lazy layers before their first call: a dtype and a device, but no shape and no values yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self

from ..autograd.base import TensorBase, wrap, written
from ..errors import ShapeError
from ..ops.creation import zeros
from .parameter import Parameter

if TYPE_CHECKING:
    from .._tensor import Tensor
    from ..typing import DTypeLike

_ARRAY: Any = TensorBase.array
"""The place of a tensor's memory, which the class below hides."""


class UninitializedParameter(Parameter):
    """A parameter that gets its shape and values at the first call of its layer, and then is a Parameter.

    It can be moved and cast, and given to an optimizer. Whatever asks for its shape or values is told to call the model once.

    Parameters
    ----------
    owner : str
        The layer and the parameter, for messages.
    device : str or None
        Where it lives; None is the default device.
    dtype : DTypeLike or None
        A floating dtype; None is the default dtype.

    Raises
    ------
    ShapeError
        Its shape or its values are asked for.

    Examples
    --------
    >>> layer = dl.nn.LazyLinear(2)
    >>> layer.weight
    UninitializedParameter()
    >>> _ = layer(dl.ones((5, 3)))
    >>> layer.weight.shape
    (2, 3)
    """

    __slots__ = ()

    becomes: ClassVar[type[Parameter]] = Parameter
    """The class that it has after the first call."""

    def __init__(self, owner: str = "a lazy layer", *, device: str | None = None, dtype: DTypeLike | None = None) -> None:
        super().__init__(zeros((0,), device=device, dtype=dtype))
        self.owner = owner

    @property
    def array(self) -> Any:
        """The memory of its values, which are not there yet: ShapeError."""
        self._refuse()

    @array.setter
    def array(self, value: Any) -> None:
        _ARRAY.__set__(self, value)

    def _refuse(self) -> NoReturn:
        raise ShapeError(f"{self.owner} has no shape and no values before the first call of its layer: call the model once")

    def fill(self, values: Tensor) -> None:
        """Take the shape and the values of a tensor; the parameter stays the same object.

        Parameters
        ----------
        values : Tensor
            Of the parameter's dtype and device; the memory is shared.
        """
        self.__class__ = self.becomes  # type: ignore[assignment]
        self.array = values.array
        del self.owner
        written(self)

    @property
    def data(self) -> Tensor:
        """A tensor without elements, so that initial values that are written to it before the first call are lost."""
        empty: Tensor = wrap(_ARRAY.__get__(self))
        return empty

    @data.setter
    def data(self, value: Tensor) -> None:
        self._refuse()

    @property
    def dtype(self) -> Any:
        """The dtype that its values will have."""
        return self.data.dtype

    @property
    def device(self) -> str:
        """Where its values will be."""
        return self.data.device

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Say whether it is to have gradients.

        Parameters
        ----------
        requires_grad : bool
            Whether ops on it are recorded.

        Returns
        -------
        UninitializedParameter
            The parameter itself.
        """
        self.needs_grad = requires_grad
        return self

    def to(self, *args: Any, **kwargs: Any) -> Tensor:
        """Return a tensor without elements of another dtype or on another device; a module's ``to`` calls it.

        Parameters
        ----------
        *args : object
            As in the method of tensors.
        **kwargs : object
            As in the method of tensors.

        Returns
        -------
        Tensor
            Shape (0,).
        """
        return self.data.to(*args, **kwargs)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        made = type(self)(self.owner, device=self.device, dtype=self.dtype)
        memo[id(self)] = made.requires_grad_(self.requires_grad)
        return made

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"
