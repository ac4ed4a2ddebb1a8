"""Shapes: new ones, other orders of axes, pieces and joints."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ....errors import OnnxError
from .. import namespace as dl
from ..table import operator
from ..values import Host, Raw, dtype_of, ints


@operator("Shape")
def shape(x: Raw, *, start=0, end=None):
    return np.asarray(x.shape, np.int64)[start:end]


@operator("Size")
def size(x: Raw):
    return np.asarray(math.prod(x.shape), np.int64)


def resolved(sizes, given, allowzero=0):
    """A shape in which 0 stands for the size of the same axis."""
    return tuple(n if n or allowzero else given[k] for k, n in enumerate(sizes))


@operator("Reshape", since=5)
def reshape(x, sizes: Host, *, allowzero=0):
    return dl.reshape(x, resolved(ints(sizes), x.shape, allowzero))


@operator("Reshape")
def reshape_old(x, *, shape):
    return dl.reshape(x, resolved(shape, x.shape))


@operator("Flatten")
def flatten(x, *, axis=1):
    start = axis + x.ndim if axis < 0 else axis
    return dl.reshape(x, (math.prod(x.shape[:start]), math.prod(x.shape[start:])))


@operator("Transpose")
def transpose(x, *, perm=None):
    return dl.permute_dims(x, tuple(range(x.ndim))[::-1] if perm is None else tuple(perm))


@operator("Squeeze")
def squeeze_old(x, *, axes=None):
    return squeeze(x, axes)


@operator("Squeeze", since=13)
def squeeze(x, axes: Host = None):
    return dl.squeeze(x, tuple(k for k, n in enumerate(x.shape) if n == 1) if axes is None else ints(axes))


@operator("Unsqueeze")
def unsqueeze_old(x, *, axes):
    return unsqueeze(x, axes)


@operator("Unsqueeze", since=13)
def unsqueeze(x, axes: Host):
    given = ints(axes)
    rank = x.ndim + len(given)
    new = {k % rank for k in given}
    rest = iter(x.shape)
    return dl.reshape(x, tuple(1 if k in new else next(rest) for k in range(rank)))


@operator("Concat", since=4)
def concat(*xs, axis):
    return dl.concat(list(xs), axis=axis)


@operator("Concat")
def concat_old(*xs, axis=1):
    return dl.concat(list(xs), axis=axis)


@operator("Split")
def split_attributes(x, sizes: Host = None, *, axis=0, split=None, outputs):
    return cut(x, axis, split if sizes is None else ints(sizes), outputs)


@operator("Split", since=13)
def split(x, sizes: Host = None, *, axis=0, num_outputs=None, outputs):
    return cut(x, axis, None if sizes is None else ints(sizes), num_outputs or outputs)


def cut(x, axis, sizes, count):
    """Pieces of given sizes, else equal ones, of which the last may be smaller."""
    if sizes is None:
        whole = x.shape[axis]
        each = -(-whole // count)
        sizes = [max(0, min(each, whole - each * k)) for k in range(count)]
    return tuple(dl.split(x, tuple(sizes), axis=axis))


@operator("Slice", since=10)
def slices(x, starts: Host, ends: Host, axes: Host = None, steps: Host = None):
    axes = range(len(starts)) if axes is None else ints(axes)
    steps = (1,) * len(starts) if steps is None else ints(steps)
    key = [slice(None)] * x.ndim
    for axis, start, end, step in zip(axes, ints(starts), ints(ends), steps, strict=True):
        key[axis] = span(start, end, step, x.shape[axis])
    return x[tuple(key)]


@operator("Slice")
def slices_old(x, *, starts, ends, axes=None):
    return slices(x, np.asarray(starts), np.asarray(ends), axes)


def span(start, end, step, size):
    """A slice with ONNX's bounds, which are clamped: a large negative end with a negative step goes to the beginning."""
    start = start + size if start < 0 else start
    end = end + size if end < 0 else end
    if step > 0:
        return slice(min(max(start, 0), size), min(max(end, 0), size), step)
    start, end = min(max(start, 0), size - 1), min(max(end, -1), size - 1)
    return slice(start, None if end < 0 else end, step) if size else slice(0, 0)


@operator("Expand", folds=False)
def expand(x, sizes: Host):
    return dl.broadcast_to(x, dl.broadcast_shapes(x.shape, ints(sizes)))


@operator("Tile", since=6, folds=False)
def tile(x, repeats: Host):
    return dl.tile(x, ints(repeats))


