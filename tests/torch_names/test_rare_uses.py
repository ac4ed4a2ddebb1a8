"""Uses of PyTorch's names that are rare, and that no other test has."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import torch
from dlengine.ops.index import put_at


def test_an_empty_index_is_a_view() -> None:
    x = torch.tensor(1.0)
    x[()].add_(1)
    assert x.item() == 2


def test_a_call_between_the_two_modules_is_made() -> None:
    class Doubled(dl.nn.Module):
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            return super().__call__(*args, **kwargs) * 2

    class Network(torch.nn.Module, Doubled):
        def forward(self, x: Any) -> Any:
            return x + 1

    assert Network()(torch.ones(2)).tolist() == [4, 4]


@pytest.mark.parametrize("join", [torch.cat, torch.stack, torch.hstack, torch.vstack])
def test_arrays_are_not_joined_with_tensors(join: Any) -> None:
    with pytest.raises(TypeError):
        join([torch.ones(2), np.ones(2, np.float32)])


def test_floats_win_over_integers_where_they_are_joined() -> None:
    y = torch.cat([torch.ones(2), torch.tensor([1, 2])])
    assert y.dtype == torch.float32
    assert y.tolist() == [1, 1, 1, 2]
    assert torch.stack([torch.tensor([1], dtype=torch.int32), torch.tensor([2], dtype=torch.int64)]).dtype == torch.int64


def test_statistics_that_cannot_be_written() -> None:
    layer = torch.nn.BatchNorm1d(3)
    memory = np.zeros(3, np.float32)
    memory.flags.writeable = False
    layer.running_mean.array = memory
    with pytest.raises(dl.errors.ShapeError, match="read-only"):
        layer(torch.ones(4, 3))


@pytest.mark.parametrize("requires_grad", [False, True])
def test_what_is_scattered_has_a_value_for_every_index(requires_grad: bool) -> None:
    """Too few values were read from behind their memory."""
    x = torch.zeros(4, 6, requires_grad=requires_grad)
    places = torch.zeros(4, 6, dtype=torch.int64)
    for scatter in (x.scatter_add, x.scatter, lambda *given: x.scatter_reduce(*given, "sum")):
        with pytest.raises(RuntimeError, match="no larger size than src"):
            scatter(1, places, torch.ones(4, 1))
    with pytest.raises(IndexError, match="Number of indices"):
        x.index_copy(0, torch.tensor([0, 1]), torch.ones(1, 6))


def test_values_that_are_put_fit_their_index() -> None:
    with dl.use_backend("numba"):
        places, values = dl.zeros((4, 6), dtype="int64"), dl.ones((4, 1))
        with pytest.raises(dl.errors.ShapeError, match="put_at"):
            put_at(values, key=(places, places), shape=(4, 6))
