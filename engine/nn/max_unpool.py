"""Layers that put max-pooled values back at their positions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..ops import max_unpool as ops
from ..ops.conv_geometry import IntOrInts, int_tuple
from .sections import _Dimensional

if TYPE_CHECKING:
    from .._tensor import Tensor


class _Unpool(_Dimensional):
    """Base of unpooling layers."""

    op: Callable[..., Tensor]
    sections = """
        Values of one position are added. Shape: x and indices (N,C,{out}) or (C,{out}) -> (N,C,{space}),
        {first} = (O{first} - 1) stride - 2 padding + kernel_size{other_axes},
        unless ``forward`` is given another ``output_size``.

        Parameters
        ----------
        kernel_size : int or tuple of int
            The ``kernel_size`` of the pooling.
        stride : int, tuple of int or None
            The ``stride`` of the pooling; None is ``kernel_size``.
        padding : int or tuple of int
            The ``padding`` of the pooling.

        Raises
        ------
        ConfigError
            A setting is not an int, or out of range.

        References
        ----------
        Zeiler and Fergus, "Visualizing and understanding convolutional networks", 2014, arXiv:1311.2901.
        """

    def __init__(self, kernel_size: IntOrInts, stride: IntOrInts | None = None, padding: IntOrInts = 0) -> None:
        name = type(self).__name__
        self.kernel_size = int_tuple(name, "kernel_size", kernel_size, self.rank)
        self.stride = self.kernel_size if stride is None else int_tuple(name, "stride", stride, self.rank)
        self.padding = int_tuple(name, "padding", padding, self.rank, 0)

    def forward(self, x: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Put values back at their positions.

        Parameters
        ----------
        x : Tensor
            The values that the pooling returned.
        indices : Tensor
            The positions that the pooling returned, integers of the same shape.
        output_size : sequence of int or None
            The size of the result in space, or the whole shape, of which only the end is read. None is the size that
            the settings give.

        Returns
        -------
        Tensor
            The values at their positions, and zeros.
        """
        if output_size is None:
            sizes = zip(x.shape[-self.rank :], self.stride, self.padding, self.kernel_size, strict=True)
            output_size = tuple((o - 1) * s - 2 * p + k for o, s, p, k in sizes)
        return type(self).op(x, indices, tuple(output_size)[-self.rank :])

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_Unpool):
    """Put the values that MaxPool1d found back at their positions, with zeros elsewhere.

    Examples
    --------
    >>> values, indices = dl.nn.MaxPool1d(2, return_indices=True)(dl.asarray([[[1.0, 3.0, 2.0, 0.0]]]))
    >>> dl.nn.MaxUnpool1d(2)(values, indices)
    tensor([[[0., 3., 2., 0.]]])
    """

    rank, op = 1, staticmethod(ops.max_unpool1d)


class MaxUnpool2d(_Unpool):
    """Put the values that MaxPool2d found back at their positions, with zeros elsewhere.

    Examples
    --------
    >>> values, indices = dl.nn.MaxPool2d(2, return_indices=True)(dl.asarray([[[[1.0, 3.0], [2.0, 0.0]]]]))
    >>> dl.nn.MaxUnpool2d(2)(values, indices)
    tensor([[[[0., 3.],
              [0., 0.]]]])
    """

    rank, op = 2, staticmethod(ops.max_unpool2d)


class MaxUnpool3d(_Unpool):
    """Put the values that MaxPool3d found back at their positions, with zeros elsewhere.

    Examples
    --------
    >>> values, indices = dl.nn.MaxPool3d((1, 2, 2), return_indices=True)(dl.asarray([[[[[1.0, 3.0], [2.0, 0.0]]]]]))
    >>> dl.nn.MaxUnpool3d((1, 2, 2))(values, indices)
    tensor([[[[[0., 3.],
               [0., 0.]]]]])
    """

    rank, op = 3, staticmethod(ops.max_unpool3d)
