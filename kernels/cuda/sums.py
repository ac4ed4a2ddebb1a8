"""Sums over all axes but one, and over all, by our own kernels: gradients of biases, and losses.

CuPy's own would be compiled for each dtype and layout when first used, and cannot all be captured safely (its issue 8318).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from math import prod
from typing import Any

from ..types import Array
from . import FLOATS
from .machine.channels import Channels
from .machine.launch import Kernel, blocks_for, contiguous, empty, library_of
from .machine.source import accumulator

_total = Kernel("channel_total.cu", "channel_total", FLOATS)
_total_add = Kernel("channel_total.cu", "channel_total_add", FLOATS)


def channel_total(x: Array, shape: Channels) -> Array:
    """The sum of each channel of x, seen as (outer, channels, inner). Returns (channels,)."""
    x = contiguous(x)
    y = empty(library_of(x), (shape.channels,), x.dtype)
    splits = shape.splits
    parts = None if splits == 1 else empty(library_of(x), (splits, shape.channels), accumulator(str(x.dtype)))
    sizes = shape.outer, shape.channels, shape.inner, shape.across, splits, shape.split_size, shape.packs
    _total[shape.tiles * splits](x, parts, y if splits == 1 else None, *sizes)
    if splits > 1:
        _total_add[blocks_for(y.size, _total_add.threads)](parts, y, y.size, splits)
    return y


def sums(fallback: Callable[..., Any], launches: Counter[str]) -> Callable[..., Any]:
    """The array API's sum. fallback: the library's, for other axes and dtypes. launches: where calls are counted."""

    def sum(x: Array, /, *, axis: Any = None, keepdims: bool = False, **options: Any) -> Any:  # noqa: A001 - its name
        shape = None if options.get("dtype") is not None or not x.size or str(x.dtype) not in FLOATS else _channels(x.shape, axis)
        if shape is None:
            return fallback(x, axis=axis, keepdims=keepdims, **options)
        launches["sum"] += 1
        kept = tuple([n if _stays(i, x.ndim, axis) else 1 for i, n in enumerate(x.shape) if keepdims or _stays(i, x.ndim, axis)])
        return channel_total(x, shape).reshape(kept)

    return sum


def _stays(i: int, rank: int, axis: Any) -> bool:
    axes = range(rank) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return i not in [a % rank for a in axes]


def _channels(shape: tuple[int, ...], axis: Any) -> Channels | None:
    """Where the channels of a sum lie; None where more than one axis stays, or an axis does not exist."""
    rank = len(shape)
    axes = tuple(range(rank)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    if not rank or not all(isinstance(a, int) and -rank <= a < rank for a in axes) or len({a % rank for a in axes}) != len(axes):
        return None
    stays = [i for i in range(rank) if _stays(i, rank, axes)]
    if len(stays) > 1:
        return None
    if not stays:
        return Channels(1, 1, prod(shape))
    return Channels(prod(shape[: stays[0]]), shape[stays[0]], prod(shape[stays[0] + 1 :]))
