"""Samples: what a reader found, and what is to be known about it before anything is trained."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ...errors import DataError
from ..host_arrays import HostArray, Rows

CLASSIFICATION, REGRESSION, FORECASTING, GENERATION = "classification", "regression", "forecasting", "generation"
TASKS = (CLASSIFICATION, REGRESSION, FORECASTING, GENERATION)

PARTS = ("train", "validation", "test")
"""The names of the parts of a split."""


@dataclass(frozen=True)
class Samples:
    """Samples that a reader found, with their targets and places.

    Parameters
    ----------
    kind : {"images", "table", "texts", "series", "sounds", "text"}
        What the inputs are.
    inputs : Any
        The N inputs: images (N,C,H,W) uint8 or floating, a Table, a list of texts or waveforms, the values of a
        series, or the characters of a text.
    task : {"classification", "regression", "forecasting", "generation"} or None
        What can be learnt from them.
    targets : numpy.ndarray or None
        The classes as strings (N,), or numbers (N,), float64; None without targets.
    places : sequence of str
        Where each sample is from (N,): a file, or a file and a line.
    groups : numpy.ndarray or None
        The group of each sample (N,); a group is not divided between training and test.
    parts : numpy.ndarray or None
        The part that the data assigns each sample to (N,): "train", "validation" or "test".
    ordered : bool
        Whether the samples are in the order of time, so that the test has to be the latest.
    notes : tuple of str
        What the reader noticed and did, one line each.
    settings : dict
        What else the reader found: sizes, rates, the horizon of a forecast.

    Examples
    --------
    >>> samples = dl.data.Samples("texts", ["good", "bad", "bad"], "classification", np.array(["1", "0", "0"]), list("abc"))
    >>> print(samples.describe())
    3 texts
    2 classes: 1 to 2 samples each
    1 of 3 is a duplicate; duplicates stay in one part of the split: c = b
    """

    kind: str
    inputs: Any
    task: str | None
    targets: HostArray | None
    places: Sequence[str]
    groups: HostArray | None = None
    parts: HostArray | None = None
    ordered: bool = False
    notes: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.places)

    def take(self, rows: Rows) -> Samples:
        """Some of the samples, in this order.

        Parameters
        ----------
        rows : sequence of int
            Sample numbers (M,).

        Returns
        -------
        Samples
            M samples.
        """
        index = np.asarray(rows, dtype=np.int64)
        inputs = self.inputs
        if isinstance(inputs, list):
            inputs = [inputs[i] for i in index]
        elif hasattr(inputs, "take_rows"):
            inputs = inputs.take_rows(index)
        else:
            inputs = inputs[index]

        def part(values: HostArray | None) -> HostArray | None:
            return None if values is None else values[index]

        return replace(
            self,
            inputs=inputs,
            targets=part(self.targets),
            places=[self.places[i] for i in index],
            groups=part(self.groups),
            parts=part(self.parts),
        )

    @property
    def classes(self) -> list[str]:
        """The classes in order: by number if all are integers, else by the alphabet."""
        if self.targets is None or self.task != CLASSIFICATION:
            return []
        found = {str(value) for value in self.targets}
        try:
            return sorted(found, key=int)
        except ValueError:
            return sorted(found)

    def equal(self) -> HostArray:
        """A number for each input, the same for equal inputs.

        Returns
        -------
        numpy.ndarray
            Numbers (N,) from 0, int64.
        """
        if self.kind == "table":
            return np.asarray(self.inputs.equal_rows())
        known: dict[bytes, int] = {}
        found = np.empty(len(self), dtype=np.int64)
        for i, value in enumerate(self.inputs):
            content = value.encode() if isinstance(value, str) else np.ascontiguousarray(value).tobytes()
            found[i] = known.setdefault(hashlib.blake2b(content, digest_size=16).digest(), len(known))
        return found

    def different(self) -> bool:
        """Whether equal inputs are copies rather than a coincidence.

        Returns
        -------
        bool
            False for a table whose columns have fewer combinations of values than there are rows.
        """
        if self.kind != "table":
            return True
        combinations = 1
        for values in self.inputs.columns.values():
            combinations *= int(distinct(values).max(initial=0)) + 1
            if combinations > len(self):
                return True
        return False

    def describe(self) -> str:
        """What was found: number, classes, sizes, gaps, duplicates, balance and leaks.

        Returns
        -------
        str
            One line for each finding.
        """
        return "\n".join(self.findings())

    def findings(self) -> list[str]:
        """The lines of ``describe``.

        Returns
        -------
        list of str
            One line for each finding.
        """
        names = {"table": "rows", "series": "values", "text": "characters"}
        lines = [f"{len(self):,} {names.get(self.kind, self.kind)}{self._sizes()}"]
        if self.task == CLASSIFICATION and self.targets is not None:
            counts = Counter(str(t) for t in self.targets)
            least, most = min(counts.values()), max(counts.values())
            each = f"{least:,} each" if least == most else f"{least:,} to {most:,} samples each"
            lines.append(f"{len(counts)} classes: {each}")
            if most >= 5 * least:
                rare = min(self.classes, key=lambda c: counts[c])
                lines.append(f"unbalanced: {rare!r} has {least:,} of {len(self):,} samples; look at the balanced accuracy too")
        elif self.targets is not None and len(self.targets):
            t = self.targets
            lines.append(f"targets from {t.min():.6g} to {t.max():.6g}, mean {t.mean():.6g}")
        lines += self.notes
        if self.kind not in ("series", "text"):
            lines += self._duplicates()
        return lines

    def _sizes(self) -> str:
        if self.kind == "images" and len(self):
            channels, height, width = self.inputs.shape[1:]
            original = f", read from {self.settings['sizes']}" if "sizes" in self.settings else ""
            colour = {1: "grey", 3: "colour"}.get(channels, f"{channels} channels")
            return f" of {height} x {width} pixels, {colour}{original}"
        if self.kind == "sounds" and len(self):
            rate = self.settings["rate"]
            seconds = [len(x) / rate for x in self.inputs]
            return f" of {min(seconds):.2f} to {max(seconds):.2f} s at {rate:,} Hz"
        if self.kind == "table":
            kinds = Counter(self.inputs.kinds.values())
            return " of " + ", ".join(f"{n} column{'s' * (n > 1)} of {KIND_NAMES[k]}" for k, n in kinds.items())
        return ""

    def _duplicates(self) -> list[str]:
        """Lines about equal inputs: how many, whether their targets differ, and whether a given split has them on both sides."""
        numbers = self.equal()
        order, sizes = np.argsort(numbers, kind="stable"), np.bincount(numbers)
        ends = np.cumsum(sizes)
        equal = sorted((order[ends[k] - sizes[k] : ends[k]].tolist() for k in np.flatnonzero(sizes > 1)), key=lambda g: int(g[0]))
        if not equal:
            return []
        n, first = sum(len(found) - 1 for found in equal), equal[0]
        example = f"{self.places[first[1]]} = {self.places[first[0]]}"
        verb = "is a duplicate" if n == 1 else "are duplicates"
        stay = "; duplicates stay in one part of the split" if self.groups is None and self.different() else ""
        lines = [f"{n:,} of {len(self):,} {verb}{stay}: {example}"]
        if self.targets is not None:
            torn = [found for found in equal if len({str(self.targets[i]) for i in found}) > 1]
            if torn:
                a, b = torn[0][0], next(i for i in torn[0] if str(self.targets[i]) != str(self.targets[torn[0][0]]))
                lines.append(
                    f"{len(torn):,} inputs have more than one target: {self.places[a]} is {self.targets[a]}, "
                    f"{self.places[b]} is {self.targets[b]}"
                )
        if self.parts is not None:
            leaks = [found for found in equal if len({str(self.parts[i]) for i in found}) > 1]
            if leaks:
                a, b = leaks[0][0], next(i for i in leaks[0] if self.parts[i] != self.parts[leaks[0][0]])
                lines[0] = f"{n:,} of {len(self):,} {verb}: {example}"
                lines.append(f"leak: {len(leaks):,} inputs are in several parts: {self.places[a]} = {self.places[b]}")
        return lines


def distinct(values: HostArray) -> HostArray:
    """A number for each value of a column, the same for equal values and for gaps, int64."""
    if values.dtype.kind in "fM":
        return np.asarray(np.unique(values, return_inverse=True)[1])
    known: dict[Any, int] = {}
    return np.fromiter((known.setdefault(v, len(known)) for v in values.tolist()), dtype=np.int64, count=len(values))


KIND_NAMES = {"number": "numbers", "category": "categories", "date": "dates", "text": "text"}


def need_samples(name: str, n: int, what: str) -> None:
    """Raise DataError if nothing was found."""
    if not n:
        raise DataError(f"{name}: no {what} in it")


def some(items: Sequence[str], most: int = 3) -> str:
    """The first items of a list for a message, and how many more there are."""
    shown = ", ".join(items[:most])
    return shown if len(items) <= most else f"{shown} and {len(items) - most:,} more"
