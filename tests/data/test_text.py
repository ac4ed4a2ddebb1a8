"""Text tools and windows."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import data
from dlengine.errors import CheckpointError, ConfigError, DataError, DLEngineError


def test_hello_of_the_lectures() -> None:
    """Vocabulary h, e, l, o, one-hot; "hell" is to give "ello"."""
    vocabulary = data.Vocabulary.of_characters("hello")
    assert set(vocabulary.tokens) == set("helo")
    x, y = data.TextWindows(vocabulary.encode("hello"), 4)[0]
    assert (vocabulary.decode(x), vocabulary.decode(y)) == ("hell", "ello")
    one_hot = data.one_hot(x, len(vocabulary))
    assert (one_hot.shape, one_hot.dtype) == ((4, 4), np.float32)
    assert (one_hot.argmax(-1) == x).all()
    assert (one_hot.sum(-1) == 1).all()


def test_vocabulary_orders_by_frequency_then_code_point() -> None:
    vocabulary = data.Vocabulary.of_words("b a c b! A, a", specials=("<pad>", "<unk>"), unknown="<unk>")
    assert vocabulary.tokens == ("<pad>", "<unk>", "a", "b", "!", ",", "c")
    assert vocabulary.counts.tolist() == [0, 0, 3, 2, 1, 1, 1]
    assert vocabulary.encode(["a", "zebra", "c"]).tolist() == [2, 1, 6]
    assert vocabulary.decode([2, 3], " ") == "a b"
    assert "a" in vocabulary
    assert "zebra" not in vocabulary
    small = data.Vocabulary.of_words("b a c b a a", min_count=2, max_size=1)
    assert small.tokens == ("a",)
    with pytest.raises(DataError, match="'c' is not among"):
        small.encode(["c"])


def test_vocabulary_state_goes_through_json() -> None:
    vocabulary = data.Vocabulary.of_words("one two two", specials=("<unk>",), unknown="<unk>")
    again = data.Vocabulary.from_state_dict(json.loads(json.dumps(vocabulary.state_dict())))
    assert again.tokens == vocabulary.tokens
    assert again.encode(["two", "three"]).tolist() == [1, 0]
    for state in ({}, {"tokens": ["a", "a"], "counts": [1, 1], "unknown": None}, {"tokens": [], "counts": [], "unknown": 0}):
        with pytest.raises(DataError, match="not the state"):
            data.Vocabulary.from_state_dict(state)


def test_words_keep_apostrophes() -> None:
    assert data.words("Don't stop, l’été!") == ["don't", "stop", ",", "l’été", "!"]


def test_ngrams_and_bags() -> None:
    assert data.ngrams(["a", "b", "c"], 2) == ["a b", "b c"]
    assert data.ngrams("abcd", 3) == ["abc", "bcd"]
    assert data.ngrams("a", 2) == []
    assert data.bag_of_words([[0, 2, 2], []], 3).tolist() == [[1, 0, 2], [0, 0, 0]]


def test_subsampling_keeps_the_rare() -> None:
    numbers = np.repeat(np.arange(3), [90_000, 9_990, 10])
    kept = np.bincount(data.subsample(numbers, np.bincount(numbers), 1e-2, dl.Generator(0)), minlength=3)
    assert kept[2] == 10
    assert kept[0] / 90_000 == pytest.approx((1e-2 / 0.9) ** 0.5, rel=0.03)
    assert kept[1] / 9_990 == pytest.approx((1e-2 / 0.0999) ** 0.5, rel=0.06)


def test_negative_samples_follow_three_quarters() -> None:
    sampler = data.NegativeSampler([0, 1, 16, 81], generator=dl.Generator(0))
    assert sampler.probabilities == pytest.approx(np.array([0, 1, 8, 27]) / 36)
    drawn = sampler.draw(300, 200)
    assert drawn.shape == (300, 200)
    assert np.bincount(drawn.ravel(), minlength=4) / 60_000 == pytest.approx(sampler.probabilities, abs=0.01)
    assert (drawn == data.NegativeSampler([0, 1, 16, 81], generator=dl.Generator(0)).draw(300, 200)).all()


def test_skipgram_pairs() -> None:
    centres, contexts = data.skipgram_pairs([10, 11, 12, 13], 2)
    expected = [(10, 11), (10, 12), (11, 10), (11, 12), (11, 13), (12, 11), (12, 13), (12, 10), (13, 12), (13, 11)]
    assert sorted(zip(centres.tolist(), contexts.tolist(), strict=True)) == sorted(expected)
    assert (np.diff(centres) >= 0).all()
    near, far = data.skipgram_pairs(np.arange(3000), 3, dl.Generator(0))
    shares = np.bincount(np.abs(near - far))[1:] / 6000
    assert shares == pytest.approx([1, 2 / 3, 1 / 3], abs=0.04)
    assert len(data.skipgram_pairs([], 2)[0]) == 0


def test_cbow_windows() -> None:
    contexts, centres = data.cbow_windows(np.arange(5), 1)
    assert contexts.tolist() == [[0, 2], [1, 3], [2, 4]]
    assert centres.tolist() == [1, 2, 3]


def test_sliding_windows() -> None:
    windows = data.sliding_windows(np.arange(6.0), 3, horizon=2)
    assert len(windows) == 2
    x, y = windows[1]
    assert (x.tolist(), y.tolist()) == ([[1], [2], [3]], [[4], [5]])
    both = data.sliding_windows(np.arange(20.0).reshape(10, 2), 4, stride=3)
    assert [a.shape for a in both.arrays] == [(2, 4, 2), (2, 1, 2)]
    assert both[1][0][0].tolist() == [6, 7]


def test_scaling_and_back() -> None:
    train, test = data.chronological_split(np.stack([np.arange(10.0), np.full(10, 3.0)], 1), 0.8)
    assert len(train) == 8
    standard = data.Scaling.standard(train)
    np.testing.assert_allclose(standard.apply(train).std(0), [1, 0])
    np.testing.assert_allclose(standard.invert(standard.apply(test)), test)
    ranged = data.Scaling.min_max(train[:, 0], -1, 1).apply(train[:, 0].astype(np.float32))
    assert ranged.dtype == np.float32
    assert (ranged.min(), ranged.max()) == (-1, 1)


def test_text_windows_by_batch_and_one_by_one() -> None:
    windows = data.TextWindows(np.arange(20), 4, stride=3)
    assert len(windows) == 6
    x, y = windows.batch(range(6))
    assert (y == x + 1).all()
    assert all((windows[i][0] == x[i]).all() for i in range(6))
    assert len(list(windows)) == 6


def test_contiguous_batches_go_on_where_they_ended() -> None:
    batches = data.ContiguousBatches(np.arange(23), 2, 4)
    given = [(x.numpy(), y.numpy()) for x, y in batches]
    assert len(given) == len(batches) == 3
    rows = np.concatenate([x for x, _ in given], axis=1)
    assert rows.tolist() == [list(range(11)), list(range(11, 22))]
    assert (np.concatenate([y for _, y in given], axis=1) == rows + 1).all()
    running = iter(batches)
    next(running)
    again = data.ContiguousBatches(np.arange(23), 2, 4)
    again.load_state_dict(batches.state_dict())
    assert [x.tolist() for x, _ in again] == [x.tolist() for x, _ in running]
    with pytest.raises(CheckpointError, match="3 batches"):
        again.load_state_dict({"batches": 4})


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: data.Vocabulary("a", specials=("x", "x")), ConfigError),
        (lambda: data.Vocabulary("a", unknown="x"), ConfigError),
        (lambda: data.Vocabulary("a").decode([1]), DataError),
        (lambda: data.one_hot([3], 3), DataError),
        (lambda: data.one_hot([0.5], 3), DataError),
        (lambda: data.ngrams("a", 0), ConfigError),
        (lambda: data.NegativeSampler([]), DataError),
        (lambda: data.cbow_windows([1, 2], 1), DataError),
        (lambda: data.skipgram_pairs([1], 0), ConfigError),
        (lambda: data.sliding_windows(np.arange(3), 3), DataError),
        (lambda: data.sliding_windows(np.array([1.0, np.nan]), 1), DataError),
        (lambda: data.sliding_windows(np.arange(3), 0), ConfigError),
        (lambda: data.chronological_split(np.arange(3), 1.0), DataError),
        (lambda: data.TextWindows(np.arange(3), 3), DataError),
        (lambda: data.ContiguousBatches(np.arange(3), 3, 1), DataError),
    ],
)
def test_what_does_not_fit_is_refused(make: Callable[[], Any], error: type[DLEngineError]) -> None:
    with pytest.raises(error):
        make()
