"""Batches reach a GPU through pinned memory, one ahead, beside the computation; on a machine whose copies come late."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import fake_cupy
import numpy as np
import pytest

import dlengine as dl
from dlengine.data import ArrayDataset, DataLoader
from dlengine.data.upload import Uploader
from dlengine.kernels.cuda import emulator

pytestmark = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with fake_cupy.installed(monkeypatch, devices=2) as state:
        yield state


def data(n: int = 23) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, 3, 5)).astype("float32"), np.arange(n)


@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
@pytest.mark.parametrize("workers", [0, 2])
def test_same_batches_as_on_the_host(machine: Any, device: str, workers: int) -> None:
    x, y = data()

    def epoch(where: str) -> list[Any]:
        loader = DataLoader(ArrayDataset(x, y), 4, shuffle=True, device=where, num_workers=workers, generator=dl.Generator(1))
        # kept whole: no batch may be overwritten by a later one
        return [batch for _ in range(2) for batch in loader]

    found, expected = epoch(device), epoch("cpu")
    assert len(found) == len(expected) == 12
    for a, b in zip(found, expected, strict=True):
        for s, t in zip(a, b, strict=True):
            assert s.device == ("cuda:1" if device == "cuda:1" else "cuda:0")
            assert s.dtype == t.dtype
            np.testing.assert_array_equal(s.to("cpu").numpy(), t.numpy())


def test_the_next_copy_is_under_way_and_nobody_waited(machine: Any) -> None:
    x, y = data()
    uploader = Uploader("cuda")
    batches = [(x[i : i + 4], y[i : i + 4]) for i in range(0, 20, 4)]
    for number, (a, b) in enumerate(uploader.through(batches)):
        pending = len(uploader.stream.queue)
        assert pending == (number < len(batches) - 1)
        np.testing.assert_array_equal(a.to("cpu").numpy(), batches[number][0])
        np.testing.assert_array_equal(b.to("cpu").numpy(), batches[number][1])


def test_slots_grow_and_empty_parts_pass(machine: Any) -> None:
    batches = [(np.ones(n, "float32"), ["text"], np.zeros((n, 0), "int64")) for n in (3, 700, 5, 9000, 0)]
    for (a, text, nothing), (expected, _, zero) in zip(Uploader("cuda").through(batches), batches, strict=True):
        np.testing.assert_array_equal(a.to("cpu").numpy(), expected)
        assert (text, nothing.shape) == (["text"], zero.shape)


def test_an_error_comes_after_the_batches_before_it(machine: Any) -> None:
    def made() -> Iterator[Any]:
        yield (np.ones(2),)
        yield (np.ones(3),)
        raise OSError("gone")

    found = Uploader("cuda").through(made())
    assert [next(found)[0].shape, next(found)[0].shape] == [(2,), (3,)]
    with pytest.raises(OSError, match="gone"):
        next(found)


def test_the_place_is_that_of_the_last_batch_given(machine: Any) -> None:
    x, y = data()
    loader = DataLoader(ArrayDataset(x, y), 4, shuffle=True, device="cuda", generator=dl.Generator(1))
    whole = [b[1].to("cpu").tolist() for b in loader]
    loader = DataLoader(ArrayDataset(x, y), 4, shuffle=True, device="cuda", generator=dl.Generator(1))
    first = iter(loader)
    next(first), next(first)
    assert loader.state_dict()["batches"] == 2
    again = DataLoader(ArrayDataset(x, y), 4, shuffle=True, device="cuda", generator=dl.Generator(1))
    again.load_state_dict(loader.state_dict())
    assert [b[1].to("cpu").tolist() for b in again] == whole[2:]


def test_the_default_device_counts(machine: Any) -> None:
    with dl.use_backend("cuda:1"):
        ((batch,),) = DataLoader(ArrayDataset(data(3)[0]), 3)
    assert batch.device == "cuda:1"


def test_dicts_and_nested_parts_reach_the_gpu(machine: Any) -> None:
    rows = [{"x": np.full(3, k, "float32"), "pair": (k, {"name": "n"})} for k in range(5)]
    batches = list(DataLoader(rows, 2, device="cuda"))
    assert [batch["x"].device for batch in batches] == ["cuda:0"] * 3
    assert batches[1]["x"].to("cpu").tolist() == [[2] * 3, [3] * 3]
    assert batches[1]["pair"][0].to("cpu").tolist() == [2, 3]
    assert batches[2]["pair"][1] == {"name": ["n"]}
