"""Where a GPU's library differs from NumPy by its nature: complex functions, singular matrices, running totals of halves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine.kernels.cuda import emulator
from dlengine.testing import rows, ulp
from dlengine.testing.calls import Outcome
from dlengine.testing.judge import Judge
from dlengine.testing.oracle import Oracle

(ROW,) = (replace(row, bound=ulp(8)) for row in rows("tan")[:1])


def judge(gpu: bool) -> Judge:
    return Judge(ROW, "numpy", "float32", Oracle(ROW, "float32"), gpu)


@pytest.mark.parametrize(("gpu", "kind", "ok"), [(False, "c8", False), (True, "c8", True), (True, "f4", False)])
def test_complex_functions_are_held_to_the_row_s_bound_alone(
    gpu: bool, kind: str, ok: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NumPy is right to the last bit here; what is off by 6 units is within the row's 8, and more than four times as wrong."""
    j = judge(gpu)
    base = np.full(3, 1, kind)
    monkeypatch.setattr(j, "expected", lambda *given: base.dtype)
    got = base + np.asarray(6 * np.finfo("f4").eps, kind)
    j.compare("value", 0, got, base.astype("c16" if kind == "c8" else "f8"), base, None, "here")
    assert j.cell.ok
    j.baseline()
    assert j.cell.ok is ok


def test_a_complex_function_beyond_the_row_s_bound_fails_on_a_gpu_too(monkeypatch: pytest.MonkeyPatch) -> None:
    j = judge(True)
    base = np.full(3, 1, "c8")
    monkeypatch.setattr(j, "expected", lambda *given: base.dtype)
    j.compare("value", 0, base + np.complex64(9 * np.finfo("f4").eps), base.astype("c16"), base, None, "here")
    assert not j.cell.ok


@pytest.mark.parametrize(("gpu", "error", "y", "accepted"), [
    (True, np.linalg.LinAlgError("singular"), [[np.nan, 1.0]], True),
    (True, np.linalg.LinAlgError("singular"), [[np.inf, 1.0]], True),
    (True, np.linalg.LinAlgError("singular"), [[2.0, 1.0]], False),  # a number, as if there were an inverse
    (True, dl.errors.ShapeError("shape"), [[np.nan, 1.0]], False),
    (False, np.linalg.LinAlgError("singular"), [[np.nan, 1.0]], False),
])  # fmt: skip
def test_a_singular_matrix_may_show_in_the_numbers(gpu: bool, error: Exception, y: Any, accepted: bool) -> None:
    assert judge(gpu).accepts(error, Outcome([np.array(y)])) is accepted


@pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))
def test_halves_are_added_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """2048 + 1 is 2048 in float16, and the square of 300 no number."""
    fake_cupy = pytest.importorskip("fake_cupy")
    with fake_cupy.installed(monkeypatch), dl.use_backend("cuda"):
        ones = dl.ones((3000,), dtype="float16")
        assert float(dl.cumulative_sum(ones)[-1]) == 3000
        assert float(dl.sum(ones)) == 3000
        large = dl.asarray(np.array([300.0, -300.0] * 50, "f2"))
        assert float(dl.std(large)) == 300
        assert float(dl.mean(dl.asarray(np.full(40, 60000.0, "f2")))) == 60000
