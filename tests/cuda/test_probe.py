"""Each reason why CUDA cannot be used is told from the others and comes with its mend."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from dlengine.kernels.cuda.machine.probe import probe


def raising(error: Exception) -> Any:
    def call() -> None:
        raise error

    return call


def fake_cupy(*, usable: bool = True, driver: int = 13020, nvrtc: Any = lambda: (13, 2)) -> Any:
    runtime = SimpleNamespace(driverGetVersion=lambda: driver, runtimeGetVersion=lambda: 13020)
    cuda = SimpleNamespace(runtime=runtime, nvrtc=SimpleNamespace(getVersion=nvrtc))
    return SimpleNamespace(is_available=lambda: usable, cuda=cuda)


@pytest.mark.parametrize(
    ("cupy", "words"),
    [
        pytest.param(None, ["CuPy cannot be imported", "cupy-cuda13x[ctk]", "pip install '.[cuda]'"], id="no cupy"),
        pytest.param(fake_cupy(usable=False, driver=0), ["no NVIDIA driver", "nvidia.com/drivers"], id="no driver"),
        pytest.param(
            fake_cupy(usable=False, driver=12080),
            ["driver is too old", "supports CUDA 12.8", "needs 13.0", "update the driver"],
            id="old driver",
        ),
        pytest.param(fake_cupy(usable=False), ["no visible NVIDIA device", "CUDA_VISIBLE_DEVICES"], id="no device"),
        pytest.param(
            fake_cupy(nvrtc=raising(RuntimeError("libnvrtc not found"))),
            ["CUDA libraries are missing", "libnvrtc not found", "cupy-cuda13x[ctk]"],
            id="no libraries",
        ),
    ],
)
def test_cause_and_mend(cupy: Any, words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    reason = probe()
    assert reason is not None
    assert "\n" not in reason
    assert "mend: " in reason
    for word in words:
        assert word in reason


def test_usable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", fake_cupy())
    assert probe() is None


def test_real_machine() -> None:
    """Whatever this machine is, the probe answers without raising."""
    reason = probe()
    assert reason is None or "mend: " in reason
