"""The benchmark beside a library for word vectors: both see the same pairs, and both learn from them."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

import dlengine as dl
from dlengine.benchmarks import with_dlengine, word_vectors
from dlengine.benchmarks.run import sides
from dlengine.benchmarks.workloads import WORKLOADS

EPOCH = WORKLOADS["word2vec-epoch"]
SIZES = {"V": 50, "D": 8, "tokens": 2000, "window": 2, "negatives": 3, "N": 256}


def test_every_word_occurs_and_sentences_are_whole() -> None:
    sentences = word_vectors.corpus(np.random.default_rng(0), 50, 2000)
    assert sentences.shape == (2, 1000)
    assert set(sentences.ravel()) == set(range(50))


def test_pairs_are_neighbours_both_ways_round() -> None:
    centres, contexts = word_vectors.pairs_of(np.array([[1, 2, 3], [4, 5, 6]]), 1)
    found = list(zip(centres.tolist(), contexts.tolist(), strict=True))
    assert found == [(1, 2), (2, 1), (2, 3), (3, 2), (4, 5), (5, 4), (5, 6), (6, 5)]


def test_the_count_of_pairs_is_that_of_the_rate() -> None:
    sizes = EPOCH.sizes
    sentences = word_vectors.corpus(np.random.default_rng(0), sizes["V"], sizes["tokens"])
    assert EPOCH.unit == ("pairs", len(word_vectors.pairs_of(sentences, sizes["window"])[0]))


def test_negatives_follow_the_frequencies_to_three_quarters() -> None:
    table = word_vectors.noise_table(np.array([[0] * 16 + [1]]), 2, size=900)
    assert np.bincount(table).tolist() == [800, 100]


@pytest.mark.parametrize("name", ["numpy", "numba"])
def test_an_epoch_lowers_the_loss_of_unseen_pairs(name: str) -> None:
    """In batches on the reference, pair after pair in compiled code."""
    with dl.use_backend(name):
        assert (with_dlengine.skipgram() is None) == (name == "numpy")
        computation = EPOCH.build(with_dlengine, **SIZES)
        first, second = (float(computation.results()["loss"]) for _ in range(2))
    assert second < first < np.log(2)


@pytest.mark.skipif(find_spec("gensim") is None, reason="gensim is not installed")
@pytest.mark.filterwarnings("default")
def test_gensim_learns_from_the_same_corpus() -> None:
    from dlengine.benchmarks import with_gensim

    computation = EPOCH.build(with_gensim, **SIZES)
    computation.run()
    assert computation.results()["loss"] < np.log(2) + 0.01
    assert with_gensim.describe()["version"]


def test_gensim_is_the_peer_only_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dlengine.benchmarks.run.find_spec", lambda name: True)
    assert sides(EPOCH, ["dlengine", "torch"]) == ["dlengine", "gensim"]
    assert sides(EPOCH, ["dlengine"]) == ["dlengine"]
    assert sides(WORKLOADS["vae"], ["dlengine", "torch"]) == ["dlengine", "torch"]
    monkeypatch.setattr("dlengine.benchmarks.run.find_spec", lambda name: None)
    assert sides(EPOCH, ["dlengine", "torch"]) == ["dlengine"]
