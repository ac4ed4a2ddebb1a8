"""What the memory pool of a GPU holds, to the library and in `dlengine info`."""

from __future__ import annotations

import pytest
from fake_cupy import installed

import dlengine as dl
from dlengine import environment
from dlengine.backend import BACKENDS, device_memory
from dlengine.errors import BackendUnavailable, DeviceError
from dlengine.kernels.cuda import emulator


@pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))
def test_bytes_in_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    with installed(monkeypatch, devices=2):
        before = device_memory()
        x = dl.ones((256, 1024), device="cuda")
        during = device_memory("cuda:0")
        assert during.used - before.used == x.size * 4
        assert during.total >= during.used
        assert during.limit is None
        assert 0 < during.free < during.capacity
        with pytest.raises(DeviceError, match="unknown device 'cuda:2'"):
            device_memory("cuda:2")
        rows = environment._device_memory()
        assert list(rows) == ["cuda:0", "cuda:1"]
        assert "GiB in the pool (no limit), 100.0 of 140.0 GiB free on the card" in rows["cuda:0"]


def test_without_a_gpu() -> None:
    if BACKENDS["cuda"].unavailable() is None:
        assert device_memory().capacity > 0
        return
    with pytest.raises(BackendUnavailable, match="mend:"):
        device_memory()
