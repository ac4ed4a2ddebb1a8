"""Strides are the caller's business: any layout of the inputs gives the same values and gradients, and stays as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dlengine.testing import Case, calls
from dlengine.testing.layouts import LAYOUTS, contiguous, frozen, spread

DTYPE = "float64"


def arranged(arrays: list[Any], f: Callable[[Any], Any]) -> list[Any]:
    return [arranged(a, f) if isinstance(a, list) else f(a) if isinstance(a, np.ndarray) else a for a in arrays]


def leaves(arrays: list[Any]) -> list[Any]:
    return [a for a in calls.flat(arrays) if isinstance(a, np.ndarray)]


def outcome(row: Case, number: int, arrays: list[Any]) -> calls.Outcome | type[Exception]:
    """What the call gives, or the kind of error it raises."""
    try:
        return calls.run(row, row.samples[number], arrays, DTYPE, share=True)
    except (ValueError, RuntimeError) as error:
        return type(error)


def same(a: Any, b: Any) -> bool:
    """Equal, but for the order in which a library sums differently strided operands."""
    if not isinstance(a, np.ndarray):
        return bool(a == b or a != a and b != b)
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.kind not in "fc":
        return np.array_equal(a, b)
    size = np.max(np.abs(b[np.isfinite(b)]), initial=0.0)
    return np.allclose(a, b, rtol=1e-11, atol=1e-12 * (1 + size), equal_nan=True)


def compare(row: Case, number: int, arrays: list[Any], layout: Callable[[Any], Any], name: str, want: Any) -> None:
    laid = arranged(arrays, layout)
    copies = [x.copy() for x in leaves(laid)]
    got = outcome(row, number, arranged(laid, frozen))
    place = f"sample {number}, {name}"
    for x, before in zip(leaves(laid), copies, strict=True):
        assert np.array_equal(x, before, equal_nan=x.dtype.kind in "fc"), f"{place}: an input was changed"
    if isinstance(want, type) or isinstance(got, type):
        assert got is want, place
        return
    for i, (a, b) in enumerate(zip(got.outputs, want.outputs, strict=True)):
        assert same(a, b), f"{place}: output {i} differs"
    for i, (a, b) in enumerate(zip(got.grads, want.grads, strict=True)):
        assert same(a, b), f"{place}: gradient {i} differs"


@pytest.mark.ops_only
@pytest.mark.backends("numpy", "numba", "cuda")
def test_layouts(row: Case, backend: str) -> None:
    if not backend.startswith(("num", "cuda-emulate")):
        pytest.skip("host arrays are laid out here")
    with calls.default_dtype(DTYPE):
        for number in range(len(row.samples)):
            arrays = calls.draw(row, number, DTYPE)
            want = outcome(row, number, arranged(arrays, contiguous))
            for name, layout in LAYOUTS.items():
                compare(row, number, arrays, layout, name, want)
            repeated = arranged(arrays, lambda x: np.array(spread(x)))
            compare(row, number, repeated, spread, "broadcast", outcome(row, number, repeated))
