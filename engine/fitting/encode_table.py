"""Tables as numbers: scaled numbers, one column for each category, and waves of the calendar for dates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..data.host_arrays import HostArray
from ..data.readers import Samples, Table, read_arrays
from ..data.readers.columns import columns_of, raw_table
from ..data.readers.csv_text import numbers
from ..data.readers.dates import dates
from ..data.readers.table import field_texts, is_missing, missing, target_values
from ..data.text import words
from ..errors import DataError
from .encoders import Encoder

KNOTS = 65
"""Quantiles that describe the distribution of a column of numbers."""

LEVELS = 100
"""The most categories of a column that are told apart; rarer ones count as none of them."""

MOST_WORDS, LEAST_ROWS = 300, 3
"""The most words of a column of text, and the rows that a word must be in."""

SCALED = 6.0
"""Numbers are cut off at so many standard deviations."""

MOST_WARNINGS = 3
"""Columns that are named in the warnings of a row."""

DAY = 86_400.0
PERIODS = {"year": 365.2425 * DAY, "week": 7 * DAY, "day": DAY}


class TableEncoder(Encoder):
    """Columns beside each other: a number as it is and by its rank, a category as a column, a date by its age and season."""

    kind = "table"

    @classmethod
    def fitted(cls, samples: Samples) -> TableEncoder:
        table: Table = samples.inputs
        makers = {"number": _number, "category": _category, "date": _date, "text": _words}
        columns = [{"name": name, "kind": kind, **makers[kind](table.columns[name])} for name, kind in table.kinds.items()]
        return cls({"columns": columns, "decimal": samples.settings.get("decimal", "")})

    def encode(self, samples: Samples) -> HostArray:
        table: Table = samples.inputs
        makers = {"number": _numbers_of, "date": _dates_of, "text": _words_of}
        parts = [makers.get(c["kind"], _categories_of)(c, table.columns[c["name"]]) for c in self.settings["columns"]]
        return np.concatenate([np.empty((len(table), 0)), *parts], axis=1).astype(np.float32)

    def read(self, source: Any) -> Samples:
        items = [source] if isinstance(source, str | Path) else source
        if isinstance(items, list | tuple) and items and all(isinstance(i, str | Path) for i in items):
            parts = [self._file(Path(i)) for i in items]
            columns = {c["name"]: [v for part, _, _ in parts for v in part[c["name"]]] for c in self.settings["columns"]}
            places = [place for _, found, _ in parts for place in found]
            decimal = next((sign for *_, sign in parts if sign), self.settings.get("decimal", ""))
        else:
            columns, places = self._values(source)
            decimal = "."
        table = {c["name"]: self._typed(c, columns[c["name"]], places, decimal) for c in self.settings["columns"]}
        kinds = {c["name"]: c["kind"] for c in self.settings["columns"]}
        return Samples("table", Table(table, kinds), None, None, places)

    def with_targets(self, path: Path, task: str, target: str | None) -> Samples:
        if path.suffix.lower() in (".npz", ".npy"):
            return read_arrays(path)
        columns, places, decimal, _ = raw_table(path)
        return targets_beside(self.read(path), str(path), columns, (places, decimal), (task, target))

    def _file(self, path: Path) -> tuple[dict[str, list[Any]], list[str], str]:
        columns, places, decimal, _ = raw_table(path)
        self._check(str(path), columns)
        return columns, places, decimal

    def _check(self, name: str, columns: Mapping[str, Any]) -> None:
        lacking = [c["name"] for c in self.settings["columns"] if c["name"] not in columns]
        if lacking:
            told = ", ".join(repr(n) for n in lacking[:5])
            raise DataError(f"{name}: missing columns: {told}; there are {', '.join(list(columns)[:12])}")

    def _values(self, source: Any) -> tuple[dict[str, list[Any]], list[str]]:
        """Columns of a dict, dicts, a data frame, or an array of numbers."""
        names = [c["name"] for c in self.settings["columns"]]
        if isinstance(source, Mapping) and source and not any(_is_list(v) for v in source.values()):
            source = [source]  # one row
        columns = columns_of(source)
        if columns is None:
            array = np.asarray(source)
            array = array[None] if array.ndim == 1 and len(array) == len(names) else array
            if array.ndim != 2 or array.shape[1] != len(names):
                raise DataError(
                    f"predict: expected rows of {len(names)} columns ({', '.join(names[:6])}{' ...' * (len(names) > 6)}), "
                    f"got {type(source).__name__} {array.shape}"
                )
            columns = {name: list(array[:, k]) for k, name in enumerate(names)}
        self._check("predict", columns)
        return columns, [f"row {i}" for i in range(len(next(iter(columns.values()), [])))]

    def _typed(self, column: Mapping[str, Any], values: Sequence[Any], places: Sequence[str], decimal: str) -> HostArray:
        """The values of a column in its kind. Raises DataError."""
        texts = field_texts(values)
        rows = [i for i, t in enumerate(texts) if t]
        present = [texts[i] for i in rows]
        if column["kind"] == "number":
            found = numbers(present, decimal) or [None] * len(rows)
            array = np.full(len(texts), np.nan)
            for i, v in zip(rows, found, strict=True):
                if v is None:
                    raise DataError(f"{places[i]}: {column['name']!r} must be a number, got {texts[i]!r}")
                array[i] = v
            return np.where(np.isinf(array), np.nan, array)
        if column["kind"] == "date":
            times = np.full(len(texts), np.datetime64("NaT"), dtype="datetime64[s]")
            for i, text in zip(rows, present, strict=True):
                found_date = dates([text])
                if found_date is None or found_date[1]:
                    raise DataError(f"{places[i]}: {column['name']!r} must be a date, got {text!r}")
                times[i] = found_date[0][0]
            return times
        return np.array([t or None for t in texts], dtype=object)

    def unlike(self, samples: Samples) -> list[list[str]]:
        table: Table = samples.inputs
        found: list[list[str]] = [[] for _ in samples.places]
        for column in self.settings["columns"]:
            values, name = table.columns[column["name"]], column["name"]
            gap = missing(values)
            if not column["gaps"]:
                for i in np.flatnonzero(gap):
                    found[i].append(f"{name} is missing, as in no row of the training data")
            if column["kind"] == "number":
                low, high = column["knots"][0], column["knots"][-1]
                margin = 0.1 * (high - low)
                for i in np.flatnonzero((values < low - margin) | (values > high + margin)):
                    found[i].append(f"{name} {values[i]:.6g} is outside of {low:.6g} to {high:.6g}")
            elif column["kind"] == "category" and not column["rare"]:
                levels = set(column["levels"])
                for i in np.flatnonzero(~gap):
                    if values[i] not in levels:
                        found[i].append(f"{name} {values[i]!r} is unknown")
        return [w[:MOST_WARNINGS] + [f"{len(w) - MOST_WARNINGS} more columns"] * (len(w) > MOST_WARNINGS) for w in found]


def targets_beside(
    samples: Samples, name: str, columns: Mapping[str, list[Any]], rows: tuple[list[str], str], wanted: tuple[str, str | None]
) -> Samples:
    """Samples with the targets in a column of their table. Raises DataError."""
    (places, decimal), (task, target) = rows, wanted
    if target is None or target not in columns:
        raise DataError(f"{name}: the column {target!r} with the truth is missing; there are {', '.join(list(columns)[:12])}")
    there = [i for i, v in enumerate(columns[target]) if not is_missing(v)]
    if not there:
        raise DataError(f"{name}: the column {target!r} has no values")
    given = [columns[target][i] for i in there]
    found, _ = target_values(f"{name}: target {target!r}", given, decimal, task, [places[i] for i in there])
    return replace(samples.take(there), targets=found, task=task)


def _is_list(value: Any) -> bool:
    return hasattr(value, "__len__") and not isinstance(value, str | bytes)


def _number(values: HostArray) -> dict[str, Any]:
    """What encodes a column of numbers: mean, deviation, quantiles, and whether it has gaps."""
    there = values[~np.isnan(values)]
    if not len(there):
        there = np.zeros(1)
    knots = np.quantile(there, np.linspace(0, 1, KNOTS))
    low, high = np.quantile(there, [0.005, 0.995])
    cut = there.clip(low, high)
    std = float(cut.std())
    if not np.isfinite(std) or std <= 1e-12 * max(1.0, float(np.abs(cut).max())):
        std = 1.0
    return {"mean": float(cut.mean()), "std": std, "knots": knots.tolist(), "gaps": bool(np.isnan(values).any())}


def _numbers_of(column: Mapping[str, Any], values: HostArray) -> HostArray:
    """Two or three columns: the scaled number, its rank as a normal number, and whether it is missing."""
    from scipy.special import ndtri

    gap = np.isnan(values)
    filled = np.where(gap, column["mean"], values)
    scaled = ((filled - column["mean"]) / column["std"]).clip(-SCALED, SCALED)
    knots = np.array(column["knots"])
    ranks = np.linspace(0, 1, len(knots))
    # Equal quantiles: a value gets the mean of the ranks from below and from above.
    below, above = np.interp(filled, knots, ranks), 1 - np.interp(-filled, -knots[::-1], ranks)
    normal = ndtri(((below + above) / 2).clip(0.005, 0.995))
    parts = [scaled, np.where(gap, 0.0, normal), *([gap.astype(float)] if column["gaps"] else [])]
    return np.stack(parts, axis=1)


def _category(values: HostArray) -> dict[str, Any]:
    """What encodes a column of categories: the frequent ones."""
    counts = Counter(str(v) for v in values if v is not None)
    ranked = sorted(counts, key=lambda v: (-counts[v], v))
    return {"levels": ranked[:LEVELS], "rare": len(ranked) > LEVELS, "gaps": any(v is None for v in values)}


def _categories_of(column: Mapping[str, Any], values: HostArray) -> HostArray:
    """A column for each category and one for gaps; unknown categories are 0 in all."""
    places = {level: k for k, level in enumerate(column["levels"])}
    out = np.zeros((len(values), len(places) + bool(column["gaps"])))
    gap = len(places) if column["gaps"] else -1
    number = np.fromiter((gap if v is None else places.get(v, -1) for v in values), dtype=np.int64, count=len(values))
    rows = np.flatnonzero(number >= 0)
    out[rows, number[rows]] = 1.0
    return out


def _words(values: HostArray) -> dict[str, Any]:
    """What encodes a column of text: the words that are in several rows."""
    counts = Counter(w for v in values if v is not None for w in set(words(v)))
    ranked = sorted((w for w, n in counts.items() if n >= LEAST_ROWS), key=lambda w: (-counts[w], w))
    return {"words": ranked[:MOST_WORDS], "gaps": any(v is None for v in values)}


def _words_of(column: Mapping[str, Any], values: HostArray) -> HostArray:
    """A column for each word: whether the text has it."""
    places = {word: k for k, word in enumerate(column["words"])}
    out = np.zeros((len(values), len(places)))
    for i, value in enumerate(values):
        for word in set(words(value)) if value is not None else ():
            if word in places:
                out[i, places[word]] = 1.0
    return out


def _date(values: HostArray) -> dict[str, Any]:
    """What encodes a column of dates: mean and deviation in seconds, and which periods of the calendar it covers."""
    there = values[~np.isnat(values)].astype("datetime64[s]").astype(np.int64).astype(np.float64)
    if not len(there):
        there = np.zeros(1)
    span = float(np.ptp(there))
    whole_days = bool((there % DAY == 0).all())
    periods = [name for name, length in PERIODS.items() if span > length and not (name == "day" and whole_days)]
    return {
        "mean": float(there.mean()), "std": float(there.std()) or 1.0, "periods": periods, "gaps": bool(np.isnat(values).any()),
    }  # fmt: skip


def _dates_of(column: Mapping[str, Any], values: HostArray) -> HostArray:
    gap = np.isnat(values)
    seconds = np.where(gap, column["mean"], values.astype("datetime64[s]").astype(np.int64).astype(np.float64))
    parts = [((seconds - column["mean"]) / column["std"]).clip(-SCALED, SCALED)]
    parts += waves(seconds, column["periods"])
    return np.stack([np.where(gap, 0.0, p) for p in parts] + ([gap.astype(float)] if column["gaps"] else []), axis=1)


def waves(seconds: HostArray, periods: Sequence[str]) -> list[HostArray]:
    """Cosine and sine of the place in each period of the calendar."""
    found = []
    for name in periods:
        angle = 2 * np.pi * seconds / PERIODS[name]
        found += [np.cos(angle), np.sin(angle)]
    return found
