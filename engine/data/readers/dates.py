"""Dates in text: which form a column has, and the moments that it names."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from ..host_arrays import HostArray

_TIME = r"(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?$"
_FORMS = {
    "ymd": re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})" + _TIME),
    "dmy": re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})" + _TIME),
    "ym": re.compile(r"(\d{4})[-/](\d{1,2})$"),
}


def dates(texts: Sequence[str]) -> tuple[HostArray, list[int]] | None:
    """The moments of dates, datetime64[s] (N,), and the numbers of texts that are none; None if most are no dates.

    In 3/4/2024 the day comes first, unless a number above 12 in second place shows that the month does.
    """
    if not texts:
        return None
    different = list(dict.fromkeys(texts))
    if len(different) < len(texts) // 2:
        found = dates(different)
        if found is None:
            return None
        number = {text: k for k, text in enumerate(different)}
        rows = np.fromiter((number[t] for t in texts), dtype=np.int64, count=len(texts))
        wrong = np.flatnonzero(np.isin(rows, found[1])).tolist()
        return (found[0][rows], wrong) if len(wrong) < 0.1 * len(texts) + 1 else None
    for name, form in _FORMS.items():
        matches = [form.match(text.strip()) for text in texts]
        if sum(m is not None for m in matches) < 0.9 * len(texts):
            continue
        month_first = name == "dmy" and any(m and int(m[2]) > 12 for m in matches) and all(int(m[1]) <= 12 for m in matches if m)
        moments, bad = np.full(len(texts), np.datetime64("NaT"), dtype="datetime64[s]"), list[int]()
        for i, m in enumerate(matches):
            try:
                moments[i] = _moment(name, m, month_first) if m else np.datetime64("NaT")
            except ValueError:
                m = None
            if m is None:
                bad.append(i)
        return (moments, bad) if len(bad) < 0.1 * len(texts) + 1 and len(bad) < len(texts) else None
    return None


def _moment(form: str, m: re.Match[str], month_first: bool) -> np.datetime64:
    """The moment of one date. Raises ValueError if there is none such."""
    parts = [int(p) for p in m.groups() if p is not None]
    if form == "ym":
        year, month, day, clock = parts[0], parts[1], 1, []
    elif form == "ymd":
        year, month, day, *clock = parts
    else:
        first, second, year, *clock = parts
        day, month = (second, first) if month_first else (first, second)
    hour, minute, second = [*clock, 0, 0, 0][:3]
    if not (hour < 24 and minute < 60 and second < 61):
        raise ValueError(f"no time of day: {hour}:{minute}:{second}")
    return np.datetime64(f"{year:04d}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}:{min(second, 59):02d}", "s")
