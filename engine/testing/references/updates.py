"""Steps of optimizers by the equations of their papers, one parameter after the other, with the new state."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dlengine.kernels.settings import AdamSettings, SGDSettings


def sgd(ps: Any, gs: Any, bufs: Any = None, *, settings: SGDSettings) -> list[Any]:
    """theta - lr times the velocity (Nesterov: the gradient and a further part of the velocity)."""
    s = settings
    moved, velocities = [], []
    for i, theta in enumerate(ps):
        d = gs[i] + s.weight_decay * theta
        if bufs is None:
            moved.append(theta - s.lr * d)
            continue
        v = d if s.first else s.momentum * bufs[i] + (1 - s.dampening) * d
        velocities.append(v)
        moved.append(theta - s.lr * (d + s.momentum * v if s.nesterov else v))
    return moved + velocities


def adam(ps: Any, gs: Any, ms: Any, vs: Any, vmaxs: Any = None, *, settings: AdamSettings) -> list[Any]:
    """Bias-corrected moments; AdamW applies the decay to the parameter, AMSGrad keeps the largest second moment."""
    s = settings
    out: list[list[Any]] = [[], [], [], []]
    for i, theta in enumerate(ps):
        g = gs[i] if s.decoupled else gs[i] + s.weight_decay * theta
        m = s.beta1 * ms[i] + (1 - s.beta1) * g
        v = s.beta2 * vs[i] + (1 - s.beta2) * g**2
        used = v if vmaxs is None else np.maximum(vmaxs[i], v)
        m_hat, v_hat = m / (1 - s.beta1**s.step), used / (1 - s.beta2**s.step)
        kept = theta - s.lr * s.weight_decay * theta if s.decoupled else theta
        out[0].append(kept - s.lr * m_hat / (np.sqrt(v_hat) + s.eps))
        out[1].append(m)
        out[2].append(v)
        if vmaxs is not None:
            out[3].append(used)
    return [a for part in out for a in part]


def sum_of_squares(gs: Any) -> Any:
    """The sum of squares of all elements, rounded once."""
    return np.array(math.fsum(float(v) ** 2 for g in gs for v in g.reshape(-1)))


def skipgram(words: Any, contexts: Any, centres: Any, seen: Any, *, lr: float) -> tuple[Any, Any, Any]:
    """Descend on -log sigmoid(h u) - sum log sigmoid(-h u') pair by pair; contexts change at once, the centre at the end."""
    words, contexts, losses = words.copy(), contexts.copy(), []
    for centre, others in zip(centres, seen, strict=True):
        h, pull, loss = words[centre].copy(), np.zeros(words.shape[1]), 0.0
        for j, other in enumerate(others):
            label = 1.0 if j == 0 else 0.0
            p = 1 / (1 + math.exp(-float(h @ contexts[other])))
            loss -= math.log(p if label else 1 - p)
            pull += lr * (label - p) * contexts[other]
            contexts[other] = contexts[other] + lr * (label - p) * h
        words[centre] = h + pull
        losses.append(loss)
    return np.array(sum(losses) / max(1, len(losses))), words, contexts
