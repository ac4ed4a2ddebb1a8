"""Nothing escapes: every op and kernel is mutated in turn, and `parity` alone reports it; see dlengine.testing.mutations."""

from __future__ import annotations

import pytest

from dlengine.testing.mutations import Verdict, mutations, summary


def survivors(found: list[Verdict]) -> list[str]:
    return [v.line() for v in found if v.outcome == "survived"]


def test_three_that_once_escaped_every_test() -> None:
    found = mutations("logsumexp,erf,scatter_add", processes=2)
    assert survivors(found) == []
    assert {v.mutant.name for v in found} == {"logsumexp", "erf", "scatter_add"}
    kinds = {v.mutant.kind for v in found if v.mutant.name == "scatter_add"}
    assert kinds >= {"value", "pull", "pull-drop", "pull-negate", "both", "index"}
    assert all(v.outcome == "caught" and v.by for v in found if v.mutant.kind in ("value", "both"))


def test_what_changes_nothing_is_told_by_rule() -> None:
    """The gradient of step is zero everywhere, so no change of it can be seen."""
    found = {v.mutant.kind: v.outcome for v in mutations("step", processes=1)}
    assert found["value"] == "caught"
    assert found["pull"] == found["pull-drop"] == found["pull-negate"] == "equivalent"


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_no_mutant_survives() -> None:
    found = mutations(processes=2)
    assert survivors(found) == [], summary(found)
    assert len(found) > 1500
    assert {v.mutant.part for v in found} >= {"op", "row", "reference"}
