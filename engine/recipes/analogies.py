"""Questions "a is to b as c is to d" put to word vectors, and vectors that come from counting alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

Questions = dict[str, Any]
"""The word numbers (Q,4) of a, b, c and d, by section."""

COLUMNS = 300
"""Frequent words that a counted vector has a number for."""


def asked(sections: Mapping[str, Any], known: Mapping[str, int]) -> Questions:
    """The questions whose words are all known, as numbers; sections that have none are left out."""
    kept = {name: [[known[w] for w in q] for q in rows if all(w in known for w in q)] for name, rows in sections.items()}
    return {name: np.array(rows, dtype=np.int64) for name, rows in kept.items() if rows}


def by_section(vectors: Any, questions: Questions, chunk: int = 500) -> dict[str, int]:
    """How many questions of each section vectors (V,D) of length 1 answer: d is nearest to b - a + c, but for a, b and c."""
    right = {}
    for name, rows in questions.items():
        right[name] = 0
        for part in (rows[i : i + chunk] for i in range(0, len(rows), chunk)):
            a, b, c, d = part.T
            likeness = (vectors[b] - vectors[a] + vectors[c]) @ vectors.T
            np.put_along_axis(likeness, part[:, :3], -np.inf, axis=1)
            right[name] += int((likeness.argmax(axis=1) == d).sum())
    return right


def unit(vectors: Any) -> Any:
    """Rows at length 1."""
    return vectors / np.maximum(1e-12, np.linalg.norm(vectors, axis=1, keepdims=True))


def by_neighbours(numbers: Any, words: int, window: int) -> Any:
    """Words as bags of words: log(1 + how often each of the most frequent words stands near), (V,COLUMNS), length 1."""
    return unit(np.log1p(sum(_counts(numbers, words, COLUMNS, o) for d in range(1, window + 1) for o in (-d, d))))


def by_bigrams(numbers: Any, words: int) -> Any:
    """The same, but directly before and directly behind the word, each with numbers of its own."""
    return unit(np.log1p(np.concatenate([_counts(numbers, words, COLUMNS // 2, o) for o in (-1, 1)], axis=1)))


def _counts(numbers: Any, words: int, columns: int, offset: int) -> Any:
    """How often a frequent word (numbers below columns: they fall by frequency) stands so far behind each word."""
    columns = min(columns, words)
    here, there = (numbers[:-offset], numbers[offset:]) if offset > 0 else (numbers[-offset:], numbers[:offset])
    counted = there < columns
    found = np.bincount(here[counted] * columns + there[counted], minlength=words * columns)
    return found.reshape(words, columns).astype(np.float32)
