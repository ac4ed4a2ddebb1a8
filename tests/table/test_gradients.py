"""Derivatives of every row against central differences in float64, second order by differentiating the gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dlengine.testing import Case, calls, check_gradients

DTYPE = "float64"


@pytest.mark.backends("numpy")
def test_first_and_second_order(row: Case, backend: str) -> None:
    check_gradients(row, backend)


@pytest.mark.slow  # test_parity compares these gradients with those of numpy, which the test above proves
@pytest.mark.backends("numba", "cuda")
def test_first_order_of_the_fused_pullbacks(row: Case, backend: str) -> None:
    check_gradients(row, backend, order=1)


def values(row: Case, number: int, grad: bool) -> list[Any]:
    """The outputs of a sample, with or without a graph."""
    sample = row.samples[number]
    args, _ = calls.tensors(sample, calls.draw(row, number, DTYPE), grad=grad)
    with calls.seeded():
        return [calls.host(y) for y in calls.flat(row.op(*args, **calls.consts(sample)))]


@pytest.mark.backends("numba", "cuda")
def test_values_are_the_same_without_a_graph(row: Case, backend: str) -> None:
    """Kernels for inference are others than those that keep what a pullback reads."""
    with calls.default_dtype(DTYPE):
        for number, sample in enumerate(row.samples):
            if calls.differentiates(row, sample):
                for a, b in zip(values(row, number, True), values(row, number, False), strict=True):
                    same = np.allclose(a, b, rtol=1e-9, atol=1e-11, equal_nan=True) if isinstance(a, np.ndarray) else a == b
                    assert same, f"sample {number}"
