"""Parity cells as words, JSON and a page: what `dlengine parity` shows and writes."""

from __future__ import annotations

import io
import json
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from .parity import Cell


@dataclass
class Summary:
    """A backend's cells counted.

    independent: those with a reference. answered: those where a kernel of the set ran. alone: those with neither, which
    compare a text with itself; unexplained: those of them without a reason. worst: the cell nearest to its bound (or
    furthest beyond).
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
        """For people."""
        text = f"{self.backend}: {self.passed} of {self.cells} cells pass"
        text += f"; {self.independent} have an independent oracle, a kernel of the set answered in {self.answered}"
        text += f" ({self.launches} launches)" if self.answered else ""
        text += f", {self.alone} compare a text with itself"
        text += f" ({self.unexplained} without a reason)" if self.unexplained else ""
        if self.fell_back:
            text += f", {self.fell_back} cells on the reference"
        if self.worst is not None:
            dtype = _SHORT.get(self.worst.dtype, self.worst.dtype)
            text += f"; nearest to its bound: {self.worst.op} {dtype} {share(self.worst):.0%}"
        return text


def share(cell: Cell) -> float:
    """How much of its bounds a cell uses, the worst of value, gradient and baseline; 1 is the limit."""
    value = cell.error / cell.limit if cell.limit else float(cell.error > 0)
    return max(value, cell.grad_error or 0.0, cell.baseline or 0.0)


def summaries(cells: Iterable[Cell]) -> list[Summary]:
    """One per backend, in the order in which they came."""
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
        rounded = cell.unit == "mismatches" or cell.unit == "ulp" and cell.limit <= 0.5  # these use all of their bound
        if (not rounded or not cell.ok) and (s.worst is None or share(cell) > share(s.worst)):
            s.worst = cell
    return list(found.values())


def error_text(cell: Cell) -> str:
    """The worst error of values, in ulp or in units of its bound."""
    if cell.unit == "mismatches":
        return "exact" if not cell.error else f"{cell.error:g} differ"
    if cell.unit == "ulp":
        return f"{cell.error:.2g} ulp"
    return f"{cell.error:.2g} bound"


def gradient_text(cell: Cell) -> str:
    """The worst error of gradients."""
    return "" if cell.grad_error is None else f"{cell.grad_error:.2g} bound"


def kernels_text(cell: Cell) -> str:
    """Which kernels answered how often, and which fell back."""
    launched = ", ".join(f"{name} {count}" for name, count in sorted(cell.launches.items()))
    fallen = ", ".join(sorted(cell.fallbacks))
    return "; ".join(text for text in (launched, f"fell back: {fallen}" if fallen else "") if text)


def complaints(cells: Iterable[Cell]) -> list[str]:
    """What failed, a line per complaint: cells of one op that fail for the same reason share one."""
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
    """One line per cell under HEADINGS, the failing ones last."""
    ordered = sorted(cells, key=lambda c: not c.ok)
    return [
        (c.op, c.dtype, c.backend, error_text(c), gradient_text(c), kernels_text(c), c.verdict.upper() if not c.ok else c.verdict)
        for c in ordered
    ]


LEGEND = "error of values in ulp or as a part of the bound; x: kernel launches; *: some kernel fell back to the reference"


_SHORT = {"float16": "f16", "float32": "f32", "float64": "f64"}


def compact(cells: Sequence[Cell]) -> tuple[list[str], list[list[str]]]:
    """Headings and one line per op, with a column per backend: the worst of its dtypes, see LEGEND."""
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
    """Everything, with where and when it was measured."""
    counts = [_counts(s) for s in summaries(cells)]
    return json.dumps({**about(), "counts": counts, "cells": [_finite(c.as_dict()) for c in cells]}, indent=1) + "\n"


def about() -> dict[str, Any]:
    """Where and when cells are measured."""
    return {"date": datetime.now(UTC).isoformat(timespec="seconds"), "machine": platform.platform(), "versions": _versions()}


def json_line(entry: Cell | dict[str, Any]) -> str:
    """One line of a JSON lines file: a cell, or what about() says."""
    return json.dumps(_finite(entry.as_dict()) if isinstance(entry, Cell) else entry, allow_nan=False) + "\n"


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The cells of a JSON lines file, also of one whose last line was cut off when its writer was killed."""
    entries = []
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        if line.endswith("\n"):
            entries.append(json.loads(line))
    return [e for e in entries if "op" in e]


