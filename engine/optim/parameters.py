"""What optimizers and weight averages accept as parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from inspect import Signature, signature
from typing import TYPE_CHECKING, Any, TypeAlias

from ..autograd.base import TensorBase
from ..errors import DTypeError

if TYPE_CHECKING:
    from .._tensor import Tensor

Params: TypeAlias = "Iterable[Tensor] | Iterable[Mapping[str, Any]]"
"""Tensors, or one mapping per group."""


FASTER_PATHS = ("foreach", "fused", "capturable", "differentiable")
"""PyTorch's settings of optimizers that choose an implementation, and no other numbers."""


class Constructor(type):
    """The class of optimizer classes: calls them without the settings that only choose an implementation."""

    if not TYPE_CHECKING:

        def __call__(cls, *args: Any, **settings: Any) -> Any:
            return super().__call__(*args, **{k: v for k, v in settings.items() if k not in FASTER_PATHS})

        @property
        def __signature__(cls) -> Signature:
            """That of ``__init__``, for help and editors."""
            own = signature(cls.__init__)
            return own.replace(parameters=list(own.parameters.values())[1:])


def require_ordered(name: str, params: object) -> None:
    """Raise DTypeError unless params is an iterable with an order: the state is saved by position."""
    if isinstance(params, TensorBase):
        raise DTypeError(f"{name}: params must be an iterable of tensors or groups, got one tensor; use [p]")
    if isinstance(params, set | frozenset):
        raise DTypeError(f"{name}: params must be in an order, since the state is saved by position; got a set, use a list")
    if hasattr(params, "parameters"):
        raise DTypeError(f"{name}: params must be tensors, got the module {type(params).__name__}; use .parameters()")
    if isinstance(params, str) or not isinstance(params, Iterable):
        raise DTypeError(
            f"{name}: params must be an iterable of tensors or groups, got {type(params).__name__}; use model.parameters()"
        )


def require_shapes(params: Iterable[Tensor]) -> None:
    """Check that no parameter waits for the first call of a lazy layer, which says so when its shape is asked for."""
    for p in params:
        p.shape  # noqa: B018 - may raise
