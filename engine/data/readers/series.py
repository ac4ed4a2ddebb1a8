"""Series of one's own: a CSV file with a column of times and a column of values."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...errors import ConfigError, DataError
from ..host_arrays import HostArray
from .csv_text import Rows, is_gap, numbers, read_rows
from .dates import dates
from .samples import FORECASTING, Samples, some

SEASONS = {3600: 24, 86400: 7, 604800: 52, 2592000: 12, 7776000: 4}
"""Steps of a season for values by the hour, day, week, month and quarter; found in the values if they have another one."""


HEAD, MOST_COLUMNS = 2000, 6
"""Rows by which a long table is seen to be no series, and the most columns of a file that is taken for one without being told."""

MOST_MISSING = 0.1
"""The largest share of values that may be missing."""


def read_series(path: str | Path, target: str | None = None, *, horizon: int | None = None) -> Samples:
    """Read a series from a CSV file with a column of times and one or more columns of numbers.

    The rows must be in the order of time. Gaps of up to a tenth of the values are filled by straight lines.

    Parameters
    ----------
    path : str or Path
        The file.
    target : str, optional
        The column to forecast, by default the last one of numbers.
    horizon : int, optional
        The number of steps to forecast, by default a season.

    Returns
    -------
    Samples
        The values (N,) with their times.

    Raises
    ------
    DataError
        If the file is no such series; the message names file and line.
    ConfigError
        If the column does not exist or the horizon is less than 1.

    Examples
    --------
    >>> with open("sales.csv", "w") as file:
    ...     _ = file.write("month,sales\\n" + "".join(f"2024-{m:02d},{10 * m}\\n" for m in range(1, 13)))
    >>> samples = dl.data.read_series("sales.csv", horizon=3)
    >>> samples.inputs[:3], samples.settings["step"]
    (array([10., 20., 30.]), 'month')
    """
    found = read_rows(path)
    name = str(path)
    columns = {column: [row[k].strip() for row in found.rows] for k, column in enumerate(found.names)}
    if target is not None and target not in columns:
        raise ConfigError(f"{name}: no column {target!r}; there are {some(found.names, 12)}")
    if horizon is not None and (isinstance(horizon, bool) or not isinstance(horizon, int) or horizon < 1):
        raise ConfigError(f"{name}: horizon must be a whole number of at least 1, got {horizon!r}")
    times = next(((c, d) for c, v in columns.items() if c != target and (d := dates(v)) is not None and not d[1]), None)
    numeric = [c for c, v in columns.items() if (times is None or c != times[0]) and _mostly_numbers(v, found.decimal)]
    chosen = target or (numeric[-1] if numeric else None)
    if chosen is None:
        raise DataError(f"{name}: no column of numbers to forecast")
    notes = list(found.notes)
    if target is None and len(numeric) > 1:
        notes.append(f"forecasts the column {chosen!r}, the last one of numbers (--target NAME chooses another)")
    lines = [f"{name}: line {line}" for line in found.lines]
    values = _values(columns[chosen], found.decimal, chosen, lines, notes)
    moments = None if times is None else times[1][0]
    step = _step(moments, lines)
    if moments is not None:
        moments, values, lines = _even(moments, values, lines, notes)
    return samples_of_series(values, moments, step, lines, notes, {"target": chosen, "horizon": horizon})


def samples_of_series(
    values: HostArray,
    moments: HostArray | None,
    step: str,
    places: Sequence[str],
    notes: list[str],
    settings: dict[str, object],
) -> Samples:
    """Samples of the values of a series in the order of time."""
    if len(values) < 24:
        notes.append(f"{len(values)} values are few: 24 or more are needed to learn from")
    times = None if moments is None else [str(m) for m in moments]
    return Samples(
        "series", values, FORECASTING, None, places, ordered=True, notes=tuple(notes),
        settings={**settings, "step": step, "times": times},
    )  # fmt: skip


def looks_like_series(path: str | Path) -> bool:
    """Whether a CSV file has a column of times in order, evenly spaced, beside numbers alone."""
    found = read_rows(path, 1)
    if len(found.names) <= MOST_COLUMNS:
        found = read_rows(path, HEAD)
    if len(found.rows) == HEAD and _is_series(found):
        found = read_rows(path)
    return _is_series(found)


def _is_series(found: Rows) -> bool:
    if not 2 <= len(found.names) <= MOST_COLUMNS or len(found.rows) < 12:
        return False
    columns = {name: [row[k].strip() for row in found.rows] for k, name in enumerate(found.names)}
    first, *others = columns
    moments = dates(columns[first])
    if moments is None or moments[1] or not all(_mostly_numbers(columns[c], found.decimal) for c in others):
        return False
    steps = np.diff(moments[0]).astype(np.int64)
    return bool((steps > 0).all()) and float(np.percentile(steps, 90)) <= 1.15 * float(np.percentile(steps, 10))


def _mostly_numbers(texts: Sequence[str], decimal: str) -> bool:
    present = [t for t in texts if not is_gap(t)]
    found = numbers(present, decimal) if present else None
    return found is not None and sum(v is not None for v in found) >= 0.95 * len(texts)


def _values(texts: Sequence[str], decimal: str, column: str, lines: Sequence[str], notes: list[str]) -> HostArray:
    """The numbers of the column, with gaps filled. Raises DataError."""
    present = [i for i, t in enumerate(texts) if not is_gap(t)]
    found = numbers([texts[i] for i in present], decimal) if present else None
    if found is None:
        raise DataError(f"{lines[0]}: the column {column!r} has no numbers")
    values = np.full(len(texts), np.nan)
    for i, v in zip(present, found, strict=True):
        if v is None:
            raise DataError(f"{lines[i]}: {column!r} must be a number, got {texts[i]!r}")
        values[i] = v
    values[np.isinf(values)] = np.nan
    gaps = np.flatnonzero(np.isnan(values))
    if len(gaps) > MOST_MISSING * len(values):
        raise DataError(f"{lines[gaps[0]]}: {len(gaps):,} of {len(values):,} values of {column!r} are missing")
    if len(gaps):
        notes.append(f"{len(gaps):,} missing values were filled by straight lines, the first in {lines[gaps[0]]}")
        there = np.flatnonzero(~np.isnan(values))
        values[gaps] = np.interp(gaps, there, values[there])
    return values


def _even(
    moments: HostArray, values: HostArray, lines: list[str], notes: list[str]
) -> tuple[HostArray, HostArray, list[str]]:
    """Times, values and places with the steps that the file leaves out, filled by straight lines, if they are few."""
    steps = np.diff(moments).astype(np.int64)
    usual = float(np.median(steps)) if len(steps) else 1.0
    wide = np.flatnonzero(steps > 1.5 * usual)
    if not len(wide):
        return moments, values, lines
    counts = np.maximum(1, np.rint(steps / usual)).astype(np.int64)
    n = int(counts.sum()) + 1
    where = lines[wide[0] + 1]
    if n - len(values) > MOST_MISSING * n:
        notes.append(f"{len(wide):,} steps in time are longer than usual, the first before {where}: they count as one step")
        return moments, values, lines
    notes.append(f"{n - len(values):,} times that the file leaves out were filled by straight lines, the first before {where}")
    places = np.concatenate([[0], np.cumsum(counts)])
    seconds = np.rint(np.interp(np.arange(n), places, moments.astype(np.int64))).astype(np.int64)
    after = np.searchsorted(places, np.arange(n))
    return seconds.astype("datetime64[s]"), np.interp(np.arange(n), places, values), [lines[k] for k in after]


def _step(moments: HostArray | None, lines: Sequence[str]) -> str:
    """The name of the time between two values. Raises DataError if they are not in the order of time."""
    if moments is None or len(moments) < 2:
        return "step"
    steps = np.diff(moments).astype(np.int64)
    back = np.flatnonzero(steps <= 0)
    if len(back):
        what = "the same time as" if steps[back[0]] == 0 else "earlier than"
        raise DataError(f"{lines[back[0] + 1]}: {moments[back[0] + 1]} is {what} the line before: sort the file by time")
    usual = float(np.median(steps))
    names = {
        "second": 1,
        "minute": 60,
        "hour": 3600,
        "day": 86400,
        "week": 604800,
        "month": 2629800,
        "quarter": 7889400,
        "year": 31557600,
    }
    return min(names, key=lambda n: abs(np.log(usual / names[n])))
