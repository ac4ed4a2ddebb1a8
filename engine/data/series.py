"""Time series: airline passengers, sunspots, and temperatures in Melbourne."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import DataError
from ..io import reading
from .draws import HostArray
from .sources import DataFile, Place, content


@dataclass(frozen=True)
class TimeSeries:
    """Values float64 (T,) in a unit, and when they were measured (T,)."""

    name: str
    unit: str
    times: tuple[str, ...]
    values: HostArray

    def __len__(self) -> int:
        return len(self.times)


def _file(name: str, size: int, sha256: str) -> DataFile:
    url = f"https://raw.githubusercontent.com/jbrownlee/Datasets/master/{name}"
    return DataFile(size, f"sha256:{sha256}", (Place(f"timeseries/{name}", urls=(url,)),))


AIRLINE = _file("airline-passengers.csv", 2_180, "8cb51be753a718d9be5d76d7e238cc224792754676adc21faa59e954b0201621")
SUNSPOTS = _file("monthly-sunspots.csv", 45_039, "c4ec8cc57d9f6fb6ecdb3e1f37f25b6f4badd5124c55931052b0cd2fc3bc71f3")
TEMPERATURES = _file("daily-min-temperatures.csv", 67_921, "8b9de63ed6789492bf497625e7f9beb96a63d367b4b0a21754006f749fa5e5da")


def airline(*, data_dir: str | Path | None = None) -> TimeSeries:
    """Airline passengers, thousands a month, 1949-01 to 1960-12 (144). Source: Box and Jenkins 1976, series G."""
    return _read(AIRLINE, "airline passengers", "thousands a month", data_dir)


def sunspots(*, data_dir: str | Path | None = None) -> TimeSeries:
    """Monthly mean sunspot numbers, 1749-01 to 1983-12 (2820). Source: Andrews and Herzberg 1985, "Data"."""
    return _read(SUNSPOTS, "sunspots", "mean number a month", data_dir)


def temperatures(*, data_dir: str | Path | None = None) -> TimeSeries:
    """Daily minimum temperatures in Melbourne, degrees Celsius, 1981-01-01 to 1990-12-31 (3650; no 31 December in leap years).

    Source: Australian Bureau of Meteorology.
    """
    return _read(TEMPERATURES, "minimum temperature in Melbourne", "degrees Celsius", data_dir)


def _read(file: DataFile, name: str, unit: str, data_dir: str | Path | None) -> TimeSeries:
    times, values = parse_series(content(file, data_dir).decode("utf-8"), file.name)
    return TimeSeries(name, unit, times, values)


def parse_series(text: str, name: str) -> tuple[tuple[str, ...], HostArray]:
    """Times and values of CSV text with a header and two columns. Raises DataError naming the line."""
    times, values = [], []
    rows = csv.reader(io.StringIO(text))
    with reading(name, DataError, "expected a header and lines of a time and a number"):
        next(rows, None)
        for row in rows:
            with reading(f"{name}: line {rows.line_num}", DataError, f"not a time and a number: {','.join(row)[:60]!r}"):
                time, value = row
                times.append(time)
                values.append(float(value))
    if not values or not np.isfinite(values).all():
        raise DataError(f"{name}: expected finite numbers, got {len(values)} rows")
    return tuple(times), np.array(values, dtype=np.float64)
