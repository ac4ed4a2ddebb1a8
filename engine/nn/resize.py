"""Layers that change sizes and shapes: interpolation, pixels from channels and back, splitting of axes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING

from ..errors import ConfigError, ShapeError
from ..ops import resize as ops
from ..ops.shape import reshape
from .module import Module

if TYPE_CHECKING:
    from .._tensor import Tensor
    from ..typing import Shape


class Upsample(Module):
    """Resize sequences, images or volumes.

    Shape: x (N,C,W), (N,C,H,W) or (N,C,D,H,W) -> (N,C,*size), or with the sizes of space times ``scale_factor``.

    Parameters
    ----------
    size : int or tuple of int or None
        The new size of the space; give either this or ``scale_factor``.
    scale_factor : float or tuple of float or None
        The factor of the size of the space.
    mode : str
        How values between pixels are computed: "nearest", "nearest-exact" or "area" for any input, "linear" for
        sequences, "bilinear" and "bicubic" for images, "trilinear" for volumes.
    align_corners : bool or None
        For linear and cubic modes: whether the centres of the corner pixels (True) or the outer edges (False or None)
        of input and output coincide.

    See Also
    --------
    functional.interpolate : The same as a function.

    References
    ----------
    Bicubic: Keys, "Cubic convolution interpolation for digital image processing", 1981.

    Examples
    --------
    >>> x = dl.asarray([[[1.0, 3.0]]])
    >>> dl.nn.Upsample(scale_factor=2)(x)
    tensor([[[1., 1., 3., 3.]]])
    >>> dl.nn.Upsample(3, mode="linear", align_corners=True)(x)
    tensor([[[1., 2., 3.]]])
    """

    def __init__(
        self, size: Shape | None = None, scale_factor: float | Sequence[float] | None = None, mode: str = "nearest",
        align_corners: bool | None = None,
    ) -> None:  # fmt: skip
        self.size, self.scale_factor, self.mode, self.align_corners = size, scale_factor, mode, align_corners

    def forward(self, x: Tensor) -> Tensor:
        return ops.interpolate(x, self.size, self.scale_factor, self.mode, self.align_corners)

    def extra_repr(self) -> str:
        size = f"size={self.size}" if self.size is not None else f"scale_factor={self.scale_factor}"
        return f"{size}, mode={self.mode!r}"


class PixelShuffle(Module):
    """Turn channels into pixels, to enlarge images.

    Shape: x (N, C r r, H, W) -> (N, C, H r, W r) with r the factor.

    Parameters
    ----------
    upscale_factor : int
        r, the factor of height and width.

    References
    ----------
    Shi et al., 2016, arXiv:1609.05158.

    Examples
    --------
    >>> dl.nn.PixelShuffle(2)(dl.zeros((1, 8, 2, 3))).shape
    (1, 2, 4, 6)
    """

    def __init__(self, upscale_factor: int) -> None:
        self.upscale_factor = upscale_factor

    def forward(self, x: Tensor) -> Tensor:
        return ops.pixel_shuffle(x, self.upscale_factor)

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Turn pixels into channels, the inverse of ``PixelShuffle``.

    Shape: x (N, C, H r, W r) -> (N, C r r, H, W) with r the factor.

    Parameters
    ----------
    downscale_factor : int
        r, the divisor of height and width.

    References
    ----------
    Shi et al., 2016, arXiv:1609.05158.

    Examples
    --------
    >>> dl.nn.PixelUnshuffle(2)(dl.zeros((1, 2, 4, 6))).shape
    (1, 8, 2, 3)
    """

    def __init__(self, downscale_factor: int) -> None:
        self.downscale_factor = downscale_factor

    def forward(self, x: Tensor) -> Tensor:
        return ops.pixel_unshuffle(x, self.downscale_factor)

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"


class Unflatten(Module):
    """Split one axis into several.

    Shape: x (N, C H W) -> (N,C,H,W) with ``dim`` 1 and ``unflattened_size`` (C,H,W).

    Parameters
    ----------
    dim : int
        The axis.
    unflattened_size : tuple of int
        The sizes of the new axes; one may be -1, which is computed from the others.

    Raises
    ------
    ConfigError
        A size is negative, or several are -1.

    Examples
    --------
    >>> dl.nn.Unflatten(1, (3, -1))(dl.zeros((2, 12))).shape
    (2, 3, 4)
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        self.dim, self.unflattened_size = dim, tuple(unflattened_size)
        if sum(n == -1 for n in self.unflattened_size) > 1 or any(n < -1 for n in self.unflattened_size):
            raise ConfigError(f"Unflatten: unflattened_size must hold sizes and at most one -1, got {self.unflattened_size}")

    def forward(self, x: Tensor) -> Tensor:
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


class ChannelShuffle(Module):
    """Deal the channels of each group out over all groups, so that the next grouped convolution sees some of each.

    Channel ``g C / groups + i`` becomes channel ``i groups + g``. Shape: x (N,C,*S) -> the same shape.

    Parameters
    ----------
    groups : int
        The number of groups; it must divide C.

    See Also
    --------
    functional.channel_shuffle : The same as a function.

    References
    ----------
    Zhang, Zhou, Lin and Sun, "ShuffleNet", 2018, arXiv:1707.01083.

    Examples
    --------
    >>> dl.nn.ChannelShuffle(2)(dl.reshape(dl.arange(4.0), (1, 4, 1))).tolist()
    [[[0.0], [2.0], [1.0], [3.0]]]
    """

    def __init__(self, groups: int) -> None:
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        return ops.channel_shuffle(x, self.groups)

    def extra_repr(self) -> str:
        return f"groups={self.groups}"
