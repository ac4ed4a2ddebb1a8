"""How checkers see the poolings that return the places of the values too, where `return_indices` asks for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast, overload

from .conv_geometry import IntOrInts

if TYPE_CHECKING:
    from ..typing import Tensor
    from .adaptive_pool import AdaptiveSize


class Pool(Protocol):
    """A pooling by windows of a given size."""

    @overload
    def __call__(
        self, x: Tensor, kernel_size: IntOrInts, stride: IntOrInts | None = None, padding: IntOrInts = 0,
        dilation: IntOrInts = 1, ceil_mode: bool = False, return_indices: Literal[False] = False,
    ) -> Tensor: ...  # fmt: skip
    @overload
    def __call__(
        self, x: Tensor, kernel_size: IntOrInts, stride: IntOrInts | None = None, padding: IntOrInts = 0,
        dilation: IntOrInts = 1, ceil_mode: bool = False, *, return_indices: Literal[True],
    ) -> tuple[Tensor, Tensor]: ...  # fmt: skip
    @overload
    def __call__(
        self, x: Tensor, kernel_size: IntOrInts, stride: IntOrInts | None = None, padding: IntOrInts = 0,
        dilation: IntOrInts = 1, ceil_mode: bool = False, return_indices: bool = False,
    ) -> Tensor | tuple[Tensor, Tensor]: ...  # fmt: skip


class AdaptivePool(Protocol):
    """A pooling to a given size of the output."""

    @overload
    def __call__(self, x: Tensor, output_size: AdaptiveSize, return_indices: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, output_size: AdaptiveSize, return_indices: Literal[True]) -> tuple[Tensor, Tensor]: ...
    @overload
    def __call__(
        self, x: Tensor, output_size: AdaptiveSize, return_indices: bool = False
    ) -> Tensor | tuple[Tensor, Tensor]: ...


def pool(function: Callable[..., Any]) -> Pool:
    """Give a pooling its types; it stays the same function."""
    return cast(Pool, function)


def adaptive_pool(function: Callable[..., Any]) -> AdaptivePool:
    """Give an adaptive pooling its types; it stays the same function."""
    return cast(AdaptivePool, function)
