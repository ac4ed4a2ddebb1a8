"""Every elementwise op of the table is one loop over its elements: a kernel, written by hand or generated, or one of NumPy's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

import dlengine as dl
from dlengine import training
from dlengine.kernels import jit
from dlengine.recording import generating
from dlengine.testing import rows
from dlengine.testing.special import elementwise

ELEMENTWISE = [row for row in rows() if elementwise(row)]


def enlarged(row: Any) -> tuple[list[Any], dict[str, Any]]:
    """The first sample of a row, its arrays repeated to 65,536 elements."""
    sample = row.samples[0]
    dtype = "float32" if "float32" in row.dtypes else row.dtypes[0]
    given = sample.arrays(row.name, dtype)
    return [np.resize(a, (64, 1024)) if isinstance(a, np.ndarray) else a for a in given], dict(sample.consts)


def loops(row: Any) -> str:
    """What answers an op, or "" for more than one loop of NumPy's."""
    arrays, consts = enlarged(row)
    tensors = [dl.asarray(a) if isinstance(a, np.ndarray) else a for a in arrays]
    before = jit.SET.launches.total()
    row.op(*tensors, **consts)
    if jit.SET.launches.total() > before:
        return "a kernel"
    return "one function of NumPy" if _calls(row, tensors, consts) <= 1 else ""


def _calls(row: Any, tensors: list[Any], consts: dict[str, Any]) -> int:
    """How many calls of the array library an op makes."""

    def step(*given: Any) -> Any:
        left = list(given)
        return row.op(*[left.pop(0) if isinstance(t, dl.Tensor) else t for t in tensors], **consts)

    train = training.capture(step, warmup=1, fuse=False)
    for _ in range(3):
        train(*[t for t in tensors if isinstance(t, dl.Tensor)])
    return len(train._runs.first_program().calls)  # type: ignore[union-attr]


def test_none_is_more_than_one_loop() -> None:
    assert len(ELEMENTWISE) > 95
    with dl.use_backend("numba"), generating("auto"), np.errstate(all="ignore"):
        found = {row.name: loops(row) for row in ELEMENTWISE}
    assert [name for name, answer in found.items() if not answer] == []
    kernels = {name for name, answer in found.items() if answer == "a kernel"}
    assert kernels >= {"gelu", "elu", "erf", "softsign", "hypot", "pow", "relu", "sigmoid", "logaddexp", "exp"}
