"""Makers of the Tensor's operators: each calls an op and leaves objects of unknown classes to answer in its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from ..autograd.base import recording, written
from ..autograd.call import ForeignType
from ..errors import DTypeError
from ..ops import index
from ..typing import TensorLike

if TYPE_CHECKING:
    from ..typing import Tensor

Method: TypeAlias = "Callable[[Any, TensorLike], Tensor]"
Comparison: TypeAlias = "Callable[[Any, object], Tensor]"


def binary(op: Callable[..., Any]) -> Method:
    """An operator; classes that we do not know may answer in our place."""

    def method(self: Any, other: Any, /) -> Any:
        try:
            return op(self, other)
        except ForeignType:
            return NotImplemented

    return method


def reflected(op: Callable[..., Any]) -> Method:
    """An operator with self on the right."""

    def method(self: Any, other: Any, /) -> Any:
        try:
            return op(other, self)
        except ForeignType:
            return NotImplemented

    return method


def comparison(op: Callable[..., Any]) -> Comparison:
    """== and !=: nothing equals None, or an object of a class that we do not know and that has no answer."""

    def method(self: Any, other: Any, /) -> Any:
        if other is None:
            return NotImplemented
        try:
            return op(self, other)
        except ForeignType:
            return NotImplemented

    return method


def assigning(op: Callable[..., Any], sign: str) -> Method:
    """An operator that assigns: written through where no gradient is involved, else the pure op, which self becomes."""
    what = f"t {sign}= v"

    def method(self: Any, other: Any, /) -> Any:
        try:
            new = op(self, other)
        except ForeignType:
            return NotImplemented
        if recording.get() and new.needs_grad:
            index.become(self, new, what)
        elif new.dtype != self.dtype or new.shape != self.shape:
            raise DTypeError(
                f"{what}: the result has shape {new.shape} and dtype {new.dtype}, but t has {self.shape} and {self.dtype}; "
                "assign to a new name instead"
            )
        else:
            self.array[...] = new.array
            written(self)
        return self

    return method
