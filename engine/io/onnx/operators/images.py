"""Resizing, and reading pictures at any positions: grids and regions."""

from __future__ import annotations

import math
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from .. import namespace as dl
from ..table import operator
from ..values import Host, ints


# ---------------------------------------------------------------------- resizing
def positions(mode, size, scale, out, roi):
    """Where each output lies among the inputs of an axis, and which lie outside of a crop."""
    x = np.arange(out, dtype=np.float64)
    wide = scale * size
    if mode == "align_corners":
        return x * (size - 1) / (wide - 1) if wide != 1 else x * 0, None
    if mode == "asymmetric":
        return x / scale, None
    if mode == "tf_half_pixel_for_nn":
        return (x + 0.5) / scale, None
    if mode == "tf_crop_and_resize":
        start, end = roi
        inner = x * (end - start) * (size - 1) / (wide - 1) if wide != 1 else x * 0 + (end - start) * (size - 1) / 2
        found = inner + start * (size - 1)
        return found, (found < 0) | (found > size - 1)
    if mode == "pytorch_half_pixel" and wide == 1:
        return x * 0 - 0.5, None
    shift = size / 2 * (1 - out / wide) if mode == "half_pixel_symmetric" else 0.0
    return shift + (x + 0.5) / scale - 0.5, None


_ROUND: dict[str, Any] = {
    "round_prefer_floor": lambda x: np.ceil(x - 0.5), "round_prefer_ceil": lambda x: np.floor(x + 0.5), "floor": np.floor,
    "ceil": np.ceil, "simple": lambda x: np.floor(x),
}  # fmt: skip


def kernel(mode, distance, a):
    """The weight of an input at a distance."""
    d = np.abs(distance)
    if mode == "linear":
        return np.clip(1 - d, 0, None)
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))


def weights(mode, x, size, scale, a, exclude_outside):
    """The matrix (outputs, inputs) of an interpolation; what lies outside counts as the edge, or not at all."""
    reach = math.ceil((1 if mode == "linear" else 2) / scale) + 1
    places = np.floor(x)[:, None].astype(np.int64) + np.arange(-reach, reach + 1)
    found = kernel(mode, (places - x[:, None]) * scale, a)
    if exclude_outside:
        found = np.where((places >= 0) & (places < size), found, 0.0)
    found = found / found.sum(1, keepdims=True)
    matrix = np.zeros((len(x), size))
    np.add.at(matrix, (np.arange(len(x))[:, None], np.clip(places, 0, size - 1)), found)
    return matrix


def along(x, matrix, axis):
    """Multiply an axis by a matrix."""
    m = dl.asarray(np.ascontiguousarray(matrix.T).astype(x.dtype), device=x.device)
    last = x.ndim - 1
    return dl.moveaxis(dl.matmul(dl.moveaxis(x, axis, last), m), last, axis)


class ResizeOptions(NamedTuple):
    """The attributes of Resize."""

    antialias: int = 0
    axes: Any = None
    coordinate_transformation_mode: str = "half_pixel"
    cubic_coeff_a: float = -0.75
    exclude_outside: int = 0
    extrapolation_value: float = 0.0
    keep_aspect_ratio_policy: str = "stretch"
    mode: str = "nearest"
    nearest_mode: str = "round_prefer_floor"


@operator("Resize", since=11, folds=False, options=ResizeOptions)
def resize(x, roi: Host = None, scales: Host = None, sizes: Host = None, *, options):
    o = options
    axes = list(range(x.ndim)) if o.axes is None else [k % x.ndim for k in o.axes]
    factors, outs = extents(x, axes, scales, sizes, o.keep_aspect_ratio_policy)
    whole, outside = x if x.dtype.kind == "f" else dl.astype(x, "float32"), []
    for k, axis in enumerate(axes):
        size, crop = x.shape[axis], None if roi is None or not roi.size else (roi[k], roi[k + len(axes)])
        if outs[k] == size and factors[k] == 1 and o.coordinate_transformation_mode != "tf_crop_and_resize":
            continue
        at, beyond = positions(o.coordinate_transformation_mode, size, factors[k], outs[k], crop)
        if o.mode == "nearest":
            places = np.clip(_ROUND[o.nearest_mode](at), 0, size - 1).astype(np.int64)
            whole = dl.take(whole, dl.asarray(places, device=x.device), axis=axis)
        else:
            narrow = min(factors[k], 1.0) if o.antialias else 1.0
            whole = along(whole, weights(o.mode, at, size, narrow, o.cubic_coeff_a, o.exclude_outside), axis)
        if beyond is not None and beyond.any():
            outside.append((axis, beyond))
    for axis, beyond in outside:
        mask = dl.asarray(beyond.reshape([-1 if j == axis else 1 for j in range(x.ndim)]), device=x.device)
        whole = dl.where(mask, dl.full((), o.extrapolation_value, dtype=whole.dtype, device=x.device), whole)
    return whole if whole.dtype == x.dtype else dl.astype(dl.round(whole), x.dtype)


