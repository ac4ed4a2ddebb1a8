"""Where the windows of a pooling lie: settings checked, sizes worked out."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from dlengine.kernels.geometry import PoolGeometry

from ..errors import ConfigError, ShapeError
from .conv_geometry import SPACE, batch_or_sample, int_tuple, plain


class Window(NamedTuple):
    """The settings of a pooling, as they were given."""

    kernel_size: Any
    stride: Any = None
    padding: Any = 0
    dilation: Any = 1
    ceil_mode: bool = False
    count_include_pad: bool = True


def pool_geometry(op: str, x: Any, rank: int, window: Window) -> PoolGeometry:
    """Check the settings and work out the output's size; with ceil_mode a last window may run past the padded end."""
    shape = x.shape
    if len(shape) != rank + 2:
        raise ShapeError(f"{op}: input must be {batch_or_sample(SPACE[rank])}, got shape {shape}")
    if all([plain(v) for v in window[:4]]) and type(window.ceil_mode) is type(window.count_include_pad) is bool:
        return _known_geometry(op, shape, rank, window)
    return _geometry(op, shape, rank, window)


def _geometry(op: str, shape: Any, rank: int, window: Window) -> PoolGeometry:
    kernel = int_tuple(op, "kernel_size", window.kernel_size, rank)
    steps = kernel if window.stride is None else int_tuple(op, "stride", window.stride, rank)
    pad = int_tuple(op, "padding", window.padding, rank, 0)
    dil = int_tuple(op, "dilation", window.dilation, rank)
    if any(2 * p > k for p, k in zip(pad, kernel, strict=True)):
        raise ConfigError(f"{op}: padding {pad} may be at most half of kernel_size {kernel}")
    out, high = [], []
    for i, k, s, p, d in zip(shape[2:], kernel, steps, pad, dil, strict=True):
        room = i + 2 * p - d * (k - 1) - 1  # negative: not even the first window lies inside, with ceil_mode it need not
        o = -(-room // s) + 1 if window.ceil_mode else room // s + 1
        if window.ceil_mode and (o - 1) * s >= i + p:  # the last window must start inside the input or its low padding
            o -= 1
        if o < 1:
            raise ShapeError(f"{op}: no window fits: kernel {kernel} with dilation {dil} on input {shape} padded by {pad}")
        out.append(o)
        high.append(max(0, (o - 1) * s + d * (k - 1) + 1 - i - p))
    include = window.count_include_pad
    return PoolGeometry(shape[0], shape[1], tuple(shape[2:]), kernel, steps, dil, pad, tuple(high), pad, tuple(out), include)


_known_geometry = lru_cache(maxsize=1024)(_geometry)


def lifted_pool(g: PoolGeometry) -> PoolGeometry:
    """A 1-d geometry as the 2-d one of images of height 1."""
    return PoolGeometry(
        g.N, g.C, (1, *g.in_shape), (1, *g.kernel), (1, *g.stride), (1, *g.dilation), (0, *g.pad_lo), (0, *g.pad_hi),
        (0, *g.padding), (1, *g.out_shape), g.count_include_pad,
    )  # fmt: skip