def _counts(s: Summary) -> dict[str, Any]:
    """A summary's numbers, for JSON."""
    names = ("backend", "cells", "passed", "launches", "fell_back", "independent", "answered", "alone", "unexplained")
    return {name: getattr(s, name) for name in names}


def _finite(entry: dict[str, Any]) -> dict[str, Any]:
    """JSON has no Inf and no NaN: they become words."""
    return {k: str(v) if isinstance(v, float) and not np.isfinite(v) else v for k, v in entry.items()}


def _versions() -> dict[str, str]:
    return {"dlengine": version("dlengine-xp"), "numpy": np.__version__, "python": platform.python_version()}


STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; color: #222; background: #fff }
table { border-collapse: collapse; width: 100%; font-size: 13px }
th { text-align: left; border-bottom: 2px solid #888; padding: 0 .6rem .15rem 0 }
td { border-bottom: 1px solid #ddd; padding: .15rem .6rem .15rem 0; vertical-align: top }
.fail { background: #fdd; font-weight: 600 } .good { color: #176b2c } .bad { color: #b00020 }
svg { max-width: 100%; height: auto }
"""


def as_html(cells: Sequence[Cell]) -> str:
    """A page that needs no other file: counts, the distribution of errors, what failed, and every cell."""
    failed = [c for c in cells if not c.ok]
    where = ", ".join(f"{name} {number}" for name, number in _versions().items())
    verdict = f'<p class="bad">{len(failed)} of {len(cells)} cells fail.</p>' if failed else '<p class="good">All cells pass.</p>'
    counts = "".join(f"<li>{escape(s.line())}</li>" for s in summaries(cells))
    said = "".join(f"<li>{escape(text)}</li>" for text in complaints(cells))
    head = "".join(f"<th>{name}</th>" for name in HEADINGS)
    body = "".join(_html_line(line) for line in table(cells))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>dlengine parity</title>'
        f"<style>{STYLE}</style></head><body>\n<h1>Parity</h1>\n{verdict}\n<ul>{counts}</ul>\n"
        f"<p>{escape(where)}; {escape(platform.platform())}; {datetime.now(UTC):%Y-%m-%d %H:%M} UTC</p>\n"
        f"<h2>How much of its bound each cell uses</h2>\n{picture(cells)}\n"
        + (f'<h2 class="bad">What failed</h2>\n<ul class="bad">{said}</ul>\n' if failed else "")
        + f"<h2>Every cell</h2>\n<table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table>\n</body></html>\n"
    )


def _html_line(line: tuple[str, ...]) -> str:
    mark = "" if line[-1] == "pass" else ' class="fail"'
    return f"<tr{mark}>" + "".join(f"<td>{escape(text)}</td>" for text in line) + "</tr>\n"


SMALLEST = 1e-4
"""Shares below this are drawn as this: the results that are right to the last bit among them."""


def picture(cells: Sequence[Cell]) -> str:
    """The distribution of errors in units of their bounds, a curve per backend and dtype, as SVG text."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.2), layout="constrained")
    axes = figure.subplots()
    edges = np.logspace(np.log10(SMALLEST), 1, 41)
    groups: dict[str, list[float]] = {}
    for c in cells:
        if c.unit != "mismatches":
            groups.setdefault(f"{c.backend} {c.dtype}", []).append(min(max(share(c), SMALLEST), 9.99))
    for label, values in groups.items():
        axes.hist(values, bins=list(edges), histtype="step", linewidth=1.5, label=f"{label} ({len(values)})")
    axes.axvline(1.0, color="#b00020", linestyle="--", linewidth=1)
    axes.set(xscale="log", xlabel=f"error / bound (at most {SMALLEST:g}: left edge)", ylabel="cells", xlim=(SMALLEST, 10))
    if groups:
        axes.legend(frameon=False, fontsize=8)
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()[out.getvalue().index("<svg") :]
