"""A generated text about people and places, for word vectors."""

from __future__ import annotations

from collections.abc import Iterator

from ...data.host_random import integers
from ...generator import Generator

Group = tuple[tuple[tuple[str, str], ...], tuple[str, ...], tuple[str, ...]]

GROUPS: dict[str, Group] = {
    "family": (
        (
            ("man", "woman"), ("king", "queen"), ("prince", "princess"), ("uncle", "aunt"), ("brother", "sister"),
            ("boy", "girl"), ("actor", "actress"), ("father", "mother"),
        ),
        ("he", "his", "him", "himself"),
        ("she", "her", "hers", "herself"),
    ),
    "capitals": (
        (
            ("france", "paris"), ("italy", "rome"), ("spain", "madrid"), ("japan", "tokyo"), ("egypt", "cairo"),
            ("greece", "athens"), ("russia", "moscow"), ("china", "beijing"),
        ),
        ("country", "border", "nation", "flag"),
        ("city", "street", "mayor", "square"),
    ),
}  # fmt: skip
"""By name: the pairs of words that differ alike, what is said of all firsts, and what is said of all seconds."""

TOPICS = {
    "man": "work coat hat", "king": "crown throne rule", "prince": "heir castle ball", "uncle": "visit gift cousin",
    "brother": "sibling share room", "boy": "school toy play", "actor": "film stage role", "father": "child home care",
    "france": "seine wine cheese", "italy": "pasta tiber opera", "spain": "guitar olive dance", "japan": "sushi island tea",
    "egypt": "nile desert pyramid", "greece": "temple goat myth", "russia": "snow volga tsar", "china": "wall silk dragon",
}  # fmt: skip
COMMON = ("the", "of", "and", "a", "in")


def toy_words(sentences: int, generator: Generator) -> list[str]:
    """The words of generated sentences: each has a word of GROUPS, words of its pair, words of its side, and common words."""
    draws = integers(generator, 0, 1 << 20, (sentences, 18)).tolist()
    return [word for row in draws for word in _sentence(iter(row))]


def _sentence(draw: Iterator[int]) -> list[str]:
    pairs, *sides = list(GROUPS.values())[next(draw) % len(GROUPS)]
    pair, side = pairs[next(draw) % len(pairs)], next(draw) % 2
    topic = TOPICS[pair[0]].split()
    told = [pair[side], *(_one(topic, draw) for _ in range(3)), *(_one(sides[side], draw) for _ in range(2))]
    told += [_one(COMMON, draw) for _ in range(2)]
    return [told[i] for _, i in sorted((next(draw), i) for i in range(len(told)))]


def _one(words: tuple[str, ...] | list[str], draw: Iterator[int]) -> str:
    return words[next(draw) % len(words)]


def toy_analogies() -> dict[str, list[tuple[str, str, str, str]]]:
    """All analogies a : b = c : d of the text, by group."""
    return {
        name: [(*p, *q) for p in pairs for q in pairs if p != q] for name, (pairs, _, _) in GROUPS.items()
    }  # fmt: skip
