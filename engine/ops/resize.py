"""Images of another size: interpolation, pixels traded for channels, and channels in another order.

Interpolation is linear and separable: along each axis every output is a weighted sum of a few inputs. Positions and
weights are PyTorch's.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cached_property, lru_cache, reduce
from operator import add
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.op import op
from ..autograd.promotion import is_inexact
from ..autograd.short import short
from ..default_dtype import get_default_dtype
from ..errors import ConfigError, ShapeError
from .conv_geometry import int_tuple
from .half import wide_text
from .shape import permute_dims, reshape

if TYPE_CHECKING:
    from ..typing import Namespace, Shape, Tensor, ValueAndVJP

__all__ = ["channel_shuffle", "interpolate", "pixel_shuffle", "pixel_unshuffle"]

Taps = tuple[tuple[tuple[int, ...], tuple[float, ...]], ...]
"""The weighted sum along one axis: for each term the position of its input, and its weight, for every output."""


class Resampling:
    """The sums along an axis of `size` inputs: taps, and what is worked out of them once.

    positions, weights: a row for each term, None for weights of 1. repeats: how often each input comes, one after the other,
    where that is all; else 0.
    """

    def __init__(self, taps: Taps, size: int) -> None:
        self.taps, self.size = taps, size
        self.positions = [np.asarray(positions, np.int64) for positions, _ in taps]
        self.weights = [None if all(w == 1 for w in weights) else np.asarray(weights) for _, weights in taps]
        self.repeats, rest = divmod(len(self.positions[0]), size)
        whole = not rest and len(taps) == 1 and self.weights[0] is None and self.repeats <= FEW
        if not (whole and np.array_equal(self.positions[0], np.repeat(np.arange(size), self.repeats))):
            self.repeats = 0

    @cached_property
    def matrix(self) -> Any:
        """(outputs, inputs): the weights."""
        matrix = np.zeros((len(self.positions[0]), self.size))
        for positions, weights in self.taps:
            np.add.at(matrix, (np.arange(len(positions)), np.asarray(positions)), weights)
        return matrix


FEW = 8
"""Repetitions up to which their gradients are added one after the other."""


@op(needs="")
@wide_text
def resample(xp: Namespace, x: Tensor, /, *, axis: int, sums: Resampling) -> ValueAndVJP:
    """y[o] = sum over the taps (positions, weights) of weights[o] x[positions[o]] along an axis.

    The pullback is the product with the transposed matrix of the weights.
    """
    line = [1] * x.ndim
    line[axis] = -1
    y: Any = None
    for positions, weights in zip(sums.positions, sums.weights, strict=True):
        part = xp.take(x, xp.asarray(positions), axis=axis)
        if weights is not None:
            part = part * xp.reshape(xp.astype(xp.asarray(weights), x.dtype), tuple(line))
        y = part if y is None else y + part

    def pull(gy: Any) -> Any:
        if sums.repeats:
            lead = (slice(None),) * axis
            return reduce(add, [gy[(*lead, slice(i, None, sums.repeats), ...)] for i in range(sums.repeats)])
        m = xp.astype(xp.asarray(sums.matrix), gy.dtype)
        return xp.moveaxis(xp.matmul(xp.moveaxis(gy, axis, -1), m), -1, axis)

    return y, pull


def _cubic(t: float) -> tuple[float, float, float, float]:
    """Weights of the four neighbours at distance t from the second. Source: Keys 1981, a = -0.75."""
    a = -0.75

    def near(d: float) -> float:
        return ((a + 2) * d - (a + 3)) * d * d + 1

    def far(d: float) -> float:
        return ((d - 5) * d + 8) * d * a - 4 * a

    return far(t + 1), near(t), near(1 - t), far(2 - t)


def _nearest(size: int, out: int, centred: bool, scale: float | None) -> tuple[int, ...]:
    """The input o size / out of each output o, or (o + 1/2) size / out, rounded down; in integers, since floats fall below.

    A scale is read as the simplest fraction that is this float: 0.1 as 1/10, 0.6666666666666666 as 2/3.
    """
    step = Fraction(size, out) if scale is None else 1 / Fraction(scale).limit_denominator(10**7)
    top, bottom = step.numerator, 2 * step.denominator
    return tuple(min((2 * o + centred) * top // bottom, size - 1) for o in range(out))


@lru_cache(maxsize=256)
def resampling(mode: str, size: int, out: int, align_corners: bool, scale: float | None) -> Resampling:
    """The sums of axis_taps."""
    return Resampling(axis_taps(mode, size, out, align_corners, scale), size)


def axis_taps(mode: str, size: int, out: int, align_corners: bool, scale: float | None) -> Taps:
    """How `out` values are made of `size` ones; scale: outputs for each input where the user gave it."""
    if mode in ("nearest", "nearest-exact"):
        return ((_nearest(size, out, mode == "nearest-exact", scale), (1.0,) * out),)
    ratio = size / out if scale is None else 1 / scale
    if mode == "area":
        windows = [(o * size // out, -(-(o + 1) * size // out)) for o in range(out)]
        widest = max(b - a for a, b in windows)
        # A window shorter than the widest shares its last weight among the terms left: 0 times Inf would be NaN.
        last = [1 / ((b - a) * (widest - (b - a) + 1)) for a, b in windows]
        return tuple(
            (
                tuple(min(a + k, b - 1) for a, b in windows),
                tuple(1 / (b - a) if a + k < b - 1 else end for (a, b), end in zip(windows, last, strict=True)),
            )
            for k in range(widest)
        )
    if align_corners:
        step = (size - 1) / (out - 1) if out > 1 else 0.0
        places = [o * step for o in range(out)]
    else:
        places = [(o + 0.5) * ratio - 0.5 for o in range(out)]
    if mode == "cubic":
        low = [math.floor(p) for p in places]
        weights = [_cubic(p - i) for p, i in zip(places, low, strict=True)]
        return tuple(
            (tuple(min(max(i - 1 + k, 0), size - 1) for i in low), tuple(w[k] for w in weights)) for k in range(4)
        )
    places = [max(p, 0.0) for p in places]
    low = [min(int(p), size - 1) for p in places]
    part = [p - i for p, i in zip(places, low, strict=True)]
    return (tuple(low), tuple(1 - t for t in part)), (tuple(min(i + 1, size - 1) for i in low), tuple(part))


_MODES = {
    "nearest": ("nearest", (1, 2, 3)), "nearest-exact": ("nearest-exact", (1, 2, 3)), "area": ("area", (1, 2, 3)),
    "linear": ("linear", (1,)), "bilinear": ("linear", (2,)), "trilinear": ("linear", (3,)), "bicubic": ("cubic", (2,)),
}  # fmt: skip


def interpolate(
    x: Tensor, size: Shape | None = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None
) -> Tensor:
    """Resize sequences (N,C,W), images (N,C,H,W) or volumes (N,C,D,H,W).

    Parameters
    ----------
    x : Tensor
        One to three axes of space behind batch and channels.
    size : int or tuple of int, optional
        The new size of the space.
    scale_factor : float or tuple of float, optional
        What to multiply the size by, instead of ``size``.
    mode : {"nearest", "nearest-exact", "area", "linear", "bilinear", "bicubic", "trilinear"}
        ``"linear"`` is for sequences, ``"bilinear"`` and ``"bicubic"`` for images, ``"trilinear"`` for volumes.
    align_corners : bool, optional
        Whether the centres of the corner pixels (True) or the outer edges (False) of input and output coincide.

    Returns
    -------
    Tensor
        (N,C,*size), dtype of ``x``; integers and booleans become floats unless the mode is a nearest one.

    Raises
    ------
    ConfigError
        If the settings do not go together.
    ShapeError
        If ``x`` has another number of axes, or no pixels.

    Examples
    --------
    >>> x = dl.asarray([[[1.0, 3.0]]])
    >>> dl.nn.functional.interpolate(x, 4)
    tensor([[[1., 1., 3., 3.]]])
    >>> dl.nn.functional.interpolate(x, 3, mode="linear", align_corners=True)
    tensor([[[1., 2., 3.]]])
    """
    name, rank = "interpolate", x.ndim - 2
    if rank not in (1, 2, 3):
        raise ShapeError(f"{name}: input must be (N,C,*S) with 1 to 3 spatial axes, got shape {x.shape}")
    if mode not in _MODES or rank not in _MODES[mode][1]:
        raise ConfigError(f"{name}: mode must be one of {', '.join(m for m, (_, r) in _MODES.items() if rank in r)} for "
                          f"{rank} spatial axes, got {mode!r}")  # fmt: skip
    kind = _MODES[mode][0]
    if align_corners is not None and kind not in ("linear", "cubic"):
        raise ConfigError(f"{name}: align_corners has a meaning for linear and cubic modes only, not for {mode!r}")
    if (size is None) == (scale_factor is None):
        raise ConfigError(f"{name}: give either size or scale_factor")
    space = x.shape[2:]
    scales: tuple[float | None, ...] = (None,) * rank
    if size is None:
        factors = (scale_factor,) * rank if isinstance(scale_factor, (int, float)) else tuple(scale_factor or ())
        if len(factors) != rank or any(f <= 0 for f in factors):
            raise ConfigError(f"{name}: scale_factor must be positive, one number or {rank}, got {scale_factor!r}")
        scales = tuple(map(float, factors)) if kind != "area" else scales
        size = tuple(math.floor(n * f) for n, f in zip(space, factors, strict=True))
    wanted = int_tuple(name, "size", size, rank)
    if any(n == 0 for n in space):
        raise ShapeError(f"{name}: nothing to resize in shape {x.shape}")
    if kind not in ("nearest", "nearest-exact") and not is_inexact(x):
        x = x.astype(get_default_dtype())  # weights below 1 would be 0 among integers
    for axis, (n, o, s) in enumerate(zip(space, wanted, scales, strict=True), start=2):
        if n != o or s not in (None, 1.0):  # else every value stays in its place
            x = resample(x, axis=axis, sums=resampling(kind, n, o, bool(align_corners), s))
    return x


def pixel_shuffle(x: Tensor, upscale_factor: int) -> Tensor:
    """Turn channels into pixels: (N, C r r, H, W) becomes (N, C, H r, W r).

    Parameters
    ----------
    x : Tensor
        (N, C r r, H, W); instead of N any number of axes, or none.
    upscale_factor : int
        The factor r.

    Returns
    -------
    Tensor
        (N, C, H r, W r).

    Raises
    ------
    ShapeError
        If the channels are no multiple of r r.

    References
    ----------
    Shi et al., 2016, arXiv:1609.05158.

    Examples
    --------
    >>> dl.nn.functional.pixel_shuffle(dl.zeros((1, 8, 2, 3)), 2).shape
    (1, 2, 4, 6)
    """
    r = upscale_factor
    if x.ndim < 3 or r < 1 or x.shape[-3] % (r * r):
        raise ShapeError(f"pixel_shuffle: input must be (N, C r r, H, W) with r={r}, got shape {x.shape}")
    lead, (c, h, w) = x.shape[:-3], x.shape[-3:]
    x = permute_dims(reshape(x, (math.prod(lead), c // (r * r), r, r, h, w)), (0, 1, 4, 2, 5, 3))
    return reshape(x, (*lead, c // (r * r), h * r, w * r))


def pixel_unshuffle(x: Tensor, downscale_factor: int) -> Tensor:
    """Turn pixels into channels: (N, C, H r, W r) becomes (N, C r r, H, W), the inverse of `pixel_shuffle`.

    Parameters
    ----------
    x : Tensor
        (N, C, H r, W r); instead of N any number of axes, or none.
    downscale_factor : int
        The factor r.

    Returns
    -------
    Tensor
        (N, C r r, H, W).

    Raises
    ------
    ShapeError
        If height or width are no multiples of r.

    Examples
    --------
    >>> dl.nn.functional.pixel_unshuffle(dl.zeros((1, 2, 4, 6)), 2).shape
    (1, 8, 2, 3)
    """
    r = downscale_factor
    if x.ndim < 3 or r < 1 or x.shape[-2] % r or x.shape[-1] % r:
        raise ShapeError(f"pixel_unshuffle: input must be (N, C, H r, W r) with r={r}, got shape {x.shape}")
    lead, (c, h, w) = x.shape[:-3], x.shape[-3:]
    x = permute_dims(reshape(x, (math.prod(lead), c, h // r, r, w // r, r)), (0, 1, 3, 5, 2, 4))
    return reshape(x, (*lead, c * r * r, h // r, w // r))


@short("short_places")
def channel_shuffle(x: Tensor, groups: int) -> Tensor:
    """Deal the channels of each group out over all groups: channel ``g C / G + i`` becomes channel ``i G + g``.

    Parameters
    ----------
    x : Tensor
        (N,C,*S).
    groups : int
        G, the number of groups; it must divide C.

    Returns
    -------
    Tensor
        The shape of `x`.

    Raises
    ------
    ShapeError
        If `x` has fewer than three axes, or the groups do not divide its channels.

    References
    ----------
    Zhang, Zhou, Lin and Sun, "ShuffleNet", 2018, arXiv:1707.01083.

    Examples
    --------
    >>> dl.channel_shuffle(dl.reshape(dl.arange(4.0), (1, 4, 1)), 2).tolist()
    [[[0.0], [2.0], [1.0], [3.0]]]
    """
    shape = x.shape
    if len(shape) < 3 or groups < 1 or shape[1] % groups:
        raise ShapeError(f"channel_shuffle: input must be (N,C,*S) with C a multiple of groups={groups}, got shape {shape}")
    parts = reshape(x, (shape[0], groups, shape[1] // groups, math.prod(shape[2:])))
    return reshape(permute_dims(parts, (0, 2, 1, 3)), shape)
