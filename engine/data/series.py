"""Time series: airline passengers, sunspots, and temperatures in Melbourne."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

import numpy as np

from ..errors import DataError
from ..io import reading
from .host_arrays import Folder, HostArray
from .sources import DataFile, Place, content


@dataclass(frozen=True)
class TimeSeries:
    """A series of measurements and their times.

    Parameters
    ----------
    name : str
        What was measured.
    unit : str
        Unit of the values.
    times : tuple of str
        When the values were measured (T,).
    values : numpy.ndarray
        Values (T,), float64.

    Examples
    --------
    >>> series = dl.data.TimeSeries("rain", "mm", ("2024-01", "2024-02"), np.array([61.0, 48.5]))
    >>> len(series)
    2
    """

    name: str
    unit: str
    times: tuple[str, ...]
    values: HostArray

    def __len__(self) -> int:
        return len(self.times)


def _file(name: str, size: int, sha256: str) -> DataFile:
    """A CSV file of the collection that the series come from."""
    url = f"https://raw.githubusercontent.com/jbrownlee/Datasets/master/{name}"
    return DataFile(size, f"sha256:{sha256}", (Place(f"timeseries/{name}", urls=(url,)),))


AIRLINE = _file("airline-passengers.csv", 2_180, "8cb51be753a718d9be5d76d7e238cc224792754676adc21faa59e954b0201621")
SUNSPOTS = _file("monthly-sunspots.csv", 45_039, "c4ec8cc57d9f6fb6ecdb3e1f37f25b6f4badd5124c55931052b0cd2fc3bc71f3")
TEMPERATURES = _file("daily-min-temperatures.csv", 67_921, "8b9de63ed6789492bf497625e7f9beb96a63d367b4b0a21754006f749fa5e5da")


def airline(*, data_dir: Folder = None) -> TimeSeries:
    """Load monthly airline passengers, 1949 to 1960.

    144 values in thousands a month. The file is downloaded into the data folder at the first call.

    Parameters
    ----------
    data_dir : str or Path, optional
        Folder of data files, by default ``data_folder()``.

    Returns
    -------
    TimeSeries
        Values (144,).

    Raises
    ------
    DataError
        If the file is missing and cannot be downloaded, or is damaged.

    References
    ----------
    Box and Jenkins, "Time series analysis: forecasting and control", 1976, series G.

    Examples
    --------
    >>> if dl.data.held("airline"):  # else the call downloads it
    ...     assert len(dl.data.airline()) == 144
    """
    return _read(AIRLINE, "airline passengers", "thousands a month", data_dir)


def sunspots(*, data_dir: Folder = None) -> TimeSeries:
    """Load monthly mean sunspot numbers, 1749 to 1983.

    2,820 values. The file is downloaded into the data folder at the first call.

    Parameters
    ----------
    data_dir : str or Path, optional
        Folder of data files, by default ``data_folder()``.

    Returns
    -------
    TimeSeries
        Values (2820,).

    Raises
    ------
    DataError
        If the file is missing and cannot be downloaded, or is damaged.

    References
    ----------
    Andrews and Herzberg, "Data", 1985.

    Examples
    --------
    >>> if dl.data.held("sunspots"):  # else the call downloads it
    ...     assert len(dl.data.sunspots()) == 2820
    """
    return _read(SUNSPOTS, "sunspots", "mean number a month", data_dir)


def temperatures(*, data_dir: Folder = None) -> TimeSeries:
    """Load daily minimum temperatures in Melbourne, 1981 to 1990.

    3,650 values in degrees Celsius; there is no 31 December in leap years. The file is downloaded into the data folder at the
    first call. Source: Australian Bureau of Meteorology.

    Parameters
    ----------
    data_dir : str or Path, optional
        Folder of data files, by default ``data_folder()``.

    Returns
    -------
    TimeSeries
        Values (3650,).

    Raises
    ------
    DataError
        If the file is missing and cannot be downloaded, or is damaged.

    Examples
    --------
    >>> if dl.data.held("temperatures"):  # else the call downloads it
    ...     assert len(dl.data.temperatures()) == 3650
    """
    return _read(TEMPERATURES, "minimum temperature in Melbourne", "degrees Celsius", data_dir)


def _read(file: DataFile, name: str, unit: str, data_dir: Folder) -> TimeSeries:
    """Load one series."""
    times, values = parse_series(content(file, data_dir).decode("utf-8"), file.name)
    return TimeSeries(name, unit, times, values)


def parse_series(text: str, name: str) -> tuple[tuple[str, ...], HostArray]:
    """Times and values of CSV text with a header and two columns. Raises DataError that names the line."""
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
