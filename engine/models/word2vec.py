"""Word vectors."""

from __future__ import annotations

from typing import Any

from .. import nn
from ..ops.activation import logsigmoid


class Word2Vec(nn.Module):
    """Two tables of D numbers a word: one for words as input, one for words as what is predicted.

    centres (P,), or (P,C) for words whose vectors are averaged (CBOW); seen (P,1+n): the true word, then n drawn ones.
    Returns the scores h u, (P,1+n). Source: Mikolov et al. 2013, arXiv:1301.3781.
    """

    def __init__(self, words: int, size: int) -> None:
        self.words, self.contexts = nn.Embedding(words, size), nn.Embedding(words, size)
        nn.init.uniform_(self.words.weight, -0.5 / size, 0.5 / size)
        nn.init.zeros_(self.contexts.weight)

    def forward(self, centres: Any, seen: Any) -> Any:
        h = self.words(centres)
        if h.ndim == 3:
            h = h.mean(axis=1)
        return (self.contexts(seen) @ h[:, :, None])[:, :, 0]


def negative_sampling_loss(scores: Any) -> Any:
    """-log sigmoid(true score) - sum of log sigmoid(-drawn score), added up over the pairs: (P,1+n) -> a number.

    Source: Mikolov et al. 2013, arXiv:1310.4546, equation 4.
    """
    return -(logsigmoid(scores[:, 0]).sum() + logsigmoid(-scores[:, 1:]).sum())
