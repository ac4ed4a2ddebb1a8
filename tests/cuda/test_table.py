"""The table of an optimizer's arrays in a GPU's memory: copied once for the same addresses, never taken for others, few kept."""

from __future__ import annotations

from typing import Any

import fake_cupy
import numpy as np
import pytest

import dlengine as dl
from dlengine import optim
from dlengine.kernels.cuda import emulator
from dlengine.kernels.cuda.machine import table

pytestmark = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))


@pytest.fixture
def copies(machine: Any, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The tables that were copied from the host."""
    copied: list[Any] = []

    def asarray(values: Any, *more: Any, **options: Any) -> Any:
        if isinstance(values, np.ndarray) and values.dtype == np.int64:
            copied.append(values)
        return fake_cupy.asarray(values, *more, **options)

    monkeypatch.setattr(fake_cupy.cupy, "asarray", asarray)
    table._copied.cache_clear()
    return copied


def parameters(*sizes: int) -> list[Any]:
    ps = [dl.ones(n).requires_grad_() for n in sizes]
    for p in ps:
        p.grad = dl.ones_like(p)
    return ps


def test_steps_on_the_same_arrays_copy_it_once(copies: list[Any]) -> None:
    ps = parameters(3, 5)
    opt = optim.SGD(ps, lr=0.25)
    for _ in range(3):
        opt.step()
    assert len(copies) == 1
    held, ps[1].grad = ps[1].grad, dl.full(5, 2.0)
    opt.step()
    assert len(copies) == 2, "a gradient that lies elsewhere"
    assert [p.array.get().tolist() for p in ps] == [[0.0] * 3, [-0.25] * 5]
    ps[1].grad = held
    opt.step()
    assert len(copies) == 2, "the first table is there still"
    assert ps[1].array.get().tolist() == [-0.5] * 5


def test_arrays_that_begin_alike_and_end_elsewhere_are_others(copies: list[Any]) -> None:
    whole, gradient = dl.zeros(8), dl.ones(8)
    for size in (8, 4):
        p = whole[:size].detach().requires_grad_()
        p.grad = gradient[:size]
        optim.SGD([p], lr=1.0).step()
    assert len(copies) == 2
    assert whole.array.get().tolist() == [-2.0] * 4 + [-1.0] * 4


def test_tables_of_shapes_that_change_are_dropped_again(copies: list[Any]) -> None:
    most = table._copied.cache_info().maxsize
    assert most is not None
    held = [parameters(1) for _ in range(most + 10)]
    for ps in held:
        optim.SGD(ps, lr=0.5).step()
    assert len(copies) == most + 10
    assert table._copied.cache_info().currsize == most
    assert all(ps[0].array.get().tolist() == [0.5] for ps in held)
