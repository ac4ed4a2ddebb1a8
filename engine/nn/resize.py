"""Layers that change sizes and shapes: interpolation, pixels for channels, axes split up."""

from __future__ import annotations

from math import prod
from typing import Any

from ..errors import ConfigError, ShapeError
from ..ops import resize as ops
from ..ops.shape import reshape
from .module import Module


class Upsample(Module):
    """Resize sequences, images or volumes: (N,C,*S) -> (N,C,*size), or S times scale_factor; see interpolate for the modes.

    mode: "nearest", "linear", "bilinear", "bicubic", "trilinear". align_corners: whether corner pixels keep their place.
    Source: bicubic by Keys 1981, "Cubic convolution interpolation for digital image processing".
    """

    def __init__(
        self, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None
    ) -> None:
        self.size, self.scale_factor, self.mode, self.align_corners = size, scale_factor, mode, align_corners

    def forward(self, x: Any) -> Any:
        return ops.interpolate(x, self.size, self.scale_factor, self.mode, self.align_corners)

    def extra_repr(self) -> str:
        size = f"size={self.size}" if self.size is not None else f"scale_factor={self.scale_factor}"
        return f"{size}, mode={self.mode!r}"


class PixelShuffle(Module):
    """Channels become pixels: (N, C r r, H, W) -> (N, C, H r, W r), r = upscale_factor.

    Source: Shi et al. 2016, arXiv:1609.05158.
    """

    def __init__(self, upscale_factor: int) -> None:
        self.upscale_factor = upscale_factor

    def forward(self, x: Any) -> Any:
        return ops.pixel_shuffle(x, self.upscale_factor)

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Pixels become channels: (N, C, H r, W r) -> (N, C r r, H, W), r = downscale_factor. Source: see PixelShuffle."""

    def __init__(self, downscale_factor: int) -> None:
        self.downscale_factor = downscale_factor

    def forward(self, x: Any) -> Any:
        return ops.pixel_unshuffle(x, self.downscale_factor)

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"


class Unflatten(Module):
    """One axis split into several: (N, C H W) -> (N,C,H,W) with dim 1 and unflattened_size (C,H,W); one size may be -1."""

    def __init__(self, dim: int, unflattened_size: Any) -> None:
        self.dim, self.unflattened_size = dim, tuple(unflattened_size)
        if sum(n == -1 for n in self.unflattened_size) > 1 or any(n < -1 for n in self.unflattened_size):
            raise ConfigError(f"Unflatten: unflattened_size must hold sizes and at most one -1, got {self.unflattened_size}")

    def forward(self, x: Any) -> Any:
        if not -x.ndim <= self.dim < x.ndim:
            raise ShapeError(f"Unflatten: input of shape {x.shape} has no axis {self.dim}")
        at = self.dim % x.ndim
        known = prod(n for n in self.unflattened_size if n != -1)
        fits = x.shape[at] % known == 0 if -1 in self.unflattened_size and known else x.shape[at] == known
        if not fits:
            raise ShapeError(f"Unflatten: axis {self.dim} of shape {x.shape} does not split into {self.unflattened_size}")
        sizes = tuple(x.shape[at] // known if n == -1 else n for n in self.unflattened_size)
        return reshape(x, (*x.shape[:at], *sizes, *x.shape[at + 1 :]))

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
