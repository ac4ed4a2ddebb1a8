"""The result of a benchmark run, and its JSON form."""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from statistics import median
from typing import Any, Self

from dlengine.errors import DataError
from dlengine.io import reading, write_atomically

from .memory import LIMIT
from .workloads import APART

SCHEMA = "dlengine-bench-1"
OURS = "dlengine"


@dataclass
class Timing:
    """Seconds of one workload in one framework: the median of each turn, and their median, minimum and maximum.

    first: the first call, compilation included. peak_mib: the growth of memory to its peak over a build and three runs; None
    if it cannot be measured. host: on a device, the seconds that a run takes in Python.
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
    """One workload with one malloc setting (heap).

    ratio: the peer's time over ours, the median over the pairs of turns; above 1 dlengine is faster. difference: the largest
    difference between the frameworks' results, relative to the largest value. error: why there is no time. flops and bytes:
    see costs.py. precision: of the products, if it differs from the run's. kernels: the kernels of dlengine that ran. unit:
    the name and the number of the units that one run processes. peer_difference: by how much the peer's results differ from
    those of its reference (peers.py), with which ours agree; None where the peer agrees.
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
    peer_difference: float | None = None

    def pair(self, ours: str, peer: str | None = None) -> None:
        """Compute the ratio from pairs of turns."""
        if peer is None:
            return
        pairs = [b / a for a, b in zip(self.timings[ours].turns, self.timings[peer].turns, strict=True)]
        self.ratio, self.ratio_low, self.ratio_high = median(pairs), min(pairs), max(pairs)

    def label(self, peer: str | None) -> str:
        """The name, with the peer of this row if it differs from the run's."""
        own = [name for name in self.timings if name not in (OURS, peer)]
        return f"{self.name} ({own[0]})" if own and self.kind != "import" else self.name

    @property
    def ratios(self) -> tuple[float, float]:
        """The smallest and the largest ratio of the pairs."""
        return self.ratio_low or 0.0, self.ratio_high or 0.0

    @property
    def memory_ratio(self) -> float | None:
        """Our peak memory over the peer's; below 1 dlengine takes less."""
        peaks = [timing.peak_mib for timing in self.timings.values()]
        if len(peaks) < 2 or peaks[0] is None or not peaks[1]:
            return None
        return peaks[0] / peaks[1]

    @property
    def too_much_memory(self) -> bool:
        return self.kind == "step" and (self.memory_ratio or 0.0) > LIMIT


@dataclass
class Result:
    """The result of a run.

    settings: the options. machine and frameworks: the hardware, and the versions and settings of the libraries. rows: in the
    order of the table. ceilings: the measured rates of a device, see ceilings.py.
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
        """The malloc settings of the rows, in the order of the rows."""
        return list(dict.fromkeys(row.heap for row in self.rows)) or ["default"]

    def paired(self, heap: str) -> list[Row]:
        """The rows of a heap that count in the geometric mean: ops and steps with a ratio, where both compute the same."""
        same = [row for row in self.rows if row.kind not in APART and row.peer_difference is None]
        return [row for row in same if row.heap == heap and row.ratio is not None]

    @property
    def geometric_means(self) -> dict[str, float]:
        """The geometric mean of the ratios for each heap that has any."""
        logs = {heap: [math.log(row.ratio) for row in self.paired(heap) if row.ratio] for heap in self.heaps}
        return {heap: math.exp(sum(found) / len(found)) for heap, found in logs.items() if found}

    @property
    def precision(self) -> dict[str, Any]:
        return dict(self.frameworks[OURS]["precision"])

    def save(self, path: Path) -> None:
        content = json.dumps({**asdict(self), "geometric_means": self.geometric_means}, indent=1) + "\n"
        write_atomically(path, content.encode())

    def save_compact(self, path: Path) -> None:
        """Save with one row a line, without what is empty, and with four digits; for results of many rows."""
        raw = {**asdict(self), "geometric_means": self.geometric_means}
        rows = ",\n".join(json.dumps(_compact(row)) for row in raw.pop("rows"))
        head = json.dumps(raw, indent=1).removesuffix("\n}")
        write_atomically(path, f'{head},\n "rows": [\n{rows}\n]\n}}\n'.encode())

    @classmethod
    def load(cls, path: Path) -> Result:
        """Read a result from a file. Raises DataError if the file holds none."""
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
            _ = result.precision, result.settings["threads"]  # a result without them is damaged
            for row in rows:
                row.unit = (row.unit[0], row.unit[1]) if row.unit else None
                _numbers(row.name, row.ratio, row.ratio_low, row.ratio_high, row.difference, row.flops, row.bytes)
                _numbers(row.name, row.peer_difference)
            return result


def _compact(value: Any) -> Any:
    """Without None and empty text, lists and dictionaries, and with four digits."""
    if isinstance(value, dict):
        kept = {key: _compact(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if key == "timings" or not (item is None or item in ("", [], {}))}
    if isinstance(value, list):
        return [_compact(item) for item in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


def _timing(held: dict[str, Any]) -> Timing:
    timing = Timing(**held)
    _numbers("timings", timing.median, timing.low, timing.high, timing.first, timing.peak_mib, timing.host, *timing.turns)
    return timing


def _numbers(what: str, *values: Any) -> None:
    """Raise DataError for values that are neither numbers nor None."""
    for value in values:
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise DataError(f"{what}: expected a number, got {value!r}")


def check_writable(path: Path) -> None:
    """Raise OSError, before the measurement, if a file cannot be written."""
    folder = path.absolute().parent
    if path.is_dir():
        raise IsADirectoryError(21, "is a folder", str(path))
    if not folder.is_dir():
        raise FileNotFoundError(2, "no such folder", str(folder))
    if not os.access(folder, os.W_OK):
        raise PermissionError(13, "cannot write here", str(folder))