@operator("Tile", folds=False)
def tile_old(x, tiles: Host, axis: Host):
    repeats = [1] * x.ndim
    repeats[int(axis.item())] = int(tiles.item())
    return dl.tile(x, tuple(repeats))


@operator("Pad", since=11, folds=False)
def pad(x, pads: Host, value: Host = None, axes: Host = None, *, mode="constant"):
    """Negative widths crop."""
    axes = tuple(range(x.ndim)) if axes is None else ints(axes)
    widths = ints(pads)
    before, after = [0] * x.ndim, [0] * x.ndim
    for k, axis in enumerate(axes):
        before[axis], after[axis] = widths[k], widths[k + len(axes)]
    if any(n < 0 for n in (*before, *after)):
        x = x[tuple(slice(max(-b, 0), n - max(-a, 0)) for b, a, n in zip(before, after, x.shape, strict=True))]
        before, after = ([max(n, 0) for n in widths] for widths in (before, after))
    number = 0 if value is None or not value.size else value.reshape(-1)[0].item()
    if mode == "constant":
        return padded(x, before, after, number)
    modes: dict[str, Any] = {"edge": "edge", "reflect": "reflect", "wrap": "wrap"}
    for axis, (b, a) in enumerate(zip(before, after, strict=True)):
        if b or a:
            places = np.pad(np.arange(x.shape[axis]), (b, a), mode=modes[mode])
            x = dl.take(x, dl.asarray(places, device=x.device), axis=axis)
    return x


def padded(x, before, after, number=0):
    if not any(before) and not any(after):
        return x
    if x.dtype.kind == "f" or number == 0 and x.dtype.kind in "iuf":
        return dl.pad(x, list(zip(before, after, strict=True)), value=number)
    shape = tuple(n + b + a for n, b, a in zip(x.shape, before, after, strict=True))
    whole = dl.full(shape, number, dtype=x.dtype, device=x.device)
    return dl.set_at(whole, x, key=tuple(slice(b, b + n) for b, n in zip(before, x.shape, strict=True)))


@operator("Pad", folds=False)
def pad_old(x, *, pads=None, paddings=None, mode="constant", value=0.0):
    return pad(x, np.asarray(paddings if pads is None else pads), np.asarray(value), mode=mode)


@operator("Range", folds=False)
def arange(start: Host, limit: Host, delta: Host):
    count = max(0, math.ceil((limit.item() - start.item()) / delta.item())) if delta.item() else -1
    if count < 0:
        raise OnnxError("Range: the step is 0")
    return (start + np.arange(count).astype(start.dtype) * delta).astype(start.dtype)


@operator("EyeLike")
def eye_like(x: Raw, *, dtype=None, k=0):
    return np.eye(x.shape[0], x.shape[1], k=k).astype(x.dtype if dtype is None else dtype_of(dtype))


@operator("Trilu")
def trilu(x, k: Host = None, *, upper=1):
    offset = 0 if k is None else int(k.item())
    return (dl.triu if upper else dl.tril)(x, k=max(-(1 << 31), min(offset, 1 << 31)))


@operator("DepthToSpace")
def depth_to_space(x, *, blocksize, mode="DCR"):
    n, c, h, w = x.shape
    b = blocksize
    if mode == "DCR":
        parts = dl.permute_dims(dl.reshape(x, (n, b, b, c // (b * b), h, w)), (0, 3, 4, 1, 5, 2))
    else:
        parts = dl.permute_dims(dl.reshape(x, (n, c // (b * b), b, b, h, w)), (0, 1, 4, 2, 5, 3))
    return dl.reshape(parts, (n, c // (b * b), h * b, w * b))


@operator("SpaceToDepth")
def space_to_depth(x, *, blocksize, mode="DCR"):
    n, c, h, w = x.shape
    b = blocksize
    parts = dl.reshape(x, (n, c, h // b, b, w // b, b))
    order = (0, 3, 5, 1, 2, 4) if mode == "DCR" else (0, 1, 3, 5, 2, 4)
    return dl.reshape(dl.permute_dims(parts, order), (n, c * b * b, h // b, w // b))


@operator("CenterCropPad")
def center_crop_pad(x, sizes: Host, *, axes=None):
    axes = range(x.ndim) if axes is None else axes
    for axis, wanted in zip(axes, ints(sizes), strict=True):
        axis %= x.ndim
        more = wanted - x.shape[axis]
        if more < 0:
            start = -more // 2
            x = x[(*(slice(None),) * axis, slice(start, start + wanted))]
        elif more:
            before = [0] * x.ndim
            before[axis] = more // 2
            x = padded(x, before, [more - more // 2 if k == axis else 0 for k in range(x.ndim)])
    return x


