"""Every row's value in float64 agrees with an independent text."""

from __future__ import annotations

import pytest

from dlengine.testing import Case
from dlengine.testing.reference import check_reference


def test_value_is_the_references(row: Case) -> None:
    if row.reference is None and row.properties is None:
        pytest.skip("no reference yet")
    for number in range(len(row.samples)):
        assert check_reference(row, number) == []
