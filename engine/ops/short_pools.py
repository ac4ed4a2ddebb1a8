"""Small calls of poolings and convolutions, see dlengine.autograd.short: where windows lie is worked out once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..autograd.small_kernels import Answer, Leaf, floats
from .adaptive_pool import geometry as adaptive_geometry
from .conv_geometry import conv_geometry, plain
from .pool_geometry import Window, pool_geometry

MOST = 512
"""Geometries that one function keeps."""


def _kept(ways: dict[Any, Any], key: Any, way: Any) -> Any:
    if len(ways) >= MOST:
        ways.clear()
    ways[key] = way
    return way


def _largest(name: str, rank: int) -> Callable[[Any, Leaf], Answer]:
    def make(xp: Any, leaf: Leaf) -> Answer:
        kernel, launches = xp.kernels.load("max_pool_values"), xp.kernels.launches
        known: dict[Any, Any] = {}

        def small(
            x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: Any = False,
            return_indices: Any = False,
        ) -> Any:  # fmt: skip
            a = floats(x)
            if a is None or return_indices or not (ceil_mode is False or ceil_mode is True) or a.ndim != rank + 2:
                return None
            if not (type(kernel_size) is type(padding) is type(dilation) is int and (stride is None or type(stride) is int)):
                if not (plain(kernel_size) and plain(stride) and plain(padding) and plain(dilation)):
                    return None
            key = a.shape, kernel_size, stride, padding, dilation, ceil_mode
            g = known.get(key)
            if g is None:
                g = pool_geometry(name, a, rank, Window(kernel_size, stride, padding, dilation, ceil_mode))
                if g.blind:
                    return None
                _kept(known, key, g)
            launches["max_pool_values"] += 1
            return leaf(kernel(a, g))

        return small

    return make


def _mean(name: str, rank: int) -> Callable[[Any, Leaf], Answer]:
    def make(xp: Any, leaf: Leaf) -> Answer:
        label = "avg_pool3d" if rank == 3 else "avg_pool2d"
        kernel, launches = xp.kernels.load(label), xp.kernels.launches
        known: dict[Any, Any] = {}

        def small(
            x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: Any = False, count_include_pad: Any = True
        ) -> Any:
            a = floats(x)
            if a is None or not (type(ceil_mode) is type(count_include_pad) is bool) or a.ndim != rank + 2:
                return None
            if not (type(kernel_size) is type(padding) is int and (stride is None or type(stride) is int)):
                if not (plain(kernel_size) and plain(stride) and plain(padding)):
                    return None
            key = a.shape, kernel_size, stride, padding, ceil_mode, count_include_pad
            g = known.get(key)
            if g is None:
                window = Window(kernel_size, stride, padding, 1, ceil_mode, count_include_pad)
                g = _kept(known, key, pool_geometry(name, a, rank, window))
            launches[label] += 1
            return leaf(kernel(a, g))

        return small

    return make


def _adaptive(name: str, rank: int, largest: bool) -> Callable[[Any, Leaf], Answer]:
    def make(xp: Any, leaf: Leaf) -> Answer:
        usual = "max_pool_values" if largest else "avg_pool3d" if rank == 3 else "avg_pool2d"
        other, launches = "adaptive_max_pool" if largest else "adaptive_avg_pool", xp.kernels.launches
        kernels = {label: xp.kernels.load(label) for label in (usual, other)}
        known: dict[Any, tuple[str, Any]] = {}

        def small(x: Any, output_size: Any, return_indices: Any = False) -> Any:
            a, kind = floats(x), type(output_size)
            if a is None or return_indices or a.ndim != rank + 2:
                return None
            if kind is not int and not (kind is tuple and all([type(n) is int for n in output_size])):
                return None
            key = a.shape, output_size
            way = known.get(key)
            if way is None:
                found = adaptive_geometry(name, a.shape, rank, output_size)
                way = (usual, pool_geometry(name, a, rank, found)) if isinstance(found, Window) else (other, found)
                _kept(known, key, way)
            label, g = way
            launches[label] += 1
            y = kernels[label](a, g)
            return leaf(y[0] if type(y) is tuple else y)

        return small

    return make


def _conv(name: str, rank: int) -> Callable[[Any, Leaf], Answer]:
    def make(xp: Any, leaf: Leaf) -> Answer:
        label = "conv3d" if rank == 3 else "conv2d"
        kernel, launches = xp.kernels.load(label), xp.kernels.launches
        known: dict[Any, Any] = {}

        def small(
            x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: Any = 1
        ) -> Any:
            a, w = floats(x), floats(weight)
            if a is None or w is None or a.dtype is not w.dtype or not (a.ndim == w.ndim == rank + 2) or type(groups) is not int:
                return None
            if not (type(stride) is type(padding) is type(dilation) is int):
                if not (plain(stride) and plain(padding) and plain(dilation)):
                    return None
            key = a.shape, w.shape, stride, padding, dilation, groups
            g = known.get(key)
            if g is None:
                g = _kept(known, key, conv_geometry(name, a.shape, w.shape, stride, padding, dilation, groups))
            b = None
            if bias is not None:
                b = floats(bias)
                if b is None or b.dtype is not a.dtype or b.shape != (g.K,):
                    return None
            launches[label] += 1
            return leaf(kernel(a, w, b, g))

        return small

    return make


MAKERS: dict[str, Callable[[Any, Leaf], Answer]] = {
    **{f"conv{rank}d": _conv(f"conv{rank}d", rank) for rank in (1, 2, 3)},
    **{f"max_pool{rank}d": _largest(f"max_pool{rank}d", rank) for rank in (1, 2, 3)},
    **{f"avg_pool{rank}d": _mean(f"avg_pool{rank}d", rank) for rank in (1, 2, 3)},
    **{f"adaptive_max_pool{rank}d": _adaptive(f"adaptive_max_pool{rank}d", rank, True) for rank in (1, 2, 3)},
    **{f"adaptive_avg_pool{rank}d": _adaptive(f"adaptive_avg_pool{rank}d", rank, False) for rank in (1, 2, 3)},
}
"""By the name of a function."""
