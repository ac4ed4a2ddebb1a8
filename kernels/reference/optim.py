"""One step of an optimizer on all the parameters of a group, in place on them and their state; and what clips gradients.

Every kernel takes lists of arrays, which share a dtype and a device; the n-th of each list belong to the n-th parameter and
have its shape. Half precision is computed in float32 and rounded when it is written.
"""

from __future__ import annotations

from functools import reduce
from math import sqrt
from operator import add

from ..settings import AdamSettings, SGDSettings
from ..types import Array, Namespace
from .common import is_half


def sgd(
    xp: Namespace,
    ps: list[Array],
    gs: list[Array],
    bufs: list[Array] | None,
    settings: SGDSettings,
) -> None:
    """Gradient descent with momentum, for each parameter p with its g and buf.

    d = g + weight_decay p;  buf <- momentum buf + (1 - dampening) d (d itself on the first step);
    p <- p - lr buf, or with nesterov p - lr (d + momentum buf), or without momentum p - lr d.

    bufs is None without momentum.
    """
    lr, momentum, dampening, weight_decay, nesterov, first = settings
    for i, (p, g) in enumerate(zip(ps, gs, strict=True)):
        value = _wide(xp, p)
        step = _wide(xp, g)
        if weight_decay:
            step = step + weight_decay * value
        if bufs is not None:
            moved = step if first else momentum * _wide(xp, bufs[i]) + (1.0 - dampening) * step
            _write(xp, bufs[i], moved)
            step = step + momentum * moved if nesterov else moved
        _write(xp, p, value - lr * step)


def adam(
    xp: Namespace,
    ps: list[Array],
    gs: list[Array],
    ms: list[Array],
    vs: list[Array],
    vmaxs: list[Array] | None,
    settings: AdamSettings,
) -> None:
    """Adam, for each parameter p with its g, m and v; AdamW if decoupled; AMSGrad if there are vmaxs.

    m <- m + (1 - beta1) (g - m);  v <- beta2 v + (1 - beta2) g^2;
    p <- p - lr m / (1 - beta1^step) / (sqrt(v / (1 - beta2^step)) + eps), with vmax <- max(vmax, v) for v if given.
    Weight decay adds weight_decay p to g, or, decoupled, first takes p <- (1 - lr weight_decay) p.

    step counts from 1. Source: Kingma and Ba (2015), arXiv:1412.6980; Loshchilov and Hutter (2019), arXiv:1711.05101.
    """
    lr, beta1, beta2, eps, weight_decay, decoupled, step = settings
    for i, arrays in enumerate(zip(ps, gs, ms, vs, strict=True)):
        value, gradient, mean, square = (_wide(xp, a) for a in arrays)
        if weight_decay and decoupled:
            value = value * (1.0 - lr * weight_decay)
        elif weight_decay:
            gradient = gradient + weight_decay * value
        mean = mean + (1.0 - beta1) * (gradient - mean)
        square = beta2 * square + (1.0 - beta2) * gradient * gradient
        _write(xp, ms[i], mean)
        _write(xp, vs[i], square)
        if vmaxs is not None:
            largest = _wide(xp, vmaxs[i])
            square = xp.where(square <= largest, largest, square)  # a NaN in square goes on
            _write(xp, vmaxs[i], square)
        scale = xp.sqrt(square) / sqrt(1.0 - beta2**step) + eps
        _write(xp, ps[i], value - (lr / (1.0 - beta1**step)) * mean / scale)


def sum_of_squares(xp: Namespace, gs: list[Array]) -> Array:
    """The sum of the squares of all elements: 0-d, float64 for float64, else float32; the same bits every time."""
    return reduce(add, [xp.sum(xp.square(_wide(xp, g))) for g in gs])


def clip_by_norm(xp: Namespace, gs: list[Array], max_norm: float) -> Array:
    """Scale all elements in place by min(1, max_norm / (norm + 1e-6)); the norm before that, 0-d as of sum_of_squares."""
    norm = xp.sqrt(sum_of_squares(xp, gs))
    factor = max_norm / (norm + 1e-6)
    scale(xp, gs, xp.where(factor > 1, xp.ones_like(factor), factor))
    return norm


def scale(xp: Namespace, gs: list[Array], factor: Array) -> None:
    """Multiply all elements by a factor, in place. factor: 0-d, in the dtype of sum_of_squares."""
    for g in gs:
        _write(xp, g, _wide(xp, g) * factor)


def _wide(xp: Namespace, a: Array) -> Array:
    return xp.astype(a, xp.float32) if is_half(xp, a) else a


def _write(xp: Namespace, a: Array, value: Array) -> None:
    a[...] = xp.astype(value, a.dtype, copy=False)
