"""Parity cells as text, JSON and HTML, for `dlengine parity`."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from ..show import COLOURS, Page, label_axes, new_figure, png
from ..show.figures import BAD
from .cell import Cell


@dataclass
class Summary:
    """The counts of a backend's cells.

    independent: cells with a reference. answered: cells in which a kernel of the backend ran. alone: cells with neither,
    which compare an op with itself; unexplained: those of them without a reason. worst: the cell that uses most of its bound.
    """

    backend: str
    cells: int = 0
    passed: int = 0
    launches: int = 0
    fell_back: int = 0
    independent: int = 0
    answered: int = 0
    alone: int = 0
    unexplained: int = 0
    worst: Cell | None = None

    def line(self) -> str:
        """The counts as a line of text."""
        text = f"{self.backend}: {self.passed} of {self.cells} cells pass"
        text += f"; {self.independent} have an independent reference, a kernel ran in {self.answered}"
        text += f" ({self.launches} launches)" if self.answered else ""
        text += f", {self.alone} compare an op with itself"
        text += f" ({self.unexplained} without a reason)" if self.unexplained else ""
        if self.fell_back:
            text += f", {self.fell_back} cells on the reference"
        if self.worst is not None:
            dtype = _SHORT.get(self.worst.dtype, self.worst.dtype)
            text += f"; nearest to its bound: {self.worst.op} {dtype} {share(self.worst):.0%}"
        return text


def share(cell: Cell) -> float:
    """The part of its bounds that a cell uses, the largest of value, gradient and baseline; 1 is the limit."""
    value = cell.error / cell.limit if cell.limit else float(cell.error > 0)
    return max(value, cell.grad_error or 0.0, cell.baseline or 0.0)


def summaries(cells: Iterable[Cell]) -> list[Summary]:
    """One summary per backend, in the order of the cells."""
    found: dict[str, Summary] = {}
    for cell in cells:
        s = found.setdefault(cell.backend, Summary(cell.backend))
        s.cells += 1
        s.passed += cell.ok
        s.launches += sum(cell.launches.values())
        s.fell_back += bool(cell.fallbacks)
        s.independent += cell.independent
        s.answered += cell.answered
        s.alone += cell.alone
        s.unexplained += cell.alone and not cell.reason
        rounded = cell.unit == "mismatches" or cell.unit == "ulp" and cell.limit <= 0.5  # these always use all of their bound
        if (not rounded or not cell.ok) and (s.worst is None or share(cell) > share(s.worst)):
            s.worst = cell
    return list(found.values())


def error_text(cell: Cell) -> str:
    """The largest error of values, in ulp or in units of its bound."""
    if cell.unit == "mismatches":
        return "exact" if not cell.error else f"{cell.error:g} differ"
    if cell.unit == "ulp":
        return f"{cell.error:.2g} ulp"
    return f"{cell.error:.2g} bound"


def gradient_text(cell: Cell) -> str:
    """The largest error of gradients."""
    return "" if cell.grad_error is None else f"{cell.grad_error:.2g} bound"


def kernels_text(cell: Cell) -> str:
    """The kernels that ran, with counts, and those that fell back to the reference."""
    launched = ", ".join(f"{name} {count}" for name, count in sorted(cell.launches.items()))
    fallen = ", ".join(sorted(cell.fallbacks))
    return "; ".join(text for text in (launched, f"fell back: {fallen}" if fallen else "") if text)


def complaints(cells: Iterable[Cell]) -> list[str]:
    """The failures, one line each; cells of one op that fail for the same reason share a line."""
    found: dict[tuple[str, str], list[Cell]] = {}
    for c in cells:
        if not c.ok:
            found.setdefault((c.op, c.message), []).append(c)
    return [
        f"{op}, {' '.join(dict.fromkeys(c.dtype for c in some))}, {' '.join(dict.fromkeys(c.backend for c in some))}: {message}"
        for (op, message), some in found.items()
    ]


HEADINGS = ("op", "dtype", "backend", "error", "gradient", "kernel launches", "verdict")


def table(cells: Iterable[Cell]) -> list[tuple[str, ...]]:
    """One row per cell under HEADINGS, failed cells last."""
    ordered = sorted(cells, key=lambda c: not c.ok)
    return [
        (c.op, c.dtype, c.backend, error_text(c), gradient_text(c), kernels_text(c), c.verdict.upper() if not c.ok else c.verdict)
        for c in ordered
    ]


LEGEND = "error of values in ulp or as a part of the bound; x: kernel launches; *: some kernel fell back to the reference"


_SHORT = {"float16": "f16", "float32": "f32", "float64": "f64"}


def compact(cells: Sequence[Cell]) -> tuple[list[str], list[list[str]]]:
    """Headings and one row per op, with a column per backend for the largest error of its dtypes; see LEGEND."""
    backends = list(dict.fromkeys(c.backend for c in cells))
    lines: dict[str, dict[str, list[Cell]]] = {}
    for c in cells:
        lines.setdefault(c.op, {}).setdefault(c.backend, []).append(c)
    out = []
    for op, found in lines.items():
        line = [op, " ".join(dict.fromkeys(_SHORT.get(c.dtype, c.dtype) for some in found.values() for c in some))]
        out.append(line + [_worst_text(found.get(b, [])) for b in backends])
    return ["op", "dtypes", *backends], out


def _worst_text(cells: list[Cell]) -> str:
    if not cells:
        return ""
    worst = max(cells, key=share)
    launched = sum(sum(c.launches.values()) for c in cells)
    text = error_text(worst) if all(c.ok for c in cells) else "FAIL"
    return text + (f" x{launched}" if launched else "") + (" *" if any(c.fallbacks for c in cells) else "")


def as_json(cells: Sequence[Cell]) -> str:
    """All cells as JSON, with the machine and the date."""
    counts = [_counts(s) for s in summaries(cells)]
    return json.dumps({**about(), "counts": counts, "cells": [_finite(c.as_dict()) for c in cells]}, indent=1) + "\n"


def about() -> dict[str, Any]:
    """The date, the machine and the versions."""
    return {"date": datetime.now(UTC).isoformat(timespec="seconds"), "machine": platform.platform(), "versions": _versions()}


def json_line(entry: Cell | dict[str, Any]) -> str:
    """One line of a JSON lines file: a cell, or the result of about()."""
    return json.dumps(_finite(entry.as_dict()) if isinstance(entry, Cell) else entry, allow_nan=False) + "\n"


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Read the cells of a JSON lines file; an incomplete last line is ignored."""
    entries = []
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        if line.endswith("\n"):
            entries.append(json.loads(line))
    return [e for e in entries if "op" in e]


