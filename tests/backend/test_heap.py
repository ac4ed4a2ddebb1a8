"""The host buffer pool: kept memory is reused, but never while anything sees it."""

from __future__ import annotations

import subprocess
import sys
import weakref

import numpy as np
import pytest

import dlengine as dl
from dlengine.backend import heap
from dlengine.errors import ConfigError

FAULTS = """
import resource, sys
import dlengine as dl
dl.set_backend("numba" if sys.argv[1] == "numba" else "numpy")
x = dl.ones((40, 1 << 20))
def step():
    kept = [dl.relu(x) for _ in range(2)]
step(); step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(monkeypatch: pytest.MonkeyPatch, pool: str) -> int:
    monkeypatch.setenv("DLENGINE_POOL", pool)
    run = subprocess.run([sys.executable, "-c", FAULTS, "numba"], capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    return int(run.stdout)


@pytest.mark.skipif(heap._glibc() is None, reason="the pool is glibc's heap")
def test_the_pool_spares_page_faults_and_can_be_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba")
    for name in ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_", "MALLOC_ARENA_MAX", "GLIBC_TUNABLES"):
        monkeypatch.delenv(name, raising=False)
    assert faults(monkeypatch, "1024") < 20 < faults(monkeypatch, "off")


def test_no_buffer_is_reused_while_anything_sees_it() -> None:
    """Views, views of views and tensors hold what they see; once the last is gone, and only then, the memory is free."""
    heap.keep()
    x = dl.ones((1 << 20,), dtype=dl.float32)
    held, gone = [], []
    for i in range(40):
        y = dl.relu(x * float(i + 1))
        array = y.numpy()
        gone.append(weakref.ref(y))
        if i % 2:
            held.append((i, array[5::7][::-1]))
        del y, array
    assert all(ref() is None for ref in gone)
    for i, view in held:
        assert np.all(view == i + 1)


def test_limits_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    for text, size in (("off", 0), ("64", 64)):
        monkeypatch.setenv("DLENGINE_POOL", text)
        assert heap.limit() == size
    for text in ("much", "-1", "4096", ""):
        monkeypatch.setenv("DLENGINE_POOL", text)
        with pytest.raises(ConfigError, match="DLENGINE_POOL"):
            heap.limit()


def test_settings_of_malloc_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_TOP_PAD_", "1")
    assert "environment" in heap.keep.__wrapped__()
