"""Pooling: the largest, smallest or mean value of each window; adaptive and global forms."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

from dlengine.kernels.geometry import Ints, PoolGeometry

from ..autograd.promotion import is_inexact
from ..errors import ConfigError, ShapeError
from . import windows
from .conv import each
from .creation import arange
from .elementwise import negative
from .ids import check_ids
from .index import put_at, take, take_along_axis
from .logic import bitwise_invert
from .reduce import argmax
from .shape import reshape, stack

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d", "adaptive_max_pool2d",
    "adaptive_max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d", "max_pool1d", "max_pool2d", "max_pool3d", "max_unpool1d",
    "max_unpool2d", "max_unpool3d", "min_pool1d", "min_pool2d", "min_pool3d",
]  # fmt: skip


_PLACES = {1: "OW", 2: "OH,OW", 3: "OD,OH,OW"}


def pool_geometry(
    op: str, x: Any, rank: int, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool,
    count_include_pad: bool = True,
) -> PoolGeometry:  # fmt: skip
    """Check the settings and work out the output's size; with ceil_mode a last window may run past the padded end."""
    if x.ndim != rank + 2:
        raise ShapeError(f"{op}: input must have {rank + 2} dimensions (N,C,...), got shape {x.shape}")
    kernel = each(op, "kernel_size", kernel_size, rank)
    steps = kernel if stride is None else each(op, "stride", stride, rank)
    pad = each(op, "padding", padding, rank, 0)
    dil = each(op, "dilation", dilation, rank)
    if any(2 * p > k for p, k in zip(pad, kernel, strict=True)):
        raise ConfigError(f"{op}: padding {pad} may be at most half of kernel_size {kernel}")
    out, high = [], []
    for i, k, s, p, d in zip(x.shape[2:], kernel, steps, pad, dil, strict=True):
        room = i + 2 * p - d * (k - 1) - 1  # negative: not even the first window lies inside, with ceil_mode it need not
        o = -(-room // s) + 1 if ceil_mode else room // s + 1
        if ceil_mode and (o - 1) * s >= i + p:  # the last window must start inside the input or its low padding
            o -= 1
        if o < 1:
            raise ShapeError(f"{op}: no window fits: kernel {kernel} with dilation {dil} on input {x.shape} padded by {pad}")
        out.append(o)
        high.append(max(0, (o - 1) * s + d * (k - 1) + 1 - i - p))
    return PoolGeometry(
        x.shape[0], x.shape[1], tuple(x.shape[2:]), kernel, steps, dil, pad, tuple(high), pad, tuple(out), count_include_pad
    )


def _lift(g: PoolGeometry) -> PoolGeometry:
    """A 1-d geometry as the 2-d one of images of height 1."""
    return PoolGeometry(
        g.N, g.C, (1, *g.in_shape), (1, *g.kernel), (1, *g.stride), (1, *g.dilation), (0, *g.pad_lo), (0, *g.pad_hi),
        (0, *g.padding), (1, *g.out_shape), g.count_include_pad,
    )  # fmt: skip


def _sees_input(op: str, g: PoolGeometry) -> None:
    """ShapeError if a window of a maximum holds nothing but padding, which dilation and an axis of size 0 allow."""
    for n, o, k, s, d, p in zip(g.in_shape, g.out_shape, g.kernel, g.stride, g.dilation, g.pad_lo, strict=True):
        if n and (d == 1 or not p):
            continue
        for start in range(-p, o * s - p, s):
            first = start % d if start < 0 else start
            if first > min(start + d * (k - 1), n - 1):
                raise ShapeError(
                    f"{op}: a window of kernel_size {g.kernel}, dilation {g.dilation} and padding {g.pad_lo} sees nothing of the "
                    f"input {g.in_shape}, and the largest of no values does not exist"
                )


def _max(op: str, rank: int, x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil: bool, indices: bool) -> Any:
    g = pool_geometry(op, x, rank, kernel, stride, padding, dilation, ceil)
    _sees_input(op, g)
    if rank == 1:
        y, index = windows.max_pool2d(x[:, :, None, :], _lift(g))
        y, index = y[:, :, 0, :], index[:, :, 0, :]
    else:
        y, index = (windows.max_pool3d if rank == 3 else windows.max_pool2d)(x, g)
    return (y, index) if indices else y


def _avg(op: str, rank: int, x: Any, kernel: Any, stride: Any, padding: Any, ceil: bool, include: bool) -> Any:
    g = pool_geometry(op, x, rank, kernel, stride, padding, 1, ceil, include)
    if rank == 1:
        return windows.avg_pool2d(x[:, :, None, :], _lift(g))[:, :, 0, :]
    return (windows.avg_pool3d if rank == 3 else windows.avg_pool2d)(x, g)


def max_pool1d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:  # fmt: skip
    """The largest value of each window of sequences (N,C,W); see max_pool2d."""
    return _max("max_pool1d", 1, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:  # fmt: skip
    """The largest value of each window of images (N,C,H,W); the gradient goes to the first of equals.

    stride: kernel_size if None. padding: with -inf, at most half a window. ceil_mode: also the last, partial windows.
    Returns (N,C,OH,OW), and with return_indices also the flat positions in (H,W), int64.
    Raises ShapeError if no window fits or one sees padding only, ConfigError for bad settings.
    """
    return _max("max_pool2d", 2, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool3d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:  # fmt: skip
    """The largest value of each window of volumes (N,C,D,H,W); see max_pool2d."""
    return _max("max_pool3d", 3, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def _min(op: str, rank: int, x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil: bool, indices: bool) -> Any:
    turned = negative if is_inexact(x) else bitwise_invert  # which turns the order round, too, and cannot overflow
    y = _max(op, rank, turned(x), kernel, stride, padding, dilation, ceil, indices)
    return (turned(y[0]), y[1]) if indices else turned(y)


def min_pool1d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:  # fmt: skip
    """The smallest value of each window of sequences (N,C,W); see max_pool2d."""
    return _min("min_pool1d", 1, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def min_pool2d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:  # fmt: skip
    """The smallest value of each window of images (N,C,H,W); see max_pool2d."""
    return _min("min_pool2d", 2, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def min_pool3d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:  # fmt: skip
    """The smallest value of each window of volumes (N,C,D,H,W); see max_pool2d."""
    return _min("min_pool3d", 3, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def avg_pool1d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False, count_include_pad: bool = True
) -> Any:
    """The mean of each window of sequences (N,C,W); see avg_pool2d."""
    return _avg("avg_pool1d", 1, x, kernel_size, stride, padding, ceil_mode, count_include_pad)


def avg_pool2d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False, count_include_pad: bool = True
) -> Any:
    """The mean of each window of images (N,C,H,W).

    stride: kernel_size if None. padding: with zeros, which count in the mean if count_include_pad.
    Returns (N,C,OH,OW). Raises ShapeError if no window fits, ConfigError for bad settings.
    """
    return _avg("avg_pool2d", 2, x, kernel_size, stride, padding, ceil_mode, count_include_pad)


def avg_pool3d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False, count_include_pad: bool = True
) -> Any:
    """The mean of each window of volumes (N,C,D,H,W); see avg_pool2d."""
    return _avg("avg_pool3d", 3, x, kernel_size, stride, padding, ceil_mode, count_include_pad)


def _unpool(op: str, rank: int, x: Any, indices: Any, output_size: Any) -> Any:
    if x.shape != indices.shape or x.ndim != rank + 2:
        raise ShapeError(f"{op}: x and indices must both be (N,C,{_PLACES[rank]}), "
                         f"got {x.shape} and {indices.shape}")  # fmt: skip
    size = each(op, "output_size", output_size, rank)
    check_ids(op, "indices", indices, prod(size), of=f"places of output_size {size}")
    indices = indices if indices.dtype.name == "int64" else indices.astype("int64")
    n, c, plane = x.shape[0], x.shape[1], prod(size)
    first = reshape(arange(n * c, device=x.device) * plane, (n, c, *(1,) * rank))
    flat = put_at(reshape(x, (-1,)), key=reshape(indices + first, (-1,)), shape=(n * c * plane,))
    return reshape(flat, (n, c, *size))


def max_unpool1d(x: Any, indices: Any, output_size: Any) -> Any:
    """Pooled values (N,C,OW) put back at the positions that max_pool1d returned, zeros elsewhere: (N,C,*output_size)."""
    return _unpool("max_unpool1d", 1, x, indices, output_size)


def max_unpool2d(x: Any, indices: Any, output_size: Any) -> Any:
    """Pooled values (N,C,OH,OW) put back at the positions that max_pool2d returned, zeros elsewhere: (N,C,*output_size).

    Values that name the same position add up. Source: Zeiler & Fergus 2014, arXiv:1311.2901.
    """
    return _unpool("max_unpool2d", 2, x, indices, output_size)


def max_unpool3d(x: Any, indices: Any, output_size: Any) -> Any:
    """Pooled values (N,C,OD,OH,OW) put back at the positions that max_pool3d returned, zeros elsewhere."""
    return _unpool("max_unpool3d", 3, x, indices, output_size)


def _adaptive(op: str, rank: int, x: Any, output_size: Any, largest: bool, indices: bool = False) -> Any:
    """Windows from floor(i I/O) to ceil((i+1) I/O): one pooling if they are equal, else axis by axis, window by window."""
    if x.ndim != rank + 2:
        raise ShapeError(f"{op}: input must have {rank + 2} dimensions (N,C,...), got shape {x.shape}")
    wanted = (output_size,) * rank if isinstance(output_size, int) or output_size is None else tuple(output_size)
    out = tuple(i if o is None else o for i, o in zip(x.shape[2:], wanted, strict=True))
    out = each(op, "output_size", out, rank)
    space = x.shape[2:]
    if all(i % o == 0 and i > 0 for i, o in zip(space, out, strict=True)):
        kernel = tuple(i // o for i, o in zip(space, out, strict=True))
        if largest:
            return _max(op, rank, x, kernel, None, 0, 1, False, indices)
        return _avg(op, rank, x, kernel, None, 0, False, True)
    if indices:
        return _adaptive_with_indices(x, space, out)
    from .reduce import max as largest_of
    from .reduce import mean

    y = x
    for axis, o in enumerate(out, start=2):
        size = y.shape[axis]
        parts = []
        for i in range(o):
            part = y[(slice(None),) * axis + (slice(i * size // o, -(-(i + 1) * size // o)),)]
            parts.append(largest_of(part, axis=axis) if largest else mean(part, axis=axis))
        y = stack(parts, axis=axis)
    return y


def _adaptive_with_indices(x: Any, space: Ints, out: Ints) -> Any:
    """Window by window: the largest value and its flat position in the plane."""
    plane = reshape(arange(prod(space), device=x.device), space)
    values, places = [], []
    for at in product(*map(range, out)):
        window = tuple(slice(i * n // o, -(-(i + 1) * n // o)) for i, n, o in zip(at, space, out, strict=True))
        inside = reshape(x[(slice(None), slice(None), *window)], (*x.shape[:2], -1))
        first = argmax(inside, axis=-1)
        values.append(take_along_axis(inside, first[..., None], axis=-1)[..., 0])
        places.append(take(reshape(plane[window], (-1,)), first))
    shape = (*x.shape[:2], *out)
    return reshape(stack(values, axis=-1), shape), reshape(stack(places, axis=-1), shape)


def adaptive_avg_pool1d(x: Any, output_size: Any) -> Any:
    """Mean pooling of sequences (N,C,W) to a given width."""
    return _adaptive("adaptive_avg_pool1d", 1, x, output_size, False)


def adaptive_avg_pool2d(x: Any, output_size: Any) -> Any:
    """Mean pooling of images to (N,C,*output_size), windows from floor(i H/OH) to ceil((i+1) H/OH); 1 is global pooling."""
    return _adaptive("adaptive_avg_pool2d", 2, x, output_size, False)


def adaptive_avg_pool3d(x: Any, output_size: Any) -> Any:
    """Mean pooling of volumes to (N,C,*output_size)."""
    return _adaptive("adaptive_avg_pool3d", 3, x, output_size, False)


def adaptive_max_pool1d(x: Any, output_size: Any, return_indices: bool = False) -> Any:
    """Max pooling of sequences (N,C,W) to a given width."""
    return _adaptive("adaptive_max_pool1d", 1, x, output_size, True, return_indices)


def adaptive_max_pool2d(x: Any, output_size: Any, return_indices: bool = False) -> Any:
    """Max pooling of images to (N,C,*output_size); 1 is global pooling."""
    return _adaptive("adaptive_max_pool2d", 2, x, output_size, True, return_indices)


def adaptive_max_pool3d(x: Any, output_size: Any, return_indices: bool = False) -> Any:
    """Max pooling of volumes to (N,C,*output_size)."""
    return _adaptive("adaptive_max_pool3d", 3, x, output_size, True, return_indices)
