"""Normalisation and dropout."""

from __future__ import annotations

from typing import NamedTuple

from ....autograd.base import no_grad
from ....errors import OnnxError
from .. import namespace as dl
from ..table import operator
from ..values import Host


def channels(x, vector):
    """A vector over the channels, axis 1, in a shape that broadcasts."""
    return dl.reshape(vector, (1, -1, *(1,) * (x.ndim - 2)))


def affine(y, weight, bias, like):
    if weight is not None:
        y = y * channels(like, weight)
    return y if bias is None else y + channels(like, bias)


class BatchNormOptions(NamedTuple):
    """The attributes of BatchNormalization, old ones among them."""

    epsilon: float = 1e-5
    momentum: float = 0.9
    training_mode: int = 0
    spatial: int = 1
    is_test: int = 0


@operator("BatchNormalization", options=BatchNormOptions)
def batch_norm(x, weight, bias, mean, variance, *, options, outputs, training):
    """By stored statistics; in training by those of the batch, of which running averages are kept."""
    epsilon, momentum, training_mode, spatial, _ = options
    if not spatial:
        raise OnnxError("BatchNormalization with spatial=0 is not supported")
    if not (training_mode or training):
        return dl.batch_norm_inference(x, mean, variance, weight, bias, epsilon)
    y = dl.batch_norm(x, weight, bias, epsilon)[0]
    axes = tuple(k for k in range(x.ndim) if k != 1)
    own_mean, own_variance = dl.mean(x.detach(), axis=axes), dl.var(x.detach(), axis=axes)
    new_mean = mean * momentum + own_mean * (1 - momentum)
    new_variance = variance * momentum + own_variance * (1 - momentum)
    if not training_mode:
        with no_grad():
            mean[...] = new_mean.astype(mean.dtype)
            variance[...] = new_variance.astype(variance.dtype)
    return (y, new_mean, new_variance)[:outputs] if training_mode else y


@operator("InstanceNormalization")
def instance_norm(x, weight, bias, *, epsilon=1e-5):
    return dl.instance_norm(x, weight, bias, epsilon)


@operator("GroupNormalization")
def group_norm_of_groups(x, weight, bias, *, num_groups, epsilon=1e-5):
    """Before opset 21 there was one weight per group."""
    repeats = x.shape[1] // num_groups
    return group_norm(x, dl.repeat(weight, repeats), dl.repeat(bias, repeats), num_groups=num_groups, epsilon=epsilon)


@operator("GroupNormalization", since=21)
def group_norm(x, weight, bias, *, num_groups, epsilon=1e-5, stash_type=1):
    return dl.group_norm(x, num_groups, weight, bias, epsilon)


@operator("LayerNormalization")
def layer_norm(x, weight, bias=None, *, axis=-1, epsilon=1e-5, stash_type=1, outputs):
    shape = x.shape[axis:]
    scale, shift = (None if v is None else dl.broadcast_to(v, shape) for v in (weight, bias))
    y = dl.layer_norm(x, shape, scale, shift, epsilon)
    if outputs == 1:
        return y
    axes = tuple(range(axis % x.ndim, x.ndim))
    wide = x.astype("float32") if stash_type == 1 else x
    mean = dl.mean(wide, axis=axes, keepdims=True)
    return y, mean, 1 / dl.sqrt(dl.var(wide, axis=axes, keepdims=True) + epsilon)


@operator("RMSNormalization")
def rms_norm(x, weight, *, axis=-1, epsilon=1e-5, stash_type=1):
    shape = x.shape[axis:]
    return dl.rms_norm(x, shape, dl.broadcast_to(weight, shape), epsilon)


@operator("MeanVarianceNormalization")
def mean_variance_norm(x, *, axes=(0, 2, 3)):
    centered = x - dl.mean(x, axis=tuple(axes), keepdims=True)
    return centered / (dl.sqrt(dl.mean(centered * centered, axis=tuple(axes), keepdims=True)) + 1e-9)


@operator("LpNormalization")
def lp_norm(x, *, axis=-1, p=2):
    """Where the norm is 0, the result is 0."""
    norm = dl.sum(dl.abs(x), axis=axis, keepdims=True) if p == 1 else dl.sqrt(dl.sum(x * x, axis=axis, keepdims=True))
    zero = dl.equal(norm, 0)
    return dl.where(zero, dl.zeros_like(x), x / dl.where(zero, dl.ones_like(norm), norm))


@operator("LRN")
def local_response_norm(x, *, size, alpha=1e-4, beta=0.75, bias=1.0):
    """Divided by a power of the squares in neighbouring channels."""
    before = (size - 1) // 2
    squares = dl.pad(x * x, [(0, 0), (before, size - 1 - before), *((0, 0),) * (x.ndim - 2)])
    n = x.shape[1]
    total = squares[:, :n]
    for k in range(1, size):
        total = total + squares[:, k : k + n]
    return x / (bias + alpha / size * total) ** beta


@operator("Dropout", since=12)
def dropout(x, ratio: Host = None, training_mode: Host = None, *, seed=None, outputs, training):
    p = 0.5 if ratio is None else float(ratio.item())
    on = training if training_mode is None else bool(training_mode.item())
    y = dl.dropout(x, p, on)
    return y if outputs == 1 else (y, dl.not_equal(y, 0) if on and p else dl.ones(x.shape, dtype="bool", device=x.device))


@operator("Dropout")
def dropout_old(x, *, ratio=0.5, is_test=0, outputs, training):
    y = dl.dropout(x, ratio, training and not is_test)
    return y if outputs == 1 else (y, dl.ones(x.shape, dtype="bool", device=x.device))


