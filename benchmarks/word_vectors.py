"""One epoch of word2vec over a corpus, compared with gensim: the same pairs, but not the same steps.

gensim takes the pairs one after the other, each thread some sentences; dlengine does so on one thread where a compiled kernel
does it, else in mini-batches. So results are not compared, but the loss that each reaches is told.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .definitions import Array, Computation, Framework

RATE = 0.025


def corpus(rng: np.random.Generator, V: int, tokens: int, length: int = 1000) -> Array:
    """Sentences (S,L) of word ids: frequencies fall as 1/rank, every word occurs, neighbours share a topic of ten."""
    share = 1 / np.arange(1, V + 1)
    words = rng.choice(V, tokens, p=share / share.sum())
    words[:V] = rng.permutation(V)[:tokens]
    topics = np.repeat(rng.integers(0, 10, tokens // 20 + 1), 20)[:tokens]
    found: Array = np.clip(words - words % 10 + topics, 0, V - 1).astype(np.int64)
    found[:V] = words[:V]
    return found.reshape(-1, min(length, tokens))


def pairs_of(sentences: Array, window: int) -> tuple[Array, Array]:
    """Centres and contexts (P,) of all words at most window apart within a sentence, in the order of the text."""
    length = sentences.shape[1]
    near = np.arange(length)[:, None] + np.concatenate([np.arange(-window, 0), np.arange(1, window + 1)])
    there = (near >= 0) & (near < length)
    contexts = sentences[:, np.clip(near, 0, length - 1)][:, there]
    return np.repeat(sentences, there.sum(1), axis=1).ravel(), contexts.ravel()


def noise_table(sentences: Array, V: int, size: int = 1 << 20) -> Array:
    """Word ids (size,), each in proportion to its frequency to the power 0.75, from which negatives are drawn."""
    weight = np.bincount(sentences.ravel(), minlength=V) ** 0.75
    return np.searchsorted(np.cumsum(weight) / weight.sum(), (np.arange(size) + 0.5) / size)


def loss_of(tables: list[Array], centres: Array, contexts: Array) -> float:
    """Mean of -log sigmoid(+-score) over pairs (P,) and over negatives (P,n): column 0 of contexts (P,1+n) is the pair's."""
    words, others = tables
    scores = np.einsum("pd,pnd->pn", words[centres].astype(np.float64), others[contexts].astype(np.float64))
    scores[:, 0] *= -1
    return float(np.mean(np.logaddexp(0.0, scores)))


def ours(
    fw: Framework, rng: np.random.Generator, sentences: Array, *, V: int, D: int, window: int, negatives: int, N: int
) -> tuple[Callable[[], None], Callable[[], list[Array]]]:
    """Functions: one trains an epoch, pair by pair or in batches of N shuffled pairs, one returns the tables (V,D)."""
    words = fw.leaf((rng.random((V, D), dtype=np.float32) - 0.5) / D)
    others = fw.leaf(np.zeros((V, D), np.float32))
    table = noise_table(sentences, V)
    signs = fw.constant(np.where(np.arange(1 + negatives) == 0, 1, -1).astype(np.float32))
    optimizer = fw.optim.SGD([words, others], lr=RATE)
    in_turn = fw.skipgram()

    def batch(centres: Any, seen: Any) -> None:
        optimizer.zero_grad()
        scores = fw.matmul(fw.embedding(others, seen), fw.embedding(words, centres)[:, :, None])[:, :, 0]
        (-fw.sum(fw.logsigmoid(scores * signs))).backward()
        optimizer.step()

    def epoch() -> None:
        centres, contexts = pairs_of(sentences, window)
        if in_turn is None:
            order = rng.permutation(len(centres))
            centres, contexts = centres[order], contexts[order]
        step = N if in_turn is None else 1 << 16
        for start in range(0, len(centres), step):
            chosen = slice(start, start + step)
            drawn = table[rng.integers(0, len(table), (len(centres[chosen]), negatives))]
            tensors = fw.constant(centres[chosen]), fw.constant(np.concatenate([contexts[chosen, None], drawn], 1))
            if in_turn is None:
                batch(*tensors)
            else:
                in_turn(words, others, *tensors, RATE)

    return epoch, lambda: [fw.value(words), fw.value(others)]


def word_vectors(
    fw: Framework, rng: np.random.Generator, *, V: int, D: int, tokens: int, window: int, negatives: int, N: int
) -> Computation:
    """Skip-grams with negative sampling over a corpus of tokens words. Source: Mikolov et al. 2013, arXiv:1310.4546."""
    sentences = corpus(rng, V, tokens)
    trained: Any = getattr(fw, "word_vectors", None)
    if trained is None:
        epoch, tables = ours(fw, rng, sentences, V=V, D=D, window=window, negatives=negatives, N=N)
    else:
        epoch, tables = trained(sentences, D=D, window=window, negatives=negatives)

    def results() -> dict[str, Array]:
        epoch()
        generator = np.random.default_rng(0)
        centres, contexts = pairs_of(corpus(generator, V, min(tokens, 10_000)), window)
        drawn = noise_table(sentences, V)[generator.integers(0, 1 << 20, (len(centres), negatives))]
        return {"loss": np.float32(loss_of(tables(), centres, np.concatenate([contexts[:, None], drawn], 1)))}

    return Computation(epoch, results)
