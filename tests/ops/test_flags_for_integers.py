"""True and False where an axis or another integer is asked for, and shapes that are none: one clear error, nothing is changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine.autograd.declaration import AXES
from dlengine.errors import DTypeError, ShapeError
from dlengine.testing import calls
from dlengine.testing.parity import rows

WITH_AXES = [(row.name, name) for row in rows() for name in AXES if any(name in s.consts for s in row.samples)]


@pytest.mark.parametrize("flag", [True, False])
@pytest.mark.parametrize(("op", "name"), WITH_AXES)
def test_every_row_with_an_axis(op: str, name: str, flag: bool) -> None:
    row = next(row for row in rows(op) if row.name == op)
    number, sample = next((i, s) for i, s in enumerate(row.samples) if name in s.consts)
    args, _ = calls.tensors(sample, calls.draw(row, number, np.dtype("float32")), grad=False)
    constants = {**calls.consts(sample), name: flag}
    for _ in range(2):  # the second call goes the short way
        with pytest.raises(DTypeError, match="ax[ie]s must be an integer, got (True|False)"):
            row.op(*args, **constants)


def test_tuples_with_a_flag() -> None:
    x = dl.ones((2, 3))
    for _ in range(2):
        with pytest.raises(DTypeError, match=r"sum: axis must be integers, got \(0, True\); write axis=\(0, 1\)"):
            dl.sum(x, axis=(0, True))
        with pytest.raises(DTypeError, match="flip: axis must be integers"):
            dl.flip(x, axis=(True,))
        with pytest.raises(DTypeError, match=r"reshape: shape must be integers, got \(6, True\)"):
            dl.reshape(x, (6, True))
        with pytest.raises(DTypeError, match="tensordot: axes must be an integer"):
            dl.tensordot(x, x.T, axes=True)
        with pytest.raises(DTypeError, match="moveaxis: axis must be an integer"):
            dl.moveaxis(x, True, 0)
    assert dl.sum(x, dim=1).shape == (2,)


BAD: dict[str, Callable[[], Any]] = {
    "rand": lambda: dl.rand(2, 1.5),  # type: ignore[arg-type]
    "randn": lambda: dl.randn(2.5),  # type: ignore[arg-type]
    "flag": lambda: dl.rand(True),
    "bernoulli": lambda: dl.bernoulli(0.5, (1.5,)),  # type: ignore[arg-type]
    "randint": lambda: dl.randint(0, 3, (1.5,)),  # type: ignore[arg-type]
    "randperm": lambda: dl.randperm(2.5),  # type: ignore[arg-type]
    "multinomial": lambda: dl.multinomial(dl.ones(3), 1.5, replacement=True),  # type: ignore[arg-type]
    "dropout": lambda: dl.dropout(dl.ones(3), mask_shape=(1.5,)),  # type: ignore[arg-type]
    "alpha_dropout": lambda: dl.alpha_dropout(dl.asarray([1, 2]), mask_shape=2),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_size_leaves_the_generator_as_it_was(name: str) -> None:
    """A fraction in the counter would break all random numbers of the process."""
    dl.manual_seed(0)
    expected = dl.rand(3).numpy().tolist()
    dl.manual_seed(0)
    with pytest.raises(DTypeError, match="integer"):
        BAD[name]()
    assert dl.rand(3).numpy().tolist() == expected


def test_negative_sizes_and_masks_that_do_not_fit() -> None:
    x = dl.ones((2, 3))
    for call in (lambda: dl.rand(-2), lambda: dl.bernoulli(0.5, (-1, -2)), lambda: dl.dropout(x, mask_shape=(2, 2))):
        with pytest.raises(ShapeError, match=r"at least 0|must broadcast"):
            call()
    with pytest.raises(ShapeError, match="mask_shape must broadcast"):
        dl.alpha_dropout(dl.ones(3), mask_shape=(1, 3))
    assert dl.rand(np.int64(2), np.int8(3)).shape == (2, 3)  # type: ignore[arg-type]
    assert dl.dropout(dl.ones((2, 3)), mask_shape=(3,)).shape == (2, 3)
    with pytest.raises(DTypeError, match="x must be a tensor"):
        dl.alpha_dropout(3, mask_shape=(1,))  # type: ignore[arg-type]
