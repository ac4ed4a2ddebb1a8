"""Memory that calls work in: lent to one at a time."""

from __future__ import annotations

import threading

import numpy as np

from dlengine.kernels.jit import linear
from dlengine.kernels.jit.machine import scratch


def test_one_call_has_it_at_a_time(monkeypatch):
    monkeypatch.setattr(scratch, "_free", [])
    first, second = scratch.borrowed(100_000, np.float32), scratch.borrowed(90_000, np.float64)
    assert first.shape == (100_000,)
    assert second.dtype == np.float64
    assert not np.shares_memory(first, second)
    scratch.give_back(first)
    scratch.give_back(second)  # one is kept
    third = scratch.borrowed(50_000, np.float32)
    assert np.shares_memory(first, third)
    assert not np.shares_memory(third, scratch.borrowed(50_000, np.float32))


def test_what_is_too_small_or_too_large_is_not_kept(monkeypatch):
    monkeypatch.setattr(scratch, "_free", [])
    for size in (scratch.LEAST // 4 - 1, scratch.MOST // 4 + 1):
        array = scratch.borrowed(size, np.float32)
        assert array.size == size
        scratch.give_back(array)
    assert not scratch._free


def test_products_of_many_threads_at_once():
    rng = np.random.default_rng(0)
    pairs = [(rng.standard_normal((200 + i, 300)), rng.standard_normal((300, 250 - i))) for i in range(6)]
    wrong = []

    def check(a, b):
        for _ in range(5):
            if not np.allclose(linear.matmul(a.astype(np.float32), b.astype(np.float32)), a @ b, atol=1e-3):
                wrong.append(a.shape)

    threads = [threading.Thread(target=check, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