def extents(x, axes, scales, sizes, policy):
    """The factor and the size of each resized axis."""
    if sizes is None or not sizes.size:
        factors = [float(s) for s in scales]
        return factors, [math.floor(x.shape[a] * s) for a, s in zip(axes, factors, strict=True)]
    outs = list(ints(sizes))
    factors = [n / x.shape[a] for a, n in zip(axes, outs, strict=True)]
    if policy != "stretch":
        one = (min if policy == "not_larger" else max)(factors)
        outs = [math.floor(one * x.shape[a] + 0.5) for a in axes]
        factors = [one] * len(axes)
    return factors, outs


@operator("Resize", "Upsample", since=9, folds=False)
def upsample(x, scales: Host, *, mode="nearest"):
    linear = "linear" if mode in ("linear", "bilinear") else mode
    options = ResizeOptions(coordinate_transformation_mode="asymmetric", mode=linear, nearest_mode="floor")
    return resize(x, None, scales, options=options)


@operator("Upsample", since=7, folds=False)
def upsample_old(x, *, scales, mode="nearest"):
    return upsample(x, np.asarray(scales), mode=mode)


# ---------------------------------------------------------------------- any positions
def reflected(x, low, high):
    """Positions reflected at the borders until they lie between them."""
    if high <= low:
        return x * 0
    span = high - low
    rest = dl.remainder(x - low, 2 * span)
    return low + span - dl.abs(rest - span)


def taps(x, size, mode, padding, border):
    """For positions along an axis: (indices, weights) of each neighbour; a weight is 0 for one that lies outside."""
    x = dl.clip(x, -4.0, size + 4.0) if padding == "zeros" else x
    low = dl.floor(x.detach())
    part = x - low
    if mode == "nearest":
        found = [(0, None)]
    elif mode == "linear":
        found = [(0, 1 - part), (1, part)]
    else:
        found = [(k, cubic(dl.abs(part - k))) for k in (-1, 0, 1, 2)]
    for k, weight in found:
        place = low + k
        if padding == "zeros":
            inside = dl.astype(dl.logical_and(dl.greater_equal(place, 0), dl.less(place, size)), x.dtype)
            weight = inside if weight is None else weight * inside
        elif padding == "reflection":
            place = dl.trunc(reflected(place, *border))
        yield dl.astype(dl.clip(place, 0, size - 1), "int64"), weight


def cubic(d, a=-0.75):
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return dl.where(dl.less_equal(d, 1), near, far)


def sampled(x, coordinates, mode, padding, borders):
    """x (N, C, ...) at positions, one tensor (N, P) per spatial axis: (N, C, P)."""
    n, c, *sizes = x.shape
    rank = len(sizes)
    rows = dl.reshape(dl.permute_dims(x, (0, *range(2, rank + 2), 1)), (n * math.prod(sizes), c))
    first = dl.asarray(np.arange(n)[:, None], device=x.device)
    per_axis = [list(taps(p, s, mode, padding, b)) for p, s, b in zip(coordinates, sizes, borders, strict=True)]
    total: Any = None
    for chosen in product(*per_axis):
        index, weight = first, None
        for (place, part), size in zip(chosen, sizes, strict=True):
            index = index * size + place
            weight = part if weight is None else weight if part is None else weight * part
        value = dl.take(rows, index, axis=0)
        value = value if weight is None else value * dl.expand_dims(weight, axis=-1)
        total = value if total is None else total + value
    return dl.permute_dims(total, (0, 2, 1))


def bilinear(x, rows, columns):
    """Pictures (N, C, H, W) at positions (N, P), 0 outside."""
    return sampled(x, [rows, columns], "linear", "zeros", [None, None])


@operator("GridSample")
def grid_sample(x, grid, *, align_corners=0, mode="linear", padding_mode="zeros"):
    """Read x at the positions of a grid, from -1 to 1 along each axis, the last axis first."""
    mode = {"bilinear": "linear", "bicubic": "cubic"}.get(mode, mode)
    rank = x.ndim - 2
    shape = grid.shape[1:-1]
    flat = dl.reshape(grid, (grid.shape[0], math.prod(shape), rank))
    coordinates, borders = [], []
    for k, size in enumerate(x.shape[2:]):
        p = flat[:, :, rank - 1 - k] + 1
        p = p / 2 * (size - 1) if align_corners else (p * size - 1) / 2
        p = dl.round(p) if mode == "nearest" else p
        border = (0.0, size - 1.0) if align_corners else (-0.5, size - 0.5)
        beyond = dl.logical_or(dl.less(p, border[0]), dl.greater(p, border[1]))
        if padding_mode == "border":
            p = dl.where(beyond, dl.clip(p, 0, size - 1), p)
        elif padding_mode == "reflection":
            p = dl.where(beyond, reflected(p, *border), p)
        coordinates.append(p)
        borders.append(border)
    return dl.reshape(sampled(x, coordinates, mode, padding_mode, borders), (*x.shape[:2], *shape))


