"""Running sums, products and extremes along an axis, and integrals by the trapezoid rule."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import pairs
from .core import define, in_place, is_tensor, kind_of
from .engine import dl


def _summable(input: Any, dtype: Any) -> Any:
    if dtype is not None:
        return dl.astype(input, dtype)
    return dl.astype(input, "int64") if kind_of(input.dtype) < 2 else input


@define("cumsum")
def cumsum(input: Any, dim: int, *, dtype: Any = None) -> Any:
    x = _summable(input, dtype)
    return dl.cumulative_sum(x, axis=dim) if x.ndim else dl.clone(x)


@define("cumprod")
def _cumprod(input: Any, dim: int, *, dtype: Any = None) -> Any:
    x = _summable(input, dtype)
    return dl.cumulative_prod(x, axis=dim) if x.ndim else dl.clone(x)


def _extreme(f: Any, pair: Any, input: Any, dim: int) -> Any:
    """Each element's running extreme and where it stands last, found on the host: PyTorch's index of a tie is the later one."""
    if input.ndim == 0:
        return pair(dl.clone(input), dl.zeros((), dtype="int64", device=input.device))
    a = input.numpy_copy()
    best = f.accumulate(a, axis=dim) if a.size else a
    shape = [1] * a.ndim
    shape[dim] = -1
    places = np.broadcast_to(np.arange(a.shape[dim]).reshape(shape), a.shape)
    new = np.where((a == best) | (a != a), places, 0)
    index = np.maximum.accumulate(new, axis=dim) if a.size else new
    where_ = dl.asarray(index.astype(np.int64), device=input.device)
    return pair(dl.take_along_axis(input, where_, axis=dim), where_)


@define("cummax")
def _cummax(input: Any, dim: int) -> Any:
    return _extreme(np.maximum, pairs.cummax, input, dim)


@define("cummin")
def _cummin(input: Any, dim: int) -> Any:
    return _extreme(np.minimum, pairs.cummin, input, dim)


@define("logcumsumexp")
def _logcumsumexp(input: Any, dim: int) -> Any:
    """By doubling: after k steps each element holds the sum of 2**k neighbours, so that nothing underflows."""
    if input.ndim == 0:
        return dl.clone(input)
    y = dl.moveaxis(input, dim, -1)
    step = 1
    while step < y.shape[-1]:
        y = dl.concat([y[..., :step], dl.logaddexp(y[..., step:], y[..., :-step])], axis=-1)
        step *= 2
    return dl.moveaxis(y, -1, dim)


@define("diff")
def _diff(input: Any, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None) -> Any:
    if n == 0:
        return dl.clone(input)
    parts = [p for p in (prepend, input, append) if p is not None]
    x = dl.concat(parts, axis=dim) if len(parts) > 1 else input
    n = min(n, x.shape[dim])
    key = (slice(None),) * (dim % x.ndim)
    for _ in range(n):
        later, earlier = x[(*key, slice(1, None))], x[(*key, slice(None, -1))]
        x = later ^ earlier if x.dtype == np.bool_ else later - earlier
    return x


def _panels(y: Any, x: Any, dx: Any, dim: int) -> Any:
    """The areas of the trapezoids between neighbours."""
    y = dl.moveaxis(y, dim, -1)
    height = (y[..., 1:] + y[..., :-1]) * 0.5 if kind_of(y.dtype) >= 2 else (y[..., 1:] + y[..., :-1]) / 2
    if x is None:
        return height * dx
    x = dl.moveaxis(x, dim, -1) if x.ndim > 1 or x.ndim == y.ndim else x
    return height * (x[..., 1:] - x[..., :-1])


@define("trapezoid", "trapz", method=False)
def _trapezoid(y: Any, x: Any = None, *, dx: Any = None, dim: int = -1) -> Any:
    return dl.sum(_panels(y, x, 1 if dx is None else dx, dim), axis=-1)


@define("cumulative_trapezoid", method=False)
def _cumulative_trapezoid(y: Any, x: Any = None, *, dx: Any = None, dim: int = -1) -> Any:
    return dl.moveaxis(dl.cumulative_sum(_panels(y, x, 1 if dx is None else dx, dim), axis=-1), -1, dim)


@define("gradient", method=False)
def _gradient(input: Any, *, spacing: Any = None, dim: Any = None, edge_order: int = 1) -> Any:
    dims = range(input.ndim) if dim is None else (dim,) if isinstance(dim, int) else dim
    dims = list(dims)
    spacing = 1 if spacing is None else spacing
    spaces = list(spacing) if isinstance(spacing, list | tuple) else [spacing] * len(dims)
    return tuple(_slope(input, h, d, edge_order) for h, d in zip(spaces, dims, strict=True))


def _slope(input: Any, h: Any, dim: int, edge_order: int) -> Any:
    x = dl.moveaxis(input, dim, -1)
    n = x.shape[-1]
    if is_tensor(h) and h.ndim:
        gaps = (h[1:] - h[:-1])
    else:
        gaps = dl.full((n - 1,), float(h), dtype=x.dtype if kind_of(x.dtype) >= 2 else dl.get_default_dtype(), device=x.device)
    steps = (x[..., 1:] - x[..., :-1]) / gaps
    left, right = gaps[:-1], gaps[1:]
    inner = (steps[..., :-1] * right + steps[..., 1:] * left) / (left + right)
    first, last = steps[..., :1], steps[..., -1:]
    if edge_order == 2:
        a, b = gaps[0], gaps[1]
        c, d = gaps[-1], gaps[-2]
        first = first + (first - steps[..., 1:2]) * a / (a + b)
        last = last + (last - steps[..., -2:-1]) * c / (c + d)
    return dl.moveaxis(dl.concat([first, inner, last], axis=-1), -1, dim)


in_place("cumsum", "cumprod", "logcumsumexp")
_ = math
