"""Word vectors pair by pair: stochastic gradient descent in the order in which word2vec does it."""

from __future__ import annotations

from ..types import Array, Namespace


def skipgram_negative(xp: Namespace, words: Array, contexts: Array, centres: Array, seen: Array, lr: float) -> Array:
    """Move the vectors of each pair, one pair after the other, in place; returns the mean loss of a pair before its move, 0-d.

    For the centre's vector h and each seen context with vector u, first the true one (sign s = 1), then negatives (s = -1):
    the loss is -log sigmoid(s h u) and g = lr s sigmoid(-s h u);  u <- u + g h at once;  when all are done, h <- h + sum g u
    (each u as it was before its own move).

    words, contexts: (V,D), of one floating dtype. centres: (P,), seen: (P,1+n), integers.
    Source: Mikolov et al. 2013, arXiv:1310.4546.
    """
    total = xp.zeros((), dtype=words.dtype)
    for i in range(centres.shape[0]):
        centre = int(centres[i])
        h = xp.asarray(words[centre, ...], copy=True)
        move = xp.zeros_like(h)
        for j in range(seen.shape[1]):
            context, sign = int(seen[i, j]), 1.0 if j == 0 else -1.0
            u = contexts[context, ...]
            score = sign * xp.sum(h * u)
            e = xp.exp(-xp.abs(score))
            wrong = xp.where(score > 0, e, xp.ones_like(e)) / (1.0 + e)  # sigmoid(-score) without overflow
            total = total + xp.log1p(e) + xp.where(score > 0, xp.zeros_like(score), -score)
            g = lr * sign * wrong
            move = move + g * u
            contexts[context, ...] = u + g * h
        words[centre, ...] = h + move
    return total / max(1, centres.shape[0])
