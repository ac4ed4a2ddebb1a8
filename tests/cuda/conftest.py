"""What several tests of the CUDA backend use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import fake_cupy
import pytest
from cuda import on_device

import dlengine as dl
from dlengine.kernels.cuda.machine import launch
from dlengine.kernels.cuda.machine.probe import probe


@pytest.fixture(scope="session")
def gpu() -> bool:
    """Whether there is one."""
    return probe() is None


@pytest.fixture(autouse=True)
def launches_on_the_gpu(gpu: bool, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels that tests give arrays of the host run on the GPU, if there is one, unless the test brings a fake of it."""
    if gpu and "machine" not in request.fixturenames:
        monkeypatch.setattr(launch, "_run_on_host", on_device.run)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A GPU that is not there, with cuda as the backend."""
    with fake_cupy.installed(monkeypatch) as state, dl.use_backend("cuda"):
        yield state
