"""Convolution layers for sequences, images and volumes."""

from __future__ import annotations

from collections.abc import Callable
from math import prod, sqrt
from typing import TYPE_CHECKING

from ..errors import ConfigError
from ..ops import conv as ops
from ..ops.conv_geometry import IntOrInts, Padding, int_tuple, paddings
from ..ops.creation import zeros
from ..ops.repetition import pad
from . import init
from .linear import require_positive
from .module import Module, Parameter, in_dtype_of

if TYPE_CHECKING:
    from .._tensor import Tensor
    from ..typing import DTypeLike

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")
"""What the border is filled with: zeros, the image mirrored without its edge, the edge, the opposite side."""


class _Convolution(Module):
    """Base of convolution layers; weight and bias are drawn from U(-b, b), b = 1 / sqrt(fan in), as in PyTorch."""

    rank: int
    op: Callable[..., Tensor]
    transposed = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrInts,
        stride: IntOrInts = 1,
        padding: Padding = 0,
        dilation: IntOrInts = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        *,
        device: str | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        name = type(self).__name__
        modes = PADDING_MODES[:1] if self.transposed else PADDING_MODES
        if padding_mode not in modes:
            raise ConfigError(f"{name}: padding_mode must be one of {', '.join(modes)}, got {padding_mode!r}")
        require_positive(name, in_channels=in_channels, out_channels=out_channels, groups=groups)
        if in_channels % groups or out_channels % groups:
            raise ConfigError(f"{name}: groups={groups} must divide in_channels={in_channels} and out_channels={out_channels}")
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size = int_tuple(name, "kernel_size", kernel_size, self.rank)
        self.stride = int_tuple(name, "stride", stride, self.rank)
        self.dilation = int_tuple(name, "dilation", dilation, self.rank)
        self.padding, self.padding_mode = padding, padding_mode
        first, second = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        self.weight = Parameter(zeros((first, second // groups, *self.kernel_size), device=device, dtype=dtype))
        self.bias = Parameter(zeros((out_channels,), device=device, dtype=dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new initial values from U(-b, b), ``b = 1 / sqrt(fan in)``."""
        bound = 1.0 / sqrt(prod(self.weight.shape[1:]))
        for p in self.parameters():
            init.uniform_(p, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        weight, padding = self.weight, self.padding
        x = in_dtype_of(weight, x)
        if self.padding_mode != "zeros" and x.ndim in (self.rank + 1, self.rank + 2):
            low, high = paddings(type(self).__name__, padding, self.kernel_size, self.stride, self.dilation)
            x, padding = pad(x, tuple(zip(low, high, strict=True)), mode=self.padding_mode), 0
        return type(self).op(x, weight, self.bias, self.stride, padding, self.dilation, self.groups)

    def extra_repr(self) -> str:
        parts = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        parts += [f"padding={self.padding!r}"] if self.padding != 0 else []
        parts += [f"dilation={self.dilation}"] if prod(self.dilation) != 1 else []
        parts += [f"groups={self.groups}"] if self.groups != 1 else []
        parts += [f"padding_mode={self.padding_mode!r}"] if self.padding_mode != "zeros" else []
        return ", ".join(parts + (["bias=False"] if self.bias is None else []))


class Conv1d(_Convolution):
    """Cross-correlation of sequences with K filters.

    Shape: x (N,C,W) or (C,W) -> (N,K,OW) with ``OW = (W + 2 padding - dilation (kw - 1) - 1) // stride + 1``.

    Parameters
    ----------
    in_channels : int
        C, the number of channels of the input.
    out_channels : int
        K, the number of filters, the channels of the output.
    kernel_size : int or sequence of int
        The size of the filters.
    stride : int or sequence of int
        The step between windows.
    padding : int, str or sequence
        Zeros (see ``padding_mode``) added at both sides of each axis: a number for all axes, one for each, or a pair
        (low, high) for each. "valid" adds none, "same" keeps the size (with stride 1), "full" adds
        ``dilation (kernel_size - 1)``.
    dilation : int or sequence of int
        The distance between neighbouring weights of a filter.
    groups : int
        The channels and filters are divided into this many groups that do not see each other; it must divide C and K.
    bias : bool
        Whether a bias per filter is added.
    padding_mode : str
        What fills the border: "zeros", "reflect" (mirrored without the edge), "replicate" (the edge) or "circular" (the
        opposite side).
    device : str or None
        Where the parameters live; None is the default device.
    dtype : DTypeLike or None
        A floating dtype of the parameters; None is the default dtype.

    Attributes
    ----------
    weight : Parameter
        The filters, shape (K,C/groups,kw), drawn from U(-b, b) with ``b = 1 / sqrt(kw C / groups)``.
    bias : Parameter or None
        Shape (K,), drawn like ``weight``.

    Raises
    ------
    ConfigError
        A size, ``groups`` or ``padding_mode`` is not allowed.

    References
    ----------
    Waibel, Hanazawa, Hinton, Shikano and Lang, "Phoneme recognition using time-delay neural networks", 1989.

    Examples
    --------
    >>> dl.nn.Conv1d(3, 4, 3, stride=2, padding=1)(dl.zeros((1, 3, 8))).shape
    (1, 4, 4)
    """

    rank, op = 1, staticmethod(ops.conv1d)


class Conv2d(_Convolution):
    """Cross-correlation of images with K filters.

    Shape: x (N,C,H,W) or (C,H,W) -> (N,K,OH,OW) with
    ``OH = (H + 2 padding - dilation (kh - 1) - 1) // stride + 1``, and likewise for the other axes.

    Parameters
    ----------
    in_channels : int
        C, the number of channels of the input.
    out_channels : int
        K, the number of filters, the channels of the output.
    kernel_size : int or sequence of int
        The size of the filters.
    stride : int or sequence of int
        The step between windows.
    padding : int, str or sequence
        Zeros (see ``padding_mode``) added at both sides of each axis: a number for all axes, one for each, or a pair
        (low, high) for each. "valid" adds none, "same" keeps the size (with stride 1), "full" adds
        ``dilation (kernel_size - 1)``.
    dilation : int or sequence of int
        The distance between neighbouring weights of a filter.
    groups : int
        The channels and filters are divided into this many groups that do not see each other; it must divide C and K.
    bias : bool
        Whether a bias per filter is added.
    padding_mode : str
        What fills the border: "zeros", "reflect" (mirrored without the edge), "replicate" (the edge) or "circular" (the
        opposite side).
    device : str or None
        Where the parameters live; None is the default device.
    dtype : DTypeLike or None
        A floating dtype of the parameters; None is the default dtype.

    Attributes
    ----------
    weight : Parameter
        The filters, shape (K,C/groups,kh,kw), drawn from U(-b, b) with ``b = 1 / sqrt(kh kw C / groups)``.
    bias : Parameter or None
        Shape (K,), drawn like ``weight``.

    Raises
    ------
    ConfigError
        A size, ``groups`` or ``padding_mode`` is not allowed.

    References
    ----------
    LeCun et al., "Backpropagation applied to handwritten zip code recognition", 1989; on the arithmetic: Dumoulin and
    Visin, 2016, arXiv:1603.07285.

    Examples
    --------
    >>> dl.nn.Conv2d(3, 4, 3, stride=2, padding=1)(dl.zeros((1, 3, 8, 6))).shape
    (1, 4, 4, 3)
    >>> dl.nn.Conv2d(3, 4, 3, padding="same").weight.shape
    (4, 3, 3, 3)
    """

    rank, op = 2, staticmethod(ops.conv2d)


class Conv3d(_Convolution):
    """Cross-correlation of volumes with K filters.

    Shape: x (N,C,D,H,W) or (C,D,H,W) -> (N,K,OD,OH,OW) with
    ``OD = (D + 2 padding - dilation (kd - 1) - 1) // stride + 1``, and likewise for the other axes.

    Parameters
    ----------
    in_channels : int
        C, the number of channels of the input.
    out_channels : int
        K, the number of filters, the channels of the output.
    kernel_size : int or sequence of int
        The size of the filters.
    stride : int or sequence of int
        The step between windows.
    padding : int, str or sequence
        Zeros (see ``padding_mode``) added at both sides of each axis: a number for all axes, one for each, or a pair
        (low, high) for each. "valid" adds none, "same" keeps the size (with stride 1), "full" adds
        ``dilation (kernel_size - 1)``.
    dilation : int or sequence of int
        The distance between neighbouring weights of a filter.
    groups : int
        The channels and filters are divided into this many groups that do not see each other; it must divide C and K.
    bias : bool
        Whether a bias per filter is added.
    padding_mode : str
        What fills the border: "zeros", "reflect" (mirrored without the edge), "replicate" (the edge) or "circular" (the
        opposite side).
    device : str or None
        Where the parameters live; None is the default device.
    dtype : DTypeLike or None
        A floating dtype of the parameters; None is the default dtype.

    Attributes
    ----------
    weight : Parameter
        The filters, shape (K,C/groups,kd,kh,kw), drawn from U(-b, b) with ``b = 1 / sqrt(kd kh kw C / groups)``.
    bias : Parameter or None
        Shape (K,), drawn like ``weight``.

    Raises
    ------
    ConfigError
        A size, ``groups`` or ``padding_mode`` is not allowed.

    References
    ----------
    Ji, Xu, Yang and Yu, "3D convolutional neural networks for human action recognition", 2010.

    Examples
    --------
    >>> dl.nn.Conv3d(3, 4, 3, stride=2, padding=1)(dl.zeros((1, 3, 4, 8, 6))).shape
    (1, 4, 2, 4, 3)
    """

    rank, op = 3, staticmethod(ops.conv3d)
