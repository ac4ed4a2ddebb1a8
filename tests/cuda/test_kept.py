"""Filters in another order, left by a forward for its backward, are never older than the filters."""

from __future__ import annotations

from typing import Any

import fake_cupy
import numpy as np
import pytest

import dlengine as dl
from dlengine.kernels import kept
from dlengine.kernels.cuda import emulator

pytestmark = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))


def arrays(machine: Any) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    x, w = (dl.asarray(rng.standard_normal(shape).astype("float32")).requires_grad_() for shape in ((2, 3, 5, 5), (6, 3, 3, 3)))
    return x, w


def packs(machine: Any) -> int:
    return machine.work.count("conv2d_pack_float32")


def on_host(function: Any, *tensors: Any) -> Any:
    with dl.use_backend("numpy"):
        return function(*[dl.asarray(t.array.get()) for t in tensors]).numpy()


def test_one_launch_packs_for_both_directions(machine: Any) -> None:
    x, w = arrays(machine)
    for _ in range(2):
        machine.work.clear()
        y = dl.conv2d(x, w)
        y.sum().backward()
        assert packs(machine) == 1
    with dl.no_grad():
        dl.conv2d(x, w)
    assert not kept._held.get(id(w.array.data.mem), {}).get(id(w.array), (None, {}))[1]


def test_a_write_in_between_drops_them(machine: Any) -> None:
    x, w = arrays(machine)
    dl.conv2d(x, w)
    with dl.no_grad():
        w[0] = 2.0  # by way of a view
    found = dl.conv_transpose2d(x.detach()[:, :, :, :], dl.permute_dims(w.detach(), (1, 0, 2, 3)).astype("float32"))
    assert found.shape == (2, 6, 7, 7)
    machine.work.clear()
    tied = dl.conv_transpose2d(dl.ones((1, 6, 4, 4)), w.detach())
    assert packs(machine) == 1
    assert np.allclose(tied.array.get(), on_host(lambda a, b: dl.conv_transpose2d(a, b), dl.ones((1, 6, 4, 4)), w), atol=1e-5)


def test_they_go_with_the_array(machine: Any) -> None:
    before = len(kept._held)
    x, w = arrays(machine)
    dl.conv2d(x, w)
    assert len(kept._held) == before + 1
    del w, x
    import gc

    gc.collect()
    assert len(kept._held) == before


def test_a_failed_capture_leaves_nothing(machine: Any) -> None:
    x, w = arrays(machine)

    def step(x: Any) -> Any:
        y = dl.conv2d(x, w)
        if fake_cupy.current().is_capturing():
            float(y.sum())
        return y

    train = dl.training.capture(step, warmup=1)
    train(x.detach())
    with pytest.raises(dl.errors.CaptureError):
        train(x.detach())
    assert not kept._held
