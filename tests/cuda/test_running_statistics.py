"""Batch norm's running statistics on a GPU are moved by its own kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import nn
from dlengine.kernels.cuda import emulator

pytestmark = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))

ROUNDS = 3


def images(number: int, dtype: str = "float32") -> np.ndarray[Any, Any]:
    return np.random.default_rng(number).standard_normal((2, 5, 4, 6)).astype(dtype) * 3 + 1


def by_numpy(**options: Any) -> dict[str, Any]:
    with dl.use_backend("numpy"):
        layer = nn.BatchNorm2d(5, **options)
        for number in range(ROUNDS):
            layer(dl.asarray(images(number)))
        return {name: t.numpy() for name, t in layer.state_dict().items()}


@pytest.mark.parametrize("options", [{}, {"momentum": None}, {"momentum": 0.5, "affine": False}])
def test_three_launches_and_the_statistics_of_numpy(options: dict[str, Any], machine: Any) -> None:
    layer = nn.BatchNorm2d(5, **options)
    for number in range(ROUNDS):
        x = dl.asarray(images(number))
        machine.work.clear()
        layer(x)
        assert machine.work == ["channel_moments_float32", "channel_statistics_float32", "channel_normalise_float32"]
    for name, wanted in by_numpy(**options).items():
        assert np.allclose(layer.state_dict()[name].array.get(), wanted, atol=1e-6), name


def test_gradients_of_both_orders(machine: Any) -> None:
    """The second reading of the op moves nothing."""
    layer = nn.BatchNorm2d(5)
    x = dl.asarray(images(0)).requires_grad_()
    (gx,) = dl.gradients((layer(x) ** 3).sum(), [x], create_graph=True)
    (gx * gx).sum().backward()
    assert int(layer.num_batches_tracked.array.get()) == 1
    with dl.use_backend("numpy"):
        same = nn.BatchNorm2d(5)
        z = dl.asarray(images(0)).requires_grad_()
        (gz,) = dl.gradients((same(z) ** 3).sum(), [z], create_graph=True)
        (gz * gz).sum().backward()
        wanted = z.grad.numpy()
    assert np.allclose(x.grad.array.get(), wanted, rtol=1e-3, atol=1e-2 * np.abs(wanted).max())


def test_statistics_of_another_dtype_are_kept_as_before(machine: Any) -> None:
    layer = nn.BatchNorm2d(5, affine=False)
    layer.running_mean = layer.running_mean.astype("float64")
    layer.running_var = layer.running_var.astype("float64")
    y = layer(dl.asarray(images(0)))
    assert str(y.dtype) in ("float32", "float64")
    assert int(layer.num_batches_tracked.array.get()) == 1


def test_a_captured_step_counts_each_batch(machine: Any) -> None:
    layer = nn.BatchNorm2d(5)
    train = dl.training.capture(lambda x: layer(x).detach())
    for number in range(6):
        train(dl.asarray(images(number)))
    assert train.replays == 4
    assert int(layer.num_batches_tracked.array.get()) == 6


def test_captured_and_cumulative(machine: Any) -> None:
    """momentum=None needs the number of batches, which no host waits for."""
    layer, plain = nn.BatchNorm2d(5, momentum=None), nn.BatchNorm2d(5, momentum=None)
    train = dl.training.capture(lambda x: layer(x).detach())
    for number in range(5):
        train(dl.asarray(images(number)))
        plain(dl.asarray(images(number)))
    assert layer.running_var.array.get().tobytes() == plain.running_var.array.get().tobytes()
