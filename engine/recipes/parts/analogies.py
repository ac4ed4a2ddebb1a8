"""Analogies "a is to b as c is to d" for word vectors, and word vectors made of counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

Questions = dict[str, Any]
"""The word numbers (Q,4) of a, b, c and d, by section."""

COLUMNS = 300
"""The number of frequent words whose counts make a vector."""


def known_questions(sections: Mapping[str, Any], known: Mapping[str, int]) -> Questions:
    """The questions whose words are all in the vocabulary, as word numbers; sections without any are left out."""
    kept = {name: [[known[w] for w in q] for q in rows if all(w in known for w in q)] for name, rows in sections.items()}
    return {name: np.array(rows, dtype=np.int64) for name, rows in kept.items() if rows}


def count_right(vectors: Any, questions: Questions, chunk: int = 500) -> dict[str, int]:
    """The number of questions of each section that unit vectors (V,D) answer: d is the nearest to b - a + c, except a, b, c."""
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
    """Normalize rows to length 1."""
    return vectors / np.maximum(1e-12, np.linalg.norm(vectors, axis=1, keepdims=True))


def bag_of_words_vectors(numbers: Any, words: int, window: int) -> Any:
    """Unit vectors (V,COLUMNS) of log(1 + count) of each frequent word within a window around each word."""
    return unit(np.log1p(sum(_counts(numbers, words, COLUMNS, o) for d in range(1, window + 1) for o in (-d, d))))


def bigram_vectors(numbers: Any, words: int) -> Any:
    """Unit vectors of log(1 + count) of each frequent word directly before, and directly behind, each word."""
    return unit(np.log1p(np.concatenate([_counts(numbers, words, COLUMNS // 2, o) for o in (-1, 1)], axis=1)))


def _counts(numbers: Any, words: int, columns: int, offset: int) -> Any:
    """The counts (words,columns) of each frequent word at an offset from each word; word numbers are sorted by frequency."""
    columns = min(columns, words)
    here, there = (numbers[:-offset], numbers[offset:]) if offset > 0 else (numbers[-offset:], numbers[:offset])
    counted = there < columns
    found = np.bincount(here[counted] * columns + there[counted], minlength=words * columns)
    return found.reshape(words, columns).astype(np.float32)
