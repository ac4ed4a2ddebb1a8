"""Optimizer updates in one pass over memory, all parameters of a group in one call; sums and scaling that clip gradients.

The formulas are the reference's; each thread takes its share of all elements, see table.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from ..settings import AdamSettings, SGDSettings
from ..types import Array
from .machine.compile import inner, jit, thread_count
from .machine.table import PointerTable, elements

GRAIN = 16384
"""Elements below which another thread does not pay."""

PIECE = 8192
"""Elements whose squares make one partial sum: fixed, so that the thread count changes no bit."""

RUN = 512
"""Elements that are summed in their own dtype before float64 takes over."""


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


@inner(exact=True)
def scale_row(g: Array, factor: Any) -> None:
    for i in range(g.size):
        g[i] *= factor


@inner()
def square_run(g: Array) -> Any:
    total = g.dtype.type(0)
    for i in range(g.size):
        total += g[i] * g[i]
    return total


@inner()
def share(ends: Array, i: int, t: int, threads: int) -> Any:
    """Which elements of tensor i fall to thread t."""
    lo, hi = t * ends[-1] // threads, (t + 1) * ends[-1] // threads
    return max(lo, ends[i]) - ends[i], min(hi, ends[i + 1]) - ends[i]


@jit()
def _sgd(addresses: Array, ends: Array, like: Array, s: Any, nesterov: bool, threads: int) -> None:
    """Roles: parameter, gradient and, with momentum, buffer."""
    lr, momentum, keep, take, decay = s
    for t in prange(threads):
        for i in range(ends.size - 1):
            lo, hi = share(ends, i, t, threads)
            if lo < hi:
                p, g = elements(addresses[i, 0], lo, hi, like), elements(addresses[i, 1], lo, hi, like)
                if addresses.shape[1] == 2:
                    sgd_plain(p, g, lr, decay)
                elif nesterov:
                    sgd_nesterov(p, g, elements(addresses[i, 2], lo, hi, like), lr, momentum, keep, take, decay)
                else:
                    sgd_momentum(p, g, elements(addresses[i, 2], lo, hi, like), lr, keep, take, decay)


@jit()
def _adam(addresses: Array, ends: Array, like: Array, s: Any, threads: int) -> None:
    """Roles: parameter, gradient, m, v."""
    for t in prange(threads):
        for i in range(ends.size - 1):
            lo, hi = share(ends, i, t, threads)
            if lo < hi:
                p, g = elements(addresses[i, 0], lo, hi, like), elements(addresses[i, 1], lo, hi, like)
                adam_plain(p, g, elements(addresses[i, 2], lo, hi, like), elements(addresses[i, 3], lo, hi, like), s)


@jit()
def _amsgrad(addresses: Array, ends: Array, like: Array, s: Any, threads: int) -> None:
    """The same with a fifth role, vmax: a kernel of its own, which few networks need."""
    for t in prange(threads):
        for i in range(ends.size - 1):
            lo, hi = share(ends, i, t, threads)
            if lo < hi:
                p, g = elements(addresses[i, 0], lo, hi, like), elements(addresses[i, 1], lo, hi, like)
                m, v = elements(addresses[i, 2], lo, hi, like), elements(addresses[i, 3], lo, hi, like)
                adam_max(p, g, m, v, elements(addresses[i, 4], lo, hi, like), s)


@jit()
def _scale(addresses: Array, ends: Array, like: Array, factor: Any, threads: int) -> None:
    for t in prange(threads):
        for i in range(ends.size - 1):
            lo, hi = share(ends, i, t, threads)
            if lo < hi:
                scale_row(elements(addresses[i, 0], lo, hi, like), factor)


@jit()
def _sum_of_squares(addresses: Array, ends: Array, like: Array, sums: Array, threads: int) -> None:
    """sums: one partial sum for each piece of each tensor, in their order."""
    for t in prange(threads):
        first = 0
        for i in range(ends.size - 1):
            size = ends[i + 1] - ends[i]
            pieces = (size + PIECE - 1) // PIECE
            for n in range(t * sums.size // threads, (t + 1) * sums.size // threads):
                if first <= n < first + pieces:
                    total = np.float64(0)
                    for lo in range((n - first) * PIECE, min(size, (n - first + 1) * PIECE), RUN):
                        total += square_run(elements(addresses[i, 0], lo, min(size, lo + RUN), like))
                    sums[n] = total
            first += pieces


def sgd(
    ps: list[Array],
    gs: list[Array],
    bufs: list[Array] | None,
    settings: SGDSettings,
) -> None:
    """p -= lr d in place, d the gradient with weight decay, or its momentum buf <- momentum buf + (1 - dampening) d.

    The first time (first) buf is filled with d itself. nesterov: p -= lr (d + momentum buf).
    """
    lr, momentum, dampening, weight_decay, nesterov, first = settings
    for buf in bufs if bufs and first else ():
        buf[...] = 0  # whatever it held: 0 * NaN would stay
    keep, take = (0.0, 1.0) if first else (momentum, 1 - dampening)
    table = PointerTable(ps, gs, *([] if bufs is None else [bufs]), written=(0, 2))
    kind = table.like.dtype.type
    s = (kind(lr), kind(momentum), kind(keep), kind(take), kind(weight_decay))
    _sgd(table.addresses, table.ends, table.like, s, bool(nesterov), thread_count(table.size // GRAIN))
    table.give_back()


def adam(
    ps: list[Array],
    gs: list[Array],
    ms: list[Array],
    vs: list[Array],
    vmaxs: list[Array] | None,
    settings: AdamSettings,
) -> None:
    """Adam (Kingma and Ba 2015), in place: p -= lr mhat / (sqrt(vhat) + eps), hats for the corrected averages.

    decoupled: weight decay shrinks p itself (AdamW) instead of entering the gradient. vmaxs: largest v so far (AMSGrad).
    step counts from 1.
    """
    lr, beta1, beta2, eps, weight_decay, decoupled, step = settings
    shrink, decay = (1 - lr * weight_decay, 0.0) if decoupled else (1.0, weight_decay)
    rate, root = lr / (1 - beta1**step), (1 - beta2**step) ** -0.5
    table = PointerTable(ps, gs, ms, vs, *([] if vmaxs is None else [vmaxs]), written=(0, 2, 3, 4))
    kind = table.like.dtype.type
    s = tuple([kind(value) for value in (shrink, decay, beta1, 1 - beta1, beta2, 1 - beta2, rate, root, eps)])
    update = _adam if vmaxs is None else _amsgrad
    update(table.addresses, table.ends, table.like, s, thread_count(table.size // GRAIN))
    table.give_back()


def sum_of_squares(gs: list[Array]) -> Array:
    """The sum of the squares of all elements, 0-d: short runs in their own dtype, what they come to in float64."""
    table = PointerTable(gs)
    sums = np.empty(sum(-(-g.size // PIECE) for g in gs))
    _sum_of_squares(table.addresses, table.ends, table.like, sums, thread_count(sums.size * PIECE // GRAIN))
    return np.asarray(sums.sum(), gs[0].dtype)


def scale(gs: list[Array], factor: Array) -> None:
    """Multiply all elements by a factor, in place. factor: 0-d."""
    if factor != 1:
        table = PointerTable(gs, written=(0,))
        kind = table.like.dtype.type
        _scale(table.addresses, table.ends, table.like, kind(factor), thread_count(table.size // GRAIN))
        table.give_back()
