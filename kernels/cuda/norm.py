"""Normalisation on the GPU.

Layer and group normalisation give each row a team of threads. Batch normalisation sums its channels in parts, then one
thread makes one value.
"""

from __future__ import annotations

from math import prod

from ..settings import NormSettings
from ..types import Array
from . import FLOATS
from .machine.channels import Channels, channels_of
from .machine.in_place import require_writable, write_back
from .machine.launch import Kernel, blocks_for, contiguous, empty, library_of, team_of
from .machine.source import accumulator

_rows = Kernel("norm_rows.cu", "norm_rows", FLOATS)
_rows_grad = Kernel("norm_rows.cu", "norm_rows_grad", FLOATS)
_rms = Kernel("norm_rows.cu", "rms_rows", FLOATS)
_rms_grad = Kernel("norm_rows.cu", "rms_rows_grad", FLOATS)
_moments = Kernel("norm_channels.cu", "channel_moments", FLOATS)
_statistics = Kernel("norm_channels.cu", "channel_statistics", FLOATS)
_normalise = Kernel("norm_channels.cu", "channel_normalise", FLOATS)
_affine = Kernel("norm_channels.cu", "channel_affine", FLOATS)
_sums = Kernel("norm_channels.cu", "channel_sums", FLOATS)
_sums_add = Kernel("norm_channels.cu", "channel_sums_add", FLOATS)
_channel_grad = Kernel("norm_channels.cu", "channel_grad", FLOATS)

Normalised = tuple[Array, Array, Array]


def batch_norm(x: Array, weight: Array | None, bias: Array | None, eps: float) -> Normalised:
    """Normalise each channel over the batch and all positions.

    x: (N, C, *S). weight, bias: (C,) or None. Returns y (N, C, *S), mean (C,), rstd (C,).
    """
    return _batch_norm(x, weight, bias, eps, (None, None, None), 0.0)


def batch_norm_tracked(
    x: Array, weight: Array | None, bias: Array | None, running_mean: Array, running_var: Array, batches: Array,
    settings: NormSettings,
) -> Normalised:  # fmt: skip
    """The same, and running statistics (C,) move a part of the way to those of x, in place; batches, int64 (), is one more."""
    running = running_mean, running_var, batches
    require_writable(running)
    given = tuple(map(contiguous, running))
    result = _batch_norm(x, weight, bias, settings.eps, given, settings.part)
    write_back(given, running)
    return result


def _batch_norm(
    x: Array, weight: Array | None, bias: Array | None, eps: float, running: tuple[Array | None, ...], part: float
) -> Normalised:
    library, shape, x = library_of(x), channels_of(x), contiguous(x)
    channels, split = shape.channels, (shape.splits, shape.split_size)
    parts, wide_mean, wide_rstd = _wide(x, (shape.splits, 2, channels), (channels,), (channels,))
    y, mean, rstd = (empty(library, size, x.dtype) for size in (x.shape, (channels,), (channels,)))
    _moments[shape.tiles * shape.splits](x, parts, shape.outer, channels, shape.inner, shape.across, *split, shape.packs)
    blocks = blocks_for(channels, _statistics.threads)
    arrays = x, parts, wide_mean, wide_rstd, mean, rstd
    _statistics[blocks](*arrays, *running, channels, shape.inner, shape.values, *split, eps, part)
    arrays = x, wide_mean, wide_rstd, _optional(weight), _optional(bias), y
    blocks = max(1, blocks_for(x.size, _normalise.threads))  # one counts the batch, of no values too
    _normalise[blocks](*arrays, running[2], x.size, channels, shape.inner)
    return y, mean, rstd


def batch_norm_grad(gy: Array, x: Array, weight: Array | None, mean: Array, rstd: Array) -> Normalised:
    """Gradient of batch_norm's y. mean, rstd: (C,) as it returned them. Returns gx (N, C, *S), gweight, gbias (C,)."""
    shape = channels_of(x)
    gy, x, mean, rstd = map(contiguous, (gy, x, mean, rstd))
    gx = empty(library_of(x), x.shape, x.dtype)
    sums, gweight, gbias = _parameter_sums(gy, x, mean, rstd, shape, per_image=0, sharing=1)
    blocks = blocks_for(x.size, _channel_grad.threads)
    arrays = gy, x, _optional(weight), mean, rstd, *sums, gx
    _channel_grad[blocks](*arrays, x.size, shape.channels, shape.inner, shape.values)
    return gx, gweight, gbias


def batch_norm_inference(x: Array, mean: Array, variance: Array, weight: Array | None, bias: Array | None, eps: float) -> Array:
    """y = (x - mean) / sqrt(variance + eps) weight + bias per channel. x: (N, C, *S), the others (C,) or None."""
    shape, x = channels_of(x), contiguous(x)
    y = empty(library_of(x), x.shape, x.dtype)
    arrays = x, contiguous(mean), contiguous(variance), _optional(weight), _optional(bias), y
    _affine[blocks_for(x.size, _affine.threads)](*arrays, x.size, shape.channels, shape.inner, eps)
    return y


def layer_norm(x: Array, weight: Array | None, bias: Array | None, eps: float) -> Normalised:
    """Normalise each row over its features. x: (M, D). weight, bias: (D,) or None. Returns y (M, D), mean (M,), rstd (M,)."""
    return _over_rows(x, weight, bias, eps, x.shape[:1], x.shape[1], 1)


