"""BLEU: how many n-grams of a translation occur in a human one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import exp, log
from typing import Any

import numpy as np

from ..errors import ConfigError, ShapeError
from .metrics import Metric, host


class BLEU(Metric):
    """exp(sum of log p_n / n_max) times the brevity penalty, over the whole corpus; from 0 to 1.

    p_n: the part of the n-grams of the outputs that occur in a reference, each at most as often as there; the penalty is
    exp(1 - r/c) if the outputs (c tokens) are shorter than the references nearest in length (r tokens).
    update(outputs, targets): a list of token lists and a list of references, each a token list or a list of several; or
    integer arrays (N,T), or scores (N,V,T). end: the token that ends a sentence, not counted; ignore: a token left out.
    Source: Papineni et al. 2002, "BLEU: a method for automatic evaluation of machine translation".
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
        found = list(tokens)
        if self.end is not None and self.end in found:
            found = found[: found.index(self.end)]
        return [t for t in found if self.ignore is None or t != self.ignore]

    def _add(self, candidate: list[Any], references: list[list[Any]]) -> None:
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
    return Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))


def _rows(values: Any) -> list[Any]:
    return host(values).tolist() if hasattr(values, "shape") else list(values)
