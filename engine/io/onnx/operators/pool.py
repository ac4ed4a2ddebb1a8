"""Pooling, with ONNX's rules for paddings, the last window and what an average divides by."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from .. import namespace as dl
from ..table import operator
from ..values import Host, ints
from .convolution import of_rank, paddings, widened

_MAX = {1: dl.max_pool1d, 2: dl.max_pool2d, 3: dl.max_pool3d}
_AVERAGE = {1: dl.avg_pool1d, 2: dl.avg_pool2d, 3: dl.avg_pool3d}
_CONV = {1: dl.conv1d, 2: dl.conv2d, 3: dl.conv3d}


class PoolOptions(NamedTuple):
    """The attributes of pooling operators."""

    kernel_shape: Any
    auto_pad: str = "NOTSET"
    ceil_mode: int = 0
    count_include_pad: int = 0
    dilations: Any = None
    p: int = 2
    pads: Any = None
    storage_order: int = 0
    strides: Any = None


class Windows:
    """Where the windows lie: widths before and after each axis, and how far the last one runs past that."""

    def __init__(self, sizes, options):
        rank = len(sizes)
        kernel, strides, dilations = options.kernel_shape, options.strides, options.dilations
        pads, auto_pad, ceil_mode = options.pads, options.auto_pad, options.ceil_mode
        self.kernel, self.strides, self.dilations = tuple(kernel), tuple(strides or [1] * rank), tuple(dilations or [1] * rank)
        self.before, self.after = paddings(sizes, self.kernel, self.strides, self.dilations, pads, auto_pad)
        self.sizes, self.over, self.steps = sizes, [], []
        for n, k, s, d, b, a in zip(sizes, self.kernel, self.strides, self.dilations, self.before, self.after, strict=True):
            room = n + b + a - (k - 1) * d - 1
            steps = -(-room // s) + 1 if ceil_mode else room // s + 1
            if ceil_mode and (steps - 1) * s >= n + b:  # a window may not begin in the padding behind
                steps -= 1
            self.steps.append(steps)
            self.over.append(max(0, (steps - 1) * s + (k - 1) * d + 1 - n - b - a))

    @property
    def simple(self):
        """Whether the ops' own padding is enough."""
        fits = all(2 * b <= k for b, k in zip(self.before, self.kernel, strict=True))
        return self.before == self.after and not any(self.over) and fits

    def padded(self, x, value=0.0):
        return widened(x, self.before, [a + o for a, o in zip(self.after, self.over, strict=True)], value=value)

    def counts(self, include_pad):
        """How many elements each window averages over."""
        found = np.ones(())
        for k, (n, b, a) in enumerate(zip(self.sizes, self.before, self.after, strict=True)):
            places = np.arange(self.steps[k])[:, None] * self.strides[k] + np.arange(self.kernel[k]) * self.dilations[k]
            inside = places < n + b + a if include_pad else (places >= b) & (places < b + n)
            found = found[..., None] * inside.sum(1)
        return found


def in_floats(x, function):
    """Integers pool in floats."""
    return function(x) if x.dtype.kind == "f" else dl.astype(function(dl.astype(x, "float32")), x.dtype)


@operator("MaxPool", options=PoolOptions)
def max_pool(x, *, options, outputs):
    rank = x.ndim - 2
    windows = Windows(x.shape[2:], options)
    pool = of_rank(_MAX, rank, "MaxPool")
    if outputs == 1:
        if windows.simple:
            padding = tuple(windows.before)
            return in_floats(x, lambda v: pool(v, windows.kernel, windows.strides, padding, windows.dilations))
        return in_floats(x, lambda v: pool(windows.padded(v, -math.inf), windows.kernel, windows.strides, 0, windows.dilations))
    padded = windows.padded(x if x.dtype.kind == "f" else dl.astype(x, "float32"), -math.inf)
    y, places = pool(padded, windows.kernel, windows.strides, 0, windows.dilations, False, True)
    found = np.unravel_index(places.numpy_copy(), padded.shape[2:])
    at = [np.clip(a - b, 0, n - 1) for a, b, n in zip(found, windows.before, x.shape[2:], strict=True)]
    flat = np.ravel_multi_index(at, x.shape[2:], order="F" if options.storage_order else "C")
    planes = np.arange(x.shape[0] * x.shape[1]).reshape(*x.shape[:2], *(1,) * rank)
    return dl.astype(y, x.dtype), (flat + planes * math.prod(x.shape[2:])).astype(np.int64)


