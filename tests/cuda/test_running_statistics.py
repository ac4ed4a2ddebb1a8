"""What batch norm's running statistics cost on a GPU: counted on a machine that is not there."""

from __future__ import annotations

from typing import Any

import fake_cupy_arrays
import numpy as np
import pytest

import dlengine as dl
from dlengine import nn
from dlengine.kernels.cuda import emulator

pytestmark = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))


def test_a_kernel_for_each_statistic(machine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    layer = nn.BatchNorm2d(3)
    x = dl.asarray(np.random.default_rng(0).standard_normal((2, 3, 4, 4)).astype("float32"))
    layer(x)
    calls: list[str] = []
    run, change = fake_cupy_arrays.run, fake_cupy_arrays.change

    def counted(function: Any, *args: Any, **options: Any) -> Any:
        calls.append(getattr(function, "__name__", "?"))
        return run(function, *args, **options)

    def written(work: Any) -> None:
        calls.append("write")
        change(work)

    monkeypatch.setattr(fake_cupy_arrays, "run", counted)
    monkeypatch.setattr(fake_cupy_arrays, "change", written)
    machine.log.clear()
    layer(x)
    assert [name for name in machine.log if "running" in name] == [
        "generated_running_mean_flat", "generated_running_variance_flat",
    ]  # fmt: skip
    library = [name for name in calls if name not in ("empty", "reshape", "view", "getitem", "write")]
    assert len(library) <= 1, library  # the batch counter
    mean = x.array.get().mean((0, 2, 3))
    assert np.allclose(layer.running_mean.array.get(), 0.1 * mean + 0.9 * 0.1 * mean, atol=1e-6)
