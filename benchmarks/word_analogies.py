"""gensim at the settings of the recipe word2vec: analogies solved on 40 MB of Wikipedia, and words per second.

    python -m dlengine.benchmarks.word_analogies [--seed 0] [--workers 1]

The text and the questions are looked for in DLENGINE_DATA. The recipe holds the figure as a bound.
"""

from __future__ import annotations

import argparse
import time

from dlengine import data
from dlengine.recipes import RECIPES
from dlengine.recipes.parts.analogies import count_right, known_questions, unit


def main() -> None:
    """Train, answer the analogies, and print the results."""
    from gensim.models import Word2Vec

    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--workers", type=int, default=1)
    given = options.parse_args()
    s = RECIPES["word2vec"].configure({}, "full")
    tokens = data.wikipedia().split()
    sentences = [tokens[i : i + 1000] for i in range(0, len(tokens), 1000)]
    start = time.perf_counter()
    model = Word2Vec(
        sentences, sg=1, vector_size=s["size"], window=s["window"], min_count=s["min_count"], negative=s["negatives"],
        sample=s["threshold"], alpha=s["lr"], min_alpha=1e-4, epochs=s["epochs"], workers=given.workers, seed=given.seed,
    )  # fmt: skip
    seconds = time.perf_counter() - start
    places = {str(word): int(place) for word, place in model.wv.key_to_index.items()}
    questions = known_questions(data.word_analogies(), places)
    total = sum(len(rows) for rows in questions.values())
    right = sum(count_right(unit(model.wv.vectors), questions).values())
    print(f"{right} of {total} questions: {100 * right / total:.2f} %; {s['epochs'] * len(tokens) / seconds:.0f} words/s")


if __name__ == "__main__":
    main()
