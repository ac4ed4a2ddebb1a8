"""What a run of the benchmark found, and its JSON form."""

from __future__ import annotations

import json
import math
import os
import tempfile
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from statistics import median
from typing import Any, Self

from dlengine.errors import DataError
from dlengine.io import reading

from .memory import LIMIT
from .workloads import APART

SCHEMA = "dlengine-bench-1"
OURS = "dlengine"


@dataclass
class Timing:
    """Seconds of one workload in one framework: the median in each turn, their median, least and greatest.

    first: the very first call, compilation included. peak_mib: memory at its peak over a build and three runs, less what was
    there before; None where it cannot be measured. host: seconds that a run keeps the Python thread, on a device.
    """

    median: float
    low: float
    high: float
    turns: list[float]
    first: float
    peak_mib: float | None = None
    host: float | None = None

    @classmethod
    def of(cls, turns: list[float], first: float, peak_mib: float | None = None, host: float | None = None) -> Self:
        return cls(median(turns), min(turns), max(turns), turns, first, peak_mib, host)


@dataclass
class Row:
    """One workload on one heap. ratio: peer's time over ours, the median over the pairs of turns; above 1 dlengine is faster.

    difference: largest difference of the frameworks' results, relative to the largest value. error: why there is no time.
    flops and bytes: see work.py. precision: of the products, where it is not the run's own. kernels: those of ours that ran.
    unit: what is counted beside seconds, and how many of them in a run.
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
    heap: str = "default"
    flops: float | None = None
    bytes: float | None = None
    precision: str = ""
    kernels: list[str] = field(default_factory=list)
    unit: tuple[str, int] | None = None

    def pair(self, ours: str, peer: str | None = None) -> None:
        """Fill in the ratio from the turns, pair by pair."""
        if peer is None:
            return
        pairs = [b / a for a, b in zip(self.timings[ours].turns, self.timings[peer].turns, strict=True)]
        self.ratio, self.ratio_low, self.ratio_high = median(pairs), min(pairs), max(pairs)

    def label(self, peer: str | None) -> str:
        """The name, and the row's own peer where it is not the run's."""
        own = [name for name in self.timings if name not in (OURS, peer)]
        return f"{self.name} ({own[0]})" if own and self.kind != "import" else self.name

    @property
    def ratios(self) -> tuple[float, float]:
        """Least and greatest ratio of the pairs."""
        return self.ratio_low or 0.0, self.ratio_high or 0.0

    @property
    def memory_ratio(self) -> float | None:
        """Our peak of memory over the peer's; below 1 dlengine takes less."""
        peaks = [timing.peak_mib for timing in self.timings.values()]
        if len(peaks) < 2 or peaks[0] is None or not peaks[1]:
            return None
        return peaks[0] / peaks[1]

    @property
    def too_much_memory(self) -> bool:
        return self.kind == "step" and (self.memory_ratio or 0.0) > LIMIT


@dataclass
class Result:
    """settings: what was asked; machine and frameworks: where and with what it ran; rows in the table's order.

    ceilings: what a device can do at best, see ceilings.py.
    """

    settings: dict[str, Any]
    machine: dict[str, Any]
    frameworks: dict[str, dict[str, Any]]
    rows: list[Row] = field(default_factory=list)
    date: str = ""
    ceilings: dict[str, float] = field(default_factory=dict)
    schema: str = SCHEMA

    @property
    def heaps(self) -> list[str]:
        """The settings of malloc that there are rows of, in the order of the first rows."""
        return list(dict.fromkeys(row.heap for row in self.rows)) or ["default"]

    def paired(self, heap: str) -> list[Row]:
        """The rows of a heap that the geometric mean is of: every op and step with a ratio."""
        return [row for row in self.rows if row.heap == heap and row.ratio is not None and row.kind not in APART]

    @property
    def geometric_means(self) -> dict[str, float]:
        """Of the ratios, for each heap that has any."""
        logs = {heap: [math.log(row.ratio) for row in self.paired(heap) if row.ratio] for heap in self.heaps}
        return {heap: math.exp(sum(found) / len(found)) for heap, found in logs.items() if found}

    @property
    def precision(self) -> dict[str, Any]:
        return dict(self.frameworks[OURS]["precision"])

    def save(self, path: Path) -> None:
        write_whole(path, json.dumps({**asdict(self), "geometric_means": self.geometric_means}, indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> Result:
        """Read a result back. Raises DataError for a file that is not one."""
        with reading(f"bench: {path}", DataError, "record it again with dlengine bench --json"):
            raw = json.loads(path.read_text())
            if not isinstance(raw, dict) or raw.get("schema") != SCHEMA:
                raise DataError(f"bench: {path} is not a result of dlengine bench --json (schema {SCHEMA})")
            rows = [
                Row(**{**row, "timings": {name: _timing(timing) for name, timing in row["timings"].items()}})
                for row in raw["rows"]
            ]
            known = {f.name: raw[f.name] for f in fields(cls) if f.name in raw}
            result = cls(**{**known, "rows": rows})
            result.precision, result.settings["threads"]  # noqa: B018  a result without them is damaged
            for row in rows:
                row.unit = (row.unit[0], row.unit[1]) if row.unit else None
                _numbers(row.name, row.ratio, row.ratio_low, row.ratio_high, row.difference, row.flops, row.bytes)
            return result


def _timing(held: dict[str, Any]) -> Timing:
    timing = Timing(**held)
    _numbers("timings", timing.median, timing.low, timing.high, timing.first, timing.peak_mib, timing.host, *timing.turns)
    return timing


def _numbers(what: str, *values: Any) -> None:
    """Raises DataError for what is neither a number nor absent."""
    for value in values:
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise DataError(f"{what}: expected a number, got {value!r}")


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
