"""A value overwritten in place after the forward: backward is right, or raises if (and only if) it needed the value."""

from __future__ import annotations

import pytest

from dlengine.testing import Case
from dlengine.testing.overwrite import overwrites


@pytest.mark.ops_only
@pytest.mark.backends("numpy", "numba", "cuda")
def test_overwrite(row: Case, backend: str) -> None:
    report(row, overwrites(row, every=backend != "cuda-emulate"))


@pytest.mark.slow
@pytest.mark.ops_only
@pytest.mark.backends("cuda")
def test_overwrite_with_every_sample(row: Case, backend: str) -> None:
    report(row, overwrites(row))


def report(row: Case, wrong: list[str]) -> None:
    if wrong:
        pytest.fail(f"{row.name}: " + "; ".join(wrong), pytrace=False)
