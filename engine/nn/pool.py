"""The base of pooling layers, and pooling over all of space."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..errors import ShapeError
from ..ops.reduce import max, mean
from .module import Module
from .sections import _Dimensional

if TYPE_CHECKING:
    from .._tensor import Tensor


class _Windowed(_Dimensional):
    """Base of layers with windows: stores the op's settings and calls the op with them."""

    op: Callable[..., Any]
    settings: dict[str, object]

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        y: Tensor | tuple[Tensor, Tensor] = type(self).op(x, **self.settings)
        return y

    def extra_repr(self) -> str:
        return ", ".join(f"{k}={v!r}" for k, v in self.settings.items())


class GlobalAvgPool(Module):
    """The mean over all of space.

    Shape: x (N,C,*S) -> (N,C), with one axis or more in S. ShapeError if there is none.

    References
    ----------
    Lin, Chen and Yan, "Network in network", 2014, arXiv:1312.4400.

    Examples
    --------
    >>> dl.nn.GlobalAvgPool()(dl.asarray([[[[1.0, 3.0], [2.0, 0.0]]]]))
    tensor([[1.5]])
    """

    def forward(self, x: Tensor) -> Tensor:
        return mean(x, axis=_space_axes(self, x))


class GlobalMaxPool(Module):
    """The largest value of all of space.

    Shape: x (N,C,*S) -> (N,C), with one axis or more in S. ShapeError if there is none.

    References
    ----------
    Oquab, Bottou, Laptev and Sivic, "Is object localization for free?", 2015.

    Examples
    --------
    >>> dl.nn.GlobalMaxPool()(dl.asarray([[[[1.0, 3.0], [2.0, 0.0]]]]))
    tensor([[3.]])
    """

    def forward(self, x: Tensor) -> Tensor:
        return max(x, axis=_space_axes(self, x))


def _space_axes(layer: Module, x: Tensor) -> tuple[int, ...]:
    """List the axes after N and C, of which there must be one at least."""
    if x.ndim < 3:
        raise ShapeError(f"{type(layer).__name__}: input must be (N,C,*S) with space, got shape {x.shape}")
    return tuple(range(2, x.ndim))
