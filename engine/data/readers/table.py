"""Tables: columns of numbers, categories, dates and text with gaps, from CSV, Parquet, data frames and dicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import ConfigError, DataError
from ..host_arrays import HostArray, Rows
from .columns import raw_table
from .csv_text import GAPS, ambiguous, are_numeric, is_gap, numbers
from .dates import dates
from .samples import CLASSIFICATION, REGRESSION, TASKS, Samples, distinct, some

TARGETS = ("target", "label", "class", "outcome", "y", "species", "diagnosis", "survived", "category", "sentiment")
"""Names of columns that are taken as the target if none is named."""

WORDS = 3.0
"""Mean number of words from which a column is text rather than a category."""

FEW_CLASSES = 20
"""A target of at most so many different integers is a class."""


class Table:
    """Columns of equal length: numbers float64 with NaN, dates datetime64[s] with NaT, categories and text str with None.

    Parameters
    ----------
    columns : dict
        Values (N,) by name.
    kinds : dict
        "number", "category", "date" or "text" by name.

    Examples
    --------
    >>> columns = {"age": np.array([31.0, np.nan]), "city": np.array(["Rome", None])}
    >>> table = dl.data.Table(columns, {"age": "number", "city": "category"})
    >>> len(table), table.gaps()
    (2, {'age': 1, 'city': 1})
    """

    def __init__(self, columns: Mapping[str, HostArray], kinds: Mapping[str, str]) -> None:
        self.columns, self.kinds = dict(columns), dict(kinds)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def take_rows(self, rows: Rows) -> Table:
        """Some of the rows, in this order.

        Parameters
        ----------
        rows : sequence of int
            Row numbers (M,).

        Returns
        -------
        Table
            M rows.
        """
        return Table({name: values[rows] for name, values in self.columns.items()}, self.kinds)

    def without(self, *names: str) -> Table:
        """The table without some columns.

        Parameters
        ----------
        *names : str
            The columns to leave out.

        Returns
        -------
        Table
            The other columns.
        """
        kept = {n: v for n, v in self.columns.items() if n not in names}
        return Table(kept, {n: self.kinds[n] for n in kept})

    def gaps(self) -> dict[str, int]:
        """The number of missing values of each column that has some.

        Returns
        -------
        dict
            Numbers by name.
        """
        counts = {name: int(missing(values).sum()) for name, values in self.columns.items()}
        return {name: n for name, n in counts.items() if n}

    def equal_rows(self) -> HostArray:
        """A number for each row, the same for equal rows.

        Returns
        -------
        numpy.ndarray
            Numbers (N,) from 0, int64.
        """
        found = np.zeros(len(self), dtype=np.int64)
        for values in self.columns.values():
            number = distinct(values)
            found = np.unique(found * (int(number.max(initial=0)) + 1) + number, return_inverse=True)[1]
            if int(found.max(initial=0)) + 1 == len(found):
                break
        return found


def missing(values: HostArray) -> HostArray:
    """Which values are missing: NaN, NaT or None."""
    if values.dtype.kind == "f":
        return np.isnan(values)
    if values.dtype.kind == "M":
        return np.isnat(values)
    return np.array([v is None for v in values], dtype=bool)


def read_table(
    path: str | Path,
    target: str | None = None,
    *,
    task: str | None = None,
    group: str | None = None,
    seconds: float | None = None,
) -> Samples:
    """Read a table with a header from CSV (separated by comma, semicolon, tab or bar) or Parquet.

    Numbers, dates, categories and text are told apart by their values. Columns that are empty, constant or number the rows are
    left out, with a note. Empty fields and NA, NaN, null, ? are gaps. A table with one column of text beside the target gives
    texts.

    Parameters
    ----------
    path : str or Path
        The file.
    target : str, optional
        The column to predict; by default the one called target, label, class ..., else the last one.
    task : {"classification", "regression"}, optional
        By default classification for words and for few different integers, else regression.
    group : str, optional
        The column whose rows of equal value stay in one part of the split, such as a patient.
    seconds : float, optional
        The most seconds to read for; then a part of the rows is used, with a note.

    Returns
    -------
    Samples
        The table, or the texts.

    Raises
    ------
    DataError
        If the file is no table; the message names file and line.
    ConfigError
        If a column or the task does not exist.

    Examples
    --------
    >>> with open("people.csv", "w") as file:
    ...     _ = file.write("age,city,left\\n31,Rome,yes\\n,Oslo,no\\n45,Rome,no\\n")
    >>> samples = dl.data.read_table("people.csv")
    >>> samples.task, samples.classes, samples.inputs.kinds
    ('classification', ['no', 'yes'], {'age': 'number', 'city': 'category'})
    """
    columns, places, decimal, notes = raw_table(Path(path), seconds)
    return samples_of_columns(str(path), columns, places, decimal, notes, {"target": target, "task": task, "group": group})


def samples_of_columns(
    name: str, columns: dict[str, list[Any]], places: Sequence[str], decimal: str, notes: list[str], options: Mapping[str, Any]
) -> Samples:
    """Samples of columns as a file or a data frame has them."""
    target, task, group = options.get("target"), options.get("task"), options.get("group")
    if task not in (None, CLASSIFICATION, REGRESSION):
        raise ConfigError(f"{name}: task must be {CLASSIFICATION} or {REGRESSION} for a table, got {task!r}; known: {TASKS}")
    for column in (target, group):
        if column is not None and column not in columns:
            raise ConfigError(f"{name}: no column {column!r}; there are {some(list(columns), 12)}")
    if len(columns) < 2:
        raise DataError(f"{name}: a table needs at least two columns, one of them to predict; got {some(list(columns))}")
    named = target if target is not None else next((c for t in TARGETS for c in columns if c.lower() == t and c != group), None)
    chosen: str = named if named is not None else next(c for c in reversed(columns) if c != group)
    if target is None:
        notes.append(f"predicts the column {chosen!r}{'' if named else ', the last one'} (--target NAME chooses another)")
    rows = [i for i, t in enumerate(field_texts(columns[chosen])) if t]
    if not rows:
        raise DataError(f"{name}: the target {chosen!r} has no values")
    if len(rows) < len(places):
        notes.append(f"{len(places) - len(rows):,} rows without a {chosen!r} were left out")
        columns = {k: [v[i] for i in rows] for k, v in columns.items()}
        places = [places[i] for i in rows]
    targets, found_task = target_values(f"{name}: target {chosen!r}", columns[chosen], decimal, task, places)
    if found_task == REGRESSION and not decimal:
        notes += ambiguous(chosen, field_texts(columns[chosen]))
    groups = None if group is None else np.array([field_text(v) for v in columns[group]])
    inputs = {k: v for k, v in columns.items() if k not in (chosen, group)}
    table = _typed(name, inputs, places, decimal, notes)
    texts = [k for k, kind in table.kinds.items() if kind == "text"]
    settings: dict[str, Any] = {"target": chosen, "decimal": decimal}
    if len(texts) == 1 and len(table.columns) == 1:
        return Samples(
            "texts", [v or "" for v in table.columns[texts[0]]], found_task, targets, places, groups,
            notes=tuple(notes), settings={**settings, "column": texts[0]},
        )  # fmt: skip
    if texts:
        notes.append(f"of columns of text, the frequent words are used: {some(texts)}")
    gaps = table.gaps()
    if gaps:
        most = sorted(gaps, key=lambda k: -gaps[k])
        notes.append(f"gaps: {some([f'{k} {gaps[k]:,} ({100 * gaps[k] / len(places):.0f} %)' for k in most], 4)}")
    ordered = _by_time(table)
    if ordered:
        notes.append(f"the rows are in the order of {ordered!r}: the test is the latest part")
    return Samples(
        "table", table, found_task, targets, places, groups, ordered=bool(ordered), notes=tuple(notes), settings=settings
    )


def target_values(
    what: str, values: Sequence[Any], decimal: str, task: str | None, places: Sequence[str]
) -> tuple[HostArray, str]:
    """Targets as numbers or as class names, and the task. Raises DataError."""
    texts = [field_text(v) for v in values]
    found = numbers(texts, decimal)
    numeric = found is not None and all(v is not None for v in found)
    if task is None:
        few = False
        if numeric and found is not None:
            different = set(found)
            whole = all(v is not None and v == int(v) for v in different)
            few = whole and len(different) <= FEW_CLASSES and (len(found) >= 5 * len(different) or different <= {0.0, 1.0})
        task = CLASSIFICATION if not numeric or few else REGRESSION
    if task == REGRESSION:
        if found is None or not numeric:
            wrong = next(i for i, v in enumerate(found or [None]) if v is None)
            raise DataError(f"{places[wrong]}: {what.partition(': ')[2]} must be a number, got {texts[wrong]!r}")
        return np.array(found, dtype=np.float64), task
    if numeric and found is not None and all(v is not None and v == int(v) for v in found):
        texts = [str(int(v)) for v in found if v is not None]  # 1 and 1.0 are one class
    return np.array(texts, dtype=str), task


def field_text(value: Any) -> str:
    """A value of a table as text; dates in the form of ISO 8601."""
    if value is None:
        return ""
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and value != value) or is_gap(field_text(value))


def field_texts(values: Sequence[Any]) -> list[str]:
    """Values of a column as text, "" for those that are missing."""
    if not all(type(v) is str for v in values):
        return ["" if is_missing(v) else field_text(v) for v in values]
    gaps = set(values) if not are_numeric(values) else GAPS.intersection(values)
    gaps = {v for v in gaps if v and is_gap(v)}
    return ["" if v in gaps else v for v in values] if gaps else list(values)


def _typed(name: str, columns: Mapping[str, list[Any]], places: Sequence[str], decimal: str, notes: list[str]) -> Table:
    """The columns by kind, without those that say nothing."""
    typed: dict[str, HostArray] = {}
    kinds: dict[str, str] = {}
    left_out: dict[str, list[str]] = {"empty": [], "constant": [], "different in each row": []}
    for column, values in columns.items():
        texts = field_texts(values)
        present = [t for t in texts if t]
        if not present:
            left_out["empty"].append(column)
        elif len(set(present)) == 1 and len(present) == len(texts) and len(texts) > 1:
            left_out["constant"].append(column)
        else:
            kind, array = _column(column, texts, places, decimal, notes)
            if numbers_rows(kind, array):
                left_out["different in each row"].append(column)
            else:
                typed[column], kinds[column] = array, kind
    for why, names in left_out.items():
        if names:
            notes.append(f"columns left out, {why}: {some(names, 6)}")
    if not typed:
        raise DataError(f"{name}: no column is left to predict from: {'; '.join(notes)}")
    return Table(typed, kinds)


def _column(column: str, texts: list[str], places: Sequence[str], decimal: str, notes: list[str]) -> tuple[str, HostArray]:
    """The kind of a column and its values."""
    rows = [i for i, t in enumerate(texts) if t]
    present = [texts[i] for i in rows]
    found = numbers(present, decimal)
    wrong = [] if found is None else [i for i, v in zip(rows, found, strict=True) if v is None]
    if found is not None and len(wrong) <= 0.05 * len(rows):
        if wrong:
            what = f"line of {places[wrong[0]]}" if "line" not in places[wrong[0]] else places[wrong[0]]
            notes.append(
                f"column {column!r}: {len(wrong):,} fields are no numbers and count as gaps: {texts[wrong[0]]!r} in {what}"
            )
        array = np.full(len(texts), np.nan)
        array[rows] = [np.nan if v is None else v for v in found]
        array[np.isinf(array)] = np.nan
        if not decimal:
            notes += ambiguous(column, present)
        return "number", array
    moments = dates(present)
    if moments is not None:
        times = np.full(len(texts), np.datetime64("NaT"), dtype="datetime64[s]")
        times[rows] = moments[0]
        if moments[1]:
            i = rows[moments[1][0]]
            notes.append(
                f"column {column!r}: {len(moments[1]):,} fields are no dates and count as gaps: {texts[i]!r} in {places[i]}"
            )
        return "date", times
    values = np.array([t or None for t in texts], dtype=object)
    words = sum(t.count(" ") + 1 for t in present) / len(present)
    long = words >= WORDS and len(set(present)) > 0.5 * len(present)
    return ("text" if long else "category"), values


def numbers_rows(kind: str, values: HostArray) -> bool:
    """Whether a column only tells rows apart: a key, or the number of the row."""
    n = len(values)
    if n < 20:
        return False
    if kind == "category":
        return len({v for v in values if v is not None}) > 0.9 * n
    return kind == "number" and bool((np.diff(values) == 1).all())


def _by_time(table: Table) -> str | None:
    """The first column of dates in whose order the rows are."""
    for name, kind in table.kinds.items():
        values = table.columns[name]
        if kind == "date" and not missing(values).any() and len(Counter(values.tolist())) > 0.5 * len(values):
            steps = np.diff(values).astype(np.int64)
            if len(steps) > 10 and (steps >= 0).all():
                return name
    return None
