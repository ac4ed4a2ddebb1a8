"""The model of how a step's time grows with the ranks."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlengine.benchmarks.scaling_model import (
    Link,
    all_reduce_seconds,
    buckets_of,
    efficiency,
    fitted,
    picture,
    slowest,
    step_seconds,
)

LINK = Link("test", 1e-5, 1e9)


def test_one_rank_sends_nothing() -> None:
    assert all_reduce_seconds(1e6, 1, LINK) == 0
    assert step_seconds(0.01, 1e6, 1, LINK) == 0.01
    assert efficiency(0.01, 1e6, 1, LINK, overlap=False) == 1


def test_a_ring_for_large_messages_and_a_tree_for_small_ones() -> None:
    assert all_reduce_seconds(8e6, 4, LINK) == pytest.approx(6 * 1e-5 + 1.5 * 8e-3)
    assert all_reduce_seconds(8, 1024, LINK) == pytest.approx(20 * (1e-5 + 8e-9))


def test_without_overlap_all_messages_come_after_the_compute() -> None:
    assert len(buckets_of(10 << 20)) == 3
    messages = sum(all_reduce_seconds(m, 2, LINK) for m in buckets_of(10 << 20))
    assert step_seconds(0.02, 10 << 20, 2, LINK, overlap=False) == pytest.approx(0.02 + messages)


def test_with_overlap_only_the_last_message_counts_where_compute_is_long() -> None:
    last = all_reduce_seconds(buckets_of(10 << 20)[0], 2, LINK)
    assert step_seconds(1.0, 10 << 20, 2, LINK) == pytest.approx(1.0 + last)
    assert step_seconds(1e-4, 10 << 20, 2, LINK) > 3 * last


def test_fitted_link_gives_the_measured_times_back() -> None:
    times = [(size, all_reduce_seconds(size, 2, LINK)) for size in (8, 1 << 18, 1 << 20, 1 << 22)]
    found = fitted(times)
    assert found.latency == pytest.approx(1e-5, rel=0.01)
    assert found.bandwidth == pytest.approx(1e9, rel=0.01)


def test_the_longest_of_two_draws() -> None:
    assert slowest([1.0, 3.0], 1) == 2.0
    assert slowest([3.0, 1.0], 2) == pytest.approx((1 + 3 + 3 + 3) / 4)
    assert slowest([2.0] * 7, 64) == pytest.approx(2.0)


def test_picture(tmp_path: Path) -> None:
    row = {"step on one rank": 0.01, "gradient bytes": 1 << 20}
    picture({"workloads": {"mlp": row, "cnn": row}}, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 10_000
