"""Connectionist temporal classification: all alignments of a sequence of labels with steps in time.

Before, between and behind the labels a blank may stand. So a target of K labels has W = 2 K + 1 states: the even ones are the
blank, and state 2 i + 1 is label i. From one step to the next a sequence stays in its state, goes to the next one, or passes
over a blank that stands between two different labels.
"""

from __future__ import annotations

from ..types import Array, Namespace
from .common import kernel

NEVER = -1e30
"""The logarithm of a probability of 0: finite, so that it has a derivative."""


@kernel
def ctc_loss(xp: Namespace, log_probs: Array, labels: Array, steps: Array, counts: Array, blank: int) -> Array:
    """Minus the log-probability of all alignments that spell each target, Inf where there is none.

    log_probs: (T, N, V). labels: (N, K) int, of which the first counts[n] count. steps, counts: (N,) int, the lengths. Returns
    (N,).
    """
    total = _forward(xp, log_probs, labels, steps, counts, blank)[1]
    return xp.where(total <= NEVER / 2, xp.full_like(total, float("inf")), -total)  # NaN stays


@kernel
def ctc_loss_grad(
    xp: Namespace, gloss: Array, log_probs: Array, labels: Array, steps: Array, counts: Array, blank: int
) -> Array:
    """Gradient of ctc_loss: minus the probability of being in a class at a step, given the target; 0 where there is no alignment.

    gloss: (N,). Returns (T, N, V).
    """
    times, _, classes = log_probs.shape
    alphas, total = _forward(xp, log_probs, labels, steps, counts, blank)
    states, skips, at, never = _states(xp, log_probs, labels, counts, blank)
    impossible = (total <= NEVER / 2)[:, None]
    known = xp.where(impossible, 0.0, total[:, None])
    numbers = xp.arange(classes, dtype=labels.dtype, device=labels.device)
    right = states[:, :, None] == numbers[None, None, :]
    beta, found = xp.where(_ends(at, counts), 0.0, never), []
    for t in range(times - 1, -1, -1):
        running = (steps > t)[:, None]
        share = xp.exp(xp.where(running & ~impossible, alphas[t] + beta - known, never))
        of_class = xp.sum(xp.where(right, share[:, :, None], 0.0), axis=1)
        found.append(-gloss[:, None] * of_class)
        emitted = beta + xp.take_along_axis(log_probs[t, :, :], states, axis=1)
        one, two = _moved(xp, never, emitted, -1), _moved(xp, never, xp.where(skips, emitted, never), -2)
        beta = xp.where(running, xp.logaddexp(xp.logaddexp(emitted, one), two), beta)
    found.reverse()
    return xp.stack(found) if found else xp.zeros_like(log_probs)


def _forward(
    xp: Namespace, log_probs: Array, labels: Array, steps: Array, counts: Array, blank: int
) -> tuple[list[Array], Array]:
    """The log-probability of having spelt so much after each step, and of having spelt all after the last; NEVER is 0."""
    states, skips, at, never = _states(xp, log_probs, labels, counts, blank)
    alpha, alphas = xp.where(at[None, :] == 0, 0.0, never), []
    for t in range(log_probs.shape[0]):
        before = xp.where(at[None, :] < 2, 0.0, never)
        if t:
            one, two = _moved(xp, never, alpha, 1), xp.where(skips, _moved(xp, never, alpha, 2), never)
            before = xp.logaddexp(xp.logaddexp(alpha, one), two)
        new = before + xp.take_along_axis(log_probs[t, :, :], states, axis=1)
        alpha = xp.where((steps > t)[:, None], new, alpha)
        alphas.append(alpha)
    last = xp.where(_ends(at, counts), alpha, never)
    total = last[:, 0]
    for s in range(1, last.shape[1]):
        total = xp.logaddexp(total, last[:, s])
    return alphas, total


def _states(
    xp: Namespace, log_probs: Array, labels: Array, counts: Array, blank: int
) -> tuple[Array, Array, Array, Array]:
    """The class of each state (N, W), whether it can be reached over the blank before it (N, W), its number (W,), and (N, W) of
    NEVER."""
    n, longest = labels.shape
    width, like = 2 * longest + 1, {"dtype": labels.dtype, "device": labels.device}
    blanks = xp.full((n, longest), blank, **like)
    inside = xp.arange(longest, **like)[None, :] < counts[:, None]
    pairs = xp.stack([blanks, xp.where(inside, labels, blanks)], axis=2)
    states = xp.concat([xp.reshape(pairs, (n, width - 1)), xp.full((n, 1), blank, **like)], axis=1)
    start = xp.zeros((n, min(2, width)), dtype=xp.bool, device=labels.device)
    skips = xp.concat([start, (states[:, 2:] != blank) & (states[:, 2:] != states[:, :-2])], axis=1)
    never = xp.full((n, width), NEVER, dtype=log_probs.dtype, device=log_probs.device)
    return states, skips, xp.arange(width, **like), never


def _ends(at: Array, counts: Array) -> Array:
    """(N, W): the states in which a target may end, its last label and the blank behind it."""
    there = (counts >= 0)[:, None]
    last = 2 * counts[:, None]
    return there & ((at[None, :] == last) | (at[None, :] == last - 1))


def _moved(xp: Namespace, never: Array, a: Array, by: int) -> Array:
    """The state so many before each one, or behind it for a negative number."""
    if a.shape[1] <= abs(by):
        return never
    parts = [never[:, :by], a[:, :-by]] if by > 0 else [a[:, -by:], never[:, by:]]
    return xp.concat(parts, axis=1)
