"""Pooling in one, two or three dimensions.

Maximum pooling is the choice of one input position per window; everything after the choice is linear. Average pooling
is a sum along one axis after another, divided by how many positions count. Adaptive windows differ in size.
"""

from __future__ import annotations

from functools import reduce
from math import prod
from operator import add

from ..geometry import PlaneGeometry, PoolGeometry
from ..types import Array, Namespace
from .common import Window, every, kernel, pad, taps


@kernel
def max_pool2d(xp: Namespace, x: Array, g: PoolGeometry) -> tuple[Array, Array]:
    """The largest value of each window, and where it is.

    Of equal values the first is taken, of NaNs the first, before every number. Padding is never taken.

    x: (N, C, *in). Returns y (N, C, *out), and its places as int64 (N, C, *out): flat indices into (*in).
    """
    padded = pad(xp, x, g.pad_lo, g.pad_hi)
    best = xp.zeros(g.y_shape, dtype=x.dtype, device=x.device)
    index = xp.full(g.y_shape, -1, dtype=xp.int64, device=x.device)
    for tap, seen in taps(g):
        value = padded[seen]
        inside, place = _places(xp, tap, g, x)
        better = inside & ((index < 0) | (~(value <= best) & (best == best)))  # best != best: NaN
        best, index = xp.where(better, value, best), xp.where(better, place, index)
    return best, index


@kernel
def max_pool_values(xp: Namespace, x: Array, g: PoolGeometry) -> Array:
    """What max_pool2d takes, without the places. x: (N, C, *in). Returns (N, C, *out)."""
    return max_pool2d(xp, x, g)[0]


@kernel
def max_pool2d_scatter(xp: Namespace, gy: Array, index: Array, g: PoolGeometry) -> Array:
    """Add each output's gradient to the place it was taken from. gy, index: (N, C, *out). Returns (N, C, *in)."""
    gx = xp.zeros(_padded_shape(g), dtype=gy.dtype, device=gy.device)
    nothing = xp.zeros_like(gy)
    for tap, seen in taps(g):
        inside, place = _places(xp, tap, g, gy)
        gx[seen] += xp.where(inside & (index == place), gy, nothing)
    return gx[_inner(g)]


@kernel
def max_pool2d_gather(xp: Namespace, x: Array, index: Array, g: PoolGeometry) -> Array:
    """The adjoint of max_pool2d_scatter: x at index. x: (N, C, *in). index: (N, C, *out). Returns (N, C, *out)."""
    flat = xp.reshape(x, (g.N, g.C, prod(g.in_shape)))
    return xp.reshape(xp.take_along_axis(flat, xp.reshape(index, (g.N, g.C, prod(g.out_shape))), axis=2), g.y_shape)


@kernel
def avg_pool2d(xp: Namespace, x: Array, g: PoolGeometry) -> Array:
    """The mean of each window, over the positions that g.counts says. x: (N, C, *in). Returns (N, C, *out)."""
    y = pad(xp, x, g.pad_lo, g.pad_hi)
    for axis, size in enumerate(g.kernel):
        terms = [y[_seen(g, axis, k)] for k in range(size)]
        y = reduce(add, terms)
    return y / _divisor(xp, g, x)


@kernel
def avg_pool2d_input_grad(xp: Namespace, gy: Array, g: PoolGeometry) -> Array:
    """The adjoint of avg_pool2d. gy: (N, C, *out). Returns (N, C, *in)."""
    gx = gy / _divisor(xp, g, gy)
    shape, padded = list(g.y_shape), _padded_shape(g)
    for axis, size in enumerate(g.kernel):
        shape[2 + axis] = padded[2 + axis]
        spread = xp.zeros(tuple(shape), dtype=gy.dtype, device=gy.device)
        for k in range(size):
            spread[_seen(g, axis, k)] += gx
        gx = spread
    return gx[_inner(g)]


max_pool3d, max_pool3d_scatter, max_pool3d_gather = max_pool2d, max_pool2d_scatter, max_pool2d_gather
avg_pool3d, avg_pool3d_input_grad = avg_pool2d, avg_pool2d_input_grad
plane_gather = max_pool2d_gather


@kernel
def plane_scatter(xp: Namespace, gy: Array, index: Array, g: PlaneGeometry) -> Array:
    """The adjoint of plane_gather: gy added at its places. gy, index: (N, C, *out). Returns (N, C, *in)."""
    first = xp.arange(g.N * g.C, dtype=xp.int64, device=gy.device) * g.places
    places = xp.reshape(index, (g.N * g.C, prod(g.out_shape))) + xp.reshape(first, (g.N * g.C, 1))
    nothing = xp.zeros((g.N * g.C * g.places,), dtype=gy.dtype, device=gy.device)
    return xp.reshape(xp.scatter_add(nothing, xp.reshape(places, (-1,)), xp.reshape(gy, (-1,))), g.x_shape)


