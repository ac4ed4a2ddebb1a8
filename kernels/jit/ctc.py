"""Connectionist temporal classification, a sequence at a time, its states in float64. See the reference for the states."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from ..ranges import in_range
from ..types import Array
from .machine.compile import dense, inner, jit, threads_for

NEVER = -1e30


@inner()
def log_sum(a: float, b: float) -> Any:
    """log(exp(a) + exp(b))."""
    if a < b:
        a, b = b, a
    if a == b:  # also where both are infinite
        return a + np.log(2.0)
    return a if b - a < -40.0 else a + np.log(1.0 + np.exp(b - a))


@inner()
def passes(labels: Array, s: int) -> bool:
    """Whether state s is a label that differs from the one before, so that the blank between may be left out."""
    return s % 2 == 1 and s > 1 and labels[s // 2] != labels[s // 2 - 1]


@inner()
def forward(x: Array, labels: Array, width: int, blank: int, alpha: Array) -> Any:
    """Fill alpha (T, W) for one sequence x (T, V), T at least 1; the log-probability of the target."""
    for s in range(width):
        label = labels[s // 2] if s % 2 else blank
        alpha[0, s] = x[0, label] if s < 2 else NEVER
    for t in range(1, len(x)):
        lead = x[t, blank]
        for s in range(width):
            total = alpha[t - 1, s]
            if s:
                total = log_sum(total, alpha[t - 1, s - 1])
                if passes(labels, s):
                    total = log_sum(total, alpha[t - 1, s - 2])
            alpha[t, s] = total + (x[t, labels[s // 2]] if s % 2 else lead)
    last = alpha[len(x) - 1]
    return log_sum(last[width - 1], last[width - 2]) if width > 1 else last[0]


@jit()
def _losses(x: Array, labels: Array, steps: Array, counts: Array, blank: int, loss: Array, threads: int) -> None:
    for t in prange(threads):
        alpha = np.empty((len(x), 2 * labels.shape[1] + 1), np.float64)
        for n in range(t * len(loss) // threads, (t + 1) * len(loss) // threads):
            width = 2 * counts[n] + 1
            total = NEVER if counts[n] else 0.0
            if steps[n] and counts[n] >= 0:
                total = forward(x[: steps[n], n], labels[n], width, blank, alpha)
            loss[n] = np.inf if total <= NEVER / 2 else -total


@inner()
def backward(x: Array, labels: Array, blank: int, alpha: Array, beta: Array, factor: float, gx: Array) -> None:
    """Add to gx (T, V) of one sequence. beta: (W,), the log-probability of spelling what is left, less that of the target."""
    width = beta.size
    for t in range(len(x) - 1, -1, -1):
        for s in range(width):
            gx[t, labels[s // 2] if s % 2 else blank] += factor * np.exp(alpha[t, s] + beta[s])
        for s in range(width):
            beta[s] += x[t, labels[s // 2]] if s % 2 else x[t, blank]
        for s in range(width):
            total = beta[s]
            if s + 1 < width:
                total = log_sum(total, beta[s + 1])
                if s + 2 < width and passes(labels, s + 2):
                    total = log_sum(total, beta[s + 2])
            beta[s] = total


@jit()
def _gradients(
    gloss: Array, x: Array, labels: Array, steps: Array, counts: Array, blank: int, gx: Array, threads: int
) -> None:
    for t in prange(threads):
        alpha, left = np.empty((len(x), 2 * labels.shape[1] + 1), np.float64), np.empty(2 * labels.shape[1] + 1, np.float64)
        for n in range(t * len(gloss) // threads, (t + 1) * len(gloss) // threads):
            width = 2 * counts[n] + 1
            if steps[n] and counts[n] >= 0:
                total = forward(x[: steps[n], n], labels[n], width, blank, alpha)
                if not total <= NEVER / 2:
                    beta = left[:width]
                    beta[:] = NEVER
                    beta[width - 1] = -total
                    if width > 1:
                        beta[width - 2] = -total
                    backward(x[: steps[n], n], labels[n], blank, alpha, beta, -gloss[n], gx[:, n])


def _checked(log_probs: Array, labels: Array, steps: Array, counts: Array, blank: int) -> Any:
    """The arrays as the loops take them; what is out of range would reach foreign memory."""
    times, _, classes = log_probs.shape
    if not in_range(labels, classes):
        raise IndexError(f"ctc_loss: labels run from {labels.min()} to {labels.max()}, expected 0 ... {classes - 1}")
    if not in_range(steps, times + 1):
        steps = np.clip(steps, 0, times)
    if not in_range(counts, labels.shape[1] + 1):  # a target that is not there
        counts = np.where((counts < 0) | (counts > labels.shape[1]), -1, counts)
    if not 0 <= blank < classes:
        raise IndexError(f"ctc_loss: blank is {blank}, expected 0 ... {classes - 1}")
    return dense(log_probs), dense(labels), dense(steps), dense(counts), blank


def _threads(log_probs: Array, labels: Array) -> int:
    return threads_for(len(labels), 20.0 * len(log_probs) * (2 * labels.size + len(labels)))


def ctc_loss(log_probs: Array, labels: Array, steps: Array, counts: Array, blank: int) -> Array:
    """Minus the log-probability of each target. log_probs: (T, N, V). labels: (N, K). steps, counts: (N,). Returns (N,)."""
    loss = np.empty(len(labels), log_probs.dtype)
    _losses(*_checked(log_probs, labels, steps, counts, blank), loss, _threads(log_probs, labels))
    return loss


def ctc_loss_grad(gloss: Array, log_probs: Array, labels: Array, steps: Array, counts: Array, blank: int) -> Array:
    """Its gradient. gloss: (N,). Returns (T, N, V)."""
    gx = np.zeros(log_probs.shape, log_probs.dtype)
    arguments = _checked(log_probs, labels, steps, counts, blank)
    _gradients(dense(gloss), *arguments, gx, _threads(log_probs, labels))
    return gx