def layer_norm_grad(gy: Array, x: Array, weight: Array | None, mean: Array, rstd: Array) -> Normalised:
    """Gradient of layer_norm's y. mean, rstd: (M,) as it returned them. Returns gx (M, D), gweight, gbias (D,)."""
    rows, features = x.shape
    return _over_rows_grad(gy, x, weight, mean, rstd, features, Channels(rows, features, 1), 1)


def group_norm(x: Array, weight: Array | None, bias: Array | None, groups: int, eps: float) -> Normalised:
    """Normalise each group of channels of each image.

    x: (N, C, *S). weight, bias: (C,) or None. Returns y (N, C, *S), mean (N, groups), rstd (N, groups).
    """
    size = prod(x.shape[1:]) // max(groups, 1)
    return _over_rows(x, weight, bias, eps, (x.shape[0], groups), size, prod(x.shape[2:]))


def group_norm_grad(gy: Array, x: Array, weight: Array | None, mean: Array, rstd: Array, groups: int) -> Normalised:
    """Gradient of group_norm's y. mean, rstd: (N, groups) as it returned them. Returns gx, gweight (C,), gbias (C,)."""
    shape = channels_of(x)
    size = prod(x.shape[1:]) // max(groups, 1)
    return _over_rows_grad(gy, x, weight, mean, rstd, size, shape, groups)


def rms_norm(x: Array, weight: Array | None, eps: float) -> tuple[Array, Array]:
    """Divide each row by its root mean square. x: (M, D). weight: (D,) or None. Returns y (M, D), rstd (M,)."""
    rows, n = x.shape
    y, rstd = (empty(library_of(x), shape, x.dtype) for shape in (x.shape, (rows,)))
    team = team_of(n)
    _rms[blocks_for(rows * team, _rms.threads)](contiguous(x), _optional(weight), y, rstd, rows, n, eps, team)
    return y, rstd


def rms_norm_grad(gy: Array, x: Array, weight: Array | None, rstd: Array) -> tuple[Array, Array]:
    """Gradient of rms_norm's y. rstd: (M,) as it returned it. Returns gx (M, D), gweight (D,)."""
    (rows, n), team = x.shape, team_of(x.shape[1])
    gx = empty(library_of(x), x.shape, x.dtype)
    gy, x, rstd = map(contiguous, (gy, x, rstd))
    _rms_grad[blocks_for(rows * team, _rms_grad.threads)](gy, x, _optional(weight), rstd, gx, rows, n, team)
    no_mean = library_of(x).zeros_like(rstd)
    return gx, _parameter_sums(gy, x, no_mean, rstd, Channels(rows, n, 1), per_image=1, sharing=max(n, 1))[1]


def _over_rows(
    x: Array, weight: Array | None, bias: Array | None, eps: float, units: tuple[int, ...], n: int, inner: int
) -> Normalised:
    """Normalise `units` rows of n values, in channels of `inner` values."""
    library, rows, team = library_of(x), prod(units), team_of(n)
    y, mean, rstd = (empty(library, shape, x.dtype) for shape in (x.shape, units, units))
    groups = units[1] if len(units) > 1 else 1
    arrays = contiguous(x), _optional(weight), _optional(bias), y, mean, rstd
    _rows[blocks_for(rows * team, _rows.threads)](*arrays, rows, n, inner, groups, eps, team)
    return y, mean, rstd


def _over_rows_grad(
    gy: Array, x: Array, weight: Array | None, mean: Array, rstd: Array, n: int, shape: Channels, groups: int
) -> Normalised:
    """The gradient of _over_rows; shape: where the channels of weight and bias lie."""
    rows, team = shape.outer * groups, team_of(n)
    gx = empty(library_of(x), x.shape, x.dtype)
    gy, x, mean, rstd = map(contiguous, (gy, x, mean, rstd))
    blocks = blocks_for(rows * team, _rows_grad.threads)
    _rows_grad[blocks](gy, x, _optional(weight), mean, rstd, gx, rows, n, shape.inner, groups, team)
    sharing = max(shape.channels // max(groups, 1), 1)
    _, gweight, gbias = _parameter_sums(gy, x, mean, rstd, shape, per_image=groups, sharing=sharing)
    return gx, gweight, gbias


def _parameter_sums(
    gy: Array, x: Array, mean: Array, rstd: Array, shape: Channels, per_image: int, sharing: int
) -> tuple[tuple[Array, Array], Array, Array]:
    """The sums over each channel of gy, and of gy times the normalised x: as they are summed, and as gweight, gbias (C,)."""
    size = (shape.channels,)
    parts, sum_gy, sum_gy_y = _wide(x, (shape.splits, 2, shape.channels), size, size)
    gweight, gbias = (empty(library_of(x), size, x.dtype) for _ in range(2))
    sizes = (
        shape.outer,
        shape.channels,
        shape.inner,
        per_image,
        sharing,
        shape.across,
        shape.splits,
        shape.split_size,
        shape.packs,
    )
    _sums[shape.tiles * shape.splits](gy, x, mean, rstd, parts, *sizes)
    blocks = blocks_for(shape.channels, _sums_add.threads)
    _sums_add[blocks](parts, sum_gy, sum_gy_y, gbias, gweight, shape.channels, shape.splits)
    return (sum_gy, sum_gy_y), gweight, gbias


def _wide(x: Array, *shapes: tuple[int, ...]) -> list[Array]:
    """Arrays for sums over values of x."""
    return [empty(library_of(x), shape, accumulator(str(x.dtype))) for shape in shapes]


def _optional(parameter: Array | None) -> Array | None:
    return None if parameter is None else contiguous(parameter)
