"""Every row has an independent text, and its value in float64 agrees with it. There are no exceptions."""

from __future__ import annotations

from dlengine.testing import Case
from dlengine.testing.reference import check_reference


def test_value_is_the_references(row: Case) -> None:
    for number in range(len(row.samples)):
        assert check_reference(row, number) == []
