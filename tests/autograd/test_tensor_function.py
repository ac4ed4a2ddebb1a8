"""dl.tensor makes a tensor of a copy, as torch.tensor does; asarray and it refuse what a tensor cannot hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine.errors import DTypeError


def test_copies_and_takes_dtype_and_requires_grad() -> None:
    source = np.arange(3.0)
    made = dl.tensor(source)
    source[0] = 5
    assert made.tolist() == [0, 1, 2]
    assert made.dtype == dl.float64
    assert dl.tensor([1.0]).dtype == dl.float32
    assert dl.tensor([[1, 2]]).dtype == dl.int64
    assert dl.tensor([1, 2], dtype=dl.float32).dtype == dl.float32
    assert dl.tensor(True).shape == ()
    leaf = dl.tensor([1.0, 2.0], requires_grad=True)
    (leaf * leaf).sum().backward()
    assert leaf.grad is not None
    assert leaf.grad.tolist() == [2, 4]


def test_of_a_tensor_is_a_leaf_with_memory_of_its_own() -> None:
    leaf = dl.tensor([1.0, 2.0], requires_grad=True)
    made = dl.tensor(leaf * 2)
    assert not made.requires_grad
    copy = dl.tensor(leaf)
    copy[0] = 9
    assert leaf.tolist() == [1, 2]


@pytest.mark.parametrize("make", [dl.tensor, dl.asarray])
@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (np.zeros(2, dtype=[("a", "f4"), ("b", "i4")]), "choose one field"),
        (np.zeros(2, dtype="V4"), "records"),
        (np.ma.masked_array([1.0, 2.0], [True, False]), "filled"),
        ("text", "expected numbers"),
        (["a", "b"], "expected numbers"),
    ],
)
def test_what_a_tensor_cannot_hold_is_refused(make: Any, bad: Any, said: str) -> None:
    with pytest.raises(DTypeError, match=said):
        make(bad)


def test_integers_have_no_gradient() -> None:
    with pytest.raises(DTypeError, match="only floating"):
        dl.tensor([1], requires_grad=True)