def sums(x, windows):
    """The sum over each window of a padded x."""
    rank = len(windows.kernel)
    if all(d == 1 for d in windows.dilations):
        return of_rank(_AVERAGE, rank, "pooling")(x, windows.kernel, windows.strides) * math.prod(windows.kernel)
    ones = dl.ones((1, 1, *windows.kernel), dtype=x.dtype, device=x.device)
    alone = dl.reshape(x, (x.shape[0] * x.shape[1], 1, *x.shape[2:]))
    y = of_rank(_CONV, rank, "pooling")(alone, ones, None, windows.strides, 0, windows.dilations)
    return dl.reshape(y, (*x.shape[:2], *y.shape[2:]))


@operator("AveragePool", options=PoolOptions)
def average_pool(x, *, options):
    windows = Windows(x.shape[2:], options)
    plain = windows.simple and all(d == 1 for d in windows.dilations)
    if plain and (options.count_include_pad or not any(windows.before)):
        pool = of_rank(_AVERAGE, x.ndim - 2, "AveragePool")
        return pool(x, windows.kernel, windows.strides, tuple(windows.before))
    counts = dl.asarray(windows.counts(options.count_include_pad).astype(x.dtype), device=x.device)
    return sums(windows.padded(x), windows) / counts


@operator("LpPool", options=PoolOptions)
def lp_pool(x, *, options):
    p = options.p
    windows = Windows(x.shape[2:], options)
    return dl.clip(sums(windows.padded(dl.abs(x) ** p), windows), 0, None) ** (1 / p)


@operator("GlobalAveragePool")
def global_average_pool(x):
    return dl.mean(x, axis=tuple(range(2, x.ndim)), keepdims=True)


@operator("GlobalMaxPool")
def global_max_pool(x):
    return dl.max(x, axis=tuple(range(2, x.ndim)), keepdims=True)


@operator("GlobalLpPool")
def global_lp_pool(x, *, p=2):
    return dl.sum(dl.abs(x) ** p, axis=tuple(range(2, x.ndim)), keepdims=True) ** (1 / p)


@operator("MaxUnpool", folds=False)
def max_unpool(x, places: Host, output_shape: Host = None, *, kernel_shape, pads=None, strides=None):
    """The values at the places in a tensor of zeros; the places count in the shape that the pooling had."""
    rank = x.ndim - 2
    strides, pads = strides or [1] * rank, pads or [0] * (2 * rank)
    usual = [
        (n - 1) * s + k - pads[j] - pads[rank + j]
        for j, (n, s, k) in enumerate(zip(x.shape[2:], strides, kernel_shape, strict=True))
    ]
    shape = (*x.shape[:2], *usual)
    whole = dl.zeros((math.prod(shape),), dtype=x.dtype, device=x.device)
    where = dl.asarray(places.reshape(-1), device=x.device)
    y = dl.reshape(dl.set_at(whole, dl.reshape(x, (-1,)), key=where), shape)
    if output_shape is None:
        return y
    more = [(0, wanted - n) for wanted, n in zip(ints(output_shape), shape, strict=True)]
    return dl.pad(y, more)


@operator("MaxRoiPool")
def max_roi_pool(x, rois: Host, *, pooled_shape, spatial_scale=1.0):
    """The maxima over a grid of parts of regions, given as picture and corners."""
    parts = []
    for picture, *box in rois:
        left, top, right, bottom = (int(round(float(v) * spatial_scale)) for v in box)
        height, width = max(bottom - top + 1, 1), max(right - left + 1, 1)
        rows = _bins(top, height, pooled_shape[0], x.shape[2])
        columns = _bins(left, width, pooled_shape[1], x.shape[3])
        plane = x[int(picture)]
        parts_of = [plane[:, a:b, c:d] for a, b in rows for c, d in columns]
        cells = [dl.max(part, axis=(1, 2)) if min(part.shape) else plane[:, 0, 0] * 0 for part in parts_of]
        parts.append(dl.reshape(dl.stack(cells, axis=1), (x.shape[1], *pooled_shape)))
    return dl.stack(parts)


def _bins(start, length, count, size):
    edges = [(start + math.floor(k * length / count), start + math.ceil((k + 1) * length / count)) for k in range(count)]
    return [(min(max(a, 0), size), min(max(b, 0), size)) for a, b in edges]