@operator("AffineGrid")
def affine_grid(theta, sizes: Host, *, align_corners=0):
    """The grid of GridSample for affine maps (N, D, D + 1)."""
    shape = ints(sizes)[2:]
    ends = [(1.0 if align_corners else 1 - 1 / n) for n in shape]
    alone = np.full(1, -1.0 if align_corners else 0.0)
    axes = [np.linspace(-e, e, n) if n > 1 else alone for e, n in zip(ends, shape, strict=True)]
    mesh = np.meshgrid(*axes, indexing="ij")
    points = np.stack([*mesh[::-1], np.ones(shape)], axis=-1).reshape(-1, len(shape) + 1)
    base = dl.asarray(points.astype(theta.dtype), device=theta.device)
    return dl.reshape(dl.matmul(base, dl.matrix_transpose(theta)), (theta.shape[0], *shape, len(shape)))


class RoiOptions(NamedTuple):
    """The attributes of RoiAlign."""

    coordinate_transformation_mode: str = "half_pixel"
    mode: str = "avg"
    output_height: int = 1
    output_width: int = 1
    sampling_ratio: int = 0
    spatial_scale: float = 1.0


@operator("RoiAlign", options=RoiOptions)
def roi_align_old(x, rois: Host, pictures: Host, *, options):
    return roi_align(x, rois, pictures, options=options._replace(coordinate_transformation_mode="output_half_pixel"))


@operator("RoiAlign", since=16, options=RoiOptions)
def roi_align(x, rois: Host, pictures: Host, *, options):
    """Averages, or maxima, of bilinear samples over a grid of parts of regions given by corners (x1, y1, x2, y2)."""
    half = options.coordinate_transformation_mode == "half_pixel"
    found = []
    for box, picture in zip(rois.astype(np.float64), pictures.reshape(-1), strict=True):
        x1, y1, x2, y2 = box * options.spatial_scale - (0.5 if half else 0.0)
        rows = spaced(y1, y2, options.output_height, options.sampling_ratio, half)
        columns = spaced(x1, x2, options.output_width, options.sampling_ratio, half)
        found.append(_region(x[int(picture)], rows, columns, options.mode))
    return dl.stack(found) if found else x[:0, :, :1, :1]


def spaced(start, end, count, ratio, half):
    """Sample positions (count, samples) along one side of a region."""
    length = end - start if half else max(end - start, 1.0)
    size = length / count
    samples = ratio if ratio > 0 else max(math.ceil(length / count), 0)
    return start + size * np.arange(count)[:, None] + (np.arange(samples) + 0.5) * size / max(samples, 1)


def _region(plane, rows, columns, mode):
    height, width = plane.shape[1:]
    down, across = (tapped(p, n) for p, n in ((rows, height), (columns, width)))
    if mode == "avg":
        left, right = (
            dl.asarray(np.mean(sum(_matrix(i, w, n) for i, w in taps), axis=1).astype(plane.dtype), device=plane.device)
            for taps, n in ((down, height), (across, width))
        )
        return dl.matmul(dl.matmul(left, plane), dl.matrix_transpose(right))
    best: Any = None  # the maximum of the weighted neighbours, as the reference has it
    for (i, v), (j, w) in product(down, across):
        picked = plane[:, dl.asarray(i.reshape(-1), device=plane.device)][:, :, dl.asarray(j.reshape(-1), device=plane.device)]
        value = picked * dl.asarray(np.outer(v, w).astype(plane.dtype), device=plane.device)
        best = value if best is None else dl.maximum(best, value)
    cells = dl.reshape(best, (plane.shape[0], rows.shape[0], rows.shape[1], columns.shape[0], columns.shape[1]))
    return dl.max(cells, axis=(2, 4))


def tapped(p, size):
    """The two neighbours of positions and their weights, 0 for positions more than one element outside."""
    inside = (p >= -1) & (p <= size)
    q = np.clip(p, 0, size - 1)
    low = np.minimum(np.floor(q), max(size - 2, 0)).astype(np.int64)
    part = q - low
    high = np.minimum(low + 1, size - 1)
    return [(low, np.where(inside, 1 - part, 0.0)), (high, np.where(inside, part, 0.0))]


def _matrix(index, weight, size):
    """Indices and weights (count, samples) as rows of a matrix (count, samples, size)."""
    return np.where(np.arange(size) == index[..., None], weight[..., None], 0.0)
