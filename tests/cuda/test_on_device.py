"""The way on which kernel tests reach a GPU, on a machine that is not there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import fake_cupy
import numpy as np
import pytest

import dlengine as dl
from dlengine.kernels.cuda import activation, emulator, norm, optim
from dlengine.kernels.settings import SGDSettings

pytestmark = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))


@pytest.fixture(scope="module")
def gpu() -> bool:
    """The fixture of conftest.py that sends launches there believes in it."""
    return True


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A GPU that is not there; under another name than `machine`, whose tests choose by themselves where launches go."""
    with fake_cupy.installed(monkeypatch) as state, dl.use_backend("cuda"):
        yield state


def test_launches_go_there_and_results_come_back(card: Any) -> None:
    x = np.random.default_rng(0).standard_normal((3, 4, 5, 5)).astype("f4")
    y, mean, _ = norm.batch_norm(x, None, None, 1e-5)
    assert card.work == ["channel_moments_float32", "channel_statistics_float32", "channel_normalise_float32"]
    assert np.allclose(mean, x.mean((0, 2, 3)), atol=1e-6)
    assert np.allclose(y.mean((0, 2, 3)), 0, atol=1e-5)


def test_tables_of_arrays(card: Any) -> None:
    ps, gs = [np.ones(5, "f4"), np.full(3, 2, "f4")], [np.full(5, 2, "f4"), np.ones(3, "f4")]
    optim.sgd(ps, gs, None, SGDSettings(0.5, 0.0, 0.0, 0.0, False, True))
    assert [p.tolist() for p in ps] == [[0.0] * 5, [1.5] * 3]
    assert card.work == ["sgd_float32"]


def test_checked_launches_stay_on_the_emulator(card: Any) -> None:
    with emulator.checked():
        activation.relu(np.ones(4, "f4"))
    assert card.work == []
