"""Compare two results: the gain of each workload, and whether it exceeds the spread of the turns."""

from __future__ import annotations

from dataclasses import dataclass

from dlengine.errors import ConfigError

from .results import OURS, Result, Row


@dataclass
class Change:
    """A workload in an old and a new result.

    old_median: our seconds in the old result. old_ratio: the ratio to the peer there. gain: how many times faster it is now.
    by_ratio: the gain is that of the ratio to the peer, which depends less on how busy the machine is; otherwise that of our
    time. significant: the ranges of the turns do not overlap.
    """

    old_median: float
    old_ratio: float | None
    gain: float
    by_ratio: bool
    significant: bool


Changes = dict[tuple[str, str], Change]
"""By workload and heap."""


def compare(new: Result, old: Result) -> Changes:
    """The changes of workloads that both results have. Raises ConfigError if precision, threads or sizes differ."""
    if new.precision != old.precision:
        raise ConfigError(f"bench: cannot compare results of different precision: now {new.precision}, then {old.precision}")
    now, then = new.settings["threads"], old.settings["threads"]
    if now != then:
        raise ConfigError(f"bench: cannot compare results of different thread counts: now {now}, then {then}")
    before = {(row.name, row.heap): row for row in old.rows if row.error is None}
    changes = {}
    for row in new.rows:
        then_row = before.get((row.name, row.heap))
        if row.error is not None or then_row is None:
            continue
        if (row.sizes, row.dtypes, row.precision) != (then_row.sizes, then_row.dtypes, then_row.precision):
            now_text, then_text = (f"{r.sizes} {r.dtypes} {r.precision}".rstrip() for r in (row, then_row))
            raise ConfigError(f"bench: {row.name} is another workload now: {now_text}, then {then_text}")
        changes[row.name, row.heap] = change(row, then_row)
    return changes


def change(row: Row, then: Row) -> Change:
    """Compare the ratios to the peer if both have one, otherwise our times."""
    ours, theirs = row.timings[OURS], then.timings[OURS]
    if row.ratio is not None and then.ratio is not None and set(row.timings) == set(then.timings):
        apart = disjoint(row.ratios, then.ratios)
        return Change(theirs.median, then.ratio, row.ratio / then.ratio, True, apart)
    apart = disjoint((ours.low, ours.high), (theirs.low, theirs.high))
    return Change(theirs.median, then.ratio, theirs.median / ours.median, False, apart)


def disjoint(now: tuple[float, float], then: tuple[float, float]) -> bool:
    """Whether two ranges do not overlap."""
    return now[0] > then[1] or now[1] < then[0]


def headline(changes: Changes) -> str:
    """How many workloads are faster, slower, or within the spread."""
    significant = [c for c in changes.values() if c.significant]
    faster = sum(c.gain > 1 for c in significant)
    slower, same = len(significant) - faster, len(changes) - len(significant)
    return f"since then: {faster} faster, {slower} slower, {same} within the spread of their turns"
