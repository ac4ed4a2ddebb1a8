"""Activations."""

from __future__ import annotations

import math

from .. import namespace as dl
from ..table import operator

for _name, _function in {
    "Relu": dl.relu, "Sigmoid": dl.sigmoid, "Softsign": dl.softsign, "Mish": dl.mish, "HardSwish": dl.hardswish,
    "Softplus": dl.softplus,
}.items():  # fmt: skip
    operator(_name)(_function)


@operator("LeakyRelu")
def leaky_relu(x, *, alpha=0.01):
    return dl.leaky_relu(x, negative_slope=alpha)


@operator("Elu")
def elu(x, *, alpha=1.0):
    return dl.elu(x, alpha=alpha)


@operator("Celu")
def celu(x, *, alpha=1.0):
    return dl.celu(x, alpha=alpha)


@operator("Selu")
def selu(x, *, alpha=1.67326319217681884765625, gamma=1.05070102214813232421875):
    return gamma * dl.elu(x, alpha=alpha)


@operator("PRelu", since=7)
def prelu(x, slope):
    return dl.where(dl.less(x, 0), x * slope, x)


@operator("PRelu")
def prelu_old(x, slope):
    """One slope per channel, axis 1."""
    return prelu(x, slope if slope.ndim != 1 else dl.reshape(slope, (-1, *(1,) * (x.ndim - 2))))


@operator("HardSigmoid")
def hard_sigmoid(x, *, alpha=0.2, beta=0.5):
    return dl.clip(alpha * x + beta, 0, 1)


@operator("ThresholdedRelu")
def thresholded_relu(x, *, alpha=1.0):
    return dl.where(dl.greater(x, alpha), x, dl.zeros_like(x))


@operator("Shrink")
def shrink(x, *, bias=0.0, lambd=0.5):
    zero = dl.zeros_like(x)
    return dl.where(dl.less(x, -lambd), x + bias, dl.where(dl.greater(x, lambd), x - bias, zero))


@operator("Gelu")
def gelu(x, *, approximate="none"):
    return dl.gelu(x, approximate=approximate)


@operator("Swish")
def swish(x, *, alpha=1.0):
    return x * dl.sigmoid(alpha * x)


def along_rest(function):
    """Before opset 13: all axes from one on are taken as one."""

    def run(x, *, axis=1):
        start = axis % x.ndim if x.ndim else 0
        flat = dl.reshape(x, (math.prod(x.shape[:start]), math.prod(x.shape[start:])))
        return dl.reshape(function(flat, axis=1), x.shape)

    return run


def along_axis(function):
    return lambda x, *, axis=-1: function(x, axis=axis)


def hardmax_of(x, axis):
    """1 at the first largest value along an axis, 0 elsewhere."""
    best = dl.expand_dims(dl.argmax(x, axis=axis), axis=axis)
    places = dl.arange(x.shape[axis], device=x.device)
    shape = [1] * x.ndim
    shape[axis] = -1
    return dl.astype(dl.equal(dl.reshape(places, tuple(shape)), best), x.dtype)


for _name, _along in {"Softmax": dl.softmax, "LogSoftmax": dl.log_softmax, "Hardmax": hardmax_of}.items():
    operator(_name)(along_rest(_along))
    operator(_name, since=13)(along_axis(_along))
