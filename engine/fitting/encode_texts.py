"""Texts as the numbers of their words, pairs of words, and runs of two to five characters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ..data.host_arrays import HostArray
from ..data.readers import Samples, read_text_folder
from ..data.readers.columns import columns_of, raw_table
from ..data.readers.folders import regular_file
from ..data.readers.texts import load_text
from ..data.text import words
from ..errors import DataError
from .encode_table import targets_beside
from .encoders import Encoder

MOST_TOKENS = 20_000
"""Size of the vocabulary."""

LONGEST = 600
"""Tokens of a text that are used."""

CHARACTERS, LOOKED_AT = 4_000, 2 * LONGEST
"""Characters and tokens of a text that are looked at."""


def tokens(text: str) -> Iterator[str]:
    """The words (with a mark before), pairs of words, and runs of characters of a text."""
    found = words(text[:CHARACTERS])
    yield from (f"w {w}" for w in found)
    yield from (f"p {a} {b}" for a, b in zip(found, found[1:], strict=False))
    for word in found:
        marked = f"<{word[:30]}>"
        for n in (2, 3, 4, 5):
            yield from (marked[i : i + n] for i in range(len(marked) - n + 1))


class TextEncoder(Encoder):
    """The numbers of the different tokens of a text (N,T), from 1, and 0 after the end."""

    kind = "texts"

    def __init__(self, settings: dict[str, Any]) -> None:
        super().__init__(settings)
        self.numbers = {t: k + 1 for k, t in enumerate(settings["tokens"])}

    @classmethod
    def fitted(cls, samples: Samples) -> TextEncoder:
        counts: Counter[str] = Counter()
        for text in samples.inputs:
            counts.update(set(islice(tokens(text), LOOKED_AT)))
        least = 2 if len(samples) >= 50 else 1
        ranked = sorted((t for t, n in counts.items() if n >= least), key=lambda t: (-counts[t], t))[:MOST_TOKENS]
        if not ranked:
            raise DataError("the texts have no word in common: there is nothing to learn from them")
        made = cls({"tokens": ranked, "length": LONGEST, "column": samples.settings.get("column"), "known": 0.0})
        lengths = [len(row) for row in made._rows(samples)]
        made.settings["length"] = max(4, min(LONGEST, int(np.percentile(lengths, 99))))
        shares = [made._share(text) for text in samples.inputs]
        made.settings["known"] = float(np.percentile(shares, 1)) / 2
        return made

    def _rows(self, samples: Samples) -> list[list[int]]:
        return [list(self._known(text)) for text in samples.inputs]

    def _known(self, text: str) -> dict[int, None]:
        """The numbers of the first different tokens of a text that are known."""
        found: dict[int, None] = {}
        for token in islice(tokens(text), LOOKED_AT):
            number = self.numbers.get(token)
            if number is not None:
                found[number] = None
                if len(found) >= LONGEST:
                    break
        return found

    def _share(self, text: str) -> float:
        """The share of words and short runs of characters that are known."""
        found = [t in self.numbers for t in set(islice(tokens(text), LOOKED_AT)) if len(t) < 4 or t.startswith("w ")]
        return sum(found) / len(found) if found else 0.0

    def encode(self, samples: Samples) -> HostArray:
        length = self.settings["length"]
        out = np.zeros((len(samples), length), dtype=np.int64)
        for i, row in enumerate(self._rows(samples)):
            out[i, : min(length, len(row))] = row[:length]
        return out

    def features(self, encoded: HostArray) -> HostArray:
        """How many tokens are known, and how rare they are."""
        return np.stack([(encoded > 0).sum(axis=1), encoded.sum(axis=1) / np.maximum(1, (encoded > 0).sum(axis=1))], axis=1)

    def read(self, source: Any) -> Samples:
        if isinstance(source, str):
            source = [source]
        columns = columns_of(source) if not isinstance(source, Path) else None
        if columns is not None:
            return self._column("predict", columns, [f"row {i}" for i in range(len(next(iter(columns.values()), [])))])
        if isinstance(source, Path):
            return self._file(source)
        items = list(source)
        if items and all(isinstance(i, Path) for i in items):
            parts = [self._file(i) for i in items]
            texts = [t for p in parts for t in p.inputs]
            return Samples("texts", texts, None, None, [place for p in parts for place in p.places])
        if not all(isinstance(i, str) for i in items):
            raise DataError(f"predict: expected texts, got {type(items[0]).__name__ if items else 'nothing'}")
        return Samples("texts", [str(i) for i in items], None, None, [f"{str(i)[:40]!r}" for i in items])

    def with_targets(self, path: Path, task: str, target: str | None) -> Samples:
        if path.is_dir():
            return read_text_folder(path)
        columns, places, decimal, _ = raw_table(path)
        return targets_beside(self._column(str(path), columns, places), str(path), columns, (places, decimal), (task, target))

    def _file(self, path: Path) -> Samples:
        """The texts of a file: one of a text file, one for each row of a table."""
        if path.suffix.lower() in (".csv", ".tsv", ".tab", ".parquet", ".pq"):
            columns, places, _, _ = raw_table(path)
            return self._column(str(path), columns, places)
        return Samples("texts", [load_text(regular_file(path))], None, None, [str(path)])

    def _column(self, name: str, columns: dict[str, list[Any]], places: list[str]) -> Samples:
        wanted = self.settings["column"] or "text"
        column = wanted if wanted in columns else next(iter(columns)) if len(columns) == 1 else None
        if column is None:
            raise DataError(f"{name}: the column {wanted!r} is missing; there are {', '.join(list(columns)[:12])}")
        return Samples("texts", [str(v or "") for v in columns[column]], None, None, places)

    def unlike(self, samples: Samples) -> list[list[str]]:
        found = []
        for text in samples.inputs:
            share = self._share(text)
            few = share < self.settings["known"] or share == 0
            found.append([f"{100 * share:.0f} % of its words and letters are known"] if few else [])
        return found
