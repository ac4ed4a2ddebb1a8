"""The way on which kernel tests reach a GPU, on a machine that is not there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cuda import on_device

from dlengine.kernels.cuda import activation, emulator, norm, optim
from dlengine.kernels.cuda.machine import launch
from dlengine.kernels.settings import SGDSettings

pytestmark = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))


@pytest.fixture(autouse=True)
def by_way_of_the_device(machine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "_run_on_host", on_device.run)


def test_launches_go_there_and_results_come_back(machine: Any) -> None:
    x = np.random.default_rng(0).standard_normal((3, 4, 5, 5)).astype("f4")
    y, mean, _ = norm.batch_norm(x, None, None, 1e-5)
    assert machine.work == ["channel_moments_float32", "channel_statistics_float32", "channel_normalise_float32"]
    assert np.allclose(mean, x.mean((0, 2, 3)), atol=1e-6)
    assert np.allclose(y.mean((0, 2, 3)), 0, atol=1e-5)


def test_tables_of_arrays(machine: Any) -> None:
    ps, gs = [np.ones(5, "f4"), np.full(3, 2, "f4")], [np.full(5, 2, "f4"), np.ones(3, "f4")]
    optim.sgd(ps, gs, None, SGDSettings(0.5, 0.0, 0.0, 0.0, False, True))
    assert [p.tolist() for p in ps] == [[0.0] * 5, [1.5] * 3]
    assert machine.work == ["sgd_float32"]


def test_checked_launches_stay_on_the_emulator(machine: Any) -> None:
    with emulator.checked():
        activation.relu(np.ones(4, "f4"))
    assert machine.work == []
