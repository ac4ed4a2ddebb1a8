"""gensim as a framework, which trains word vectors only. Imported only if it is used."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from typing import Any

from .clocks import Clock, host_clock

NAME = "gensim"

fallbacks: dict[str, int] = {}
Array = Any


def word_vectors(
    sentences: Array, *, D: int, window: int, negatives: int
) -> tuple[Callable[[], None], Callable[[], list[Array]]]:
    """One epoch over sentences (S,L) of word ids, and the tables of words and contexts (V,D), rows by id."""
    word2vec = import_module("gensim.models").Word2Vec
    threads = int(os.environ.get("OMP_NUM_THREADS", "1"))
    texts = [[str(word) for word in sentence] for sentence in sentences]
    # Whole windows and no subsampling, so that every framework trains on the same pairs.
    model = word2vec(
        vector_size=D, window=window, negative=negatives, sg=1, hs=0, sample=0, min_count=1, shrink_windows=False,
        workers=threads, epochs=1, seed=1,
    )  # fmt: skip
    model.build_vocab(texts)

    def epoch() -> None:
        model.train(texts, total_examples=len(texts), epochs=1)

    def tables() -> list[Array]:
        rows = [model.wv.key_to_index[str(word)] for word in range(len(model.wv))]
        return [model.wv.vectors[rows], model.syn1neg[rows]]

    return epoch, tables


def clock() -> Clock:
    return host_clock


def pool() -> dict[str, float]:
    return {}


def empty_pool() -> None:
    """The host has no pool to empty."""


def launches() -> dict[str, int]:
    return {}


def set_precision(name: str) -> None:
    """There is one precision."""


def precision() -> dict[str, str]:
    return {"dtype": "float32", "matmul": "highest"}


def describe() -> dict[str, Any]:
    return {"version": version("gensim"), "device": "cpu", "precision": precision()}
