"""BLEU: how many n-grams of a translation occur in a reference translation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import exp, log
from typing import Any

import numpy as np

from ..errors import ConfigError, ShapeError
from .metric import Metric, host


class BLEU(Metric):
    """BLEU of translations, over the whole corpus, from 0 to 1.

    ``BLEU = b exp(mean over n = 1 ... max_n of log p_n)``. ``p_n`` is the fraction of the n-grams of the outputs that occur in a
    reference, each counted at most as often as it occurs there. The brevity penalty is ``b = min(1, exp(1 - r/c))`` for outputs
    of ``c`` tokens and, of the references, the one nearest in length of each output, ``r`` tokens together.

    ``update`` takes a list of token lists and a list of references, each a token list or a list of several; or integer arrays
    (N,T); or scores (N,V,T) as outputs, of which the highest count.

    Parameters
    ----------
    max_n : int
        The length of the longest n-grams.
    end : Any
        The token that ends a sentence; it and what follows it are not counted. None: there is no such token.
    ignore : Any
        A token that is left out, such as padding. None: none is.

    References
    ----------
    Papineni, Roukos, Ward and Zhu, 2002, "BLEU: a method for automatic evaluation of machine translation".

    Examples
    --------
    >>> metric = dl.training.BLEU(max_n=2)
    >>> metric.update(["the cat sat down".split()], ["the cat sat down".split()])
    >>> metric.compute()
    1.0
    """

    name = "bleu"
    counts = ("matches", "totals", "length", "reference_length")

    def __init__(self, max_n: int = 4, end: Any = None, ignore: Any = None) -> None:
        if max_n < 1:
            raise ConfigError(f"BLEU: max_n must be at least 1, got {max_n}")
        self.max_n, self.end, self.ignore = max_n, end, ignore
        self.reset()

    def reset(self) -> None:
        self.matches, self.totals = [0] * self.max_n, [0] * self.max_n
        self.length = self.reference_length = 0

    def update(self, outputs: Any, targets: Any) -> None:
        if hasattr(outputs, "shape") and hasattr(targets, "shape") and len(outputs.shape) == len(targets.shape) + 1:
            outputs = np.argmax(host(outputs), axis=1)
        candidates, references = _rows(outputs), _rows(targets)
        if len(candidates) != len(references):
            raise ShapeError(f"BLEU: {len(candidates)} outputs and {len(references)} references")
        for candidate, given in zip(candidates, references, strict=True):
            several = bool(given) and isinstance(given[0], list | tuple)
            self._add(self._cut(candidate), [self._cut(r) for r in (given if several else [given])])

    def _cut(self, tokens: Sequence[Any]) -> list[Any]:
        """The tokens before the end, without those to ignore."""
        found = list(tokens)
        if self.end is not None and self.end in found:
            found = found[: found.index(self.end)]
        return [t for t in found if self.ignore is None or t != self.ignore]

    def _add(self, candidate: list[Any], references: list[list[Any]]) -> None:
        """Count the n-grams of one output."""
        self.length += len(candidate)
        self.reference_length += min((abs(len(r) - len(candidate)), len(r)) for r in references)[1]
        for n in range(1, self.max_n + 1):
            found = _grams(candidate, n)
            allowed: Counter[Any] = Counter()
            for reference in references:
                allowed |= _grams(reference, n)
            self.matches[n - 1] += (found & allowed).total()
            self.totals[n - 1] += found.total()

    def compute(self) -> float:
        if not self.reference_length and not self.length:
            return float("nan")
        if not all(self.matches):
            return 0.0
        mean = sum(log(m / t) for m, t in zip(self.matches, self.totals, strict=True)) / self.max_n
        return exp(min(0.0, 1.0 - self.reference_length / self.length) + mean)


def _grams(tokens: list[Any], n: int) -> Counter[Any]:
    """The n-grams and how often each occurs."""
    return Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))


def _rows(values: Any) -> list[Any]:
    """Arrays and lists as lists of rows."""
    return host(values).tolist() if hasattr(values, "shape") else list(values)
