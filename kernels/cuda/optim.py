"""Optimizer steps on the GPU, in place, one launch a parameter."""

from __future__ import annotations

from math import sqrt
from typing import Any

from ..types import Array
from . import FLOATS
from .launch import Kernel, blocks_for, contiguous

_sgd = Kernel("optim.cu", "sgd", FLOATS)
_adam = Kernel("optim.cu", "adam", FLOATS)


def sgd(
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
    """Gradient descent with momentum, as the reference states it. p, g, buf: any one shape; buf is None without momentum."""
    scalars = (lr, momentum, 1.0 - dampening, weight_decay, nesterov, first)
    _step(_sgd, (p, buf), (p, g, buf), scalars)


def adam(
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
    """Adam; AdamW if decoupled; AMSGrad if there is a vmax. p, g, m, v, vmax: any one shape. step counts from 1."""
    keep, added = (1.0 - lr * weight_decay, 0.0) if decoupled else (1.0, weight_decay)
    rate, correction = lr / (1.0 - beta1**step), sqrt(1.0 - beta2**step)
    scalars = (rate, 1.0 - beta1, beta2, 1.0 - beta2, eps, correction, keep, added)
    _step(_adam, (p, m, v, vmax), (p, g, m, v, vmax), scalars)


def _step(kernel: Kernel, written: tuple[Array | None, ...], arrays: tuple[Array | None, ...], scalars: tuple[Any, ...]) -> None:
    """Launch on contiguous arrays; what the kernel wrote into a copy goes back to the view that it was copied from."""
    given = [None if a is None else contiguous(a) for a in arrays]
    size = given[0].size if given[0] is not None else 0
    kernel[blocks_for(size, kernel.threads)](*given, size, *scalars)
    copies = {id(a): copy for a, copy in zip(arrays, given, strict=True)}
    for a in written:
        if a is not None and copies[id(a)] is not a:
            a[...] = copies[id(a)]
