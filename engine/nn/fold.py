"""Layers that lay out the windows of images as columns, and add columns back into images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..ops import fold as ops
from ..ops.conv_geometry import IntOrInts
from .module import Module

if TYPE_CHECKING:
    from .._tensor import Tensor


class Unfold(Module):
    """Lay out the windows of images as columns.

    Shape: x (N,C,H,W) or (C,H,W) -> (N, C kh kw, windows) or without N, the channel slowest.

    Parameters
    ----------
    kernel_size : int or sequence of int
        kh and kw, the size of a window.
    dilation : int or sequence of int
        From one value of a window to the next.
    padding : int or sequence of int
        Zeros on both sides of each axis.
    stride : int or sequence of int
        From window to window.

    References
    ----------
    Chellapilla, Puri and Simard, "High performance convolutional neural networks for document processing", 2006.

    Examples
    --------
    >>> dl.nn.Unfold((1, 2))(dl.reshape(dl.arange(4.0), (1, 1, 2, 2)))
    tensor([[[0., 2.],
             [1., 3.]]])
    """

    def __init__(self, kernel_size: IntOrInts, dilation: IntOrInts = 1, padding: IntOrInts = 0, stride: IntOrInts = 1) -> None:
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    def forward(self, x: Tensor) -> Tensor:
        return ops.unfold(x, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, stride={self.stride}"


class Fold(Unfold):
    """Add columns back into images; values of overlapping windows are added.

    Shape: x (N, C kh kw, windows) or without N -> (N,C,H,W) or (C,H,W).

    Parameters
    ----------
    output_size : int or sequence of int
        H and W of the images.
    kernel_size : int or sequence of int
        kh and kw, the size of a window.
    dilation : int or sequence of int
        From one value of a window to the next.
    padding : int or sequence of int
        Zeros on both sides of each axis, which are cut off.
    stride : int or sequence of int
        From window to window.

    References
    ----------
    Chellapilla, Puri and Simard, "High performance convolutional neural networks for document processing", 2006.

    Examples
    --------
    >>> dl.nn.Fold((1, 3), (1, 2))(dl.ones((1, 2, 2)))
    tensor([[[[1., 2., 1.]]]])
    """

    def __init__(
        self, output_size: IntOrInts, kernel_size: IntOrInts, dilation: IntOrInts = 1, padding: IntOrInts = 0,
        stride: IntOrInts = 1,
    ) -> None:  # fmt: skip
        super().__init__(kernel_size, dilation, padding, stride)
        self.output_size = output_size

    def forward(self, x: Tensor) -> Tensor:
        return ops.fold(x, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}, {super().extra_repr()}"
