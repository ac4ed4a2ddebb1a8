"""Samplers and splits: what they draw, that they repeat, and that they resume in the middle."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import data
from dlengine.data import host_random
from dlengine.errors import CheckpointError, ConfigError, DataError
from dlengine.ops.random import rand, randn
from dlengine.ops.sampling import randperm

LABELS = np.repeat([3, 5, 9], [60, 30, 10])
LENGTHS = np.arange(101) * 7 % 23

SAMPLERS: dict[str, Callable[[dl.Generator], data.Sampler]] = {
    "random": lambda g: data.RandomSampler(100, generator=g),
    "replaced": lambda g: data.RandomSampler(100, replacement=True, num_samples=37, generator=g),
    "weighted": lambda g: data.WeightedRandomSampler(np.arange(100), 50, generator=g),
    "weighted once": lambda g: data.WeightedRandomSampler(np.arange(100), 50, replacement=False, generator=g),
    "balanced": lambda g: data.ClassBalancedSampler(LABELS, generator=g),
    "episodes": lambda g: data.EpisodeSampler(LABELS, 2, 3, 4, episodes=9, generator=g),
    "buckets": lambda g: data.BucketSampler(LENGTHS, 8, pool=3, generator=g),
}


def as_lists(numbers: Any) -> list[Any]:
    return [np.asarray(n).tolist() for n in numbers]


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_seed_repeats_and_epochs_differ(name: str) -> None:
    first, second = SAMPLERS[name](dl.Generator(7)), SAMPLERS[name](dl.Generator(7))
    epochs = [as_lists(first) for _ in range(2)]
    assert epochs == [as_lists(second) for _ in range(2)]
    assert epochs[0] != epochs[1]
    assert len(epochs[0]) == len(first)


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("stop", [0, 1, 5])
def test_resumes_inside_an_epoch(name: str, stop: int) -> None:
    """The state goes through JSON, as in a checkpoint."""
    whole = SAMPLERS[name](dl.Generator(7))
    expected = [as_lists(whole) for _ in range(3)]
    sampler = SAMPLERS[name](dl.Generator(7))
    list(sampler)
    begun = list(itertools.islice(sampler, stop))
    state = json.loads(json.dumps(sampler.state_dict()))
    again = SAMPLERS[name](dl.Generator(1))
    again.load_state_dict(state)
    assert as_lists(begun) + as_lists(again) == expected[1]
    assert as_lists(again) == expected[2]


def test_a_state_after_an_epoch_gives_the_next_one() -> None:
    sampler = SAMPLERS["random"](dl.Generator(7))
    list(sampler)
    state = sampler.state_dict()
    following = as_lists(sampler)
    sampler.load_state_dict(state)
    assert as_lists(sampler) == following


@pytest.mark.parametrize("state", [{}, {"generator": 3, "given": 0}, {"generator": {"seed": 1}, "given": 0}])
def test_a_bad_state_is_refused(state: dict[str, Any]) -> None:
    with pytest.raises(CheckpointError, match="RandomSampler"):
        SAMPLERS["random"](dl.Generator(0)).load_state_dict(state)


def test_weights_set_the_frequencies() -> None:
    weights = np.array([0.0, 1.0, 2.0, 5.0])
    found = np.bincount(list(data.WeightedRandomSampler(weights, 40_000, generator=dl.Generator(1))), minlength=4)
    assert found[0] == 0
    assert np.abs(found / 40_000 - weights / 8).max() < 0.01


def test_weights_without_replacement_draw_from_the_rest() -> None:
    """P(first, second) = w_i / W * w_j / (W - w_i)."""
    sampler = data.WeightedRandomSampler([1.0, 2.0, 0.0, 5.0], 2, replacement=False, generator=dl.Generator(1))
    pairs = Counter(tuple(map(int, sampler)) for _ in range(4_000))
    assert pairs[3, 1] / 4_000 == pytest.approx(5 / 8 * 2 / 3, abs=0.03)
    assert pairs[1, 0] / 4_000 == pytest.approx(2 / 8 * 1 / 6, abs=0.02)
    assert all(i != j and 2 not in (i, j) for i, j in pairs)


def test_classes_come_equally_often() -> None:
    order = np.array(list(data.ClassBalancedSampler(LABELS, 31, generator=dl.Generator(1))))
    assert sorted(np.bincount(LABELS[order])[[3, 5, 9]]) == [10, 10, 11]
    assert max(Counter(order.tolist()).values()) <= 2


def test_episodes_have_distinct_classes_and_samples() -> None:
    labels = np.repeat(np.arange(10), 7)
    sampler = data.EpisodeSampler(labels, n_way=4, k_shot=2, n_query=3, episodes=20, generator=dl.Generator(1))
    for rows in sampler:
        support, query = sampler.support(rows), sampler.query(rows)
        assert len(set(rows.tolist())) == 20
        shown = labels[support].reshape(4, 2)
        assert len(set(shown[:, 0])) == 4
        assert (shown == shown[:, :1]).all()
        assert (labels[query] == shown[sampler.query_labels, 0]).all()
    assert len({tuple(labels[rows]) for rows in sampler}) > 10


def test_buckets_hold_everything_once_with_little_padding() -> None:
    sampler = data.BucketSampler(LENGTHS, 8, generator=dl.Generator(1))
    batches = list(sampler)
    assert sorted(itertools.chain(*as_lists(batches))) == list(range(101))
    assert max(np.ptp(LENGTHS[b]) for b in batches) <= 3
    assert all(len(b) == 8 for b in data.BucketSampler(LENGTHS, 8, drop_last=True, generator=dl.Generator(1)))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: data.RandomSampler(3, num_samples=4), ConfigError, "replacement"),
        (lambda: data.WeightedRandomSampler([0.0, 0.0], 1), DataError, "not all 0"),
        (lambda: data.WeightedRandomSampler([1.0, np.nan], 1), DataError, "finite"),
        (lambda: data.WeightedRandomSampler([1.0, 0.0], 2, replacement=False), ConfigError, "2 of 1"),
        (lambda: data.ClassBalancedSampler([0.5]), DataError, "integers"),
        (lambda: data.EpisodeSampler([0, 0, 1, 1], 3, 1, 1, 1), DataError, "3-way"),
        (lambda: data.EpisodeSampler([0, 0], 1, 0, 1, 1), ConfigError, "k_shot"),
        (lambda: data.BucketSampler([1.5], 1), DataError, "lengths"),
    ],
)
def test_what_cannot_be_drawn_is_refused(make: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_draws_are_those_of_the_ops() -> None:
    """The same words of the stream as dl.rand, dl.randn and dl.randperm take."""
    for function, op, shape in ((host_random.uniform, rand, (3, 5)), (host_random.normal, randn, (3, 5))):
        for dtype in ("float32", "float64"):
            expected = op(shape, dtype=dtype, generator=dl.Generator(3)).numpy()
            assert (function(dl.Generator(3), shape, dtype) == expected).all()
    assert (host_random.permutation(dl.Generator(3), 50) == randperm(50, generator=dl.Generator(3)).numpy()).all()


@pytest.mark.backends("numpy", "numba", "strict", "cuda")
def test_many_draws_are_the_same_on_every_backend(backend: str) -> None:
    n = host_random.MANY + 5
    found = host_random.normal(dl.Generator(3), n)
    with dl.use_backend("numpy"):
        assert (found == host_random.normal(dl.Generator(3), n)).all()


SET = data.ArrayDataset(np.arange(100), LABELS, classes=list("abcdefghij"))


def test_random_split_is_disjoint_and_whole() -> None:
    parts = data.random_split(SET, [0.5, 0.25, 0.25], dl.Generator(1))
    assert [len(p) for p in parts] == [50, 25, 25]
    assert sorted(np.concatenate([p.indices for p in parts])) == list(range(100))
    assert [len(p) for p in data.random_split(SET, [99, 1])] == [99, 1]
    assert [len(p) for p in data.random_split(SET, [1 / 3] * 3)] == [34, 33, 33]
    assert (parts[0].indices == data.random_split(SET, [0.5, 0.25, 0.25], dl.Generator(1))[0].indices).all()


def test_subset_reads_its_rows() -> None:
    part = data.Subset(data.Subset(SET, [10, 70, 95]), [2, 1])
    assert part[0] == (95, 9)
    assert [a.tolist() for a in part.batch([1, 0])] == [[70, 95], [5, 9]]
    assert part.classes == SET.classes


def test_stratified_split_keeps_the_shares() -> None:
    parts = data.stratified_split(SET, [0.7, 0.3], generator=dl.Generator(1))
    for part, fraction in zip(parts, (0.7, 0.3), strict=True):
        counts = np.bincount(part.batch(range(len(part)))[1])[[3, 5, 9]]
        assert np.abs(counts - fraction * np.array([60, 30, 10])).max() < 1
    assert sorted(np.concatenate([p.indices for p in parts])) == list(range(100))


def test_groups_stay_together() -> None:
    groups = np.arange(100) // 3
    parts = data.group_split(SET, [0.8, 0.2], groups, dl.Generator(1))
    kept = [set(groups[p.indices]) for p in parts]
    assert not kept[0] & kept[1]
    assert abs(len(parts[0]) - 80) <= 3
    assert sorted(np.concatenate([p.indices for p in parts])) == list(range(100))


@pytest.mark.parametrize(
    "make",
    [
        lambda: data.random_split(SET, [50, 49]),
        lambda: data.random_split(SET, [0.5, 0.4]),
        lambda: data.stratified_split(SET, [0.5, 0.5], labels=[1]),
        lambda: data.stratified_split(data.ArrayDataset(np.zeros(3)), [1.0]),
        lambda: data.Subset(SET, [100]),
        lambda: data.Subset(SET, [-1]),
        lambda: data.group_split(SET, [1.0], [0]),
    ],
)
def test_impossible_splits_are_refused(make: Callable[[], Any]) -> None:
    with pytest.raises(DataError):
        make()
