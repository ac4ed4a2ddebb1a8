"""Pooling on the GPU: one thread a value, in three dimensions; planes are volumes of depth 1."""

from __future__ import annotations

from math import prod

from ..geometry import Ints, PoolGeometry
from ..types import Array
from . import FLOATS
from .machine.launch import Kernel, blocks_for, contiguous, empty, integers, library_of


def _declare(name: str) -> Kernel:
    return Kernel("pool.cu", name, FLOATS, structs={PoolGeometry: 3})


_max = _declare("max_pool")
_scatter = _declare("max_pool_scatter")
_gather = _declare("max_pool_gather")
_avg = _declare("avg_pool")
_avg_grad = _declare("avg_pool_input_grad")


def max_pool2d(x: Array, g: PoolGeometry) -> tuple[Array, Array]:
    """The largest value of each window and its flat index in the input plane; the first NaN, else the first of equals.

    x: (N, C, *in). Returns y (N, C, *out) and (N, C, *out) in the narrowest dtype that holds a plane's places, int16 at least:
    they are written once, and read by the gradient alone unless somebody asks for them.
    """
    y = empty(library_of(x), g.y_shape, x.dtype)
    index = empty(library_of(x), g.y_shape, place_dtype(prod(g.in_shape)))
    _launch(_max, y, contiguous(x), y, *_bytes(index), _lifted(g))
    return y, index


def max_pool_values(x: Array, g: PoolGeometry) -> Array:
    """The largest value of each window. x: (N, C, *in). Returns (N, C, *out)."""
    return max_pool2d(x, g)[0]


def place_dtype(places: int) -> str:
    """In which a flat place in a plane is kept."""
    return "int16" if places <= 1 << 15 else "int32" if places <= 1 << 31 else "int64"


def _placed(index: Array, result: Array) -> tuple[Array, Array, int]:
    """Places, the result, and the bytes of a place, as the kernels take them."""
    places, size = _bytes(index)
    return places, result, size


def _bytes(index: Array) -> tuple[Array, int]:
    """Places as bytes, and how many each has."""
    index = contiguous(index)
    if index.dtype.itemsize not in (2, 4, 8) or index.dtype.kind != "i":
        index = integers(index)
    return index.reshape(-1).view("uint8"), index.dtype.itemsize


def max_pool2d_scatter(gy: Array, index: Array, g: PoolGeometry) -> Array:
    """Add each output's gradient to the place it was taken from. gy, index: (N, C, *out). Returns (N, C, *in)."""
    gx = empty(library_of(gy), g.x_shape, gy.dtype)
    return _launch(_scatter, gx, contiguous(gy), *_placed(index, gx), _lifted(g))


def max_pool2d_gather(x: Array, index: Array, g: PoolGeometry) -> Array:
    """The adjoint of max_pool2d_scatter: x at index. x: (N, C, *in). index: (N, C, *out). Returns (N, C, *out)."""
    y = empty(library_of(x), g.y_shape, x.dtype)
    return _launch(_gather, y, contiguous(x), *_placed(index, y), _lifted(g))


def avg_pool2d(x: Array, g: PoolGeometry) -> Array:
    """The mean of each window, over the positions that g.counts says. x: (N, C, *in). Returns (N, C, *out)."""
    y = empty(library_of(x), g.y_shape, x.dtype)
    return _launch(_avg, y, contiguous(x), y, _lifted(g))


def avg_pool2d_input_grad(gy: Array, g: PoolGeometry) -> Array:
    """The adjoint of avg_pool2d. gy: (N, C, *out). Returns (N, C, *in)."""
    gx = empty(library_of(gy), g.x_shape, gy.dtype)
    return _launch(_avg_grad, gx, contiguous(gy), gx, _lifted(g))


max_pool3d, max_pool3d_scatter, max_pool3d_gather = max_pool2d, max_pool2d_scatter, max_pool2d_gather
avg_pool3d, avg_pool3d_input_grad = avg_pool2d, avg_pool2d_input_grad


def _launch(kernel: Kernel, result: Array, *arguments: object) -> Array:
    """One thread for each value of the result."""
    kernel[blocks_for(result.size, kernel.threads)](*arguments)
    return result


def _lifted(g: PoolGeometry) -> PoolGeometry:
    """The same pooling of three-dimensional images."""
    if len(g.kernel) == 3:
        return g

    def lift(sizes: Ints, missing: int) -> Ints:
        return (missing,) * (3 - len(sizes)) + sizes

    return PoolGeometry(
        N=g.N,
        C=g.C,
        in_shape=lift(g.in_shape, 1),
        kernel=lift(g.kernel, 1),
        stride=lift(g.stride, 1),
        dilation=lift(g.dilation, 1),
        pad_lo=lift(g.pad_lo, 0),
        pad_hi=lift(g.pad_hi, 0),
        padding=lift(g.padding, 0),
        out_shape=lift(g.out_shape, 1),
        count_include_pad=g.count_include_pad,
    )
