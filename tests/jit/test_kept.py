"""Weights that kernels keep in their own order: never older than the weights."""

from __future__ import annotations

import gc

import numpy as np
import pytest

pytest.importorskip("numba")

import dlengine as dl
from dlengine import nn
from dlengine.kernels.jit.machine.compile import SHARE, threads_for
from dlengine.kernels.jit.machine.kept import Kept


def test_an_entry_lasts_as_long_as_its_weights() -> None:
    kept, made = Kept(), []
    w = np.arange(5000, dtype=np.float32)

    def arrange() -> np.ndarray:
        made.append(w.sum())
        return w[::-1].copy()

    first = kept.get(w, "turned", arrange)
    assert kept.get(w, "turned", arrange) is first
    kept.get(w, "another form", arrange)
    assert len(made) == 2
    w[4999] = -1.0  # behind autograd's back
    again = kept.get(w, "turned", arrange)
    assert again[0] == -1.0
    assert len(made) == 3
    w[0] = -0.0  # equal, but other bits
    assert np.signbit(kept.get(w, "turned", arrange)[-1])


def test_entries_go_with_their_arrays_and_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Kept()
    monkeypatch.setattr("dlengine.kernels.jit.machine.kept.MOST", 100_000)
    arrays = [np.full(1000, i, np.float32) for i in range(30)]
    for a in arrays:
        kept.get(a, 0, a.copy)
    assert kept._bytes <= 100_000
    assert all((kept.get(a, 0, a.copy) == a).all() for a in arrays)
    del a, arrays
    gc.collect()
    assert not kept._entries
    assert kept._bytes == 0


def test_constants_are_arrays_of_their_own_and_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Kept()
    w = np.arange(5000, dtype=np.float32)
    own = kept.constant(w)
    assert own is not w
    assert kept.is_constant(own)
    assert not kept.is_constant(w)
    monkeypatch.setattr("dlengine.kernels.jit.machine.kept._unchanged", lambda *_: pytest.fail("compared"))
    first = kept.get(own, 0, own[::-1].copy)
    w[0] = -1.0
    again = own.reshape(50, 100).reshape(5000)
    assert kept.get(again, 0, again.copy) is first
    del own, again
    gc.collect()
    assert not kept._entries
    assert not kept._constant


@pytest.mark.parametrize("channels", [3, 32])
def test_layers_see_weights_that_were_written(channels: int) -> None:
    rng = np.random.default_rng(0)
    with dl.use_backend("numba"), dl.no_grad():
        x = dl.asarray(rng.standard_normal((1, channels, 12, 12)).astype("f4"))
        layer, cell = nn.Conv2d(channels, 16, 3, padding=1, bias=False), nn.GRU(channels, 8, bias=False)
        sequence = x.reshape(12 * 12, 1, channels)
        before = [layer(x), layer(x), cell(sequence)[0]]
        layer.weight.array[...] *= 2  # not through the tensor
        cell.weight_hh_l0[...] = 0.0
        cell.weight_ih_l0[...] = 0.0
        np.testing.assert_allclose(layer(x).array, 2 * before[0].array, rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(before[0].array, before[1].array)
        assert not cell(sequence)[0].array.any()


def test_threads_wake_for_work() -> None:
    assert threads_for(1000, 2 * SHARE - 1) == 1
    assert threads_for(1, 1e9) == 1
    assert threads_for(1000, 1e9) >= 1
