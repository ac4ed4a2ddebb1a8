"""Derivatives of every row against central differences in float64, second order by differentiating the gradient."""

from __future__ import annotations

import pytest

from dlengine.testing import Case, check_gradients


@pytest.mark.backends("numpy")
def test_first_and_second_order(row: Case, backend: str) -> None:
    check_gradients(row, backend)


@pytest.mark.backends("numba", "cuda")
def test_first_order_of_the_fused_pullbacks(row: Case, backend: str) -> None:
    check_gradients(row, backend, order=1)
