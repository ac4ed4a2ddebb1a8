"""Steps of optimizers from their papers' equations, one parameter after the other, with the state they leave."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def sgd(
    ps: Any, gs: Any, bufs: Any = None, *, lr: float, momentum: float = 0.0, dampening: float = 0.0, weight_decay: float = 0.0,
    nesterov: bool = False, first: bool = False,
) -> list[Any]:  # fmt: skip
    """theta - lr times the velocity (Nesterov: the gradient and a further part of the velocity)."""
    moved, velocities = [], []
    for i, theta in enumerate(ps):
        d = gs[i] + weight_decay * theta
        if bufs is None:
            moved.append(theta - lr * d)
            continue
        v = d if first else momentum * bufs[i] + (1 - dampening) * d
        velocities.append(v)
        moved.append(theta - lr * (d + momentum * v if nesterov else v))
    return moved + velocities


def adam(
    ps: Any, gs: Any, ms: Any, vs: Any, vmaxs: Any = None, *, lr: float, beta1: float = 0.9, beta2: float = 0.99,
    eps: float = 1e-3, weight_decay: float = 0.0, decoupled: bool = False, step: int = 1,
) -> list[Any]:  # fmt: skip
    """Moments, corrected for their start at zero; AdamW's decay is the parameter's, AMSGrad keeps the largest moment."""
    out: list[list[Any]] = [[], [], [], []]
    for i, theta in enumerate(ps):
        g = gs[i] if decoupled else gs[i] + weight_decay * theta
        m = beta1 * ms[i] + (1 - beta1) * g
        v = beta2 * vs[i] + (1 - beta2) * g**2
        used = v if vmaxs is None else np.maximum(vmaxs[i], v)
        m_hat, v_hat = m / (1 - beta1**step), used / (1 - beta2**step)
        kept = theta - lr * weight_decay * theta if decoupled else theta
        out[0].append(kept - lr * m_hat / (np.sqrt(v_hat) + eps))
        out[1].append(m)
        out[2].append(v)
        if vmaxs is not None:
            out[3].append(used)
    return [a for part in out for a in part]


def sum_of_squares(gs: Any) -> Any:
    """Added without rounding in between."""
    return np.array(math.fsum(float(v) ** 2 for g in gs for v in g.reshape(-1)))


def skipgram(words: Any, contexts: Any, centres: Any, seen: Any, *, lr: float) -> tuple[Any, Any, Any]:
    """The gradient of -log sigmoid(h u) - sum log sigmoid(-h u'), pair by pair; contexts move at once, the centre at the end."""
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
