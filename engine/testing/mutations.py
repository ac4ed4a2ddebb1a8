"""Can parity fail? Every op and every kernel is damaged in turn, and `parity` alone must report each damage.

Damages of an op's text: a value times 1.01 (an integer plus one, a truth value turned), each pullback times 1.01, dropped
or its sign turned, value and pullbacks together, an axis or an index off by one, reductions in half precision. Damages of
a kernel: each output times 1.01, dropped or its sign turned, an index off by one, its inputs in half precision.

What cannot be seen is told by rule, never by name. A damage is *equivalent* if, wherever it was applied while the rows of
its op ran, it changed no bit of any result: a pullback that is always zero, an integer that rounds back, an axis of a
vector, a sum of numbers that half precision holds. A damage that was never applied is not one: it is reported as a survivor.
Damages are made only where tracing the rows saw something to damage (an output, a pullback, an axis, an index).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from . import damages, jobs
from .damages import Damage
from .oracle import Oracle
from .parity import check, table
from .proof import Proof
from .survey import survey

LIMIT = 120.0
"""Seconds that one damage may take: a damaged op that does not end is a failed cell."""

OWN = Path(damages.__file__).name

Progress = Callable[[int, int, "Verdict"], None]


@dataclass(frozen=True)
class Verdict:
    """What became of a damage: "caught" (by which cell, with what message), "equivalent" or "survived"."""

    damage: Damage
    outcome: str
    by: str = ""

    def line(self) -> str:
        """For people."""
        return f"{self.damage.words()}: {self.outcome}{f' ({self.by})' if self.by else ''}"


def mutations(pattern: str = "*", *, processes: int = 2, progress: Progress | None = None) -> list[Verdict]:
    """Damage every op and kernel whose name fits a pattern; what became of each.

    Only rows that use the op or kernel run, the cheapest first, until a cell fails; a row that fails undamaged proves
    nothing and is left out.
    """
    found = survey()
    chosen = [p.strip() for p in pattern.split(",")]
    targets = {t: f for t, f in found.items() if any(fnmatch(t.rpartition(":")[2], p) for p in chosen)}
    groups = [[(d, f.rows) for d in f.damages(target)] for target, f in targets.items()]
    groups.sort(key=lambda g: -len(g))
    total, out = sum(map(len, groups)), []
    for (damage, _), verdict in jobs.in_processes(groups, tried, processes, limit=LIMIT):
        if isinstance(verdict, jobs.Died):
            if verdict.raised:
                raise RuntimeError(f"{damage.words()}: {verdict.raised}")
            verdict = Verdict(damage, "caught", verdict.reason)
        out.append(verdict)
        if progress is not None:
            progress(len(out), total, verdict)
    return out


def tried(group: Sequence[tuple[Damage, Sequence[str]]]) -> Iterator[Verdict]:
    """What becomes of some damages, each with the rows that may see it."""
    sound: dict[tuple[str, str, str], bool] = {}
    oracles: dict[tuple[str, str], Oracle] = {}
    for damage, rows in group:
        yield _try(damage, rows, sound, oracles)


def _try(damage: Damage, rows: Sequence[str], sound: dict[Any, bool], oracles: dict[Any, Any]) -> Verdict:
    applied: Counter[str] = Counter()
    jit = damage.part == "jit"
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
            with damages.inflicted(damage, applied) as changed_row:
                cell = check(
                    changed_row or row, name, dtype, oracle=oracle, proof=None if jit else Proof(changed_row or row)
                )
            if not cell.ok:
                if f"({OWN}:" in cell.message:  # a fault of the harness proves nothing
                    raise RuntimeError(f"{damage.words()}: {cell.message}")
                return Verdict(damage, "caught", f"{row_name}, {name}, {dtype}: {cell.message}")
    if applied["reached"] and not applied["changed"]:
        return Verdict(damage, "equivalent", f"{applied['reached']} results, none changed")
    return Verdict(damage, "survived", f"applied {applied['reached']} times in {len(rows)} rows")


def _ok(row: Any, name: str, dtype: str, oracle: Any) -> bool:
    return check(row, name, dtype, oracle=oracle, proof=None if oracle else Proof(row)).ok


def summary(verdicts: Sequence[Verdict]) -> str:
    """The counts, in one line."""
    count = Counter(v.outcome for v in verdicts)
    real = len(verdicts) - count["equivalent"]
    return f"{count['caught']} of {real} damages caught, {count['survived']} survive; {count['equivalent']} change no result"


