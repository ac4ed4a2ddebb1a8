"""Generated film reviews whose label depends on negations."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...data.host_random import integers, uniform
from ...generator import Generator

THINGS = ("film", "plot", "acting", "ending", "music", "dialogue", "pace", "cast", "story", "camera work")
GOOD = ("good", "great", "brilliant", "moving", "funny", "clever", "gripping", "fresh")
BAD = ("bad", "dull", "awful", "boring", "weak", "clumsy", "tedious", "stale")
DENIALS = ("was not", "was never", "was hardly", "was by no means", "was far from")
CLAIMS = ("was", "was really", "was always", "was simply", "was quite")
LINKS = (", and", ", but", ";", ", while")
FRAMES = ("", "", "i saw it last night :", "in short ,", "my friends disagree , but", "as a fan of the book i say")
NEGATED = 0.35


def reviews(n: int, generator: Generator) -> tuple[list[str], Any]:
    """n reviews, and labels (n,) int64: 1 if most of a review's one or three judgements, after negation, are good."""
    frames = integers(generator, 0, len(FRAMES), n)
    counts = 1 + 2 * integers(generator, 0, 2, n)
    things, links, adjectives, words = (integers(generator, 0, len(k), (n, 3)) for k in (THINGS, LINKS, GOOD, CLAIMS))
    liked, negated = uniform(generator, (n, 3)) < 0.5, uniform(generator, (n, 3)) < NEGATED
    texts, labels = [], []
    for i in range(n):
        parts, verdicts = [FRAMES[frames[i]]] if FRAMES[frames[i]] else [], []
        for k in range(int(counts[i])):
            adjective = (GOOD if liked[i, k] else BAD)[adjectives[i, k]]
            verb = (DENIALS if negated[i, k] else CLAIMS)[words[i, k]]
            link = LINKS[links[i, k]].strip(" ") + " " if k else ""
            parts.append(f"{link}the {THINGS[things[i, k]]} {verb} {adjective}")
            verdicts.append(bool(liked[i, k]) != bool(negated[i, k]))
        texts.append(" ".join(parts))
        labels.append(int(2 * sum(verdicts) > len(verdicts)))
    return texts, np.array(labels, dtype=np.int64)