@kernel
def adaptive_max_pool(xp: Namespace, x: Array, g: PlaneGeometry) -> tuple[Array, Array]:
    """The largest value of each window, and where it is, as max_pool2d gives them. x: (N, C, *in). Returns (N, C, *out) twice."""
    windows = xp.asarray(g.positions, device=x.device)
    count, longest = windows.shape
    flat = xp.reshape(x, (g.N, g.C, g.places))
    seen = xp.reshape(xp.take(flat, xp.reshape(windows, (-1,)), axis=2), (g.N, g.C, count, longest))
    first = xp.astype(xp.argmax(seen, axis=-1), xp.int64)
    inside = first + xp.arange(count, dtype=xp.int64, device=x.device) * longest
    places = xp.reshape(xp.take(xp.reshape(windows, (-1,)), xp.reshape(inside, (-1,)), axis=0), first.shape)
    return xp.reshape(xp.take_along_axis(flat, places, axis=2), g.y_shape), xp.reshape(places, g.y_shape)


@kernel
def adaptive_avg_pool(xp: Namespace, x: Array, g: PlaneGeometry) -> Array:
    """The mean of each window. x: (N, C, *in). Returns (N, C, *out)."""
    for axis in range(len(g.in_shape)):
        parts = [xp.sum(x[part], axis=2 + axis) / count for part, count in _adaptive_parts(g, axis)]
        x = xp.stack(parts, axis=2 + axis)
    return x


@kernel
def adaptive_avg_pool_input_grad(xp: Namespace, gy: Array, g: PlaneGeometry) -> Array:
    """The adjoint of adaptive_avg_pool. gy: (N, C, *out). Returns (N, C, *in)."""
    shape = list(g.y_shape)
    for axis, size in enumerate(g.in_shape):
        shape[2 + axis] = size
        spread = xp.zeros(tuple(shape), dtype=gy.dtype, device=gy.device)
        for o, (part, count) in enumerate(_adaptive_parts(g, axis)):
            spread[part] += gy[(slice(None),) * (2 + axis) + (slice(o, o + 1), ...)] / count
        gy = spread
    return gy


def _adaptive_parts(g: PlaneGeometry, axis: int) -> list[tuple[Window, int]]:
    """What each window sees along one spatial axis, and how many positions that is."""
    return [((slice(None),) * (2 + axis) + (slice(a, a + count), ...), count) for a, count in g.seen(axis)]


def _places(xp: Namespace, tap: tuple[int, ...], g: PoolGeometry, like: Array) -> tuple[Array, Array]:
    """For one position in the windows, over (*out): whether it lies in the image, and its flat index there."""
    inside, place = xp.asarray(True, device=like.device), xp.asarray(0, dtype=xp.int64, device=like.device)
    for axis, size in enumerate(g.in_shape):
        outputs = xp.arange(g.out_shape[axis], dtype=xp.int64, device=like.device)
        position = outputs * g.stride[axis] + (tap[axis] * g.dilation[axis] - g.pad_lo[axis])
        inside = inside[..., None] & (position >= 0) & (position < size)
        place = place[..., None] * size + position
    return inside, place


def _divisor(xp: Namespace, g: PoolGeometry, like: Array) -> Array:
    """How many positions the mean of each window is over: (*out)."""
    divisor = xp.asarray(1, dtype=like.dtype, device=like.device)
    for axis in range(len(g.kernel)):
        divisor = divisor[..., None] * xp.asarray(g.counts(axis), dtype=like.dtype, device=like.device)
    return divisor


def _seen(g: PoolGeometry, axis: int, k: int) -> Window:
    """What position k of the windows sees along one spatial axis."""
    return (slice(None),) * (2 + axis) + (every(k * g.dilation[axis], g.stride[axis], g.out_shape[axis]), ...)


def _padded_shape(g: PoolGeometry) -> tuple[int, ...]:
    return (g.N, g.C, *(i + lo + hi for i, lo, hi in zip(g.in_shape, g.pad_lo, g.pad_hi, strict=True)))


def _inner(g: PoolGeometry) -> Window:
    """The image inside its padding."""
    return (..., *(slice(lo, lo + i) for lo, i in zip(g.pad_lo, g.in_shape, strict=True)))
