"""Normalisation: subtract the mean, divide by the standard deviation, scale and shift per channel or feature.

batch_norm, layer_norm and group_norm differ only in the axes that share statistics and those that share parameters.
"""

from __future__ import annotations

from math import prod

from ..settings import NormSettings
from ..types import Array, Namespace
from .common import kernel

Axes = tuple[int, ...]
Normalised = tuple[Array, Array, Array]


@kernel
def batch_norm(xp: Namespace, x: Array, weight: Array | None, bias: Array | None, eps: float) -> Normalised:
    """Normalise each channel over the batch and all positions.

    y = (x - mean) rstd weight + bias, rstd = 1 / sqrt(var + eps), var the biased variance.

    x: (N, C, *S). weight, bias: (C,) or None. Returns y (N, C, *S), mean (C,), rstd (C,).
    Source: Ioffe and Szegedy (2015), arXiv:1502.03167.
    """
    shape = _per_channel(x)
    y, mean, rstd = _normalise(xp, x, _all_but_channel(x), eps)
    y = _affine(xp, y, weight, bias, shape)
    return y, xp.reshape(mean, (x.shape[1],)), xp.reshape(rstd, (x.shape[1],))


def batch_norm_tracked(
    xp: Namespace, x: Array, weight: Array | None, bias: Array | None, running_mean: Array, running_var: Array, batches: Array,
    settings: NormSettings,
) -> Normalised:  # fmt: skip
    """The same, and running statistics (C,) that move a part of the way to those of x; batches, int64 (), counts one more.

    The running variance is the unbiased estimate.
    """
    eps, part = settings
    batches[...] = batches + 1
    way = part if part >= 0 else 1.0 / int(batches)
    axes, count = _all_but_channel(x), x.size // x.shape[1]
    unbiased = count / max(count - 1, 1)
    mean = _mean(xp, x, axes)
    centred = x - mean
    for running, now in ((running_mean, mean), (running_var, unbiased * _mean(xp, centred * centred, axes))):
        running[...] = xp.astype(running + way * (xp.reshape(now, running.shape) - running), running.dtype)
    return batch_norm(xp, x, weight, bias, eps)


@kernel
def batch_norm_grad(xp: Namespace, gy: Array, x: Array, weight: Array | None, mean: Array, rstd: Array) -> Normalised:
    """Gradient of batch_norm's y. mean, rstd: (C,) as it returned them. Returns gx (N, C, *S), gweight, gbias (C,)."""
    shape, axes = _per_channel(x), _all_but_channel(x)
    rstd = xp.reshape(rstd, shape)
    y = (x - xp.reshape(mean, shape)) * rstd
    gx = _through(xp, _affine(xp, gy, weight, None, shape), y, rstd, axes)
    return gx, xp.sum(gy * y, axis=axes), xp.sum(gy, axis=axes)


@kernel
def batch_norm_inference(
    xp: Namespace, x: Array, mean: Array, variance: Array, weight: Array | None, bias: Array | None, eps: float
) -> Array:
    """y = (x - mean) / sqrt(variance + eps) weight + bias per channel. x: (N, C, *S), the others (C,) or None."""
    shape = _per_channel(x)
    scale = 1.0 / xp.sqrt(variance + eps)
    scale = scale if weight is None else scale * weight
    return _affine(xp, x - xp.reshape(mean, shape), scale, bias, shape)


@kernel
def layer_norm(xp: Namespace, x: Array, weight: Array | None, bias: Array | None, eps: float) -> Normalised:
    """Normalise each row over its features.

    x: (M, D). weight, bias: (D,) or None. Returns y (M, D), mean (M,), rstd (M,).
    Source: Ba, Kiros and Hinton (2016), arXiv:1607.06450.
    """
    y, mean, rstd = _normalise(xp, x, (1,), eps)
    return _affine(xp, y, weight, bias, (x.shape[1],)), mean[:, 0], rstd[:, 0]


@kernel
def layer_norm_grad(xp: Namespace, gy: Array, x: Array, weight: Array | None, mean: Array, rstd: Array) -> Normalised:
    """Gradient of layer_norm's y. mean, rstd: (M,) as it returned them. Returns gx (M, D), gweight, gbias (D,)."""
    rstd = rstd[:, None]
    y = (x - mean[:, None]) * rstd
    gx = _through(xp, _affine(xp, gy, weight, None, (x.shape[1],)), y, rstd, (1,))
    return gx, xp.sum(gy * y, axis=0), xp.sum(gy, axis=0)


