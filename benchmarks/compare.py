"""What has changed since an older result, and whether it is more than the spread of either."""

from __future__ import annotations

from dataclasses import dataclass

from dlengine.errors import ConfigError

from .results import OURS, Result, Row


@dataclass
class Change:
    """A workload then and now: our seconds in the old result, and how many times faster it is now.

    by_ratio: the gain is that of the ratio to the peer, which a busier machine leaves alone; else of our time.
    significant: the turns of then and now do not overlap.
    """

    old_median: float
    old_ratio: float | None
    gain: float
    by_ratio: bool
    significant: bool


Changes = dict[tuple[str, str], Change]
"""By workload and heap."""


def compare(new: Result, old: Result) -> Changes:
    """Changes where both have a time. Raises ConfigError for unlike precision, threads or sizes."""
    if new.precision != old.precision:
        raise ConfigError(f"bench: cannot compare unlike precision: now {new.precision}, then {old.precision}")
    now, then = new.settings["threads"], old.settings["threads"]
    if now != then:
        raise ConfigError(f"bench: cannot compare unlike threads: now {now}, then {then}")
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
    """By the ratio to the peer where both have one, else by our time."""
    ours, theirs = row.timings[OURS], then.timings[OURS]
    if row.ratio is not None and then.ratio is not None and set(row.timings) == set(then.timings):
        apart = disjoint(row.ratios, then.ratios)
        return Change(theirs.median, then.ratio, row.ratio / then.ratio, True, apart)
    apart = disjoint((ours.low, ours.high), (theirs.low, theirs.high))
    return Change(theirs.median, then.ratio, theirs.median / ours.median, False, apart)


def disjoint(now: tuple[float, float], then: tuple[float, float]) -> bool:
    """Whether two ranges have nothing in common."""
    return now[0] > then[1] or now[1] < then[0]


def headline(changes: Changes) -> str:
    """How many are faster, slower, or within the spread."""
    told = [c for c in changes.values() if c.significant]
    faster = sum(c.gain > 1 for c in told)
    return (
        f"since then: {faster} faster, {len(told) - faster} slower, {len(changes) - len(told)} within the spread of their turns"
    )
