"""Parameter under PyTorch's signature, and buffers."""

from __future__ import annotations

from typing import Any

from ... import nn
from ..names.core import CLASSES, OWN, is_tensor, own, refuse
from ..names.engine import dl
from ..names.tensor import Tensor


class Parameter(Tensor, nn.Parameter):  # type: ignore[misc]
    """A tensor that belongs to a module and that an optimizer changes."""

    __slots__ = ()

    def __init__(self, data: Any = None, requires_grad: bool = True) -> None:
        given = dl.zeros(0) if data is None else data
        if not is_tensor(given):
            raise TypeError(f"Parameter: expected a tensor, got {type(given).__name__}")
        nn.Parameter.__init__(self, given.detach(), requires_grad=requires_grad)

    def __repr__(self, *, tensor_contents: Any = None) -> str:  # type: ignore[override]
        return f"Parameter containing:\n{Tensor.__repr__(self)}"


CLASSES[nn.Parameter] = Parameter
OWN.add(Parameter)


def Buffer(data: Any = None, *, persistent: bool = True) -> Any:  # noqa: N802 - PyTorch's name
    """A tensor for register_buffer."""
    if not persistent:
        raise refuse("nn.Buffer", "persistent=False is said to register_buffer")
    return data


class UninitializedParameter(nn.UninitializedParameter, Parameter):  # type: ignore[misc]
    """The weight of a lazy layer before its first input."""

    __slots__ = ()
    becomes = Parameter


CLASSES[nn.UninitializedParameter] = UninitializedParameter


_ = own