@kernel
def group_norm(xp: Namespace, x: Array, weight: Array | None, bias: Array | None, groups: int, eps: float) -> Normalised:
    """Normalise each group of channels of each image; groups = C normalises each channel of each image (instance norm).

    x: (N, C, *S). weight, bias: (C,) or None. Returns y (N, C, *S), mean (N, groups), rstd (N, groups).
    Source: Wu and He (2018), arXiv:1803.08494.
    """
    y, mean, rstd = _normalise(xp, _rows(xp, x, groups), (2,), eps)
    return _affine(xp, xp.reshape(y, x.shape), weight, bias, _per_channel(x)), mean[:, :, 0], rstd[:, :, 0]


@kernel
def group_norm_grad(
    xp: Namespace, gy: Array, x: Array, weight: Array | None, mean: Array, rstd: Array, groups: int
) -> Normalised:
    """Gradient of group_norm's y. mean, rstd: (N, groups) as it returned them. Returns gx, gweight (C,), gbias (C,)."""
    rstd = rstd[:, :, None]
    y = (_rows(xp, x, groups) - mean[:, :, None]) * rstd
    g = _rows(xp, _affine(xp, gy, weight, None, _per_channel(x)), groups)
    gx = xp.reshape(_through(xp, g, y, rstd, (2,)), x.shape)
    axes = _all_but_channel(x)
    return gx, xp.sum(gy * xp.reshape(y, x.shape), axis=axes), xp.sum(gy, axis=axes)


@kernel
def rms_norm(xp: Namespace, x: Array, weight: Array | None, eps: float) -> tuple[Array, Array]:
    """Divide each row by the root of its mean square: y = x rstd weight, rstd = 1 / sqrt(mean(x^2) + eps).

    x: (M, D). weight: (D,) or None. Returns y (M, D), rstd (M,).
    Source: Zhang and Sennrich (2019), arXiv:1910.07467.
    """
    rstd = 1.0 / xp.sqrt(_mean(xp, x * x, (1,)) + eps)
    return _affine(xp, x * rstd, weight, None, (x.shape[1],)), rstd[:, 0]


@kernel
def rms_norm_grad(xp: Namespace, gy: Array, x: Array, weight: Array | None, rstd: Array) -> tuple[Array, Array]:
    """Gradient of rms_norm's y. rstd: (M,) as it returned it. Returns gx (M, D), gweight (D,)."""
    rstd = rstd[:, None]
    y = x * rstd
    g = _affine(xp, gy, weight, None, (x.shape[1],))
    return rstd * (g - y * _mean(xp, g * y, (1,))), xp.sum(gy * y, axis=0)


def _normalise(xp: Namespace, x: Array, axes: Axes, eps: float) -> Normalised:
    """(x - mean) rstd, mean and rstd over some axes, which stay with size 1. Two passes: no cancellation in var."""
    mean = _mean(xp, x, axes)
    centred = x - mean
    rstd = 1.0 / xp.sqrt(_mean(xp, centred * centred, axes) + eps)
    return centred * rstd, mean, rstd


def _through(xp: Namespace, g: Array, y: Array, rstd: Array, axes: Axes) -> Array:
    """Gradient of x from the gradient g of the normalised y: what changes mean or variance is taken out."""
    return rstd * (g - _mean(xp, g, axes) - y * _mean(xp, g * y, axes))


def _mean(xp: Namespace, x: Array, axes: Axes) -> Array:
    """The mean over some axes, which stay with size 1; 0 over nothing, so that an empty batch leaves no NaN behind."""
    return xp.sum(x, axis=axes, keepdims=True) / max(prod(x.shape[axis] for axis in axes), 1)


def _affine(xp: Namespace, y: Array, weight: Array | None, bias: Array | None, shape: Axes) -> Array:
    y = y if weight is None else y * xp.reshape(weight, shape)
    return y if bias is None else y + xp.reshape(bias, shape)


def _per_channel(x: Array) -> Axes:
    """The shape in which (C,) broadcasts against x."""
    return (x.shape[1], *(1 for _ in x.shape[2:]))


def _all_but_channel(x: Array) -> Axes:
    return (0, *range(2, x.ndim))


def _rows(xp: Namespace, x: Array, groups: int) -> Array:
    """(N, C, *S) to (N, groups, C/groups prod(S))."""
    return xp.reshape(x, (x.shape[0], groups, prod(x.shape[1:]) // max(groups, 1)))
