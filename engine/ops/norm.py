"""Normalisation over a batch, over features, over groups of channels."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from math import prod
from typing import Any, TypeVar, cast

from .. import backend
from ..autograd.op import op
from ..autograd.promotion import get_default_dtype, is_inexact
from ..errors import ConfigError, ShapeError
from .ids import on_host
from .shape import reshape

F = TypeVar("F", bound=Callable[..., Any])

__all__ = ["batch_norm", "batch_norm_inference", "group_norm", "instance_norm", "layer_norm", "rms_norm"]


def _vector(name: str, argument: str, value: Any, size: int, letter: str) -> None:
    if value is not None and value.shape != (size,):
        raise ShapeError(f"{name}: {argument} must be ({letter},)=({size},), got {value.shape}")


def in_range(text: F) -> F:
    """Let the text of a normalisation, which also says its rstd, be read again in float64 where squares overflow float32.

    1 / sqrt(variance + eps) is then 0 or NaN. Looked at on the CPU alone: a GPU is not waited for.
    """

    @wraps(text)
    def read(xp: Any, x: Any, *rest: Any, **consts: Any) -> Any:
        y, pull, rstd = text(xp, x, *rest, **consts)
        a = on_host(rstd)
        if a is None or 0 in a.shape or "float32" not in str(a.dtype) or float(_smallest(a)) > 0:
            return y, pull
        y, pull, _ = text(xp, *[b if b is None else xp.astype(b, xp.float64) for b in (x, *rest)], **consts)
        return tuple(xp.astype(part, x.dtype) for part in y) if isinstance(y, tuple) else xp.astype(y, x.dtype), pull

    return cast(F, read)


def _smallest(a: Any) -> Any:
    return a.min() if hasattr(a, "min") else backend.space_of(a).min(a)


@op(needs="x weight y1 y2", constants=(1, 2), name="batch_norm")
@in_range
def _batch_norm(xp, x, weight, bias, /, *, eps):
    """See batch_norm; also returns mean and 1/sqrt(variance + eps), through which no gradient flows."""
    y, mean, rstd = xp.batch_norm(x, weight, bias, eps)
    return (y, mean, rstd), lambda g, need: xp.batch_norm_grad(g[0], x, weight, mean, rstd), rstd


def batch_norm(x: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> tuple[Any, Any, Any]:
    """Normalise each channel over the batch and space: y = (x - mean) / sqrt(variance + eps) * weight + bias.

    x: (N,C,*S) with N*S >= 1. weight, bias: (C,) or None. eps is added to the biased variance.
    Returns y (N,C,*S), mean (C,) and rstd = 1/sqrt(variance + eps) (C,); no gradient flows through the last two.
    Raises ShapeError. Source: Ioffe & Szegedy 2015, arXiv:1502.03167.
    """
    if x.ndim < 2:
        raise ShapeError(f"batch_norm: x must be (N,C,...), got shape {x.shape}")
    _vector("batch_norm", "weight", weight, x.shape[1], "C")
    _vector("batch_norm", "bias", bias, x.shape[1], "C")
    if x.size == 0:
        raise ShapeError(f"batch_norm: statistics need at least one value a channel, got shape {x.shape}")
    return _batch_norm(x, weight, bias, eps=eps)


def batch_norm_inference(x: Any, mean: Any, variance: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """Batch normalisation with given statistics: y = (x - mean) / sqrt(variance + eps) * weight + bias.

    x: (N,C,*S). mean, variance, weight, bias: (C,), the last two also None. The mean is subtracted before anything else: of
    values far from 0, x * scale - mean * scale would lose the digits. Raises ShapeError.
    """
    from .elementwise import sqrt

    for name, v in (("mean", mean), ("variance", variance), ("weight", weight), ("bias", bias)):
        _vector("batch_norm_inference", name, v, x.shape[1], "C")
    scale = 1 / sqrt(variance + eps)
    if weight is not None:
        scale = scale * weight
    space = (-1,) + (1,) * (x.ndim - 2)
    mean, scale = reshape(mean, space), reshape(scale, space)
    bias = None if bias is None else reshape(bias, space)
    if x.dtype == mean.dtype == scale.dtype == (x if bias is None else bias).dtype and is_inexact(x._array):
        return _inference(x, mean, scale, bias)
    y = (x - mean) * scale  # which promotes
    return y if bias is None else y + bias


@op(needs=("scale", "scale", "x mean", ""), name="batch_norm_inference")
def _inference(xp, x, mean, scale, bias, /):
    """(x - mean) scale + bias, all but x of shape (C,1...): one new array, since three would cost half as much again."""
    y = x - mean
    y *= scale
    if bias is not None:
        y += bias
    return y, (
        lambda gy: gy * scale,
        lambda gy: -gy * scale,
        lambda gy: gy * (x - mean),
        None if bias is None else lambda gy: gy,
    )


def _shaped(xp: Any, a: Any, shape: tuple[int, ...]) -> Any:
    """An array (or None) in a shape that kernels or callers want. In one op with its kernel: as ops of their own, four
    reshapes would cost more than the arithmetic on a small array.
    """
    return a if a is None or a.shape == shape else xp.reshape(a, shape)


@op(needs="x weight", name="layer_norm")
@in_range
def _layer_norm(xp, x, weight, bias, /, *, rows, size, eps):
    """See layer_norm; rows and size: M and D, those of x as the kernels want it."""
    flat, factor, shift = _shaped(xp, x, (rows, size)), _shaped(xp, weight, (size,)), _shaped(xp, bias, (size,))
    y, mean, rstd = xp.layer_norm(flat, factor, shift, eps)

    def pull(gy, need):
        gx, gw, gb = xp.layer_norm_grad(_shaped(xp, gy, (rows, size)), flat, factor, mean, rstd)
        affine = [_shaped(xp, g, a.shape) if n else None for g, a, n in zip((gw, gb), (weight, bias), need[1:], strict=True)]
        return _shaped(xp, gx, x.shape), *affine

    return _shaped(xp, y, x.shape), pull, rstd


def layer_norm(x: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """Normalise over the last axes: y = (x - mean) / sqrt(variance + eps) * weight + bias.

    x: (..., *normalized_shape). weight, bias: normalized_shape or None. Returns x's shape. Raises ShapeError.
    Source: Ba, Kiros & Hinton 2016, arXiv:1607.06450.
    """
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not shape or x.shape[-len(shape) :] != shape or x.ndim < len(shape):
        raise ShapeError(f"layer_norm: x {x.shape} must end in normalized_shape {shape}")
    for name, v in (("weight", weight), ("bias", bias)):
        if v is not None and v.shape != shape:
            raise ShapeError(f"layer_norm: {name} must have normalized_shape {shape}, got {v.shape}")
    return _layer_norm(x, weight, bias, rows=prod(x.shape[: x.ndim - len(shape)]), size=prod(shape), eps=eps)


@op(needs="x weight", name="group_norm")
@in_range
def _group_norm(xp, x, weight, bias, /, *, groups, eps):
    """See group_norm."""
    y, mean, rstd = xp.group_norm(x, weight, bias, groups, eps)
    return y, lambda gy, need: xp.group_norm_grad(gy, x, weight, mean, rstd, groups), rstd


def group_norm(x: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """Normalise each sample over groups of channels and space; weight and bias act per channel.

    x: (N,C,*S), C divisible by num_groups. weight, bias: (C,) or None. Returns x's shape. Raises ShapeError, ConfigError.
    Source: Wu & He 2018, arXiv:1803.08494.
    """
    if x.ndim < 2:
        raise ShapeError(f"group_norm: x must be (N,C,...), got shape {x.shape}")
    if not isinstance(num_groups, int) or num_groups < 1 or x.shape[1] % num_groups:
        raise ConfigError(f"group_norm: num_groups={num_groups} must divide C={x.shape[1]}")
    _vector("group_norm", "weight", weight, x.shape[1], "C")
    _vector("group_norm", "bias", bias, x.shape[1], "C")
    return _group_norm(x, weight, bias, groups=num_groups, eps=eps)


def instance_norm(x: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """Normalise each channel of each sample over space: group normalisation with one channel a group.

    Source: Ulyanov, Vedaldi & Lempitsky 2016, arXiv:1607.08022.
    """
    if x.ndim < 3:
        raise ShapeError(f"instance_norm: x must be (N,C,*S) with space, got shape {x.shape}")
    return group_norm(x, x.shape[1], weight, bias, eps)


@op(needs="x weight", name="rms_norm")
@in_range
def _rms_norm(xp, x, weight, /, *, rows, size, eps):
    """See rms_norm; rows and size: M and D, those of x as the kernels want it."""
    flat, factor = _shaped(xp, x, (rows, size)), _shaped(xp, weight, (size,))
    y, rstd = xp.rms_norm(flat, factor, eps)

    def pull(gy, need):
        gx, gw = xp.rms_norm_grad(_shaped(xp, gy, (rows, size)), flat, factor, rstd)
        return _shaped(xp, gx, x.shape), _shaped(xp, gw, weight.shape) if need[1] else None

    return _shaped(xp, y, x.shape), pull, rstd


def rms_norm(x: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None) -> Any:
    """Divide by the root of the mean square over the last axes: y = x / sqrt(mean(x^2) + eps) * weight.

    x: (..., *normalized_shape). weight: normalized_shape or None. eps: None is the spacing at 1 of the
    dtype that is computed in. Returns x's shape. Raises ShapeError. Source: Zhang & Sennrich 2019, arXiv:1910.07467.
    """
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not shape or x.shape[-len(shape) :] != shape or x.ndim < len(shape):
        raise ShapeError(f"rms_norm: x {x.shape} must end in normalized_shape {shape}")
    if weight is not None and weight.shape != shape:
        raise ShapeError(f"rms_norm: weight must have normalized_shape {shape}, got {weight.shape}")
    if eps is None:
        floats = [t.dtype for t in (x, weight) if t is not None and is_inexact(t)] or [get_default_dtype()]
        eps = {2: 2.0**-10, 4: 2.0**-23, 8: 2.0**-52}[max(d.itemsize for d in floats)]
    return _rms_norm(x, weight, rows=prod(x.shape[: x.ndim - len(shape)]), size=prod(shape), eps=eps)