def _counts(s: Summary) -> dict[str, Any]:
    """The counts of a summary, for JSON."""
    names = ("backend", "cells", "passed", "launches", "fell_back", "independent", "answered", "alone", "unexplained")
    return {name: getattr(s, name) for name in names}


def _finite(entry: dict[str, Any]) -> dict[str, Any]:
    """Replace Inf and NaN, which JSON does not have, by strings."""
    return {k: str(v) if isinstance(v, float) and not np.isfinite(v) else v for k, v in entry.items()}


def _versions() -> dict[str, str]:
    return {"dlengine": version("dlengine-xp"), "numpy": np.__version__, "python": platform.python_version()}


def as_page(cells: Sequence[Cell]) -> Page:
    """A self-contained HTML page: counts, the distribution of errors, failures, and every cell."""
    failed = [c for c in cells if not c.ok]
    page = Page("dlengine parity")
    if failed:
        page.paragraph(f"{len(failed)} of {len(cells)} cells fail.", "bad")
    else:
        page.paragraph("All cells pass.", "good")
    page.bullets(s.line() for s in summaries(cells))
    versions = ", ".join(f"{name} {number}" for name, number in _versions().items())
    page.paragraph(f"{versions}; {platform.platform()}; {datetime.now(UTC):%Y-%m-%d %H:%M} UTC", "soft")
    page.section("Errors relative to their bounds")
    page.picture(distribution(cells), "Number of cells over the part of its bound that a cell's error uses.")
    if failed:
        page.section("Failures")
        page.bullets(complaints(cells), "bad")
    page.section("All cells")
    rows = table(cells)
    page.table(HEADINGS, rows, kinds=["" if row[-1] == "pass" else "failed" for row in rows])
    return page


SMALLEST = 1e-4
"""Smaller shares, such as those of exact results, are drawn at this value."""


def distribution(cells: Sequence[Cell]) -> bytes:
    """A PNG of the distribution of errors in units of their bounds, one curve per backend and dtype."""
    edges = np.logspace(np.log10(SMALLEST), 1, 41)
    groups: dict[str, list[float]] = {}
    for c in cells:
        if c.unit != "mismatches":
            groups.setdefault(f"{c.backend} {c.dtype}", []).append(min(max(share(c), SMALLEST), 9.99))
    with new_figure(9, 3.2) as figure:
        axes = figure.subplots()
        for number, (label, values) in enumerate(groups.items()):
            colour = COLOURS[number % len(COLOURS)]
            axes.hist(values, bins=list(edges), histtype="step", lw=1.5, color=colour, label=f"{label} ({len(values)})")
        axes.axvline(1.0, color=BAD, ls="--", lw=1)
        axes.set(xscale="log", xlim=(SMALLEST, 10))
        label_axes(axes, f"error / bound (values below {SMALLEST:g} are drawn at {SMALLEST:g})", "cells")
        if groups:
            axes.legend(fontsize=8)
    return png(figure)
