"""Convolution layers and their transposes, for sequences, images and volumes."""

from __future__ import annotations

from collections.abc import Callable
from math import prod, sqrt
from typing import Any

from ..errors import ConfigError
from ..ops import conv as ops
from ..ops.conv import each
from ..ops.creation import zeros
from . import init
from .linear import positive
from .module import Module, Parameter


class _Convolution(Module):
    """What all share: weight and bias from U(-b, b), b = 1 / sqrt(fan in), as in PyTorch."""

    rank: int
    op: Callable[..., Any]
    transposed = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        device: str | None = None,
        dtype: Any = None,
    ) -> None:
        name = type(self).__name__
        positive(name, in_channels=in_channels, out_channels=out_channels, groups=groups)
        if in_channels % groups or out_channels % groups:
            raise ConfigError(f"{name}: groups={groups} must divide in_channels={in_channels} and out_channels={out_channels}")
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size = each(name, "kernel_size", kernel_size, self.rank)
        self.stride = each(name, "stride", stride, self.rank)
        self.dilation = each(name, "dilation", dilation, self.rank)
        self.padding = padding
        first, second = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        self.weight = Parameter(zeros((first, second // groups, *self.kernel_size), device=device, dtype=dtype))
        self.bias = Parameter(zeros((out_channels,), device=device, dtype=dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new initial values."""
        bound = 1.0 / sqrt(prod(self.weight.shape[1:]))
        for p in self.parameters():
            init.uniform_(p, -bound, bound)

    def forward(self, x: Any) -> Any:
        return type(self).op(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)

    def extra_repr(self) -> str:
        parts = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        parts += [f"padding={self.padding!r}"] if self.padding != 0 else []
        parts += [f"dilation={self.dilation}"] if prod(self.dilation) != 1 else []
        parts += [f"groups={self.groups}"] if self.groups != 1 else []
        return ", ".join(parts + (["bias=False"] if self.bias is None else []))


class Conv1d(_Convolution):
    """Cross-correlation of sequences (N,C,W) with K filters -> (N,K,OW); see Conv2d."""

    rank, op = 1, staticmethod(ops.conv1d)


class Conv2d(_Convolution):
    """Cross-correlation of images with K filters.

    x: (N,C,H,W). weight: (K,C/groups,kh,kw), bias: (K,). padding: int, pair, pairs (low, high), "valid", "same" or "full".
    Returns (N,K,OH,OW), OH = (H + padding - dilation (kh - 1) - 1) // stride + 1.
    """

    rank, op = 2, staticmethod(ops.conv2d)


class Conv3d(_Convolution):
    """Cross-correlation of volumes (N,C,D,H,W) with K filters -> (N,K,OD,OH,OW); see Conv2d."""

    rank, op = 3, staticmethod(ops.conv3d)


class _Transposed(_Convolution):
    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        *,
        device: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, device=device, dtype=dtype
        )
        self.output_padding = each(type(self).__name__, "output_padding", output_padding, self.rank, 0)

    def forward(self, x: Any) -> Any:
        return type(self).op(
            x, self.weight, self.bias, self.stride, self.padding, self.output_padding, self.groups, self.dilation
        )


class ConvTranspose1d(_Transposed):
    """Transposed convolution of sequences (N,C,W) -> (N,K,OW); see ConvTranspose2d."""

    rank, op = 1, staticmethod(ops.conv_transpose1d)


class ConvTranspose2d(_Transposed):
    """Transposed convolution: the gradient of Conv2d for its input, used to enlarge images.

    x: (N,C,H,W). weight: (C,K/groups,kh,kw), bias: (K,).
    Returns (N,K,OH,OW), OH = (H - 1) stride - 2 padding + dilation (kh - 1) + output_padding + 1.
    """

    rank, op = 2, staticmethod(ops.conv_transpose2d)


class ConvTranspose3d(_Transposed):
    """Transposed convolution of volumes (N,C,D,H,W) -> (N,K,OD,OH,OW); see ConvTranspose2d."""

    rank, op = 3, staticmethod(ops.conv_transpose3d)
