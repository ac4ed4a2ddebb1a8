"""One step of an optimizer on one parameter, in place on the parameter and its state.

Half precision is computed in float32 and rounded when it is written.
"""

from __future__ import annotations

from math import sqrt

from ..types import Array, Namespace
from .common import is_half


def sgd(
    xp: Namespace,
    p: Array,
    g: Array,
    buf: Array | None,
    lr: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
    first: bool,
) -> None:
    """Gradient descent with momentum.

    d = g + weight_decay p;  buf <- momentum buf + (1 - dampening) d (d itself on the first step);
    p <- p - lr buf, or with nesterov p - lr (d + momentum buf), or without momentum p - lr d.

    p, g, buf: any one shape; buf is None without momentum.
    """
    value = _wide(xp, p)
    step = _wide(xp, g)
    if weight_decay:
        step = step + weight_decay * value
    if buf is not None:
        moved = step if first else momentum * _wide(xp, buf) + (1.0 - dampening) * step
        _write(xp, buf, moved)
        step = step + momentum * moved if nesterov else moved
    _write(xp, p, value - lr * step)


def adam(
    xp: Namespace,
    p: Array,
    g: Array,
    m: Array,
    v: Array,
    vmax: Array | None,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled: bool,
    step: int,
) -> None:
    """Adam; AdamW if decoupled; AMSGrad if there is a vmax.

    m <- m + (1 - beta1) (g - m);  v <- beta2 v + (1 - beta2) g^2;
    p <- p - lr m / (1 - beta1^step) / (sqrt(v / (1 - beta2^step)) + eps), with vmax <- max(vmax, v) for v if given.
    Weight decay adds weight_decay p to g, or, decoupled, first takes p <- (1 - lr weight_decay) p.

    p, g, m, v, vmax: any one shape. step counts from 1.
    Source: Kingma and Ba (2015), arXiv:1412.6980; Loshchilov and Hutter (2019), arXiv:1711.05101.
    """
    value, gradient, mean, square = (_wide(xp, a) for a in (p, g, m, v))
    if weight_decay and decoupled:
        value = value * (1.0 - lr * weight_decay)
    elif weight_decay:
        gradient = gradient + weight_decay * value
    mean = mean + (1.0 - beta1) * (gradient - mean)
    square = beta2 * square + (1.0 - beta2) * gradient * gradient
    _write(xp, m, mean)
    _write(xp, v, square)
    if vmax is not None:
        largest = _wide(xp, vmax)
        square = xp.where(square <= largest, largest, square)  # a NaN in square goes on
        _write(xp, vmax, square)
    scale = xp.sqrt(square) / sqrt(1.0 - beta2**step) + eps
    _write(xp, p, value - (lr / (1.0 - beta1**step)) * mean / scale)


def _wide(xp: Namespace, a: Array) -> Array:
    return xp.astype(a, xp.float32) if is_half(xp, a) else a


def _write(xp: Namespace, a: Array, value: Array) -> None:
    a[...] = xp.astype(value, a.dtype, copy=False)
