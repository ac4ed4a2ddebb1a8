"""Convolution layers and their transposes, for sequences, images and volumes."""

from __future__ import annotations

from collections.abc import Callable
from math import prod, sqrt
from typing import Any

from ..errors import ConfigError
from ..ops import conv as ops
from ..ops.conv import each
from ..ops.creation import zeros
from ..ops.shape import pad
from . import init
from .linear import positive
from .module import Module, Parameter, in_dtype_of

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")
"""What the border is filled with: zeros, the image mirrored without its edge, the edge, the opposite side."""


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
        padding_mode: str = "zeros",
        *,
        device: str | None = None,
        dtype: Any = None,
    ) -> None:
        name = type(self).__name__
        modes = PADDING_MODES[:1] if self.transposed else PADDING_MODES
        if padding_mode not in modes:
            raise ConfigError(f"{name}: padding_mode must be one of {', '.join(modes)}, got {padding_mode!r}")
        positive(name, in_channels=in_channels, out_channels=out_channels, groups=groups)
        if in_channels % groups or out_channels % groups:
            raise ConfigError(f"{name}: groups={groups} must divide in_channels={in_channels} and out_channels={out_channels}")
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size = each(name, "kernel_size", kernel_size, self.rank)
        self.stride = each(name, "stride", stride, self.rank)
        self.dilation = each(name, "dilation", dilation, self.rank)
        self.padding, self.padding_mode = padding, padding_mode
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
        weight, padding = self.weight, self.padding
        x = in_dtype_of(weight, x)
        if self.padding_mode != "zeros" and x.ndim == self.rank + 2:
            low, high = ops.paddings(type(self).__name__, padding, self.kernel_size, self.stride, self.dilation)
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
    """Cross-correlation of sequences (N,C,W) with K filters -> (N,K,OW). Source: Waibel et al. 1989; see Conv2d."""

    rank, op = 1, staticmethod(ops.conv1d)


class Conv2d(_Convolution):
    """Cross-correlation of images with K filters.

    x: (N,C,H,W). weight: (K,C/groups,kh,kw), bias: (K,). padding: int, pair, pairs (low, high), "valid", "same" or "full".
    padding_mode: "zeros", "reflect", "replicate" or "circular".
    Returns (N,K,OH,OW), OH = (H + padding - dilation (kh - 1) - 1) // stride + 1.
    Source: LeCun et al. 1989; arithmetic: Dumoulin & Visin 2016, arXiv:1603.07285.
    """

    rank, op = 2, staticmethod(ops.conv2d)


class Conv3d(_Convolution):
    """Cross-correlation of volumes (N,C,D,H,W) with K filters -> (N,K,OD,OH,OW). Source: Ji et al. 2010; see Conv2d."""

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
        padding_mode: str = "zeros",
        *,
        device: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, device=device,
            dtype=dtype,
        )  # fmt: skip
        self.output_padding = each(type(self).__name__, "output_padding", output_padding, self.rank, 0)

    def forward(self, x: Any) -> Any:
        weight = self.weight
        return type(self).op(
            in_dtype_of(weight, x), weight, self.bias, self.stride, self.padding, self.output_padding, self.groups, self.dilation
        )


class ConvTranspose1d(_Transposed):
    """Transposed convolution of sequences (N,C,W) -> (N,K,OW). Source: see ConvTranspose2d."""

    rank, op = 1, staticmethod(ops.conv_transpose1d)


class ConvTranspose2d(_Transposed):
    """Transposed convolution: the gradient of Conv2d for its input, used to enlarge images.

    x: (N,C,H,W). weight: (C,K/groups,kh,kw), bias: (K,).
    Returns (N,K,OH,OW), OH = (H - 1) stride - 2 padding + dilation (kh - 1) + output_padding + 1.
    Source: Zeiler et al. 2010, "Deconvolutional networks".
    """

    rank, op = 2, staticmethod(ops.conv_transpose2d)


class ConvTranspose3d(_Transposed):
    """Transposed convolution of volumes (N,C,D,H,W) -> (N,K,OD,OH,OW). Source: see ConvTranspose2d."""

    rank, op = 3, staticmethod(ops.conv_transpose3d)
