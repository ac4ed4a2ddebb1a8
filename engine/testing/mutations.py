"""Mutation tests of parity: every op and kernel is mutated in turn, and `parity` must report each mutant.

Mutations of an op's definition: a value times 1.01 (an integer plus one, a boolean inverted), each pullback times 1.01, set
to zero or negated, value and pullbacks together, an axis or an index off by one, reductions in half precision. Mutations
of a kernel: each output times 1.01, set to zero or negated, an index off by one, its inputs in half precision.

A mutant is *equivalent* if, wherever it was applied while the rows of its op ran, it changed no bit of any result: a
pullback that is always zero, an integer that rounds back, an axis of a vector, a sum of numbers that half precision holds.
This is found by running it, and there are no exceptions by name. A mutant that was never applied is not equivalent: it is
reported as a survivor. Mutants are made only where running the rows showed something to mutate (an output, a pullback, an
axis, an index).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from . import jobs, mutants
from .mutants import Mutant
from .oracle import Oracle
from .parity import check, table
from .proof import Proof
from .survey import survey

LIMIT = 120.0
"""The seconds that one mutant may take; an op that does not end is a failed cell."""

OWN = Path(mutants.__file__).name
"""The file of the mutations, to recognize its errors."""

Progress = Callable[[int, int, "Verdict"], None]


@dataclass(frozen=True)
class Verdict:
    """The outcome of a mutant: "caught" (by: which cell, and its message), "equivalent" or "survived"."""

    mutant: Mutant
    outcome: str
    by: str = ""

    def line(self) -> str:
        """Describe the verdict."""
        return f"{self.mutant.words()}: {self.outcome}{f' ({self.by})' if self.by else ''}"


def mutations(pattern: str = "*", *, processes: int = 2, progress: Progress | None = None) -> list[Verdict]:
    """Mutate every op and kernel whose name matches a pattern; returns the outcomes.

    Only rows that use the op or kernel run, the cheapest first, until a cell fails; a row that fails unmutated
    shows nothing and is skipped.
    """
    found = survey()
    chosen = [p.strip() for p in pattern.split(",")]
    targets = {t: f for t, f in found.items() if any(fnmatch(t.rpartition(":")[2], p) for p in chosen)}
    groups = [[(d, f.rows) for d in f.mutants(target)] for target, f in targets.items()]
    groups.sort(key=lambda g: -len(g))
    total, out = sum(map(len, groups)), []
    for (mutant, _), verdict in jobs.in_processes(groups, tried, processes, limit=LIMIT):
        if isinstance(verdict, jobs.Died):
            if verdict.raised:
                raise RuntimeError(f"{mutant.words()}: {verdict.raised}")
            verdict = Verdict(mutant, "caught", verdict.reason)
        out.append(verdict)
        if progress is not None:
            progress(len(out), total, verdict)
    return out


def tried(group: Sequence[tuple[Mutant, Sequence[str]]]) -> Iterator[Verdict]:
    """Test some mutants, each with the rows that may detect it."""
    sound: dict[tuple[str, str, str], bool] = {}
    oracles: dict[tuple[str, str], Oracle] = {}
    for mutant, rows in group:
        yield _test_mutant(mutant, rows, sound, oracles)


def _test_mutant(mutant: Mutant, rows: Sequence[str], sound: dict[Any, bool], oracles: dict[Any, Any]) -> Verdict:
    applied: Counter[str] = Counter()
    jit = mutant.part == "jit"
    name = "numba" if jit else "numpy"
    for row_name in rows:
        row = table()[row_name]
        for dtype in [d for d in row.dtypes if d in ("float64", "float32")][::-1] if jit else ["float64"]:
            key = (row_name, name, dtype)
            oracle = oracles.setdefault((row_name, dtype), Oracle(row, dtype)) if jit else None
            if key not in sound:
                sound[key] = _ok(row, name, dtype, oracle)
            if not sound[key]:
                continue
            with mutants.activated(mutant, applied) as changed_row:
                cell = check(
                    changed_row or row, name, dtype, oracle=oracle, proof=None if jit else Proof(changed_row or row)
                )
            if not cell.ok:
                if f"({OWN}:" in cell.message:  # an error in the mutation code itself
                    raise RuntimeError(f"{mutant.words()}: {cell.message}")
                return Verdict(mutant, "caught", f"{row_name}, {name}, {dtype}: {cell.message}")
    if applied["reached"] and not applied["changed"]:
        return Verdict(mutant, "equivalent", f"{applied['reached']} results, none changed")
    return Verdict(mutant, "survived", f"applied {applied['reached']} times in {len(rows)} rows")


def _ok(row: Any, name: str, dtype: str, oracle: Any) -> bool:
    return check(row, name, dtype, oracle=oracle, proof=None if oracle else Proof(row)).ok


def summary(verdicts: Sequence[Verdict]) -> str:
    """The counts in one line."""
    count = Counter(v.outcome for v in verdicts)
    real = len(verdicts) - count["equivalent"]
    return f"{count['caught']} of {real} mutants caught, {count['survived']} survive; {count['equivalent']} change no result"


