"""Convolution, pooling, padding, resizing and normalisation with PyTorch's arguments, also without a batch axis."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ....ops import norm
from ....ops.index import put_at
from ...names.core import refuse
from ...names.engine import dl
from . import antialias as antialiasing
from .activations import entry

F = dl.nn.functional


def several(rank: int, value: Any) -> tuple[int, ...]:
    """A size for each axis of space."""
    return (int(value),) * rank if isinstance(value, int) else tuple(int(v) for v in value) * (rank if len(value) == 1 else 1)


def repeated(rank: int) -> Any:
    """A function that gives a tuple as it is, and a number as that many."""
    return lambda value: tuple(value) if isinstance(value, tuple | list) else (value,) * rank


# ---------------------------------------------------------------------- convolution
def _convolutions() -> None:
    for rank in (1, 2, 3):
        forward, transposed = getattr(F, f"conv{rank}d"), getattr(F, f"conv_transpose{rank}d")

        def conv(input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
                 groups: int = 1, _f: Any = forward) -> Any:  # fmt: skip
            return _f(input, weight, bias, stride, padding, dilation, groups)

        def back(input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
                 groups: int = 1, dilation: Any = 1, _f: Any = transposed) -> Any:  # fmt: skip
            return _f(input, weight, bias, stride, padding, output_padding, groups, dilation)

        entry(f"conv{rank}d", root=True)(conv)
        entry(f"conv_transpose{rank}d", root=True)(back)


_convolutions()


@entry("unfold")
def _unfold(input: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    return F.unfold(input, kernel_size, dilation, padding, stride)


@entry("fold")
def _fold(input: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    return F.fold(input, output_size, kernel_size, dilation, padding, stride)


# ---------------------------------------------------------------------- pooling
def _pools() -> None:
    for rank in (1, 2, 3):
        maximum, average, unpool = (getattr(F, f"{kind}{rank}d") for kind in ("max_pool", "avg_pool", "max_unpool"))

        def largest(
            input: Any,
            kernel_size: Any,
            stride: Any = None,
            padding: Any = 0,
            dilation: Any = 1,
            ceil_mode: bool = False,
            return_indices: bool = False,
            _f: Any = maximum,
        ) -> Any:
            stride = None if stride is None or (not isinstance(stride, int) and not len(stride)) else stride
            return _f(input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)

        def mean(
            input: Any,
            kernel_size: Any,
            stride: Any = None,
            padding: Any = 0,
            ceil_mode: bool = False,
            count_include_pad: bool = True,
            divisor_override: Any = None,
            _f: Any = average,
            _rank: int = rank,
        ) -> Any:
            stride = None if stride is None or (not isinstance(stride, int) and not len(stride)) else stride
            if divisor_override is not None:
                return _window_sums(_rank, _f, input, kernel_size, stride, padding, ceil_mode) / divisor_override
            return _f(input, kernel_size, stride, padding, ceil_mode, count_include_pad)

        def put_back(input: Any, indices: Any, kernel_size: Any, stride: Any = None, padding: Any = 0,
                     output_size: Any = None, _f: Any = unpool, _rank: int = rank) -> Any:  # fmt: skip
            k, p = several(_rank, kernel_size), several(_rank, padding)
            s = k if stride is None or (not isinstance(stride, int) and not len(stride)) else several(_rank, stride)
            space = input.shape[-_rank:]
            natural = tuple((n - 1) * b + a - 2 * c for n, a, b, c in zip(space, k, s, p, strict=True))
            size = natural if output_size is None else tuple(output_size)[-_rank:]
            alone = input.ndim == _rank + 1
            x, i = (dl.expand_dims(t, axis=0) if alone else t for t in (input, indices))
            y = _put_back(x, i, tuple(size))
            return dl.squeeze(y, axis=0) if alone else y

        entry(f"max_pool{rank}d", root=True)(largest)
        entry(f"max_pool{rank}d_with_indices")(lambda *a, _f=largest, **k: _f(*a, **{**k, "return_indices": True}))
        entry(f"avg_pool{rank}d", root=True)(mean)
        entry(f"max_unpool{rank}d")(put_back)
        for kind in ("avg", "max"):
            f = getattr(F, f"adaptive_{kind}_pool{rank}d")

            def adaptive(input: Any, output_size: Any, return_indices: bool = False, _f: Any = f, _rank: int = rank) -> Any:
                sizes = (output_size,) * _rank if isinstance(output_size, int) else tuple(output_size)
                space = input.shape[-_rank:]
                full = tuple(n if s is None else s for s, n in zip(sizes, space, strict=True))
                size = full[0] if _rank == 1 else full
                return _f(input, size, True) if return_indices else _f(input, size)

            entry(f"adaptive_{kind}_pool{rank}d", root=True)(adaptive)
    _lp_pools()


def _window_sums(rank: int, f: Any, input: Any, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool) -> Any:
    """Sums over windows, the border made of zeros, as far as ceil_mode lets windows reach."""
    k, p = several(rank, kernel_size), several(rank, padding)
    s = k if stride is None else several(rank, stride)
    pairs = []
    for n, a, b, c in zip(input.shape[-rank:], k, s, p, strict=True):
        count = -(-(n + 2 * c - a) // b) if ceil_mode else (n + 2 * c - a) // b
        if ceil_mode and count * b >= n + c:
            count -= 1
        pairs.append((c, max(c, count * b + a - n - c)))
    y = f(dl.pad(input, pairs), kernel_size, stride, 0, False, True)
    return y * math.prod(k)


def _put_back(x: Any, indices: Any, size: tuple[int, ...]) -> Any:
    """The values at their places, of several for one place the last."""
    flat = dl.zeros((x.shape[0] * x.shape[1], math.prod(size)), dtype=x.dtype, device=x.device)
    rows = dl.reshape(dl.arange(flat.shape[0], device=x.device), (-1, 1))
    at = dl.reshape(indices, (flat.shape[0], -1)) if flat.shape[0] else dl.zeros((0, 0), dtype="int64")
    limit = math.prod(size)
    if at.array.size and (int(dl.max(at)) >= limit or int(dl.min(at)) < 0):
        raise RuntimeError(f"Found an invalid max index: {int(dl.max(at))} (output volumes are of size {size})")
    values = dl.reshape(x, at.shape)
    y = dl.set_at(flat, values.detach(), key=(rows, at))
    added = put_at(values, key=(rows, at), shape=flat.shape)  # PyTorch's gradient: also of the values that were overwritten
    return dl.reshape(y + (added - added.detach()), (*x.shape[:2], *size))


def _lp_pools() -> None:
    for rank, average in ((1, F.avg_pool1d), (2, F.avg_pool2d)):

        def lp(input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False,
               _f: Any = average, _rank: int = rank) -> Any:  # fmt: skip
            y = _f(dl.pow(input, norm_type), kernel_size, stride, 0, ceil_mode)
            n = math.prod(several(_rank, kernel_size))
            return dl.pow(dl.sign(y) * dl.relu(dl.abs(y)) * n, 1.0 / norm_type)

        entry(f"lp_pool{rank}d")(lp)


_pools()


# ---------------------------------------------------------------------- borders and sizes
@entry("pad")
def pad(input: Any, pad: Any, mode: str = "constant", value: Any = None) -> Any:
    pairs = [(int(pad[i]), int(pad[i + 1])) for i in range(0, len(pad), 2)][::-1]
    return dl.pad(input, pairs, mode=mode, value=0.0 if value is None else value)


@entry("interpolate", "upsample")
def interpolate(input: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: Any = None,
                recompute_scale_factor: Any = None, antialias: bool = False) -> Any:  # fmt: skip
    if scale_factor is not None and recompute_scale_factor:
        size = tuple(math.floor(n * f) for n, f in zip(input.shape[2:], _each(scale_factor, input.ndim - 2), strict=True))
        scale_factor = None
    if antialias:
        if mode not in ("bilinear", "bicubic") or align_corners or size is None:
            raise refuse("nn.functional.interpolate", "antialias=True needs mode bilinear or bicubic, size and no align_corners")
        return antialiasing.resized(input, several(2, size), mode)
    return F.interpolate(input, size=size, scale_factor=scale_factor, mode=mode, align_corners=align_corners)


def _each(value: Any, rank: int) -> list[float]:
    return [float(value)] * rank if isinstance(value, int | float) else [float(v) for v in value]


@entry("upsample_nearest")
def _upsample_nearest(input: Any, size: Any = None, scale_factor: Any = None) -> Any:
    return interpolate(input, size, scale_factor, mode="nearest")


@entry("upsample_bilinear")
def _upsample_bilinear(input: Any, size: Any = None, scale_factor: Any = None) -> Any:
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)


@entry("pixel_shuffle", root=True)
def _pixel_shuffle(input: Any, upscale_factor: int) -> Any:
    return F.pixel_shuffle(input, upscale_factor)


@entry("pixel_unshuffle", root=True)
def _pixel_unshuffle(input: Any, downscale_factor: int) -> Any:
    return F.pixel_unshuffle(input, downscale_factor)


@entry("channel_shuffle", root=True)
def _channel_shuffle(input: Any, groups: int) -> Any:
    return F.channel_shuffle(input, groups)


@entry("affine_grid")
def _affine_grid(theta: Any, size: Any, align_corners: Any = None) -> Any:
    rank = len(size) - 2
    axes = []
    for n in size[2:]:
        ends = np.linspace(-1, 1, n) if align_corners else (2 * np.arange(n) + 1) / n - 1
        axes.append(ends if n > 1 or not align_corners else np.zeros(1))
    grids = np.meshgrid(*axes, indexing="ij")
    points = np.stack([*reversed(grids), np.ones_like(grids[0])], axis=-1).reshape(-1, rank + 1)
    base = dl.asarray(points, dtype=theta.dtype, device=theta.device)
    found = dl.matmul(base, dl.matrix_transpose(theta))
    return dl.reshape(found, (size[0], *size[2:], rank))


# ---------------------------------------------------------------------- normalisation
@entry("batch_norm", root=False)
def batch_norm(input: Any, running_mean: Any, running_var: Any, weight: Any = None, bias: Any = None, training: bool = False,
               momentum: float = 0.1, eps: float = 1e-05) -> Any:  # fmt: skip
    if input.array.size == 0:
        return dl.clone(input)
    if not training:
        return F.batch_norm_inference(input, running_mean, running_var, weight, bias, eps)
    n = input.array.size // input.shape[1]
    if n <= 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {list(input.shape)}")
    y, mean, rstd = F.batch_norm(input, weight, bias, eps)
    if running_mean is not None:
        with dl.no_grad():
            moved = norm.running_variance(running_var, rstd, part=momentum, eps=eps, factor=n / (n - 1))
            dl.Tensor.__setitem__(running_mean, ..., norm.running_mean(running_mean, mean, part=momentum))
            dl.Tensor.__setitem__(running_var, ..., moved)
    return y


@entry("instance_norm")
def _instance_norm(input: Any, running_mean: Any = None, running_var: Any = None, weight: Any = None, bias: Any = None,
                   use_input_stats: bool = True, momentum: float = 0.1, eps: float = 1e-05) -> Any:  # fmt: skip
    if not use_input_stats:
        return F.batch_norm_inference(input, running_mean, running_var, weight, bias, eps)
    if running_mean is not None:
        with dl.no_grad():
            x, space = input.detach(), tuple(range(2, input.ndim))
            new = (dl.mean(dl.mean(x, axis=space), axis=0), dl.mean(dl.var(x, axis=space, correction=1.0), axis=0))
            for held, value in zip((running_mean, running_var), new, strict=True):
                dl.Tensor.__setitem__(held, ..., held * (1 - momentum) + value * momentum)
    return F.instance_norm(input, weight, bias, eps)


@entry("layer_norm", root=False)
def _layer_norm(input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-05) -> Any:
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    return F.layer_norm(input, shape, weight, bias, eps)


@entry("rms_norm")
def _rms_norm(input: Any, normalized_shape: Any, weight: Any = None, eps: Any = None) -> Any:
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    return F.rms_norm(input, shape, weight, eps)


@entry("group_norm")
def _group_norm(input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-05) -> Any:
    return F.group_norm(input, num_groups, weight, bias, eps)


@entry("local_response_norm")
def _local_response_norm(input: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Any:
    return F.local_response_norm(input, size, alpha, beta, k)


@entry("normalize")
def _normalize(input: Any, p: float = 2.0, dim: Any = 1, eps: float = 1e-12) -> Any:
    from ...names.algebra import vector_norm

    return input / dl.clip(vector_norm(input, p, dim, True), min=eps)
