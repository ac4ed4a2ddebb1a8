"""Columns of a table as a file or a data frame has them: texts and values, before anything is told apart."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import BackendUnavailable, DataError
from ...generator import Generator
from ...io import reading
from ..host_random import permutation
from .csv_text import read_rows
from .folders import regular_file

UNDERSTOOD, LEAST_READ = 3.5, 1000
"""Telling numbers, dates and words apart takes about so many times as long as splitting a file into fields; and the rows that are
always read."""


def raw_table(path: Path, seconds: float | None = None) -> tuple[dict[str, list[Any]], list[str], str, list[str]]:
    """Columns of texts and values as a file has them, the places of the rows, the decimal sign, and notes.

    With a limit on time, so many rows of it, chosen at random, as are understood in that time.
    """
    start = time.monotonic()
    if path.suffix.lower() in (".parquet", ".pq"):
        columns = _parquet(regular_file(path))
        n = len(next(iter(columns.values()), []))
        if not n:
            raise DataError(f"{path}: no rows in it")
        return columns, [f"{path}: row {i + 1}" for i in range(n)], ",", []
    found = read_rows(path, seconds=None if seconds is None else seconds / 2)
    rows, lines, notes = found.rows, found.lines, list(found.notes)
    share = 1.0 if seconds is None else (seconds - time.monotonic() + start) / (UNDERSTOOD * (time.monotonic() - start))
    if share < 1 and len(rows) > LEAST_READ:
        kept = np.sort(permutation(Generator(0), len(rows))[: max(LEAST_READ, int(share * len(rows)))]).tolist()
        notes.append(f"cut short: {len(kept):,} of {len(rows):,} rows, chosen at random, are used for want of time")
        rows, lines = [rows[k] for k in kept], [lines[k] for k in kept]
    columns = dict(zip(found.names, map(list, zip(*rows, strict=True)), strict=True))
    return columns, [f"{path}: line {line}" for line in lines], found.decimal, notes


def _parquet(path: Path) -> dict[str, list[Any]]:
    """The columns of a Parquet file, by pyarrow or polars."""
    try:
        from pyarrow import parquet
    except ImportError:
        try:
            import polars
        except ImportError:
            raise BackendUnavailable(f"{path}: Parquet is read by pyarrow or polars; mend: pip install pyarrow") from None
        with reading(path, DataError, what="not a readable Parquet file"):
            return {str(k): list(v) for k, v in polars.read_parquet(path).to_dict(as_series=False).items()}
    with reading(path, DataError, what="not a readable Parquet file"):
        return {str(k): list(v) for k, v in parquet.read_table(path).to_pydict().items()}


def columns_of(data: Any) -> dict[str, list[Any]] | None:
    """The columns of a dict of lists, a list of dicts, or a data frame of pandas or polars; None for anything else."""
    if isinstance(data, Mapping):
        found = {str(k): list(v) for k, v in data.items() if not isinstance(v, str)} if data else {}
        if len(found) == len(data) and len({len(v) for v in found.values()}) == 1:
            return found
        return None
    if isinstance(data, Sequence) and data and all(isinstance(row, Mapping) for row in data):
        names = list(dict.fromkeys(str(k) for row in data for k in row))
        return {name: [row.get(name) for row in data] for name in names}
    if hasattr(data, "columns") and hasattr(data, "__getitem__") and not isinstance(data, np.ndarray):
        frame: Any = data
        return {str(name): list(frame[name]) for name in frame.columns}
    return None
