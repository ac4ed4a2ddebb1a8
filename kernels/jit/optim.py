"""Optimizer updates in one pass over memory: a parameter and its state are read and written once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import prange

from ..types import Array
from .compile import dense, inner, jit, thread_count

GRAIN = 16384
"""Elements below which another thread does not pay."""


@inner(exact=True)
def sgd_plain(p: Array, g: Array, lr: Any, decay: Any) -> None:
    for i in range(p.size):
        p[i] -= lr * (g[i] + decay * p[i])


@inner(exact=True)
def sgd_momentum(p: Array, g: Array, buf: Array, lr: Any, keep: Any, take: Any, decay: Any) -> None:
    for i in range(p.size):
        buf[i] = keep * buf[i] + take * (g[i] + decay * p[i])
        p[i] -= lr * buf[i]


@inner(exact=True)
def sgd_nesterov(p: Array, g: Array, buf: Array, lr: Any, momentum: Any, keep: Any, take: Any, decay: Any) -> None:
    for i in range(p.size):
        d = g[i] + decay * p[i]
        buf[i] = keep * buf[i] + take * d
        p[i] -= lr * (d + momentum * buf[i])


@inner(exact=True)
def adam_plain(p: Array, g: Array, m: Array, v: Array, s: Any) -> None:
    shrink, decay, b1, take1, b2, take2, rate, root, eps = s
    for i in range(p.size):
        d = g[i] + decay * p[i]
        m[i] = b1 * m[i] + take1 * d
        v[i] = b2 * v[i] + take2 * d * d
        p[i] = shrink * p[i] - rate * m[i] / (np.sqrt(v[i]) * root + eps)


@inner(exact=True)
def adam_max(p: Array, g: Array, m: Array, v: Array, largest: Array, s: Any) -> None:
    shrink, decay, b1, take1, b2, take2, rate, root, eps = s
    for i in range(p.size):
        d = g[i] + decay * p[i]
        m[i] = b1 * m[i] + take1 * d
        v[i] = b2 * v[i] + take2 * d * d
        largest[i] = largest[i] if largest[i] > v[i] else v[i]
        p[i] = shrink * p[i] - rate * m[i] / (np.sqrt(largest[i]) * root + eps)


@jit()
def _sgd(p: Array, g: Array, lr: Any, decay: Any, threads: int) -> None:
    for t in prange(threads):
        lo, hi = t * p.size // threads, (t + 1) * p.size // threads
        sgd_plain(p[lo:hi], g[lo:hi], lr, decay)


@jit()
def _sgd_momentum(
    p: Array,
    g: Array,
    buf: Array,
    lr: Any,
    momentum: Any,
    keep: Any,
    take: Any,
    decay: Any,
    nesterov: bool,
    threads: int,
) -> None:
    for t in prange(threads):
        lo, hi = t * p.size // threads, (t + 1) * p.size // threads
        if nesterov:
            sgd_nesterov(p[lo:hi], g[lo:hi], buf[lo:hi], lr, momentum, keep, take, decay)
        else:
            sgd_momentum(p[lo:hi], g[lo:hi], buf[lo:hi], lr, keep, take, decay)


@jit()
def _adam(p: Array, g: Array, m: Array, v: Array, s: Any, threads: int) -> None:
    for t in prange(threads):
        lo, hi = t * p.size // threads, (t + 1) * p.size // threads
        adam_plain(p[lo:hi], g[lo:hi], m[lo:hi], v[lo:hi], s)


@jit()
def _adam_max(p: Array, g: Array, m: Array, v: Array, largest: Array, s: Any, threads: int) -> None:
    for t in prange(threads):
        lo, hi = t * p.size // threads, (t + 1) * p.size // threads
        adam_max(p[lo:hi], g[lo:hi], m[lo:hi], v[lo:hi], largest[lo:hi], s)


def _in_place(update: Callable[..., None], arrays: list[Array], g: Array, *scalars: Any) -> None:
    """Run update(p, g, *state, *scalars, threads) on flat views; an array that has none is copied there and back."""
    plain = [a.flags.c_contiguous and a.flags.aligned and a.dtype.isnative for a in arrays]
    flat = [(a if ok else dense(a.copy(order="C"))).reshape(-1) for a, ok in zip(arrays, plain, strict=True)]
    if not flat[0].size:
        return
    update(flat[0], dense(g).reshape(-1), *flat[1:], *scalars, thread_count(flat[0].size // GRAIN))
    for a, ok, result in zip(arrays, plain, flat, strict=True):
        if not ok:
            a[...] = result.reshape(a.shape)


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
    """p -= lr d in place, d the gradient with weight decay, or its momentum buf <- momentum buf + (1 - dampening) d.

    The first time (first) buf is filled with d itself. nesterov: p -= lr (d + momentum buf).
    """
    kind = p.dtype.type
    if buf is None:
        _in_place(_sgd, [p], g, kind(lr), kind(weight_decay))
        return
    if first:
        buf[...] = 0  # whatever it held: 0 * NaN would stay
    keep, take = (0.0, 1.0) if first else (momentum, 1 - dampening)
    scalars = (kind(lr), kind(momentum), kind(keep), kind(take), kind(weight_decay))
    _in_place(_sgd_momentum, [p, buf], g, *scalars, bool(nesterov))


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
    """Adam (Kingma and Ba 2015), in place: p -= lr mhat / (sqrt(vhat) + eps), hats for the corrected averages.

    decoupled: weight decay shrinks p itself (AdamW) instead of entering the gradient. vmax: largest v so far (AMSGrad).
    step counts from 1.
    """
    kind = p.dtype.type
    shrink, decay = (1 - lr * weight_decay, 0.0) if decoupled else (1.0, weight_decay)
    rate, root = lr / (1 - beta1**step), (1 - beta2**step) ** -0.5
    s = tuple(kind(value) for value in (shrink, decay, beta1, 1 - beta1, beta2, 1 - beta2, rate, root, eps))
    if vmax is None:
        _in_place(_adam, [p, m, v], g, s)
    else:
        _in_place(_adam_max, [p, m, v, vmax], g, s)
