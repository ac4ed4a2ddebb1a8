"""Sums over all axes but one, by our own kernels, against NumPy in float64."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import fake_cupy
import numpy as np
import pytest
from ml_dtypes import finfo

import dlengine as dl
from dlengine.kernels.cuda import FLOATS, emulator
from dlengine.kernels.cuda.machine import channels
from dlengine.kernels.cuda.sums import channel_total

pytestmark = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", [(7, 5, 1), (1, 1, 300), (3, 4, 64), (2, 70, 33), (50, 40, 1), (4, 1, 40)])
@pytest.mark.parametrize("size", [16, 2048])
def test_sum_of_each_channel(shape: tuple[int, ...], dtype: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "SPLIT_SIZE", size)
    x = np.random.default_rng(0).standard_normal(shape).astype(np.dtype(dtype))
    with emulator.checked() if size == 16 else nullcontext():
        found = channel_total(x, channels.Channels(*shape))
    wide = x.astype("f8")
    most = 2 * float(finfo(x.dtype).eps) * np.abs(wide).sum((0, 2))
    assert found.dtype == x.dtype
    assert np.all(np.abs(found.astype("f8") - wide.sum((0, 2))) <= most + 1e-12)


SUMMED = [
    ((4, 5), 0), ((4, 5), (0,)), ((4, 5), -1), ((2, 3, 4, 5), (0, 2, 3)), ((2, 3, 4), (0, 1)), ((2, 3), None), ((3, 2), (0, 1)),
    ((5,), None), ((5,), 0),
]  # fmt: skip


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize(("shape", "axis"), SUMMED)
def test_in_place_of_the_library_s(shape: tuple[int, ...], axis: Any, keepdims: bool, machine: Any) -> None:
    x = np.arange(np.prod(shape), dtype="float32").reshape(shape)
    machine.work.clear()
    found = dl.sum(dl.asarray(x), axis=axis, keepdims=keepdims).array.get()
    assert machine.work == ["channel_total_float32"]
    assert np.array_equal(found, x.sum(axis, keepdims=keepdims))
    assert found.shape == x.sum(axis, keepdims=keepdims).shape


def test_what_stays_with_the_library(machine: Any) -> None:
    for x, options in [(np.ones((2, 3, 4), "f4"), {"axis": 1}), (np.ones(3, "i4"), {}), (np.ones((0, 3), "f4"), {"axis": 0})]:
        machine.work.clear()
        dl.sum(dl.asarray(x), **options)
        assert not [name for name in machine.work if name.startswith("channel")]


def test_an_axis_that_does_not_exist(machine: Any) -> None:
    with pytest.raises(dl.errors.ShapeError):
        dl.sum(dl.asarray(np.ones((2, 3), "f4")), axis=2)
    with pytest.raises(Exception, match="axis|axes"):
        dl.backend.space_of(fake_cupy.asarray(np.ones((2, 3), "f4"))).sum(fake_cupy.asarray(np.ones((2, 3), "f4")), axis=(0, 0))
