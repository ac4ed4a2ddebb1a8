"""Every row has an independent text, and its value in float64 agrees with it, also at special points. No exceptions."""

from __future__ import annotations

from dlengine.testing import Case
from dlengine.testing.proof import Proof, at_special_points
from dlengine.testing.reference import check_reference


def test_value_is_the_references(row: Case) -> None:
    for number in range(len(row.samples)):
        assert check_reference(row, number) == []
    assert Proof(row).values() == []


def test_derivatives_at_special_points(row: Case) -> None:
    """At 0, the smallest and the largest numbers, of first and second order; see dlengine.testing.pointwise."""
    assert not row.differentiable or at_special_points(row) == []
