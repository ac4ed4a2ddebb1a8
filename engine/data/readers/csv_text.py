"""CSV files as rows of text: encoding, separator, header and lines, each mistake with its line."""

from __future__ import annotations

import csv
import io
import re
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import DataError
from .folders import regular_file

LARGEST_FILE = 2**31
"""Larger files are refused: the whole table is held in memory."""

HEAD_BYTES = 2**22
"""Bytes that are read of a file of which only the first rows are asked for."""

MOST_COLUMNS = 10_000
SHOWN = 10_000
"""Rows in which the decimal sign of a file is looked for."""

SEPARATORS = (",", ";", "\t", "|")
GAPS = frozenset(("", "na", "n/a", "nan", "null", "none", "?", "-", "--", ".", "#n/a", "<na>", "missing"))
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$")


_NUMERIC = re.compile(r"[-+.0-9eE]*\Z")


@dataclass(frozen=True)
class Rows:
    """The rows of a CSV file: names of columns, text of each field, and the line of each row.

    decimal: the sign before the decimals in the whole file, or "" where its columns do not tell.
    """

    names: list[str]
    rows: list[list[str]]
    lines: list[int]
    decimal: str
    notes: tuple[str, ...] = ()


_CURRENCY = r"(?:[$€£¥₹₩₽]|USD|EUR|GBP|CHF|JPY|CNY|INR|SEK|NOK|DKK|PLN|kr)"
_MONEY = re.compile(rf"(?P<sign>[+-])?{_CURRENCY}?\s*(?P<number>[+-]?[\d.,][\d.,'’\s]*?)\s*(?:{_CURRENCY}|%)?\Z")
_SPACES_GROUP = re.compile(r"[+-]?\d{1,3}(['’\s]\d{3})+([.,]\d*)?\Z")
_GAPS_BETWEEN = re.compile(r"['’\s]")
_OF_COMMA = re.compile(r"[+-]?(\d{1,3}(\.\d{3})+|\d*)(,\d*)?\Z")
_OF_POINT = re.compile(r"[+-]?(\d{1,3}(,\d{3})+|\d*)(\.\d*)?([eE][+-]?\d+)?\Z")
_SHOWS_COMMA = re.compile(r"[+-]?(\d*,(\d{0,2}|\d{4,})|\d{4,},\d*|0*,\d*|\d{1,3}(\.\d{3})+,\d*|\d{1,3}(\.\d{3}){2,})\Z")
_SHOWS_POINT = re.compile(r"[+-]?(\d*\.(\d{0,2}|\d{4,})|\d{4,}\.\d*|0*\.\d*|\d{1,3}(,\d{3})+\.\d*|\d{1,3}(,\d{3}){2,})\Z")
_ONE_GROUP = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}\Z")
_COMMAS_GROUP = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?\Z")
_POINTS_GROUP = re.compile(r"[+-]?\d{1,3}(\.\d{3})+,\d*\Z")


def are_numeric(texts: Iterable[str]) -> bool:
    """Whether texts have only characters of numbers: those that are numbers for Python are numbers for ``NUMBER`` then."""
    return _NUMERIC.match("".join(texts)) is not None


def is_gap(text: str) -> bool:
    """Whether a field says that its value is missing."""
    return text.strip().lower() in GAPS


def read_rows(path: str | Path, most: int | None = None, seconds: float | None = None) -> Rows:
    """The rows of a CSV file, or the first of them: at most so many, or what is read in so many seconds.

    Raises DataError with file and line.
    """
    late = None if seconds is None else time.monotonic() + seconds
    path = regular_file(path)
    size = path.stat().st_size
    if size > LARGEST_FILE:
        raise DataError(f"{path}: {size:,} bytes, of which at most {LARGEST_FILE:,} are read")
    with open(path, "rb") as file:
        content = file.read(-1 if most is None else HEAD_BYTES)
        if len(content) < size:
            cut = content.rfind(b"\n") + 1
            content = content[:cut] if cut and content[:2] not in (b"\xff\xfe", b"\xfe\xff") else content + file.read()
    text, notes = decoded(path, content)
    return parsed(path, text, notes, most, late)


