"""Which GPU: cuda:N for tensors, models, creation and ops, on a machine with two that are not there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import fake_cupy
import numpy as np
import pytest

import dlengine as dl
from dlengine import backend as backends
from dlengine import nn
from dlengine.errors import DeviceError
from dlengine.kernels.cuda import emulator

pytestmark = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with fake_cupy.installed(monkeypatch, devices=2) as state:
        yield state


@pytest.fixture
def one(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with fake_cupy.installed(monkeypatch) as state:
        yield state


def test_moving_a_tensor(two: Any) -> None:
    x = dl.ones((2, 3))
    y = x.to("cuda:1")
    assert (x.device, y.device) == ("cpu", "cuda:1")
    assert repr(y).endswith("device='cuda:1')")
    assert y.to("cuda") is y  # it is on one
    assert y.to("cuda:1") is y
    assert y.to("cuda:0").device == "cuda:0"
    assert x.to("cuda").device == "cuda:0"
    np.testing.assert_array_equal(y.to("cuda:0").to("cpu").numpy(), x.numpy())


def test_creation(two: Any) -> None:
    assert dl.zeros((2,), device="cuda:1").device == "cuda:1"
    assert dl.zeros((2,), device="cuda").device == "cuda:0"
    assert dl.asarray([1.0, 2.0], device="cuda:1").device == "cuda:1"
    assert dl.rand(3, device="cuda:1").device == "cuda:1"
    assert dl.ones_like(dl.ones((2,), device="cuda:1")).device == "cuda:1"
    with dl.use_backend("cuda:1"):
        assert dl.get_backend() == "cuda:1"
        assert backends.default_device() == "cuda:1"
        assert dl.randn(3).device == dl.arange(4).device == "cuda:1"
        assert dl.zeros((2,), device="cuda").device == "cuda:1"  # "cuda" is the one in force
        assert dl.zeros((2,), device="cuda:0").device == "cuda:0"
        assert dl.zeros((2,)).device == "cuda:1"
        assert nn.Linear(2, 3).weight.device == "cuda:1"
    with dl.use_backend("cuda"):
        assert backends.default_device() == "cuda:0"
        assert dl.zeros((2,)).device == "cuda:0"
    with dl.use_backend("cuda:0"):
        assert dl.get_backend() == "cuda"


def test_devices_that_are_not_there(two: Any) -> None:
    with pytest.raises(DeviceError, match="unknown device 'cuda:2'; there are cuda:0 ... cuda:1"):
        dl.zeros((2,), device="cuda:2")
    with pytest.raises(DeviceError, match="unknown device 'cuda:x'"):
        dl.ones((2,)).to("cuda:x")
    with pytest.raises(DeviceError, match="unknown device 'cuda:7'"):
        dl.set_backend("cuda:7")


def test_the_only_one(one: Any) -> None:
    assert dl.ones((2,)).to("cuda").device == "cuda:0"
    with pytest.raises(DeviceError, match="the only GPU is cuda:0"):
        dl.ones((2,)).to("cuda:1")


def test_ops_run_where_their_arguments_are(two: Any) -> None:
    """The fake refuses arrays that are not on the current device, so every op must have chosen it."""
    a, b = (dl.ones((4, 6), device=f"cuda:{n}").requires_grad_() for n in (0, 1))
    for _ in range(2):
        ya, yb = (dl.relu(t * 2.0 - 1.0).sum() for t in (a, b))
        assert (ya.device, yb.device) == ("cuda:0", "cuda:1")
    ya.backward()
    yb.backward()
    assert (a.grad.device, b.grad.device) == ("cuda:0", "cuda:1")
    np.testing.assert_array_equal(b.grad.to("cpu").numpy(), np.full((4, 6), 2, "f4"))
    c = (a.to("cuda:1") * b).sum()
    c.backward()
    np.testing.assert_array_equal(a.grad.to("cpu").numpy(), np.full((4, 6), 3, "f4"))


def test_devices_do_not_mix(two: Any) -> None:
    here, there, host = dl.ones((2,), device="cuda:0"), dl.ones((2,), device="cuda:1"), dl.ones((2,))
    for x, y, names in ((here, there, "cuda:0, cuda:1"), (there, host, "cuda:1, cpu")):
        with pytest.raises(DeviceError, match=rf"add: arguments are on different devices \({names}\); move them with x.to"):
            x + y
    with pytest.raises(DeviceError, match="concat: arguments are on different devices"):
        dl.concat([here, there])


def test_a_model_moves_and_trains(two: Any) -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Tanh(), nn.Flatten(), nn.Dropout(0.5)).to("cuda:1")
    assert {p.device for p in model.parameters()} == {"cuda:1"}
    optimizer = dl.optim.Adam(model.parameters(), lr=0.1)
    before = [p.detach().to("cpu").numpy().copy() for p in model.parameters()]
    dl.zeros((1,), device="cuda:0")  # leaves the other GPU current
    model(dl.ones((2, 1, 5, 5), device="cuda:1")).sum().backward()
    dl.zeros((1,), device="cuda:0")
    dl.optim.clip_grad_norm_(model.parameters(), 1.0)
    dl.zeros((1,), device="cuda:0")
    optimizer.step()
    for p, old in zip(model.parameters(), before, strict=True):
        assert p.device == p.grad.device == "cuda:1"
        assert not np.array_equal(p.detach().to("cpu").numpy(), old)


def test_what_the_namespace_says(two: Any) -> None:
    assert dl.__array_namespace_info__().devices() == ("cpu", "cuda:0", "cuda:1")
    assert backends.gpu_count() == 2
