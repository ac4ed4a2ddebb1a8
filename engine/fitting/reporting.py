"""What the ways from data to a bundle share: lines that are said, and figures that are added to the report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from ..data.host_arrays import HostArray
from .bundle import Bundle
from .figures import Measured
from .splits import Division

Say = Callable[[str], None]
B = TypeVar("B", bound=Bundle)


def split_line(division: Division) -> str:
    """How the samples were divided."""
    sizes = f"{len(division.train):,} train, {len(division.validation):,} validate, {len(division.test):,} test"
    return f"split: {sizes}; {division.reason}"


def reported(bundle: B, figures: dict[str, list[Measured]], test: dict[str, HostArray], say: Say) -> B:
    """The bundle with its figures on the test part."""
    bundle.report = replace(bundle.report, figures=figures, test=test)
    for line in bundle.report.results():
        say(line)
    return bundle