def decoded(path: Path, content: bytes) -> tuple[str, list[str]]:
    """Text of bytes in UTF-8, UTF-16 with a mark, or throughout Windows-1252. Raises DataError with the line."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        try:
            return content.decode("utf-16"), []
        except UnicodeDecodeError as error:
            raise DataError(f"{path}: damaged UTF-16 text ({error.reason} at byte {error.start})") from None
    try:
        text, notes = content.decode("utf-8-sig"), list[str]()
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        wide = re.search(rb"[\xc3-\xf4][\x80-\xbf]", content[: error.start])
        if wide or len(content) > error.start > 0 and error.reason == "unexpected end of data" and error.end == len(content):
            raise DataError(
                f"{path}: line {line}: byte 0x{content[error.start]:02x} is not UTF-8, as the text before is"
            ) from None
        try:
            text = content.decode("cp1252")
        except UnicodeDecodeError:
            raise DataError(f"{path}: line {line}: byte 0x{content[error.start]:02x} is not UTF-8; save it as UTF-8") from None
        notes = [f"read as Windows-1252: byte 0x{content[error.start]:02x} in line {line} is not UTF-8"]
    bad = text.find("\0")
    if bad >= 0:
        raise DataError(f"{path}: line {text.count(chr(10), 0, bad) + 1}: a zero byte: this is no text file")
    return text, notes


def parsed(path: Path, text: str, notes: list[str], most: int | None = None, late: float | None = None) -> Rows:
    """The rows of CSV text, or the first of them: so many, or those read by some moment. Raises DataError with the line."""
    separator = _separator(text)
    names, rows, lines = list[str](), list[list[str]](), list[int]()
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    start = 1
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            if most is not None and rows:  # the head of a file may end within quotes
                break
            raise DataError(f"{path}: line {reader.line_num}: {_plain(str(error))}") from None
        if row is None:
            break
        line, start = start, reader.line_num + 1
        if len(row) <= 1 and not any(field.strip() for field in row):
            continue
        if not names:
            names = _header(path, line, row)
            if _is_data(names):
                names = [f"column{k + 1}" for k in range(len(row))]
                notes.append("the first line has numbers and is data: columns are called column1, column2 ...")
            else:
                continue
        if len(row) != len(names):
            raise DataError(f"{path}: line {line}: {len(row)} fields, where the header has {len(names)}")
        rows.append(row)
        lines.append(line)
        if len(rows) == most:
            break
        if late is not None and len(rows) % 1000 == 0 and time.monotonic() > late:
            share = line / (text.rstrip().count("\n") + 1)
            if share < 1:
                told = f"the first {len(rows):,} rows were read, {100 * share:.0f} % of the file"
                notes.append(f"cut short: {told}, for want of time")
            break
    if not rows:
        raise DataError(f"{path}: no rows in it{' below the header' if names else ''}")
    return Rows(names, rows, lines, _decimal_sign(names, rows, separator), tuple(notes))


def _plain(text: str) -> str:
    """An error of the csv module in plain words."""
    if "field larger" in text:
        return f"a field of more than {csv.field_size_limit():,} characters, perhaps a quote that is not closed"
    if "unexpected end" in text:
        return "the text ends within quotes"
    return text


def _header(path: Path, line: int, row: list[str]) -> list[str]:
    """The names of the columns. Raises DataError for names that repeat."""
    if len(row) > MOST_COLUMNS:
        raise DataError(f"{path}: line {line}: {len(row):,} columns, of which at most {MOST_COLUMNS:,} are read")
    names = [name.strip() or f"column{k + 1}" for k, name in enumerate(row)]
    twice = [name for name, n in Counter(names).items() if n > 1]
    if twice and not _is_data(names):
        raise DataError(f"{path}: line {line}: two columns are called {twice[0]!r}")
    return names


def _is_data(names: list[str]) -> bool:
    """Whether the first line is no header: it has only numbers, or numbers with a point."""
    numeric = [name for name in names if NUMBER.match(name)]
    return len(numeric) == len(names) or any("." in name for name in numeric)


def _separator(text: str) -> str:
    """The separator with which most of the first lines have the same number of fields, more than one."""
    sample = text[:100_000].splitlines()[:50]
    best, most = ",", (0.0, 0)
    for separator in SEPARATORS:
        try:
            counts = [len(row) for row in csv.reader(sample, delimiter=separator) if row]
        except csv.Error:
            continue
        if not counts:
            continue
        width, times = Counter(counts).most_common(1)[0]
        if width > 1 and (times / len(counts), width) > most:
            best, most = separator, (times / len(counts), width)
    return best


def _decimal_sign(names: list[str], rows: list[list[str]], separator: str) -> str:
    """The decimal sign of a whole file, "" if no number shows it or numbers contradict each other.

    1,5 and 1.234,5 and 1.234.567 show a comma; 1.5 and 1,234.5 and 1,234,567 show a point; 1.234 and 1,234 alone show nothing.
    Fields between commas have a point.
    """
    if separator == ",":
        return "."
    found: set[str] = set()
    rows = rows[:SHOWN]
    for k in range(len(names)):
        fields = [field for row in rows if ("," in (field := row[k]) or "." in field) and not is_gap(field)]
        texts = list(map(_amount, fields))
        for sign, shown, number in ((",", _SHOWS_COMMA, _OF_COMMA), (".", _SHOWS_POINT, _OF_POINT)):
            if any(map(shown.match, texts)) and all(map(number.match, texts)):
                found.add(sign)
    return found.pop() if len(found) == 1 else ""


def _amount(text: str) -> str:
    """A number without a currency, a percent sign, and spaces or apostrophes between thousands; any other text as it is."""
    found = _MONEY.match(text.strip())
    if found is None:
        return text
    number = (found["sign"] or "") + found["number"]
    return _GAPS_BETWEEN.sub("", number) if _SPACES_GROUP.match(number) else number


def _plain_numbers(values: list[str], decimal: str) -> list[str]:
    """Numbers as programs write them: without currencies, percent signs and marks of thousands, and with a decimal point."""
    values = list(map(_amount, values))
    commas = [v for v in values if "," in v]
    points = [v for v in values if "." in v]
    both = [v for v in commas if "." in v]
    with_comma = decimal == "," and all(map(_OF_COMMA.match, [*commas, *points]))
    if commas and not decimal:
        with_comma = not points
    if with_comma or (both and all(map(_POINTS_GROUP.match, both))):
        return [v.replace(".", "").replace(",", ".") for v in values]
    if commas and all(map(_COMMAS_GROUP.match, commas)):
        return [v.replace(",", "") for v in values]
    return values


def numbers(texts: Iterable[str], decimal: str) -> list[float | None] | None:
    """The numbers of fields, None for those that are none; None as a whole if no field is a number.

    decimal: the sign before the decimals in the file, "" if it is not known: then a comma is one where no field of the column has
    a point. Thousands may be set apart (1,234.5 or 1.234,5 or 1 234,5 or 1'234.5), and a number may have a currency or end with a
    percent sign.
    """
    values = list(texts)
    if not are_numeric(values) or (decimal == "," and any("." in v for v in values)):
        values = _plain_numbers(values, decimal)
    if are_numeric(values):
        try:
            return list(map(float, values)) or None
        except ValueError:
            pass
    known: dict[str, float | None] = {}
    for value in set(values):
        text = value.strip()
        known[value] = float(text) if NUMBER.match(text) else None
    return [known[v] for v in values] if any(v is not None for v in known.values()) else None


def ambiguous(column: str, texts: Sequence[str]) -> list[str]:
    """A note if each number of a column with a sign in it could be in thousands as well, as 1.250 could."""
    signs = [t for t in map(_amount, texts) if "," in t or "." in t]
    if not signs or not all(map(_ONE_GROUP.match, signs)):
        return []
    said = float(signs[0].replace(",", "."))
    return [f"column {column!r}: {signs[0]} is read as {said:g}, for want of a number that shows what the sign means"]
