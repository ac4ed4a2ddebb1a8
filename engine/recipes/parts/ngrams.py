"""A trigram model with Kneser-Ney smoothing, the baseline of word language models."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np


class KneserNey:
    """p(w | u v) = max(c(uvw) - D, 0) / c(uv) + D N(uv.) / c(uv) p(w | v), where N(uv.) words were seen after uv.

    p(w | v) is built likewise from how many different words u precede vw, p(w) from how many precede w: a word that only
    ever follows one other is not likely elsewhere. Where nothing was counted, the shorter context decides alone.
    numbers (T,): the training text, integers below `size`. Source: Kneser & Ney 1995; Chen & Goodman 1999.
    """

    def __init__(self, numbers: Any, size: int, discount: float = 0.75) -> None:
        words = np.asarray(numbers).tolist()
        self.size, self.discount = size, discount
        three: Counter[tuple[int, ...]] = Counter(zip(words, words[1:], words[2:], strict=False))
        two: Counter[tuple[int, ...]] = Counter(gram[1:] for gram in three)
        one = Counter(w for _, w in two)
        self.levels = [_level(counts) for counts in (three, two)]
        self.one, self.pairs = one, len(two)

    def probability(self, u: int, v: int, w: int) -> float:
        """p(w | u v)."""
        d = self.discount
        p = (max(self.one[w] - d, 0.0) + d * len(self.one) / self.size) / self.pairs
        for (counts, totals, kinds), context in ((self.levels[1], (v,)), (self.levels[0], (u, v))):
            total = totals[context]
            if total:
                p = max(counts.get((*context, w), 0) - d, 0.0) / total + d * kinds[context] / total * p
        return p

    def perplexity(self, numbers: Any) -> float:
        """The perplexity of a text (T,), from its third word on."""
        words = np.asarray(numbers).tolist()
        logs = [np.log(self.probability(*triple)) for triple in zip(words, words[1:], words[2:], strict=False)]
        return float(np.exp(-np.mean(logs)))


def _level(counts: Counter[tuple[int, ...]]) -> tuple[Any, Any, Any]:
    """Counts of n-grams, and for each context their sum and the number of different words that follow it."""
    totals: Counter[tuple[int, ...]] = Counter()
    kinds: Counter[tuple[int, ...]] = Counter()
    for gram, n in counts.items():
        totals[gram[:-1]] += n
        kinds[gram[:-1]] += 1
    return counts, totals, kinds
