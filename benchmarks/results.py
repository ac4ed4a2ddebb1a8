"""What a run of the benchmark found: its JSON form, and the comparison with an older one."""

from __future__ import annotations

import json
import math
import os
import tempfile
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from statistics import median
from typing import Any, Self

from dlengine.errors import ConfigError, DataError

SCHEMA = "dlengine-bench-1"


@dataclass
class Timing:
    """Seconds of one workload in one framework: the median in each turn, their median, least and greatest.

    first: the very first call, compilation included. peak_mib: resident memory at its peak over a build and three runs,
    less what was resident before; None where it cannot be measured.
    """

    median: float
    low: float
    high: float
    turns: list[float]
    first: float
    peak_mib: float | None = None

    @classmethod
    def of(cls, turns: list[float], first: float, peak_mib: float | None = None) -> Self:
        return cls(median(turns), min(turns), max(turns), turns, first, peak_mib)


@dataclass
class Row:
    """One workload. ratio: peer's time over ours, the median over the pairs of turns; above 1 dlengine is faster.

    difference: largest difference of the frameworks' results, relative to the largest value. error: why there is no time.
    """

    name: str
    kind: str
    sizes: dict[str, int]
    timings: dict[str, Timing] = field(default_factory=dict)
    ratio: float | None = None
    ratio_low: float | None = None
    ratio_high: float | None = None
    difference: float | None = None
    dtypes: list[str] = field(default_factory=list)
    note: str = ""
    error: str | None = None

    def pair(self, ours: str, peer: str | None = None) -> None:
        """Fill in the ratio from the turns, pair by pair."""
        if peer is None:
            return
        pairs = [b / a for a, b in zip(self.timings[ours].turns, self.timings[peer].turns, strict=True)]
        self.ratio, self.ratio_low, self.ratio_high = median(pairs), min(pairs), max(pairs)


@dataclass
class Result:
    """settings: what was asked; machine and frameworks: where and with what it ran; rows in the table's order."""

    settings: dict[str, Any]
    machine: dict[str, Any]
    frameworks: dict[str, dict[str, Any]]
    rows: list[Row] = field(default_factory=list)
    date: str = ""
    schema: str = SCHEMA

    @property
    def geometric_mean(self) -> float | None:
        """Of the ratios of all ops and steps; the import row stands apart."""
        logs = [math.log(row.ratio) for row in self.rows if row.ratio is not None and row.kind != "import"]
        return math.exp(sum(logs) / len(logs)) if logs else None

    @property
    def precision(self) -> dict[str, Any]:
        return dict(self.frameworks["dlengine"]["precision"])

    def save(self, path: Path) -> None:
        write_whole(path, json.dumps({**asdict(self), "geometric_mean": self.geometric_mean}, indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> Result:
        """Read a result back. Raises DataError for a file that is not one."""
        try:
            raw = json.loads(path.read_text())
        except (ValueError, UnicodeDecodeError) as error:
            raise DataError(f"bench: {path} is not JSON: {error}") from error
        if not isinstance(raw, dict) or raw.get("schema") != SCHEMA:
            raise DataError(f"bench: {path} is not a result of dlengine bench --json (schema {SCHEMA})")
        try:
            rows = [
                Row(**{**row, "timings": {name: Timing(**timing) for name, timing in row["timings"].items()}})
                for row in raw["rows"]
            ]
            known = {f.name: raw[f.name] for f in fields(cls)}
            result = cls(**{**known, "rows": rows})
            result.precision  # noqa: B018  a result without it is damaged
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise DataError(f"bench: {path} is damaged: {type(error).__name__} {error}") from error
        return result


@dataclass
class Change:
    """A workload then and now: our seconds in the old result, and how many times faster it is now.

    by_ratio: the gain is that of the ratio to the peer, which a busier machine leaves alone; else of our time.
    """

    old_median: float
    old_ratio: float | None
    gain: float
    by_ratio: bool


def compare(new: Result, old: Result) -> dict[str, Change]:
    """Changes by workload, where both have a time. Raises ConfigError for unlike precision or sizes."""
    if new.precision != old.precision:
        raise ConfigError(f"bench: cannot compare unlike precision: now {new.precision}, then {old.precision}")
    before = {row.name: row for row in old.rows if row.error is None}
    changes = {}
    for row in new.rows:
        then = before.get(row.name)
        if row.error is not None or then is None:
            continue
        if row.sizes != then.sizes or row.dtypes != then.dtypes:
            raise ConfigError(
                f"bench: {row.name} is another workload now: {row.sizes} {row.dtypes}, then {then.sizes} {then.dtypes}"
            )
        now_ours, then_ours = row.timings["dlengine"].median, then.timings["dlengine"].median
        if row.ratio is not None and then.ratio is not None:
            changes[row.name] = Change(then_ours, then.ratio, row.ratio / then.ratio, True)
        else:
            changes[row.name] = Change(then_ours, then.ratio, then_ours / now_ours, False)
    return changes


def write_whole(path: Path, text: str | bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode() if isinstance(text, str) else text)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def check_writable(path: Path) -> None:
    """Refuse, before hours of work, a file that could not be written in the end."""
    folder = path.absolute().parent
    if path.is_dir():
        raise IsADirectoryError(21, "is a folder", str(path))
    if not folder.is_dir():
        raise FileNotFoundError(2, "no such folder", str(folder))
    if not os.access(folder, os.W_OK):
        raise PermissionError(13, "cannot write here", str(folder))
